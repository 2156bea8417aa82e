"""A variant's number means the same strategy for ever, and no number is lost or used twice."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bowline.core.signals import Strategies, document_of, parse_spec
from bowline.research.grid import GridRequest, plan_grid
from tests.generators import catalogue
from tests.research.grids import CROSS, MIDDLE, START_NS, minutes, request


def by_hand(found: GridRequest) -> list[tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]]:
    """Every base, written out by loops in the order that the numbers promise."""
    sets = []
    for slot in found.slots:
        names = [axis.name for axis in slot.axes]
        points = [dict(zip(names, p, strict=True)) for p in product(*(a.values for a in slot.axes))]
        sets.append(
            [
                (slot.name, tuple(p.items()))
                for p in points
                if "fast" not in p or p["fast"] < p["slow"]
            ]
        )
    bases = []
    for size in range(found.least, found.most + 1):
        for chosen in combinations(sets, size):
            bases += list(product(*chosen))
    return bases


def test_bases_are_numbered_as_loops_would_write_them() -> None:
    found = request()
    bases = [
        tuple((slot.name, tuple(params.items())) for slot, params in found.space.rules(number))
        for number in range(found.space.bases)
    ]
    assert bases == by_hand(found)
    with pytest.raises(IndexError):
        found.space.rules(found.space.bases)


def test_a_constraint_across_indicators_ties_only_the_subsets_that_have_both() -> None:
    found = request(constraints=["rsi_middle_period < sma_cross_fast"])
    loose = request()
    both = [base for base in by_hand(loose) if len(base) == 2]
    left = [b for b in both if dict(b[1][1])["period"] < dict(b[0][1])["fast"]]
    assert found.space.bases == loose.space.bases - len(both) + len(left)
    assert 0 < len(left) < len(both)


def pairs_of(found: GridRequest) -> set[tuple[int, int]]:
    """The fast and the slow period of every base of one slot."""
    rules = [found.space.rules(number)[0][1] for number in range(found.space.bases)]
    return {(params["fast"], params["slow"]) for params in rules}


@pytest.mark.parametrize("turn", [1, -1])
def test_every_constraint_of_a_slot_holds_and_not_the_last_alone(turn: int) -> None:
    """Three that cut different corners, in either order, beside the catalogue's own."""
    fasts, slows = [10, 20, 30, 40, 50], [20, 30, 40, 50, 60]
    asked = ["slow - fast >= 20", "fast > 10", "slow < 60"][::turn]
    slot = {"id": "sma_cross", "params": {"fast": fasts, "slow": slows}, "constraints": asked}
    found = request(indicators=[slot], choose=1)
    assert pairs_of(found) == {(20, 40), (20, 50), (30, 50)}
    assert pairs_of(request(indicators=[slot | {"constraints": asked[:1]}], choose=1)) > pairs_of(
        found
    )


@pytest.mark.parametrize("turn", [1, -1])
def test_every_constraint_across_slots_holds_and_not_the_last_alone(turn: int) -> None:
    """Two that cut differently, in either order: 7 and 14 beside 5, 10 and 40."""
    asked = ["rsi_middle_period > sma_cross_fast", "sma_cross_fast + rsi_middle_period < 19"][
        ::turn
    ]
    found = request(constraints=asked, choose=2)
    rules = [found.space.rules(number) for number in range(found.space.bases)]
    pairs = {(cross["fast"], middle["period"]) for (_, cross), (_, middle) in rules}
    assert pairs == {(5, 7)}, "14 beside 5 is 19, and 10 is above 7"
    loose = request(constraints=asked[:1], choose=2)
    assert loose.space.bases > found.space.bases


def test_one_indicator_twice_never_agrees_with_itself() -> None:
    twice = [MIDDLE, {**MIDDLE, "name": "other", "params": {"period": [14, 21]}}]
    found = request(indicators=twice, choose=2)
    pairs = {
        tuple(params["period"] for _, params in found.space.rules(number))
        for number in range(found.space.bases)
    }
    assert pairs == {(7, 14), (7, 21), (14, 21)}


@given(
    st.lists(st.integers(2, 9), min_size=1, unique=True),
    st.lists(st.integers(2, 9), min_size=1, unique=True),
    st.lists(st.integers(5, 12), min_size=1, unique=True),
)
def test_twins_of_two_parameters_are_told_by_their_values(fast: Any, other: Any, slow: Any) -> None:
    """Two crosses with values in any order: what is equal in all of them is one rule, twice."""
    crosses = [
        {"id": "sma_cross", "name": name, "params": {"fast": values, "slow": slow}}
        for name, values in (("one", fast), ("two", other))
    ]
    sets = [[(a, b) for a in values for b in slow if a < b and a >= 2] for values in (fast, other)]
    expected = [(a, b) for a in sets[0] for b in sets[1] if a != b]
    assume(expected)
    space = request(indicators=crosses, choose=2).space
    found = [
        tuple((params["fast"], params["slow"]) for _, params in space.rules(number))
        for number in range(space.bases)
    ]
    assert found == expected


@given(st.sampled_from(["1..2", "1", "2"]), st.integers(0, 10**6))
def test_every_variant_is_a_strategy_that_its_own_text_gives_back(choose: str, at: int) -> None:
    plan = plan_grid(request(choose=choose), minutes(300), START_NS)
    spec = plan.spec(at % plan.variants)
    assert parse_spec(document_of(spec), catalogue(), Strategies()) == spec


def test_split_gives_each_its_own_subset() -> None:
    space = request(indicators=[CROSS, MIDDLE]).space
    bases = np.array([space.bases - 1, 0, 9, 3], dtype=np.int64)
    for places, subset, sets in space.split(bases):
        for place, row in zip(places, sets, strict=True):
            expected = space.rules(int(bases[place]))
            found = [(s, s.params(int(n))) for s, n in zip(subset.slots, row, strict=True)]
            assert found == expected
