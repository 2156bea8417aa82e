"""The clear loop over many variants: what runs where no kernel could be compiled. It is slow.

It must give what the kernel gives: same columns, same order, equal within rounding.
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
from bowline.research.grid.reference import Life, LoopRules, play
from bowline.research.grid.tape import (
    Convention,
    Outcome,
    Rows,
    Rules,
    SignalBank,
    Tape,
    edges_from,
    empty_outcome,
    fixed_notional,
    safe_share,
)

_ALLOWED = {
    DirectionMode.LONG_ONLY: (1,),
    DirectionMode.SHORT_ONLY: (-1,),
    DirectionMode.LONG_SHORT: (1, -1),
}


def loop_rules(rules: Rules, sl_pct: float, tp_pct: float) -> LoopRules:
    """The rules of one variant as the clear loop takes them; NaN is no stop."""
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


def live(tape: Tape, direction: DirectionColumn, edges: int, rules: LoopRules, cash: float) -> Life:
    """The clear loop over the decided candles of one signal column, edges from candle `edges`."""
    decided = direction[tape.start :].tolist()
    before = int(direction[tape.start - 1]) if tape.start else 0
    closes = tape.closes[tape.start :].tolist()
    first, days = edges - tape.start, [0] * len(closes)
    return play(closes, days, decided, cash, rules, before=before, edges=first)


def evaluate(
    tape: Tape, bank: SignalBank, base: Rows, stops: NDArray[np.float64], rules: Rules
) -> Outcome:
    """As `kernel.evaluate`."""
    outcome, cash = empty_outcome(len(base) * len(stops)), to_float(rules.initial_cash)
    starts = edges_from(tape, rules, bank.first(base)).tolist()
    for i, (rows, edges) in enumerate(zip(base, starts, strict=True)):
        direction = bank.direction(rows)
        for j, (sl_pct, tp_pct) in enumerate(stops):
            life = live(tape, direction, edges, loop_rules(rules, sl_pct, tp_pct), cash)
            _fill_row(outcome, i * len(stops) + j, tape, life, rules)
    return outcome


def evaluate_daily(
    tape: Tape, bank: SignalBank, base: Rows, stops: NDArray[np.float64], rules: Rules
) -> NDArray[np.float64]:
    """As `kernel.evaluate_daily`."""
    cash = to_float(rules.initial_cash)
    rows = []
    starts = edges_from(tape, rules, bank.first(base)).tolist()
    for signals, edges in zip(base, starts, strict=True):
        direction = bank.direction(signals)
        for sl_pct, tp_pct in stops:
            life = live(tape, direction, edges, loop_rules(rules, sl_pct, tp_pct), cash)
            rows.append(_daily(tape, _account(life, rules), cash))
    return np.array(rows).reshape(len(base) * len(stops), tape.days + 1)


def cross_bank(tape: Tape, crosses: NDArray[np.int64]) -> tuple[SignalBank, Rows]:
    """A bank with each cross of `kernel.evaluate_crosses`, and bases of one such row each."""
    bank = SignalBank(len(tape))
    for fast, slow, anchor in crosses.tolist():
        one, other = (_average(tape.closes.tolist(), period, anchor) for period in (fast, slow))
        equal = is_negligible(one - other, np.maximum(np.abs(one), np.abs(other)))
        direction = np.where(equal | np.isnan(one - other), 0, np.sign(one - other))
        bank.add(direction.astype(np.int8), anchor + max(fast, slow) - 1)
    return bank, np.arange(len(crosses), dtype=np.int32)[:, None]


def _average(closes: list[float], period: int, anchor: int) -> NDArray[np.float64]:
    """TA-Lib's simple average, in its order of adding; NaN where there is none."""
    average, total = np.full(len(closes), np.nan), 0.0
    for t in range(anchor, len(closes)):
        total += closes[t]
        if t - anchor >= period - 1:
            average[t] = total / period
            total -= closes[t - period + 1]
    return average


def _account(life: Life, rules: Rules) -> NDArray[np.float64]:
    """Equity of the account: the strategy's money and what lies idle beside it."""
    return np.array(life.equity) + to_float(rules.initial_cash - rules.budget)


def _daily(tape: Tape, equity: NDArray[np.float64], cash: float) -> NDArray[np.float64]:
    ends = equity[tape.day_ends - tape.start]
    return np.concatenate(([cash], np.repeat(ends, tape.day_spans)))


def _fill_row(outcome: Outcome, row: int, tape: Tape, life: Life, rules: Rules) -> None:
    cash = to_float(rules.initial_cash)
    equity = _account(life, rules)
    sharpe = daily_ratios(_daily(tape, equity, cash)).sharpe
    draw = to_float(DRAW_RETURN_PCT) / 100
    outcome.final_equity[row] = equity[-1]
    outcome.total_return_pct[row] = (equity[-1] - cash) / cash * 100
    outcome.max_drawdown_pct[row] = drawdown_curve(equity, cash).max()
    outcome.round_trips[row] = len(life.trips)
    outcome.wins[row] = sum(trip.profit >= draw * trip.notional for trip in life.trips)
    outcome.exposure_pct[row] = life.held / len(equity) * 100
    outcome.sharpe[row] = np.nan if sharpe is None else sharpe
