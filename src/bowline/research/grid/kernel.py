"""The interface of the grid kernel: many variants on one market at once.

It lays out a task for the compiled kernel, splits the work between threads, and must give the
same bytes for any number of threads. Without a compiled kernel the reference loop runs instead.

1. Check that closes, bank, base and stops fit each other: the kernel checks no index.
2. Fill a `Task` with the addresses of the columns; distinct stops are sorted, tightest first.
3. Threads take batches of bases, one after the other, and write rows that no other thread writes.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bowline.core.model.market import IntColumn
from bowline.core.model.policy import DirectionMode
from bowline.core.model.values import to_float
from bowline.research.grid import fallback
from bowline.research.grid.kernel_types import (
    WORD_BITS,
    BankRows,
    CloseSeries,
    Convention,
    Outcome,
    Rules,
    SignalBank,
    edges_from,
    fixed_notional,
    safe_share,
)
from bowline.research.grid.library import PYTHON, Task, address, available, chosen, library

Stops = NDArray[np.float64]
Crosses = NDArray[np.int64]

_log = logging.getLogger(__name__)
_STOP_COLUMNS = 2
#: bases that a thread takes at a time: enough to share what is prepared for each tile of candles
_BATCH = 1024
#: crosses are ordered in squares of periods, small ones inside large ones: the averages of a small
#: square fit the first-level cache, a large square is a batch
_SQUARES = (1, 4, 32)


class _Columns(Struct):
    """The kernel's output columns, and the inputs that must stay alive while it runs."""

    final_equity: NDArray[np.float64]
    drawdown: NDArray[np.float64]
    sharpe: NDArray[np.float64]
    held: NDArray[np.int64]
    round_trips: NDArray[np.int64]
    wins: NDArray[np.int64]
    daily: NDArray[np.float64] | None
    inputs: list[NDArray[np.generic]]


def instruction_set() -> str:
    """The kernel in use: "avx512", "avx2", "plain", or "python" without a compiled one."""
    return chosen()


def evaluate(
    series: CloseSeries,
    bank: SignalBank,
    base: BankRows,
    stops: Stops,
    rules: Rules,
    *,
    threads: int = 1,
) -> Outcome:
    """Every base signal with every pair of stops: row i * len(stops) + j is base i, stops j.

    `base` (n, k): rows of the bank that must all agree. `stops` (m, 2): sl_pct and tp_pct, NaN is
    off. Raises ValueError where shapes, row numbers or lengths do not fit each other.
    """
    base, stops = _checked(series, bank, base, stops)
    if chosen() == PYTHON:
        _warn_slow()
        return fallback.evaluate(series, bank, base, stops, rules)
    return _outcome(
        series, rules, _run_bank(series, bank, base, stops, rules, threads, daily=False)
    )


def evaluate_crosses(
    series: CloseSeries, crosses: Crosses, stops: Stops, rules: Rules, *, threads: int = 1
) -> Outcome:
    """Crosses of simple moving averages: LONG while the fast one is above the slow one, else SHORT.

    `crosses` (n, 3): period of the fast average, period of the slow one, and the candle from which
    both are computed. The signals equal the catalogue's, bit for bit. Rows are those of `evaluate`:
    i * len(stops) + j. ValueError if a period or an anchor is out of range.
    """
    stops = _checked_stops(stops)
    if crosses.size and not (crosses[:, :2].min() >= 1 and crosses[:, 2].min() >= 0):
        raise ValueError("a period must be at least 1 and an anchor at least 0")
    if chosen() == PYTHON:
        _warn_slow()
        bank, base = fallback.cross_bank(series, crosses)
        return fallback.evaluate(series, bank, base, stops, rules)
    sides = np.concatenate((crosses[:, [0, 2]], crosses[:, [1, 2]]))
    averages, numbers = np.unique(sides, axis=0, return_inverse=True)
    numbers = numbers.reshape(2, -1)
    # pairs that share averages next to each other, so that a batch needs few averages
    squares = [numbers[side] // edge for edge in _SQUARES for side in (1, 0)]
    order = np.lexsort(squares)
    fast, slow = (np.ascontiguousarray(column[order], dtype=np.int32) for column in numbers)
    periods, anchors = (np.ascontiguousarray(column, dtype=np.int64) for column in averages.T)
    first = (crosses[:, 2] + crosses[:, :2].max(axis=1) - 1)[order]
    task, columns = _task(series, first, stops, rules, daily=False)
    columns.inputs += [fast, slow, periods, anchors]
    task.fast, task.slow = address(fast), address(slow)
    task.periods, task.anchors = address(periods), address(anchors)
    task.average_count = len(averages)
    _run(task, threads)
    return _outcome(series, rules, columns).in_order(order)


def evaluate_daily(
    series: CloseSeries,
    bank: SignalBank,
    base: BankRows,
    stops: Stops,
    rules: Rules,
    *,
    threads: int = 1,
) -> NDArray[np.float64]:
    """(variants, days + 1): the initial cash, then the last equity of each UTC day.

    The rows are those of `evaluate`; the columns are those of the report's daily equity.
    """
    base, stops = _checked(series, bank, base, stops)
    if chosen() == PYTHON:
        _warn_slow()
        return fallback.evaluate_daily(series, bank, base, stops, rules)
    daily = _run_bank(series, bank, base, stops, rules, threads, daily=True).daily
    assert daily is not None
    return daily


def _checked(
    series: CloseSeries, bank: SignalBank, base: BankRows, stops: Stops
) -> tuple[BankRows, Stops]:
    """Base and stops as the kernel reads them: it checks no index itself."""
    if bank.length != len(series):
        raise ValueError(f"signals of {bank.length} candles for {len(series)} closes")
    if base.ndim != _STOP_COLUMNS or base.shape[1] < 1:
        raise ValueError(f"base must have the shape (variants, rows), got {base.shape}")
    if base.size and not 0 <= int(base.min()) <= int(base.max()) < len(bank):
        raise ValueError(f"base contains row numbers outside the bank's {len(bank)} rows")
    return np.ascontiguousarray(base, dtype=np.int32), _checked_stops(stops)


def _checked_stops(stops: Stops) -> Stops:
    if stops.ndim != _STOP_COLUMNS or stops.shape[1] != _STOP_COLUMNS or not len(stops):
        raise ValueError(f"stops must have the shape (pairs, 2), got {stops.shape}")
    if bool((stops < 0).any()):
        raise ValueError("a stop must be a percentage of 0 or more, or NaN for none")
    return np.ascontiguousarray(stops, dtype=np.float64)


def _warn_slow() -> None:
    if available() == (PYTHON,):
        _log.warning(
            "no compiled kernel: the Python loop runs instead, about a thousand times slower",
            extra={"hint": "install a C compiler, then reinstall Bowline"},
        )


def _run_bank(
    series: CloseSeries, bank: SignalBank, base: BankRows, stops: Stops, rules: Rules, threads: int,
    *, daily: bool,
) -> _Columns:  # fmt: skip
    task, columns = _task(series, bank.first(base), stops, rules, daily=daily)
    packed = bank.packed
    columns.inputs += [base, packed]
    task.bank, task.words = address(packed), bank.words
    task.base, task.rows_a_base = address(base), base.shape[1]
    _run(task, threads)
    return columns


def _task(
    series: CloseSeries, first: IntColumn, stops: Stops, rules: Rules, *, daily: bool
) -> tuple[Task, _Columns]:
    """A task without its signals, and the columns that it will fill.

    `first` is the candle of each base's first signal.
    """
    edges = edges_from(series, rules, first)
    count = len(edges) * len(stops)
    columns = _Columns(
        final_equity=np.empty(count),
        drawdown=np.empty(count),
        sharpe=np.empty(count),
        held=np.zeros(count, dtype=np.int64),
        round_trips=np.zeros(count, dtype=np.int64),
        wins=np.zeros(count, dtype=np.int64),
        daily=np.empty((count, series.days + 1)) if daily else None,
        inputs=[series.closes, series.inverse, series.day_ends, series.day_spans, edges],
    )
    task = Task(
        length=len(series), start=series.start, words=-(-len(series) // WORD_BITS),
        bases=len(edges), lanes=len(stops), edges_from=address(edges),
        closes=address(series.closes), inverse=address(series.inverse),
        days=len(series.day_ends),
        day_ends=address(series.day_ends), day_spans=address(series.day_spans),
        final_equity=address(columns.final_equity), max_drawdown=address(columns.drawdown),
        sharpe=address(columns.sharpe), held=address(columns.held),
        round_trips=address(columns.round_trips), wins=address(columns.wins),
        daily=None if columns.daily is None else address(columns.daily),
        daily_width=series.days + 1,
    )  # fmt: skip
    _set_ranges(task, series, columns)
    _set_stops(task, stops, columns)
    _set_rules(task, rules)
    return task, columns


def _set_ranges(task: Task, series: CloseSeries, columns: _Columns) -> None:
    low, high = series.block_ranges
    ends = series.block_ends
    columns.inputs += [low, high, ends]
    task.ends = address(ends)
    task.block_low, task.block_high = address(low), address(high)
    task.block_levels, task.blocks = low.shape


def _set_stops(task: Task, stops: Stops, columns: _Columns) -> None:
    for name, column in zip(("sl", "tp"), stops.T, strict=True):
        rates, lane = np.unique(column / 100, return_inverse=True)
        lane = np.ascontiguousarray(lane, dtype=np.int32)
        columns.inputs += [rates, lane]
        setattr(task, f"{name}_count", len(rates))
        setattr(task, f"{name}_rates", address(rates))
        setattr(task, f"lane_{name}", address(lane))


def _set_rules(task: Task, rules: Rules) -> None:
    quote = fixed_notional(rules)
    task.initial_cash = to_float(rules.initial_cash)
    task.budget = to_float(rules.budget)
    task.idle = to_float(rules.initial_cash - rules.budget)
    task.quote = np.inf if quote is None else quote
    task.safe_share = safe_share(rules)
    task.fee, task.slippage = to_float(rules.costs.fee_rate), to_float(rules.costs.slippage_rate)
    task.allows_long = rules.direction is not DirectionMode.SHORT_ONLY
    task.allows_short = rules.direction is not DirectionMode.LONG_ONLY
    task.vectorbt = rules.convention is Convention.VECTORBT


def _run(task: Task, threads: int) -> None:
    """Evaluate every base, in batches; MemoryError if the kernel could not allocate."""
    run: Callable[..., int] = library(chosen()).bowline_evaluate
    # equally many batches of equal size for each thread, so that none waits for another
    rounds = -(-task.bases // (_BATCH * max(threads, 1)))
    batch = max(1, -(-task.bases // max(1, rounds * max(threads, 1))))
    starts = range(0, task.bases, batch)

    def one(first: int) -> int:
        return run(ctypes.byref(task), first, min(first + batch, task.bases))

    if threads > 1 and len(starts) > 1:
        with ThreadPoolExecutor(threads) as pool:
            results = list(pool.map(one, starts))
    else:
        results = [one(first) for first in starts]
    if any(results):
        raise MemoryError("the grid kernel could not get the memory it asked for")


def _outcome(series: CloseSeries, rules: Rules, columns: _Columns) -> Outcome:
    cash = to_float(rules.initial_cash)
    return Outcome(
        total_return_pct=(columns.final_equity - cash) / cash * 100,
        max_drawdown_pct=columns.drawdown * 100,
        round_trips=columns.round_trips.astype(np.int32),
        wins=columns.wins.astype(np.int32),
        exposure_pct=columns.held / series.decided * 100,
        sharpe=columns.sharpe,
        final_equity=columns.final_equity,
    )
