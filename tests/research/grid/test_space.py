"""A variant's number means the same strategy for ever, and no number is lost or used twice."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
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


def test_one_indicator_twice_never_agrees_with_itself() -> None:
    twice = [MIDDLE, {**MIDDLE, "name": "other", "params": {"period": [14, 21]}}]
    found = request(indicators=twice, choose=2)
    pairs = {
        tuple(params["period"] for _, params in found.space.rules(number))
        for number in range(found.space.bases)
    }
    assert pairs == {(7, 14), (7, 21), (14, 21)}


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
