"""What the account was worth at each close, and what buying and holding would have made of it.

Nothing here looks between closes: a price inside a candle must never move the equity.

1. Walk the executions and the funding once: exact cash and signed quantity after each of them.
2. A fill belongs to the first candle that closes at or after it; one that came after the last
   close belongs to the last candle, so that nothing is lost.
3. equity[t] = cash[t] + signed quantity[t] * close[t], rounded once, when it becomes a float.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from msgspec import Struct

from bowline.core.model.market import CandleFrame, FloatColumn
from bowline.core.model.values import DAY_NS, ZERO, Side, to_decimals, to_float
from bowline.core.report.record import Execution, RunRecord
from bowline.core.report.round_trips import exact_sum


class Curves(Struct, frozen=True):
    """float64 columns as long as the candles; quote money.

    `position_value` is signed quantity * close, negative for a short, after the decisions at that
    close. `benchmark` is the initial cash put into the instrument at the first close, cost-free.
    """

    equity: FloatColumn
    benchmark: FloatColumn
    position_value: FloatColumn


class MonthReturn(Struct, frozen=True):
    """One UTC month: change of equity and of the benchmark over it, in percent."""

    year: int
    month: int
    return_pct: float | None
    benchmark_pct: float


def cash_flow(execution: Execution) -> Decimal:
    """What the fill did to the cash: a buy takes its value, a sell brings it, both pay the fee."""
    fill = execution.fill
    value = fill.quantity * fill.price
    return (-value if fill.side is Side.BUY else value) - fill.fee


def last_close(record: RunRecord) -> Decimal:
    """The price at which what is still open is marked."""
    return to_decimals(record.candles.close[-1:].tolist())[0]


def final_equity(record: RunRecord) -> Decimal:
    """Cash after the last fill plus the open quantity at the last close, exact."""
    flows = [cash_flow(e) for e in record.executions] + [-paid.amount for paid in record.funding]
    quantity = exact_sum(e.fill.side.sign * e.fill.quantity for e in record.executions)
    return exact_sum((record.run.initial_cash, *flows, quantity * last_close(record)))


def make_curves(record: RunRecord) -> Curves:
    """Equity, benchmark and position value at every close. Needs at least one candle."""
    candles = record.candles
    moves = _moves(record)
    cash = np.empty(len(moves) + 1)
    quantity = np.empty(len(moves) + 1)
    exact_cash, exact_quantity = record.run.initial_cash, ZERO
    cash[0], quantity[0] = to_float(exact_cash), 0.0
    for i, (_, _, flow, change) in enumerate(moves, start=1):
        exact_cash += flow
        exact_quantity += change
        cash[i], quantity[i] = to_float(exact_cash), to_float(exact_quantity)
    done = _moves_by_close(candles, [event_ns for event_ns, *_ in moves])
    position_value = quantity[done] * candles.close
    return Curves(
        equity=cash[done] + position_value,
        benchmark=cash[0] * (candles.close / candles.close[0]),
        position_value=position_value,
    )


def daily_equity(candles: CandleFrame, equity: FloatColumn, initial_cash: float) -> FloatColumn:
    """The initial cash, then the last equity of each UTC day from the first candle's to the last's.

    A close at midnight ends the day before it. A day without candles keeps the equity of the day
    before, so that 365 days stay a year.
    """
    day = (candles.close_ns - 1) // DAY_NS
    last = np.flatnonzero(np.diff(day, append=day[-1] + 1))
    lasting = np.diff(day[last], append=day[-1] + 1)
    return np.concatenate(([initial_cash], np.repeat(equity[last], lasting)))


def monthly_returns(
    candles: CandleFrame, curves: Curves, initial_cash: float
) -> tuple[MonthReturn, ...]:
    """One row for every UTC month with a candle in it; the first is against the initial cash.

    A month that began with nothing or less has no return: None.
    """
    month = (candles.close_ns - 1).astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    last = np.flatnonzero(np.diff(month, append=month[-1] + 1))
    equity = np.concatenate(([initial_cash], curves.equity[last]))
    benchmark = np.concatenate(([initial_cash], curves.benchmark[last]))
    return tuple(
        MonthReturn(
            year=1970 + int(month[row]) // 12,
            month=1 + int(month[row]) % 12,
            return_pct=float(equity[i + 1] / equity[i] - 1) * 100 if equity[i] > 0 else None,
            benchmark_pct=float(benchmark[i + 1] / benchmark[i] - 1) * 100,
        )
        for i, row in enumerate(last)
    )


def _moves(record: RunRecord) -> list[tuple[int, bool, Decimal, Decimal]]:
    """When money moved, whether by a fill, and what it did to cash and quantity; in order."""
    fills = [
        (e.fill.event_ns, True, cash_flow(e), e.fill.side.sign * e.fill.quantity)
        for e in record.executions
    ]
    paid = [(each.seen_ns, False, -each.amount, ZERO) for each in record.funding]
    # stable: fills of one moment keep their order, and funding of that moment was before them
    return sorted(fills + paid, key=lambda move: move[:2])


def _moves_by_close(
    candles: CandleFrame, moved_ns: list[int]
) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """How many of the moves had happened by each close."""
    event_ns = np.array(moved_ns, dtype=np.int64)
    row = np.minimum(np.searchsorted(candles.close_ns, event_ns, side="left"), len(candles) - 1)
    return np.searchsorted(row, np.arange(len(candles)), side="right")
