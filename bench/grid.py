"""How many candles times variants the grid kernel does in a second of one core.

Figures are of the processor's seconds, best of several rounds, exact drawdown, wins, exposure and
daily Sharpe ratio included. `bench/grid.py [CASE ...]` runs the cases named, else all of them.

- w1: crosses of two averages of synthetic 1m closes, long and short, all in, with costs: the
  averages, the signals and all that becomes of them, which is what a sweep of `sma_cross` runs.
- w2: the same under 25 pairs of stops. and3: three columns of packed signals that must agree.
- sweep: the chunks of a sweep with the crosses of w1, as `bowline grid` runs them.
- the limit, measured in the same run: NumPy comparing two float32 columns that lie in the cache.
- vectorbt runs in an environment of its own, warm and in chunks of columns, which is its best.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
from metrics_vs_vectorbt import VECTORBT, peer_python
from numpy.typing import NDArray

from bowline import wire
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import AllIn, Costs, DirectionMode
from bowline.core.model.values import MINUTE_NS, Timeframe
from bowline.research.grid import (
    ChunkResult,
    CloseSeries,
    Rules,
    SignalBank,
    evaluate,
    evaluate_crosses,
    parse_grid,
    plan_grid,
)
from bowline.research.grid.library import VARIABLE, available

YEAR = 525_600
PEER = Path(__file__).resolve().parent / "peers" / "vectorbt_crosses.py"
RULES = Rules(
    DirectionMode.LONG_SHORT, AllIn(), Costs(Decimal("0.1"), Decimal("0.01")), Decimal(1000)
)
NO_STOPS = np.array([[np.nan, np.nan]])
STOPS = np.array([[sl, tp] for sl in (0.5, 1, 2, 3, 5) for tp in (1, 2, 3, 5, 10)], dtype=float)
Clock = Callable[[], float]


def candles_of(length: int) -> CandleFrame:
    """A random walk of 1m closes around 30,000 with two decimals, sigma 0.08 %."""
    steps = np.random.default_rng(7).normal(0, 0.0008, length)
    drift = 0.5 * 0.0008**2 * np.arange(length)
    close = np.rint(3_000_000 * np.exp(np.cumsum(steps) - drift)) / 100
    open_ns = np.arange(length, dtype=np.int64) * MINUTE_NS
    columns = dict.fromkeys(("open", "high", "low", "close", "volume"), close)
    return CandleFrame(InstrumentId(MarketId(1), "X"), Timeframe.M1, open_ns=open_ns, **columns)


def series_of(length: int) -> CloseSeries:
    """The same, ready for the kernel."""
    return CloseSeries(candles_of(length), 0)


def pairs(count: int) -> NDArray[np.int64]:
    """Periods of 100 or 1,000 crosses; all averages begin with the first candle."""
    grids = {
        100: (np.arange(5, 51, 5), np.arange(60, 241, 20)),
        1000: (np.arange(4, 44, 2), np.arange(50, 250, 4)),
    }
    fast, slow = grids[count]
    return crossed(fast, slow)


def crossed(fast: NDArray[np.int64], slow: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each fast period with each slow one."""
    one, other = np.repeat(fast, len(slow)), np.tile(slow, len(fast))
    return np.stack((one, other, np.zeros_like(one)), axis=1)


def best_of(rounds: int, run: Callable[[], object], clock: Clock = time.process_time) -> float:
    """Seconds of the fastest round."""
    seconds = []
    for _ in range(rounds):
        before = clock()
        run()
        seconds.append(clock() - before)
    return min(seconds)


def limit() -> float:
    """Giga-comparisons a second of two columns in the first cache."""
    one, other = np.random.default_rng(1).random((2, 2048), dtype=np.float32)
    into = np.empty(2048, dtype=bool)

    def run() -> None:
        for _ in range(20_000):
            np.greater(one, other, out=into)

    return 20_000 * 2048 / best_of(5, run) / 1e9


def say(case: str, value: float, unit: str, peer: str, ratio: float) -> None:
    """One figure."""
    line = {"bench": "grid", "case": case, "value": value, "unit": unit}
    print(json.dumps(line | {"peer": peer, "ratio": ratio}), flush=True)


def say_speed(case: str, work: float, seconds: float) -> None:
    """Work is candles times variants."""
    value, most = work / seconds / 1e9, limit()
    say(case, value, "G candles·variants/s", f"NumPy float32 compare, {most:.2f} G/s", value / most)


def w1_525600x1000() -> None:
    """On every path that this machine can take."""
    series, crosses = series_of(YEAR), pairs(1000)
    for path in available()[1:]:
        os.environ[VARIABLE] = path
        seconds = best_of(7, lambda: evaluate_crosses(series, crosses, NO_STOPS, RULES))
        say_speed(f"w1_525600x1000 {path}", YEAR * 1000, seconds)
    os.environ.pop(VARIABLE, None)


def w2_525600x25000() -> None:
    """A thousand crosses under 25 pairs of stops."""
    series, crosses = series_of(YEAR), pairs(1000)
    seconds = best_of(2, lambda: evaluate_crosses(series, crosses, STOPS, RULES))
    say_speed("w2_525600x25000", YEAR * 25_000, seconds)


def sweep_525600x1000() -> None:
    """The crosses of w1 as a request: chunks, ranking and the best rows included."""
    fast, slow = {"start": 4, "stop": 42, "step": 2}, {"start": 50, "stop": 246, "step": 4}
    raw = {
        "version": 1, "timeframe": "1m", "direction": "long-short", "sizing": {"mode": "all_in"},
        "indicators": [{"id": "sma_cross", "params": {"fast": fast, "slow": slow}}],
    }  # fmt: skip
    request, candles = parse_grid(raw, wire.load_catalogue()), candles_of(YEAR)
    plan = plan_grid(request, candles, int(candles.open_ns[0]))

    def run() -> list[ChunkResult]:
        return [plan.run_chunk(chunk) for chunk in range(plan.chunks)]

    say_speed("sweep_525600x1000", YEAR * plan.variants, best_of(5, run))


def and3_525600x10000() -> None:
    """25 crosses and 20 momenta and 20 deviations from an average, all of which must agree."""
    series = series_of(YEAR)
    bank, close = SignalBank(YEAR), series.closes

    def average(period: int) -> NDArray[np.float64]:
        sums = np.concatenate(([0.0], np.cumsum(series.closes)))
        known = (sums[period:] - sums[:-period]) / period
        return np.concatenate((np.full(period - 1, known[0]), known))

    def add(values: NDArray[np.float64]) -> int:
        return bank.add(np.sign(values).astype(np.int8))

    slows = [average(period) for period in (60, 100, 150, 200, 240)]
    crosses = [add(average(fast) - slow) for fast in (5, 10, 15, 20, 30) for slow in slows]
    spans = [*range(30, 121, 30), *range(180, 1021, 60), 1200]
    momenta = [add(close - np.concatenate((np.full(n, close[0]), close[:-n]))) for n in spans]
    turns = []
    for period in (200, 300, 400, 500):
        away = close / average(period) - 1
        for most in (0.0, 0.001, 0.002, 0.004, 0.006):
            below, above = away < most, away > -most
            turns.append(bank.add(below.astype(np.int8) - (above & ~below).astype(np.int8)))
    base = np.array([[a, b, c] for a in crosses for b in momenta for c in turns], dtype=np.int32)
    seconds = best_of(2, lambda: evaluate(series, bank, base, NO_STOPS, RULES))
    say_speed("and3_525600x10000", YEAR * len(base), seconds)


def threads2_525600x10000() -> None:
    """Seconds on the wall of one thread and of two, in turns: only for a machine at rest."""
    series, crosses = series_of(YEAR), crossed(np.arange(3, 53), np.arange(55, 255))
    walls: dict[int, float] = {}
    for _ in range(3):
        for threads in (1, 2):
            seconds = best_of(
                1,
                lambda n=threads: evaluate_crosses(series, crosses, NO_STOPS, RULES, threads=n),
                time.perf_counter,
            )
            walls[threads] = min(seconds, walls.get(threads, seconds))
    ratio, speed = walls[1] / walls[2], YEAR * len(crosses) / walls[2] / 1e9
    say("threads2_525600x10000", speed, "G candles·variants/s", "one thread", ratio)


def against_vectorbt(length: int) -> None:
    """The same 100 crosses; the returns must agree where there is money left to compare."""
    series, crosses = series_of(length), pairs(100)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "asked.npz"
        fast, slow, _ = crosses.T
        np.savez(file, closes=series.closes, fast=fast, slow=slow, rounds=2)
        done = subprocess.run([peer_python(), PEER, file], check=True, capture_output=True)
    theirs = json.loads(done.stdout)
    ours = evaluate_crosses(series, crosses, NO_STOPS, RULES)
    gap = np.abs(ours.total_return_pct / 100 - np.array(theirs["returns"])).max()
    depth = np.abs(ours.max_drawdown_pct / 100 - np.array(theirs["drawdowns"])).max()
    print(f"largest gap to vectorbt: return {gap:.1e}, drawdown {depth:.1e}", file=sys.stderr)
    seconds = best_of(7, lambda: evaluate_crosses(series, crosses, NO_STOPS, RULES))
    say(
        f"w1_{length}x100_vs_vectorbt", length * 100 / seconds / 1e9, "G candles·variants/s",
        f"vectorbt {VECTORBT}, warm, chunks of 10: {length * 100 / theirs['seconds'] / 1e6:.1f} M",
        theirs["seconds"] / seconds,
    )  # fmt: skip


def memory() -> None:
    """What 10,000 crosses of a year add to the process at their highest: say it first, or alone."""
    series = series_of(YEAR)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    crosses = crossed(np.arange(3, 53), np.arange(55, 255))
    evaluate_crosses(series, crosses, NO_STOPS, RULES)
    added = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    columns = YEAR * 8 * 10_000 / 2**20
    say("memory_525600x10000", added, "MiB", "one float64 equity column each", added / columns)


CASES: dict[str, Callable[[], None]] = {
    "memory": memory,
    "w1_525600x1000": w1_525600x1000,
    "w1_100000x100_vs_vectorbt": lambda: against_vectorbt(100_000),
    "w1_525600x100_vs_vectorbt": lambda: against_vectorbt(YEAR),
    "w2_525600x25000": w2_525600x25000,
    "sweep_525600x1000": sweep_525600x1000,
    "and3_525600x10000": and3_525600x10000,
    "threads2_525600x10000": threads2_525600x10000,
}


def main() -> None:
    """The cases named on the command line, or all."""
    for name in sys.argv[1:] or CASES:
        if name not in CASES:
            sys.exit(f"no case {name!r}: expected {', '.join(CASES)}")
        CASES[name]()


if __name__ == "__main__":
    main()
