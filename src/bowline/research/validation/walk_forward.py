"""Walk-forward analysis: choose on past candles, test on the candles after them, and move on.

No candle of a test may take part in the choice that it tests, and each candle is tested once.

1. Cut the decided candles into folds: a span to choose on, then a span to test on. Rolling folds
   choose on a window of fixed length, anchored ones on everything since the first candle.
2. In each fold a strategy is chosen on the first span.
3. The core runs it over the second span, from flat, with the money that the previous fold left.
   Signals use the candles before; a signal that began before the test is not fresh in it.
4. At the end of a fold an open position is sold at the last close and pays its costs, because the
   next fold has another strategy.
5. The equity curves of the tests, joined, are the out-of-sample equity.
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
    """The choice of a fold and its in-sample result; `sharpe` is annual, None if undefined.

    `variant` is its number in the grid.
    """

    variant: int
    spec: StrategySpec
    return_pct: float
    sharpe: float | None


class FoldResult(Struct, frozen=True):
    """The result of one fold: the choice, and its run over the test.

    `cash` is the money at the end, after selling an open position; `equity` ends with it.
    `completeness` is that of the test's candles, with what of the run spans a gap in them.
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
    """All folds, and the joined out-of-sample equity at each test candle's close.

    `efficiency_pct` is the daily return out of sample in percent of that in-sample (Pardo), both
    over all folds; None unless the choices gained in-sample.
    """

    folds: tuple[FoldResult, ...]
    close_ns: IntColumn
    equity: FloatColumn
    return_pct: float
    max_drawdown_pct: float
    sharpe: float | None
    round_trips: int
    efficiency_pct: float | None


#: the choice of a fold; and its run over the fold's test with the given cash
ChooseVariant = Callable[[Fold], Choice]
RunFold = Callable[[Fold, Choice, Decimal], RunRecord]


def make_folds(start: int, stop: int, *, train: int, test: int, anchored: bool) -> tuple[Fold, ...]:
    """Folds over candles `start` to `stop` (exclusive).

    Every candle after the first train is tested. A rest at the end is a test of its own if it is at
    least half as long as one, else it lengthens the last. ValueError if not even one test fits in.
    """
    if train < 1 or test < 1 or start + train + test > stop:
        raise ValueError(f"{train} candles to choose on and {test} to test on do not fit in")
    whole, rest = divmod(stop - start - train, test)
    begins = [start + train + number * test for number in range(whole + (2 * rest >= test))]
    return tuple(
        Fold(start if anchored else at - train, at, end)
        for at, end in zip(begins, [*begins[1:], stop], strict=True)
    )


def run_walk_forward(
    folds: Iterable[Fold], choose: ChooseVariant, play: RunFold, initial_cash: Decimal
) -> WalkForward:
    """Choose and test fold by fold. The folds must follow each other without a gap."""
    results: list[FoldResult] = []
    cash = initial_cash
    for fold in folds:
        choice = choose(fold)
        before_ns = int(results[-1].record.candles.close_ns[-1]) if results else None
        result = _fold_result(fold, choice, play(fold, choice, cash), before_ns)
        results.append(result)
        cash = result.cash
        if cash <= 0:
            break
    return _joined(tuple(results), initial_cash)


def _fold_result(
    fold: Fold, choice: Choice, record: RunRecord, before_ns: int | None
) -> FoldResult:
    """The result of a fold; candles missing since the previous fold ended at `before_ns` count."""
    candles = record.candles
    first_ns = int(candles.open_ns[0]) if before_ns is None else before_ns
    report = make_report(record, measure(candles, first_ns, int(candles.close_ns[-1])))
    assert report.completeness is not None, "it was measured above"
    cash = record.run.initial_cash + report.metrics.total_profit_quote
    if held := report.open_position:
        cash -= _selling_costs(record, held.position.quantity, held.position.direction.value)
    before = record.run.initial_cash
    equity = report.curves.equity.copy()
    equity[-1] = to_float(cash)
    trips = len(report.round_trips) + (held is not None)
    return_pct = to_float((cash / before - 1) * HUNDRED)
    return FoldResult(fold, choice, record, cash, equity, return_pct, trips, report.completeness)


def _selling_costs(record: RunRecord, quantity: Decimal, direction: int) -> Decimal:
    """The cost of selling at the last close: slippage against the close, and the fee."""
    costs = record.run.policy.costs
    close = Decimal(repr(float(record.candles.close[-1])))
    side = Side.SELL if direction > 0 else Side.BUY
    price = close * (1 + side.sign * costs.slippage_rate)
    return quantity * (abs(price - close) + price * costs.fee_rate)


def _joined(folds: tuple[FoldResult, ...], initial_cash: Decimal) -> WalkForward:
    candles = folds[0].record.candles
    for result in folds[1:]:
        candles = join_frames(candles, result.record.candles)
    equity = np.concatenate([result.equity for result in folds])
    cash = to_float(initial_cash)
    deepest = float(drawdown_curve(equity, cash).max())
    return WalkForward(
        folds=folds,
        close_ns=candles.close_ns,
        equity=equity,
        return_pct=100 * (float(equity[-1]) / cash - 1),
        max_drawdown_pct=deepest,
        sharpe=daily_ratios(daily_equity(candles, equity, cash)).sharpe,
        round_trips=sum(result.round_trips for result in folds),
        efficiency_pct=_efficiency(folds),
    )


def _efficiency(folds: tuple[FoldResult, ...]) -> float | None:
    inside = sum(_log_growth(result.choice.return_pct) for result in folds)
    outside = sum(_log_growth(result.return_pct) for result in folds)
    chosen_on = sum(result.fold.test_start - result.fold.train_start for result in folds)
    tested_on = sum(result.fold.stop - result.fold.test_start for result in folds)
    if not (np.isfinite(outside) and np.isfinite(inside)) or inside <= ROUNDING:
        return None
    return float(100 * (outside / tested_on) / (inside / chosen_on))


def _log_growth(return_pct: float) -> float:
    return float(np.log1p(return_pct / 100)) if return_pct > -100 else -np.inf  # noqa: PLR2004
