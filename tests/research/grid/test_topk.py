"""The top is the same whatever the order in which parts of it came."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bowline.research.grid.topk import (
    RANKINGS,
    Keep,
    Rows,
    best,
    distinct,
    joined,
    kept,
    unpack,
)


def rows_of(figures: list[float], variants: list[int]) -> Rows:
    count = len(figures)
    column = np.array(figures, dtype=np.float64)
    trips = np.arange(count, dtype=np.int32)
    return Rows(
        np.array(variants, dtype=np.int64), column, np.abs(column), trips, trips // 2,
        column, column, column,
    )  # fmt: skip


FIGURES = st.lists(
    st.sampled_from([-3.0, 0.0, 1.0, 2.0, float("nan")]), min_size=1, max_size=60
)  # ties are the point


@given(FIGURES, st.integers(1, 20), st.sampled_from(RANKINGS), st.randoms())
def test_merging_parts_in_any_order_gives_the_same_bytes(figures, count, rank_by, chance) -> None:
    rows = rows_of(figures, list(range(len(figures))))
    whole = best(rows, rank_by, count)
    places = list(range(len(figures)))
    chance.shuffle(places)
    parts = [places[i : i + 7] for i in range(0, len(places), 7)]
    merged = rows.take(np.array([], dtype=np.intp))
    for part in parts:
        taken = best(rows.take(np.array(part)), rank_by, count)
        merged = best(joined((merged, taken)), rank_by, count)
    assert merged.pack() == whole.pack()


def test_ties_go_to_the_lower_number_and_what_does_not_exist_is_last() -> None:
    rows = rows_of([1.0, float("nan"), 2.0, 1.0], [8, 1, 9, 3])
    assert best(rows, "total_return_pct", 4).variant.tolist() == [9, 3, 8, 1]


@given(
    st.lists(st.sampled_from([-0.0, 0.0, 1.0, float("nan")]), min_size=1, max_size=40),
    st.integers(1, 6),
    st.integers(1, 10),
)
def test_rows_that_differ_in_idle_stops_alone_are_one_outcome(figures, lanes, count) -> None:
    ranked = best(rows_of(figures, list(range(len(figures)))), "sharpe", len(figures))
    same = np.zeros(len(ranked), dtype=np.int32)
    ranked = replace(ranked, round_trips=same, wins=same)
    expected, seen = [], set()
    for place, variant in enumerate(ranked.variant.tolist()):
        outcome = (variant // lanes, repr(ranked.sharpe[place] + 0.0))
        if outcome not in seen:
            expected.append(variant)
        seen.add(outcome)
    assert distinct(ranked, lanes, count).variant.tolist() == expected[:count]


def test_a_smaller_drawdown_is_better() -> None:
    rows = rows_of([-5.0, 1.0, 3.0], [0, 1, 2])
    assert best(rows, "max_drawdown_pct", 2).variant.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (Keep(max_drawdown_pct=1.0), [1]),
        (Keep(min_round_trips=1), [1, 2]),
        (Keep(max_round_trips=0), [0]),
        (Keep(min_exposure_pct=1.0), [1, 2]),
        (Keep(max_exposure_pct=1.0), [0, 1]),
        (Keep(), [0, 1, 2]),
    ],
)
def test_each_bound_keeps_what_holds_it(keep: Keep, expected: list[int]) -> None:
    rows = rows_of([-5.0, 1.0, 3.0], [0, 1, 2])
    assert np.flatnonzero(kept(rows, keep)).tolist() == expected


def test_packed_rows_come_back() -> None:
    rows = rows_of([1.0, float("nan")], [4, 2])
    assert unpack(rows.pack()).pack() == rows.pack()
