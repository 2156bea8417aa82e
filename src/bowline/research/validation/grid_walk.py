"""Walk-forward of a grid: each fold sweeps the whole grid and tests its best row on the days after.

The sweep of a fold must be given no candle of its test.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np
from msgspec.structs import replace

from bowline.core.errors import BadInput
from bowline.core.report import RunRecord
from bowline.research.grid.merge import Merge
from bowline.research.grid.plan import GridPlan
from bowline.research.grid.recheck import run_in_core
from bowline.research.grid.sweep import run_chunks
from bowline.research.validation.walk_forward import (
    Choice,
    Fold,
    WalkForward,
    make_folds,
    run_walk_forward,
)

#: the default lengths: eight parts, three to choose on and one to test on, so five folds
_PARTS, _TRAIN_PARTS = 8, 3
MOST_FOLDS = 1_000


def walk_grid(
    plan: GridPlan,
    *,
    train: int = 0,
    test: int = 0,
    anchored: bool = False,
    threads: int = 1,
    tell: Callable[[int, int], None] | None = None,
) -> WalkForward:
    """Sweep and test fold by fold.

    `train` and `test` are in candles, 0 is three eighths and one eighth. `plan` gives grid,
    candles, rules and money. `tell` gets the number of finished folds and of all. BadInput if no
    test fits in, or if the grid ranks no variant in a fold.
    """
    folds = _folds(plan, train, test, anchored=anchored)
    done = 0

    def choose(fold: Fold) -> Choice:
        nonlocal done
        if tell is not None:
            tell(done, len(folds))
        done += 1
        chosen_on = _over(plan, fold.train_start, fold.test_start, plan.rules.initial_cash)
        top = run_chunks(chosen_on, Merge(chosen_on), threads=threads).top
        if not len(top):
            raise BadInput(
                f"fold {done} of {len(folds)}: the grid's `keep` leaves no variant",
                hint="widen the bounds in `keep`, or give longer spans",
            )
        variant, sharpe = int(top.variant[0]), float(top.sharpe[0])
        return Choice(
            variant=variant,
            spec=plan.spec(variant),
            return_pct=float(top.total_return_pct[0]),
            sharpe=None if np.isnan(sharpe) else sharpe,
        )

    def play(fold: Fold, choice: Choice, money: Decimal) -> RunRecord:
        tested_on = _over(plan, fold.test_start, fold.stop, money)
        return run_in_core(tested_on, choice.variant).report.record

    found = run_walk_forward(folds, choose, play, plan.rules.initial_cash)
    if tell is not None:
        tell(len(found.folds), len(folds))
    return found


def _over(plan: GridPlan, start: int, stop: int, money: Decimal) -> GridPlan:
    """The same grid, deciding on candles `start` to `stop`, with its best row alone."""
    rules = replace(plan.rules, initial_cash=money)
    return GridPlan(replace(plan.request, top=1), plan.candles.slice(0, stop), start, rules)


def _folds(plan: GridPlan, train: int, test: int, *, anchored: bool) -> tuple[Fold, ...]:
    decided = len(plan.candles) - plan.start
    part = max(1, decided // _PARTS)
    lengths = train or part * _TRAIN_PARTS, test or part
    if (count := (decided - lengths[0]) // lengths[1]) > MOST_FOLDS:
        raise BadInput(
            f"{count:,} folds, each of which sweeps the whole grid: at most {MOST_FOLDS:,}",
            hint="give longer tests (--test-days)",
        )
    try:
        return make_folds(
            plan.start, len(plan.candles), train=lengths[0], test=lengths[1], anchored=anchored
        )
    except ValueError as error:
        raise BadInput(
            f"no fold fits into {decided:,} candles: {error}",
            hint="give shorter spans (--train-days, --test-days) or more candles",
        ) from None
