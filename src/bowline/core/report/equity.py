"""The equity at each close, and that of buying and holding.

Nothing here looks between closes: a price inside a candle must never change the equity.

1. Process the executions and the funding once: exact cash and signed quantity after each of them.
2. A fill belongs to the first candle that closes at or after it; a fill after the last close
   belongs to the last candle, so that nothing is lost.
3. equity[t] = cash[t] + signed quantity[t] * close[t], rounded once, when it becomes a float.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from msgspec import Struct

from bowline.core.model.market import CandleFrame, FloatColumn, IntColumn
from bowline.core.model.values import DAY_NS, ZERO, Side, to_decimals, to_float
from bowline.core.report.record import Execution, RunRecord
from bowline.core.report.round_trips import exact_sum


class Curves(Struct, frozen=True):
    """float64 columns as long as the candles, in quote currency.

    `position_value` is signed quantity * close, negative for a short, after the decisions at that
    close. `benchmark` is the initial cash invested in the instrument at the first close, without
    costs.
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
    """The fill's cash flow: a buy pays its value, a sell receives it, both pay the fee."""
    fill = execution.fill
    value = fill.quantity * fill.price
    return (-value if fill.side is Side.BUY else value) - fill.fee


def last_close(record: RunRecord) -> Decimal:
    """The price at which an open position is marked."""
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
    exact_cash, exact_quantity = record.run.initial_cash, ZERO
    cash, quantity = [to_float(exact_cash)], [0.0]
    for _, _, flow, change in moves:
        exact_cash += flow
        exact_quantity += change
        cash.append(to_float(exact_cash))
        quantity.append(to_float(exact_quantity))
    closes = _closes_after(candles, [event_ns for event_ns, *_ in moves])
    position_value = np.repeat(quantity, closes)
    position_value *= candles.close
    equity = np.repeat(cash, closes)
    equity += position_value
    benchmark = candles.close / candles.close[0]
    benchmark *= cash[0]
    return Curves(equity, benchmark, position_value)


def daily_equity(candles: CandleFrame, equity: FloatColumn, initial_cash: float) -> FloatColumn:
    """The initial cash, then the last equity of each UTC day from the first candle's to the last's.

    A close at midnight ends the day before it. A day without candles keeps the equity of the day
    before, so that a year has 365 days.
    """
    return np.concatenate(([initial_cash], equity[_day_ends(candles)]))


def monthly_returns(
    candles: CandleFrame, curves: Curves, initial_cash: float
) -> tuple[MonthReturn, ...]:
    """One row per UTC month with a candle; the first is relative to the initial cash.

    A month that began with an equity of 0 or less has no return: None.
    """
    # the last close of a month is the last of a day, of which there are few
    ends = np.unique(_day_ends(candles))
    moment = (candles.open_ns[ends] + (candles.timeframe.ns - 1)).astype("datetime64[ns]")
    month = moment.astype("datetime64[M]").astype(np.int64)
    at = np.flatnonzero(np.diff(month, append=month[-1] + 1))
    last, months = ends[at], month[at].tolist()
    equity = np.concatenate(([initial_cash], curves.equity[last]))
    benchmark = np.concatenate(([initial_cash], curves.benchmark[last]))
    return tuple(
        MonthReturn(
            year=1970 + month // 12,
            month=1 + month % 12,
            return_pct=float(equity[i + 1] / equity[i] - 1) * 100 if equity[i] > 0 else None,
            benchmark_pct=float(benchmark[i + 1] / benchmark[i] - 1) * 100,
        )
        for i, month in enumerate(months)
    )


def _moves(record: RunRecord) -> list[tuple[int, bool, Decimal, Decimal]]:
    """Changes of cash and quantity in order: time, whether by a fill, cash, quantity."""
    fills = [
        (e.fill.event_ns, True, cash_flow(e), e.fill.side.sign * e.fill.quantity)
        for e in record.executions
    ]
    paid = [(each.seen_ns, False, -each.amount, ZERO) for each in record.funding]
    # stable: fills at one time keep their order, and funding at that time precedes them
    return sorted(fills + paid, key=lambda move: move[:2])


def _closes_after(candles: CandleFrame, moved_ns: list[int]) -> IntColumn:
    """The number of closes before the first move, and from each move until the next."""
    # a move belongs to the first candle that closes at that time or later
    opened_ns = np.array(moved_ns, dtype=np.int64) - candles.timeframe.ns
    row = np.minimum(candles.open_ns.searchsorted(opened_ns), len(candles) - 1)
    return np.diff(row, prepend=0, append=len(candles))


def _day_ends(candles: CandleFrame) -> IntColumn:
    """The last candle closed by the end of each UTC day, from the first candle's to the last's."""
    first, last = (candles.open_ns[[0, -1]] + (candles.timeframe.ns - 1)) // DAY_NS
    midnights = np.arange(first + 1, last + 2) * DAY_NS
    return candles.open_ns.searchsorted(midnights - candles.timeframe.ns, side="right") - 1
