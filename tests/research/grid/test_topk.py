"""The top is the same whatever the order in which parts of it came."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bowline.research.grid.topk import (
    RANKINGS,
    RowBounds,
    SweepRows,
    best_rows,
    concatenate,
    unpack,
    within_bounds,
)


def rows_of(figures: list[float], variants: list[int], trips: list[int] | None = None) -> SweepRows:
    count = len(figures)
    column = np.array(figures, dtype=np.float64)
    counts = np.array(range(count) if trips is None else trips, dtype=np.int32)
    return SweepRows(
        np.array(variants, dtype=np.int64), column, np.abs(column), counts, counts // 2,
        column, column, column, np.ones(count, dtype=np.int64),
    )  # fmt: skip


FIGURES = st.lists(
    st.tuples(st.sampled_from([-3.0, -0.0, 0.0, 1.0, float("nan")]), st.integers(0, 1)),
    min_size=1,
    max_size=60,
)  # ties are the point


def cost(variants: np.ndarray) -> np.ndarray:
    """Made up: what ends with a low digit is simple."""
    return np.asarray(variants % 10 // 3)


@given(FIGURES, st.integers(1, 20), st.sampled_from(RANKINGS), st.randoms())
def test_merging_parts_in_any_order_gives_the_same_bytes(figures, count, rank_by, chance) -> None:
    values, trips = zip(*figures, strict=True)
    rows = rows_of(list(values), list(range(len(figures))), list(trips))
    whole = best_rows(rows, rank_by, count, cost)
    places = list(range(len(figures)))
    chance.shuffle(places)
    parts = [places[i : i + 7] for i in range(0, len(places), 7)]
    merged = rows.take(np.array([], dtype=np.intp))
    for part in parts:
        taken = best_rows(rows.take(np.array(part)), rank_by, count, cost)
        merged = best_rows(concatenate((merged, taken)), rank_by, count, cost)
    assert merged.pack() == whole.pack()


@given(FIGURES, st.integers(1, 10))
def test_equal_outcomes_are_one_row_that_counts_them_and_names_the_simplest(figures, count) -> None:
    """By a loop over rows: what has the same figures is one, whatever its base."""
    groups: dict[tuple[str, int], list[int]] = {}
    for variant, (value, trips) in enumerate(figures):
        groups.setdefault((repr(value + 0.0), trips), []).append(variant)
    values, trips = zip(*figures, strict=True)
    rows = rows_of(list(values), list(range(len(figures))), list(trips))
    found = best_rows(rows, "sharpe", count, cost)
    order = sorted(
        groups, key=lambda each: (-float(each[0]) if each[0] != "nan" else 9.0, -each[1])
    )
    expected = [
        (min(groups[each], key=lambda v: (v % 10 // 3, v)), len(groups[each])) for each in order
    ]
    assert list(zip(found.variant.tolist(), found.alike.tolist(), strict=True)) == expected[:count]


def test_a_thousand_that_never_trade_leave_room_for_those_that_do() -> None:
    """More equal rows than are looked at first: the others must not be lost behind them."""
    rows = rows_of([0.0] * 5_000 + [-1.0, -2.0], list(range(5_002)), [0] * 5_000 + [3, 4])
    found = best_rows(rows, "total_return_pct", 3)
    assert found.variant.tolist() == [0, 5_000, 5_001]
    assert found.alike.tolist() == [5_000, 1, 1]


def test_ties_go_to_the_better_of_the_other_figures_and_what_does_not_exist_is_last() -> None:
    rows = rows_of([1.0, float("nan"), 2.0, 1.0], [8, 1, 9, 3])
    assert best_rows(rows, "total_return_pct", 4).variant.tolist() == [9, 3, 8, 1]
    by_drawdown = replace(rows, max_drawdown_pct=np.array([1.0, 0.0, 0.0, 2.0]))
    assert best_rows(by_drawdown, "total_return_pct", 4).variant.tolist() == [9, 8, 3, 1]


def test_a_smaller_drawdown_is_better() -> None:
    rows = rows_of([-5.0, 1.0, 3.0], [0, 1, 2])
    assert best_rows(rows, "max_drawdown_pct", 2).variant.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (RowBounds(max_drawdown_pct=1.0), [1]),
        (RowBounds(min_round_trips=1), [1, 2]),
        (RowBounds(max_round_trips=0), [0]),
        (RowBounds(min_exposure_pct=1.0), [1, 2]),
        (RowBounds(max_exposure_pct=1.0), [0, 1]),
        (RowBounds(), [0, 1, 2]),
    ],
)
def test_each_bound_keeps_what_holds_it(keep: RowBounds, expected: list[int]) -> None:
    rows = rows_of([-5.0, 1.0, 3.0], [0, 1, 2])
    assert np.flatnonzero(within_bounds(rows, keep)).tolist() == expected


def test_packed_rows_come_back() -> None:
    rows = rows_of([1.0, float("nan")], [4, 2])
    assert unpack(rows.pack()).pack() == rows.pack()
    of_before = {name: column for name, column in rows.pack().items() if name != "alike"}
    assert unpack(of_before).pack() == rows.pack()
