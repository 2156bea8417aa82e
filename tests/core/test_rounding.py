"""What counts as zero: all that rounding can leave, and nothing that a market can do."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.rounding import has_spread, is_negligible, largest_so_far

#: the smallest part of itself by which a price here moves: a tick of 1e-8 at a price of 1, or of
#: 0.01 at ten million
SMALLEST_MOVE = 1e-9


@given(
    st.lists(st.floats(1e-8, 1e12), min_size=1, max_size=300),
    st.floats(1e-8, 1e7),
    st.randoms(use_true_random=False),
)
def test_the_rest_of_a_sum_is_zero_once_all_its_terms_are_gone(terms, price, chance):
    """Whatever was added and taken away again, in whatever order."""
    steps = [price * term for term in terms] + [-price * term for term in terms]
    chance.shuffle(steps)
    sums = np.array(list(accumulate(steps)))
    assert is_negligible(sums, largest_so_far(sums) + price * max(terms))[-1]


@given(st.floats(1e-10, 1e10))
def test_the_smallest_move_of_a_price_is_not_zero(price):
    moved = np.array([price * (1 + SMALLEST_MOVE) - price])
    assert not is_negligible(moved, np.array([price]))[0]


def test_nothing_beside_nothing_is_zero_and_the_unknown_is_not():
    sizes, scales = np.array([0.0, np.nan, 0.0, 1e-13]), np.array([0.0, 1.0, np.nan, -1.0])
    assert is_negligible(sizes, scales).tolist() == [True, False, False, True]


def test_the_largest_so_far_never_falls_and_waits_for_the_first_value():
    column = np.array([np.nan, 2.0, -5.0, 1.0, np.inf])
    assert largest_so_far(column).tolist() == [0.0, 2.0, 5.0, 5.0, 5.0]


@pytest.mark.parametrize(
    ("deviation", "mean", "scale", "spread"),
    [
        (1e-13, 0.0, 1.0, False),
        (2e-12, 0.0, 1.0, True),
        (2e-12, 0.0, 100.0, False),
        (1e-9, 0.01, 1.0, False),
        (1e-7, -0.01, 1.0, True),
    ],
)
def test_a_deviation_counts_beyond_rounding_and_beyond_a_millionth_of_the_mean(
    deviation, mean, scale, spread
):
    assert bool(has_spread(deviation, mean, scale)) is spread
