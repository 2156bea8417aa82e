"""No test candle takes part in its choice, each is tested once, and the joined equity adds up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bowline.core.errors import BadInput
from bowline.core.model.market import CandleFrame
from bowline.core.report import make_report
from bowline.research.grid import GridPlan, parse_grid, plan_grid
from bowline.research.validation import make_folds, walk_grid
from bowline.wire import load_catalogue
from tests.research.validation.markets import GRID, random_walk, trending

COSTS = {"fee_pct": 0.05, "slippage_pct": 0.02}


def plan_of(candles: CandleFrame, **more) -> GridPlan:
    request = parse_grid({**GRID, "costs": COSTS, **more}, load_catalogue())
    return plan_grid(request, candles, int(candles.open_ns[200]))


@given(
    st.integers(0, 50), st.integers(2, 400), st.integers(1, 100), st.integers(1, 100), st.booleans()
)
def test_folds_test_every_candle_once_and_never_what_they_chose_on(
    start: int, length: int, train: int, test: int, anchored: bool
) -> None:
    stop = start + length
    if train + test > length:
        with pytest.raises(ValueError, match="do not fit in"):
            make_folds(start, stop, train=train, test=test, anchored=anchored)
        return
    folds = make_folds(start, stop, train=train, test=test, anchored=anchored)
    tested = [row for fold in folds for row in range(fold.test_start, fold.stop)]
    assert tested == list(range(start + train, stop))
    for fold in folds:
        assert start <= fold.train_start < fold.test_start < fold.stop
        assert fold.train_start == (start if anchored else fold.test_start - train)
        assert test / 2 <= fold.stop - fold.test_start < 1.5 * test + 1


@pytest.mark.parametrize(("stop", "lengths"), [(24, [14]), (25, [10, 5]), (30, [10, 10])])
def test_a_rest_of_half_a_test_is_one(stop: int, lengths: list[int]) -> None:
    folds = make_folds(0, stop, train=10, test=10, anchored=False)
    assert [fold.stop - fold.test_start for fold in folds] == lengths


@pytest.mark.parametrize("anchored", [False, True])
def test_what_is_chosen_knows_nothing_of_its_test(anchored: bool) -> None:
    """Another future after the second fold leaves both folds as they were, and changes the rest."""
    candles = random_walk(3, 100)
    plan = plan_of(candles)
    before = walk_grid(plan, anchored=anchored)
    cut = before.folds[1].fold.stop
    close = candles.close.copy()
    close[cut:] = close[cut - 1] * random_walk(4, 100).close[cut:] / random_walk(4, 100).close[cut]
    columns = dict.fromkeys(("open", "high", "low", "close"), close)
    changed = replace(candles, **columns)
    after = walk_grid(plan_of(changed), anchored=anchored)
    for mine, theirs in zip(before.folds[:2], after.folds[:2], strict=True):
        assert mine.choice == theirs.choice
        assert mine.cash == theirs.cash
    assert before.folds[2].choice == replace(after.folds[2].choice)
    assert before.folds[2].cash != after.folds[2].cash


def test_the_joined_equity_is_the_legs_one_behind_the_other() -> None:
    plan = plan_of(random_walk(5, 100))
    walk = walk_grid(plan)
    assert len(walk.folds) == 5
    assert (
        len(walk.equity)
        == len(walk.close_ns)
        == sum(fold.fold.stop - fold.fold.test_start for fold in walk.folds)
    )
    assert (walk.close_ns == plan.candles.close_ns[walk.folds[0].fold.test_start :]).all()
    money, at = 10_000.0, 0
    for fold in walk.folds:
        assert float(fold.record.run.initial_cash) == pytest.approx(money, rel=1e-12)
        at += fold.fold.stop - fold.fold.test_start
        money = float(walk.equity[at - 1])
        assert money == pytest.approx(float(fold.cash), rel=1e-12)
    growth = np.prod([1 + fold.return_pct / 100 for fold in walk.folds])
    assert walk.return_pct == pytest.approx(100 * (growth - 1))


def test_what_is_open_at_the_end_of_a_fold_is_sold_at_a_cost() -> None:
    """Cash after the fold = equity at the last close less slippage and fee on what was held."""
    walk = walk_grid(plan_of(random_walk(5, 100)))
    held = 0
    for fold in walk.folds:
        quantity = sum(e.fill.side.sign * e.fill.quantity for e in fold.record.executions)
        flows = sum(
            -e.fill.side.sign * e.fill.quantity * e.fill.price - e.fill.fee
            for e in fold.record.executions
        )
        close = float(fold.record.candles.close[-1])
        sign = 1 if quantity > 0 else -1
        price = close * (1 - sign * 0.0002)
        cash = float(fold.record.run.initial_cash + flows)
        cash += float(quantity) * price - abs(float(quantity)) * price * 0.0005
        assert float(fold.cash) == pytest.approx(cash, rel=1e-9)
        closed = make_report(fold.record).round_trips
        assert fold.round_trips == len(closed) + bool(quantity), "it is sold, so it is one more"
        held += bool(quantity)
    assert held
    assert walk.round_trips == sum(fold.round_trips for fold in walk.folds)


def test_each_choice_is_the_best_of_the_grid_on_its_stretch() -> None:
    plan = plan_of(random_walk(6, 100))
    walk = walk_grid(plan)
    fold, choice = walk.folds[2].fold, walk.folds[2].choice
    alone = GridPlan(
        plan.request, plan.candles.slice(0, fold.test_start), fold.train_start, plan.rules
    )
    returns = alone.evaluate(np.arange(plan.space.bases), plan.stops).total_return_pct
    assert choice.variant == int(returns.argmax())
    assert choice.return_pct == returns.max()


def test_an_edge_carries_over_and_noise_does_not() -> None:
    free = {"costs": {"fee_pct": 0, "slippage_pct": 0}}
    real = walk_grid(plan_of(trending(2), **free))
    assert real.return_pct > 50
    assert real.efficiency_pct is not None
    assert real.efficiency_pct > 50
    noise = [walk_grid(plan_of(random_walk(seed), **free)).return_pct for seed in range(6)]
    assert np.median(noise) < 20


def test_lengths_that_do_not_fit_and_grids_that_rank_nothing_are_refused_in_words() -> None:
    plan = plan_of(random_walk(7, 30))
    with pytest.raises(BadInput, match="no fold fits") as error:
        walk_grid(plan, train=400, test=400)
    assert "--train-days" in error.value.hint
    with pytest.raises(BadInput, match=r"fold 1 of 5: the grid's `keep` leaves no variant"):
        walk_grid(plan_of(random_walk(7, 30), keep={"min_round_trips": 10_000}))
