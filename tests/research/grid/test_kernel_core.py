"""The compiled kernel does what the core does: same specs, same candles, same figures.

The core decides in decimals, candle by candle; the kernel in floats, trade by trade.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np
import pytest

from bowline.core.model.event import Run
from bowline.core.model.instrument import FILE_MARKET, Instrument, InstrumentId
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame
from bowline.core.model.policy import Costs, Limits
from bowline.core.model.values import DAY_NS, RunId, StrategyId, Timeframe
from bowline.core.report import Metrics, make_report
from bowline.core.signals import (
    BUILTIN_DEFAULTS,
    Strategies,
    StrategySpec,
    opinion_of,
    parse_spec,
    policy_of,
)
from bowline.research import backtest
from bowline.research.grid import CloseSeries, Rules, SignalBank, evaluate
from bowline.research.grid.library import available
from tests.chance import generator
from tests.generators import catalogue, sample_specs

CASH = Decimal(10_000)
COSTS = Costs(Decimal("0.1"), Decimal("0.01"))
INSTRUMENT = Instrument(InstrumentId(FILE_MARKET.market_id, "TEST"))


def market(seed: int, length: int, timeframe: Timeframe) -> CandleFrame:
    """A random walk with two decimals and proper highs and lows."""
    rng = generator(seed)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.012, length))), 2)
    opened = np.concatenate((close[:1], close[:-1]))
    high = np.round(np.maximum(opened, close) * (1 + rng.random(length) * 0.004), 2)
    low = np.round(np.minimum(opened, close) * (1 - rng.random(length) * 0.004), 2)
    volume = np.round(rng.random(length) * 50 + 1, 3)
    open_ns = np.arange(length, dtype=np.int64) * timeframe.ns
    return CandleFrame(INSTRUMENT.id, timeframe, open_ns, opened, high, low, close, volume)


def rate(value: Decimal | None) -> float:
    return float("nan") if value is None else float(value)


def held_to_the_core(
    spec: StrategySpec, candles: CandleFrame, costs: Costs, *, start: int | None = None
) -> Metrics:
    """The core's figures of this spec; the kernel's row must be the same."""
    opinion = opinion_of(spec, catalogue(), Strategies())
    start = min(opinion.warmup, 400) if start is None else start
    policy = msgspec.structs.replace(
        policy_of(spec, FILE_MARKET, BUILTIN_DEFAULTS), costs=costs, limits=Limits()
    )
    run = Run(
        RunId(1), StrategyId(""), "", INSTRUMENT, spec.timeframe, policy, CASH,
        anchor_ns=int(candles.open_ns[0]), start_ns=int(candles.open_ns[start]),
    )  # fmt: skip
    report = make_report(backtest(run, opinion, candles))

    bank = SignalBank(len(candles))
    signals = opinion.signals(candles)
    base = np.array([[bank.add(signals.direction, signals.first)]], dtype=np.int32)
    stops = np.array([[rate(policy.stops.sl_pct), rate(policy.stops.tp_pct)]])
    rules = Rules(policy.direction, policy.sizing, costs, CASH, first_signal=policy.first_signal)
    row = evaluate(CloseSeries(candles, start), bank, base, stops, rules)

    truth = report.metrics
    assert row.round_trips[0] == truth.round_trip_count
    assert row.wins[0] == report.closed.wins
    assert row.total_return_pct[0] == pytest.approx(truth.total_return_pct, rel=1e-9, abs=1e-9)
    assert row.max_drawdown_pct[0] == pytest.approx(truth.max_drawdown_pct, rel=1e-9, abs=1e-9)
    assert row.exposure_pct[0] == pytest.approx(truth.position_coverage_pct, rel=1e-12)
    sharpe = np.nan if truth.sharpe_ratio is None else truth.sharpe_ratio
    assert row.sharpe[0] == pytest.approx(sharpe, rel=1e-9, abs=1e-9, nan_ok=True)
    return truth


@pytest.mark.chance
@pytest.mark.skipif(available() == ("python",), reason="no kernel was compiled here")
@pytest.mark.parametrize("seed", range(4))
def test_the_kernel_is_the_core(seed):
    for number, spec in enumerate(sample_specs(16, seed)):
        held_to_the_core(spec, market(100 * seed + number, 900, spec.timeframe), COSTS)


@pytest.mark.chance
@pytest.mark.skipif(available() == ("python",), reason="no kernel was compiled here")
@pytest.mark.parametrize("stops", [{}, {"sl_pct": 4, "tp_pct": 4}], ids=["none", "both"])
@pytest.mark.parametrize(
    "sizing",
    [
        {"mode": "strategy_compound", "budget_quote": 5},
        {"mode": "strategy_compound_profit_lock", "safe_profit_pct": 30, "budget_quote": 5},
        {"mode": "strategy_compound_profit_lock", "safe_profit_pct": 100, "budget_quote": 5000},
    ],
    ids=["budget", "lock", "lock all"],
)
def test_a_budget_that_is_nothing_beside_the_account_is_traded_as_the_core_does(sizing, stops):
    raw = {
        "version": 1, "timeframe": "1m", "direction": "long-short", "sizing": sizing,
        "indicators": [{"id": "sma_cross", "params": {"fast": 2, "slow": 3}}], "stops": stops,
    }  # fmt: skip
    spec = parse_spec(raw, catalogue(), Strategies())
    truth = held_to_the_core(spec, market(1, 4_000, spec.timeframe), Costs(Decimal(1), Decimal(0)))
    assert truth.round_trip_count > 1_000
    assert truth.win_rate_pct


@pytest.mark.parametrize("path", available())
@pytest.mark.parametrize("stops", [{}, {"sl_pct": 3}], ids=["none", "loss"])
def test_days_without_candles_count_in_the_sharpe_ratio_as_in_the_core(path, stops, monkeypatch):
    """Three days are missing, and one elsewhere: an equity that stood still."""
    monkeypatch.setenv("BOWLINE_KERNEL", path)
    whole = market(12, 900, Timeframe.H1)
    day = whole.open_ns // DAY_NS
    there = np.flatnonzero(~np.isin(day, (11, 20, 21, 22)))
    columns = {name: getattr(whole, name)[there] for name in ("open_ns", *VALUE_COLUMNS)}
    candles = msgspec.structs.replace(whole, **columns)
    raw = {
        "version": 1, "timeframe": "1h", "direction": "long-short", "sizing": {"mode": "all_in"},
        "indicators": [{"id": "sma_cross", "params": {"fast": 3, "slow": 9}}], "stops": stops,
    }  # fmt: skip
    spec = parse_spec(raw, catalogue(), Strategies())
    truth = held_to_the_core(spec, candles, COSTS, start=24)
    closed = held_to_the_core(spec, whole, COSTS, start=24)
    assert truth.sharpe_ratio != closed.sharpe_ratio
