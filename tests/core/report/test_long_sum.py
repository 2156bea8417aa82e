"""The sum of a long column is the one that `math.fsum` gives, to the last bit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bowline.core.report.long_sum import long_sum

finite = st.floats(allow_nan=False, allow_infinity=False, max_value=1e290, min_value=-1e290)


@given(arrays(np.float64, st.integers(0, 60), elements=finite))
def test_it_is_fsum_s_for_any_values_of_any_size_and_sign(values):
    assert long_sum(values).hex() == math.fsum(values).hex()


@given(st.integers(0, 2**32 - 1), st.integers(16_000, 50_000), st.integers(0, 300))
def test_it_is_fsum_s_over_many_tiles_and_where_nearly_everything_cancels(seed, count, decades):
    draw = np.random.default_rng(seed)
    half = draw.standard_normal(count) * 10.0 ** draw.integers(-decades, decades + 1, count)
    values = draw.permutation(np.concatenate((half, -half, [1e-9])))

    assert long_sum(values) == math.fsum(values) == 1e-9


@pytest.mark.parametrize("most", [1e308, math.inf])
def test_what_is_too_large_for_it_is_left_to_fsum(most):
    assert long_sum(np.array([most, 1.0, 2.0])) == most


def test_it_leaves_the_column_as_it_was():
    values = np.array([0.1, 0.2, 0.3])
    long_sum(values)

    assert values.tolist() == [0.1, 0.2, 0.3]
