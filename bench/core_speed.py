"""Candles a second through the full core: SMA cross, 100,000 one-minute candles, one core.

The peer is the bare loop that any engine in this language pays for: the same closes as Decimals,
compared with two levels, and nothing else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from decimal import Decimal

from bowline import wire
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.model.values import to_decimals
from bowline.core.signals import Strategies, opinion_of, parse_spec
from bowline.desk.setup import DecisionSpan, Setup, candles_of_span, make_setup
from bowline.research import backtest
from bowline.research.backtest import backtest_signals
from bowline.research.synthetic import synthetic_minutes

CANDLES = 100_000
REPEATS = 5
SPEC = {
    "version": 1,
    "timeframe": "1m",
    "direction": "long-short",
    "indicators": [{"id": "sma_cross", "params": {"fast": 50, "slow": 200}}],
    "sizing": {"mode": "all_in"},
}


def prepared() -> Setup:
    """The run that is timed."""
    catalogue = wire.load_catalogue()
    spec = parse_spec(SPEC, catalogue, Strategies())
    opinion = opinion_of(spec, catalogue, Strategies())
    instrument = Instrument(InstrumentId(MarketId(1), "SYNTHETIC"))
    candles = synthetic_minutes(
        instrument.id, seed=1, minutes=CANDLES, start_ns=1_704_067_200 * 10**9
    )
    return make_setup(
        spec, opinion, instrument, candles_of_span(candles, DecisionSpan(), 0), account="bench"
    )


def bare_loop(setup: Setup) -> int:
    """Closes to Decimals, each compared with two levels."""
    low, high = Decimal(1), Decimal(10**9)
    seen = 0
    for close in to_decimals(setup.candles.close.tolist()):
        if low < close < high:
            seen += 1
    return seen


def best_rate(work: Callable[[], object]) -> float:
    """Candles a second, best of some runs: the machine may be busy, the code is not."""
    best = min(_timed(work) for _ in range(REPEATS))
    return CANDLES / best


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Print the figures: as a backtest runs, and told of every close whether it matters or not."""
    setup = prepared()
    signals = setup.opinion.signals(setup.candles)
    bare = best_rate(lambda: bare_loop(setup))
    cases = {
        "sma_cross_100k_candles": lambda: backtest(setup.run, setup.opinion, setup.candles),
        "sma_cross_100k_candles_every_close": lambda: backtest_signals(
            setup.run, signals, setup.candles, every_close=True
        ),
    }
    for case, work in cases.items():
        core = best_rate(work)
        line = {
            "bench": "core_speed",
            "case": case,
            "value": round(core),
            "unit": "candles/s",
            "peer": "bare Decimal loop over the same closes",
            "ratio": round(core / bare, 3),
        }
        print(json.dumps(line))


if __name__ == "__main__":
    main()
