"""Walk-forward: choose on the past, trade the days after it, move on, and join what was traded.

No candle of a test may take part in the choice that it tests, and each candle is tested once.

1. Cut the decision candles into folds: a stretch to choose on, then the stretch to test on. Rolling
   folds choose on a window of one length, anchored ones on everything since the first candle.
2. In each fold somebody chooses a strategy on the first stretch.
3. The core runs it over the second, from flat, with the money the fold before left. Signals see
   the candles before; a signal that began before the test is not fresh in it.
4. At the end of a fold an open position is sold at the last close and pays its costs: the next
   fold's strategy is another one.
5. The tests' equities, one behind the other, are the out-of-sample equity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

import numpy as np
from msgspec import Struct

from bowline.core.completeness import Completeness, measure
from bowline.core.frames import join_frames
from bowline.core.model.market import FloatColumn, IntColumn
from bowline.core.model.values import HUNDRED, Side, to_float
from bowline.core.report import RunRecord, daily_ratios, drawdown_curve, make_report
from bowline.core.report.equity import daily_equity
from bowline.core.rounding import ROUNDING
from bowline.core.signals import StrategySpec


class Fold(Struct, frozen=True):
    """Rows of the candles: choose on `train_start` to `test_start`, test from there to `stop`."""

    train_start: int
    test_start: int
    stop: int


class Choice(Struct, frozen=True):
    """What a fold chose and what it had come to in-sample; `sharpe` is annual, None if undefined.

    `variant` is its number in the grid.
    """

    variant: int
    spec: StrategySpec
    return_pct: float
    sharpe: float | None


class Leg(Struct, frozen=True):
    """One fold that was walked: the choice, and its run over the test.

    `cash` is the money at the end, with what was open sold; `equity` ends with it. `completeness`
    is that of the test's candles, with what of the run spans a gap in them.
    """

    fold: Fold
    choice: Choice
    record: RunRecord
    cash: Decimal
    equity: FloatColumn
    return_pct: float
    round_trips: int
    completeness: Completeness


class WalkForward(Struct, frozen=True):
    """The legs, and the joined out-of-sample equity at each test candle's close.

    `efficiency_pct` is the return a day out of sample in percent of that in-sample (Pardo), both
    over all folds; None unless the choices gained in-sample.
    """

    legs: tuple[Leg, ...]
    close_ns: IntColumn
    equity: FloatColumn
    return_pct: float
    max_drawdown_pct: float
    sharpe: float | None
    round_trips: int
    efficiency_pct: float | None


#: what is chosen in a fold, and the run of it over the fold's test with this money
Choose = Callable[[Fold], Choice]
Play = Callable[[Fold, Choice, Decimal], RunRecord]


def make_folds(start: int, stop: int, *, train: int, test: int, anchored: bool) -> tuple[Fold, ...]:
    """Folds over candles `start` to `stop` (exclusive), every candle after the first train tested.

    What is left over at the end is a test of its own if it is at least half of one, else it
    lengthens the last. ValueError if not even one test fits in.
    """
    if train < 1 or test < 1 or start + train + test > stop:
        raise ValueError(f"{train} candles to choose on and {test} to test do not fit in")
    whole, rest = divmod(stop - start - train, test)
    begins = [start + train + number * test for number in range(whole + (2 * rest >= test))]
    return tuple(
        Fold(start if anchored else at - train, at, end)
        for at, end in zip(begins, [*begins[1:], stop], strict=True)
    )


def walk(folds: Iterable[Fold], choose: Choose, play: Play, initial_cash: Decimal) -> WalkForward:
    """Choose and test fold by fold. The folds must follow each other without a gap."""
    legs: list[Leg] = []
    cash = initial_cash
    for fold in folds:
        choice = choose(fold)
        before_ns = int(legs[-1].record.candles.close_ns[-1]) if legs else None
        leg = _leg(fold, choice, play(fold, choice, cash), before_ns)
        legs.append(leg)
        cash = leg.cash
        if cash <= 0:
            break
    return _joined(tuple(legs), initial_cash)


def _leg(fold: Fold, choice: Choice, record: RunRecord, before_ns: int | None) -> Leg:
    """The run of a fold; what is missing since the fold before ended at `before_ns` counts."""
    candles = record.candles
    first_ns = int(candles.open_ns[0]) if before_ns is None else before_ns
    report = make_report(record, measure(candles, first_ns, int(candles.close_ns[-1])))
    assert report.completeness is not None, "it was measured just now"
    cash = record.run.initial_cash + report.metrics.total_profit_quote
    if held := report.open_position:
        cash -= _selling_costs(record, held.position.quantity, held.position.direction.value)
    before = record.run.initial_cash
    equity = report.curves.equity.copy()
    equity[-1] = to_float(cash)
    trips = len(report.round_trips) + (held is not None)
    return_pct = to_float((cash / before - 1) * HUNDRED)
    return Leg(fold, choice, record, cash, equity, return_pct, trips, report.completeness)


def _selling_costs(record: RunRecord, quantity: Decimal, direction: int) -> Decimal:
    """What leaving at the last close costs: slippage against the close, and the fee."""
    costs = record.run.policy.costs
    close = Decimal(repr(float(record.candles.close[-1])))
    side = Side.SELL if direction > 0 else Side.BUY
    price = close * (1 + side.sign * costs.slippage_rate)
    return quantity * (abs(price - close) + price * costs.fee_rate)


def _joined(legs: tuple[Leg, ...], initial_cash: Decimal) -> WalkForward:
    candles = legs[0].record.candles
    for leg in legs[1:]:
        candles = join_frames(candles, leg.record.candles)
    equity = np.concatenate([leg.equity for leg in legs])
    cash = to_float(initial_cash)
    deepest = float(drawdown_curve(equity, cash).max())
    return WalkForward(
        legs=legs,
        close_ns=candles.close_ns,
        equity=equity,
        return_pct=100 * (float(equity[-1]) / cash - 1),
        max_drawdown_pct=deepest,
        sharpe=daily_ratios(daily_equity(candles, equity, cash)).sharpe,
        round_trips=sum(leg.round_trips for leg in legs),
        efficiency_pct=_efficiency(legs),
    )


def _efficiency(legs: tuple[Leg, ...]) -> float | None:
    inside = sum(_log_growth(leg.choice.return_pct) for leg in legs)
    outside = sum(_log_growth(leg.return_pct) for leg in legs)
    chosen_on = sum(leg.fold.test_start - leg.fold.train_start for leg in legs)
    tested_on = sum(leg.fold.stop - leg.fold.test_start for leg in legs)
    if not (np.isfinite(outside) and np.isfinite(inside)) or inside <= ROUNDING:
        return None
    return float(100 * (outside / tested_on) / (inside / chosen_on))


def _log_growth(return_pct: float) -> float:
    return float(np.log1p(return_pct / 100)) if return_pct > -100 else -np.inf  # noqa: PLR2004
