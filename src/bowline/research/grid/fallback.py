"""The reference loop over many variants, for machines without a compiled kernel. It is slow.

It must give what the kernel gives: the same columns in the same order, equal within rounding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bowline.core.model.policy import DirectionMode
from bowline.core.model.values import to_float
from bowline.core.report.drawdown import drawdown_curve
from bowline.core.report.metrics import daily_ratios
from bowline.core.report.round_trips import DRAW_RETURN_PCT
from bowline.core.rounding import is_negligible
from bowline.core.signals.frame import DirectionColumn
from bowline.research.grid.kernel_types import (
    BankRows,
    CloseSeries,
    Convention,
    Outcome,
    Rules,
    SignalBank,
    edges_from,
    empty_outcome,
    fixed_notional,
    safe_share,
)
from bowline.research.grid.reference import LoopAccount, LoopRules, run_loop

_ALLOWED = {
    DirectionMode.LONG_ONLY: (1,),
    DirectionMode.SHORT_ONLY: (-1,),
    DirectionMode.LONG_SHORT: (1, -1),
}


def loop_rules(rules: Rules, sl_pct: float, tp_pct: float) -> LoopRules:
    """The rules of one variant for the reference loop; a stop of NaN is off."""
    quote = fixed_notional(rules)
    return LoopRules(
        allows=_ALLOWED[rules.direction],
        sl=None if np.isnan(sl_pct) else sl_pct / 100,
        tp=None if np.isnan(tp_pct) else tp_pct / 100,
        mode="all_in" if quote is None else "fixed_quote",
        quote=quote or 0.0,
        budget=to_float(rules.budget),
        safe_profit=safe_share(rules),
        fee=to_float(rules.costs.fee_rate),
        slippage=to_float(rules.costs.slippage_rate),
        vectorbt=rules.convention is Convention.VECTORBT,
    )


def run_column(
    series: CloseSeries, direction: DirectionColumn, edges: int, rules: LoopRules, cash: float
) -> LoopAccount:
    """Run the loop over the decided candles of one signal column, edges from candle `edges` on."""
    decided = direction[series.start :].tolist()
    before = int(direction[series.start - 1]) if series.start else 0
    closes = series.closes[series.start :].tolist()
    first, days = edges - series.start, [0] * len(closes)
    return run_loop(closes, days, decided, cash, rules, before=before, edges=first)


def evaluate(
    series: CloseSeries, bank: SignalBank, base: BankRows, stops: NDArray[np.float64], rules: Rules
) -> Outcome:
    """As `kernel.evaluate`."""
    outcome, cash = empty_outcome(len(base) * len(stops)), to_float(rules.initial_cash)
    starts = edges_from(series, rules, bank.first(base)).tolist()
    for i, (rows, edges) in enumerate(zip(base, starts, strict=True)):
        direction = bank.direction(rows)
        for j, (sl_pct, tp_pct) in enumerate(stops):
            account = run_column(series, direction, edges, loop_rules(rules, sl_pct, tp_pct), cash)
            _fill_row(outcome, i * len(stops) + j, series, account, rules)
    return outcome


def evaluate_daily(
    series: CloseSeries, bank: SignalBank, base: BankRows, stops: NDArray[np.float64], rules: Rules
) -> NDArray[np.float64]:
    """As `kernel.evaluate_daily`."""
    cash = to_float(rules.initial_cash)
    rows = []
    starts = edges_from(series, rules, bank.first(base)).tolist()
    for signals, edges in zip(base, starts, strict=True):
        direction = bank.direction(signals)
        for sl_pct, tp_pct in stops:
            account = run_column(series, direction, edges, loop_rules(rules, sl_pct, tp_pct), cash)
            rows.append(_daily(series, _account_equity(account, rules), cash))
    return np.array(rows).reshape(len(base) * len(stops), series.days + 1)


def cross_bank(series: CloseSeries, crosses: NDArray[np.int64]) -> tuple[SignalBank, BankRows]:
    """A bank with each cross of `kernel.evaluate_crosses`, and bases of one row each."""
    bank = SignalBank(len(series))
    for fast, slow, anchor in crosses.tolist():
        one, other = (_average(series.closes.tolist(), period, anchor) for period in (fast, slow))
        equal = is_negligible(one - other, np.maximum(np.abs(one), np.abs(other)))
        direction = np.where(equal | np.isnan(one - other), 0, np.sign(one - other))
        bank.add(direction.astype(np.int8), anchor + max(fast, slow) - 1)
    return bank, np.arange(len(crosses), dtype=np.int32)[:, None]


def _average(closes: list[float], period: int, anchor: int) -> NDArray[np.float64]:
    """TA-Lib's simple moving average, in its order of additions; NaN where it has no value."""
    average, total = np.full(len(closes), np.nan), 0.0
    for t in range(anchor, len(closes)):
        total += closes[t]
        if t - anchor >= period - 1:
            average[t] = total / period
            total -= closes[t - period + 1]
    return average


def _account_equity(account: LoopAccount, rules: Rules) -> NDArray[np.float64]:
    """Equity of the account: the strategy's money and the money that lies idle."""
    return np.array(account.equity) + to_float(rules.initial_cash - rules.budget)


def _daily(series: CloseSeries, equity: NDArray[np.float64], cash: float) -> NDArray[np.float64]:
    ends = equity[series.day_ends - series.start]
    return np.concatenate(([cash], np.repeat(ends, series.day_spans)))


def _fill_row(
    outcome: Outcome, row: int, series: CloseSeries, account: LoopAccount, rules: Rules
) -> None:
    cash = to_float(rules.initial_cash)
    equity = _account_equity(account, rules)
    sharpe = daily_ratios(_daily(series, equity, cash)).sharpe
    draw = to_float(DRAW_RETURN_PCT) / 100
    outcome.final_equity[row] = equity[-1]
    outcome.total_return_pct[row] = (equity[-1] - cash) / cash * 100
    outcome.max_drawdown_pct[row] = drawdown_curve(equity, cash).max()
    outcome.round_trips[row] = len(account.trips)
    outcome.wins[row] = sum(trip.profit >= draw * trip.notional for trip in account.trips)
    outcome.exposure_pct[row] = account.held / len(equity) * 100
    outcome.sharpe[row] = np.nan if sharpe is None else sharpe
