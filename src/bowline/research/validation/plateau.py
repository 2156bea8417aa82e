"""The plateau score: whether variants near the winner do well too, or it is a lone peak.

A parameter that reflects the market works nearly as well one step to either side. The score depends
on the neighbours alone: the winner's own result says nothing about them.

1. Neighbours are the variants up to two steps away on one axis, equal to the winner on all others.
   Axes are the numeric parameters and the stops, in the order of their values (no stop is the
   widest stop); a choice parameter has no order and no neighbours. Variants excluded by the grid's
   constraints are no neighbours.
2. The score is the median of the neighbours' results in percent of the winner's, 0 to 100.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import inf

import numpy as np
from msgspec import Struct

from bowline.core.model.market import FloatColumn, IntColumn
from bowline.core.model.values import to_float
from bowline.research.grid.plan import GridPlan
from bowline.research.grid.space import GridAxis, IndexColumn, Slot, Subset

REACH = 2


class Plateau(Struct, frozen=True):
    """`score_pct` is the neighbours' median in percent of the winner's result, clipped to 0..100.

    None without neighbours, or if the winner's result is not above 0. `gaining_pct` is the share of
    neighbours above 0.
    """

    neighbours: int
    winner: float
    median: float | None
    worst: float | None
    gaining_pct: float | None
    score_pct: float | None


def measure_plateau(winner: float, neighbours: FloatColumn) -> Plateau:
    """The plateau of a winner's result and its neighbours' (any figure of which more is better)."""
    if not len(neighbours):
        return Plateau(0, winner, None, None, None, None)
    median = float(np.median(neighbours))
    return Plateau(
        neighbours=len(neighbours),
        winner=winner,
        median=median,
        worst=float(neighbours.min()),
        gaining_pct=100 * float(np.mean(neighbours > 0)),
        score_pct=100 * min(1.0, max(0.0, median / winner)) if winner > 0 else None,
    )


def find_neighbours(plan: GridPlan, variant: int, reach: int = REACH) -> IntColumn:
    """The numbers of the variants up to `reach` steps from `variant` on one axis, ascending."""
    lanes = plan.space.lanes
    base, lane = divmod(variant, lanes)
    found = [base * lanes + other for other in _other_lanes(plan, lane, reach)]
    found += [other * lanes + lane for other in _other_bases(plan, base, reach)]
    return np.array(sorted(found), dtype=np.int64)


def _other_bases(plan: GridPlan, base: int, reach: int) -> Iterator[int]:
    _, subset, sets = next(plan.space.split(np.array([base], dtype=np.int64)))
    place = plan.space.subsets.index(subset)
    begin = int(plan.space.ends[place]) - subset.count
    for at, slot in enumerate(subset.slots):
        for number in _other_sets(slot, int(sets[0, at]), reach):
            moved = sets[0].copy()
            moved[at] = number
            other = _number_of(subset, moved)
            if other is not None:
                yield begin + other


def _number_of(subset: Subset, sets: IndexColumn) -> int | None:
    """The number of the base with these sets; None if a constraint excludes it."""
    position = 0
    for slot, number in zip(subset.slots, sets.tolist(), strict=True):
        position = position * slot.count + number
    return _place(subset.valid, position)


def _other_sets(slot: Slot, number: int, reach: int) -> Iterator[int]:
    """The sets of a slot with one parameter changed."""
    position = number if slot.valid is None else int(slot.valid[number])
    stride = 1
    for axis in reversed(slot.axes):
        digit = position // stride % len(axis.values)
        for other in _steps(_order(axis), digit, reach) if axis.numeric else ():
            found = _place(slot.valid, position + (other - digit) * stride)
            if found is not None:
                yield found
        stride *= len(axis.values)


def _other_lanes(plan: GridPlan, lane: int, reach: int) -> Iterator[int]:
    losses, profits = plan.request.sl_pct, plan.request.tp_pct
    loss, profit = divmod(lane, len(profits))
    for other in _steps(_widening(losses), loss, reach):
        yield other * len(profits) + profit
    for other in _steps(_widening(profits), profit, reach):
        yield loss * len(profits) + other


def _steps(order: Sequence[int], digit: int, reach: int) -> list[int]:
    """The digits up to `reach` places from `digit` in `order`."""
    at = order.index(digit)
    near = range(max(0, at - reach), min(len(order), at + reach + 1))
    return [order[each] for each in near if each != at]


def _order(axis: GridAxis) -> list[int]:
    """Digits of an axis by ascending value: a list in a request may have any order."""
    return sorted(range(len(axis.values)), key=lambda digit: float(axis.values[digit]))


def _widening(stops: Sequence[Decimal | None]) -> list[int]:
    widths = [inf if each is None else to_float(each) for each in stops]
    return sorted(range(len(widths)), key=widths.__getitem__)


def _place(valid: IndexColumn | None, position: int) -> int | None:
    if valid is None:
        return position
    at = int(valid.searchsorted(position))
    return at if at < len(valid) and valid[at] == position else None
