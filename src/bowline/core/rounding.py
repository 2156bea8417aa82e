"""Zero, as floats have it: what is left of a number by rounding alone. The one test for it.

Nothing may be divided by, or compared with, a float that could be 0 without asking here first. A
test for exact equality with 0 is one only for numbers that were never rounded (counts, one column's
highest less its lowest).

Why a part in 10¹²: an operation on float64 errs by at most 2⁻⁵³ (1.1e-16) of its result, so a sum
of n terms that went up to S errs by at most n * 1.1e-16 * S, and by about sqrt(n) of them since
errors go both ways. That leaves room for 9,000 operations all rounded the same way and 8e7 rounded
as they come; prices move by ticks of 1e-9 of themselves at the very least, a thousand times more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowline.core.model.market import FloatColumn

#: a part of the numbers that went into it that is no more than this is rounding
ROUNDING = 1e-12
#: recorded prices have some eight digits: returns that lie closer together than a millionth of
#: their mean are equal returns, written down
EQUAL_RETURNS = 1e-6


def is_negligible(size: FloatColumn, scale: FloatColumn | float) -> NDArray[np.bool_]:
    """Where `size` is rounding beside the numbers it was made of, which go up to `scale`.

    `scale` is their size, not that of the result: the rest of a sum of large numbers is as large as
    they were, however small the result should be. Not where either is NaN.
    """
    negligible: NDArray[np.bool_] = np.abs(size) <= ROUNDING * np.abs(scale)
    return negligible


def largest_so_far(column: NDArray[Any]) -> FloatColumn:
    """The largest size up to each row, 0 before the first that is known: the scale of running sums.

    A sum that gains and loses terms keeps the rounding of the largest it ever held.
    """
    sizes = np.abs(np.asarray(column, dtype=np.float64))
    found: FloatColumn = np.maximum.accumulate(np.where(np.isfinite(sizes), sizes, 0.0))
    return found


def has_spread(
    deviation: FloatColumn | float, mean: FloatColumn | float, scale: FloatColumn | float = 1.0
) -> NDArray[np.bool_]:
    """Whether values of this mean deviate from it (or from 0) by more than rounding.

    `scale` is the size of what the values are the rest of: 1 for returns, which are growth less 1.
    Not where they lie closer together than `EQUAL_RETURNS` of their mean.
    """
    bound = np.maximum(ROUNDING * np.abs(scale), EQUAL_RETURNS * np.abs(mean))
    spread: NDArray[np.bool_] = deviation > bound
    return spread
