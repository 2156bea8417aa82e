"""The one test for zero among floats: whether a number is no more than rounding error.

Nothing may be divided by, or compared with, a float that could be 0 without this test. An exact
comparison with 0 is correct only for numbers that were never rounded (counts, or the highest less
the lowest value of one column).

Why one part in 10¹²: a float64 operation errs by at most 2⁻⁵³ (1.1e-16) of its result (IEEE 754),
so a sum of n terms of size up to S errs by at most n * 1.1e-16 * S, and typically by sqrt(n) of
that. This leaves room for 9,000 operations rounded in one direction, or 8e7 rounded at random;
prices move by ticks of at least 1e-9 of themselves, a thousand times more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowline.core.model.market import FloatColumn

#: relative size of rounding error
ROUNDING = 1e-12
#: recorded prices have about eight digits: returns that differ by less than a millionth of their
#: mean are equal returns
EQUAL_RETURNS = 1e-6


def is_negligible(size: FloatColumn, scale: FloatColumn | float) -> NDArray[np.bool_]:
    """Where `size` is rounding error of the numbers it was computed from, which go up to `scale`.

    `scale` is the size of those numbers, not of the result: the rest of a sum of large numbers has
    a rounding error of their size, however small the result should be. False where either is NaN.
    """
    negligible: NDArray[np.bool_] = np.abs(size) <= ROUNDING * np.abs(scale)
    return negligible


def without_rounding(size: FloatColumn, scale: FloatColumn | float) -> FloatColumn:
    """`size` with 0 where it is rounding error of numbers that go up to `scale`."""
    rest: FloatColumn = np.where(is_negligible(size, scale), 0.0, size)
    return rest


def largest_so_far(column: NDArray[Any]) -> FloatColumn:
    """The largest size up to each row, 0 before the first known value: the scale of running sums.

    A sum that adds and removes terms keeps the rounding error of its largest value.
    """
    sizes = np.abs(np.asarray(column, dtype=np.float64))
    found: FloatColumn = np.maximum.accumulate(np.where(np.isfinite(sizes), sizes, 0.0))
    return found


def has_spread(
    deviation: FloatColumn | float, mean: FloatColumn | float, scale: FloatColumn | float = 1.0
) -> NDArray[np.bool_]:
    """Whether values with this mean deviate from it (or from 0) by more than rounding.

    `scale` is the size of what the values are the rest of: 1 for returns, which are growth less 1.
    False if they deviate by less than `EQUAL_RETURNS` of their mean.
    """
    bound = np.maximum(ROUNDING * np.abs(scale), EQUAL_RETURNS * np.abs(mean))
    spread: NDArray[np.bool_] = deviation > bound
    return spread
