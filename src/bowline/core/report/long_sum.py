"""The exact sum of a long column: `math.fsum` to the last bit, at the speed of array arithmetic.

After Rump, Ogita and Oishi, Accurate Floating-Point Summation (2008), ExtractVector. It must never
differ from `math.fsum` by a bit, whatever the values and their order are.

1. A tile of n values, none above m, and a power of two s with n * m < s: (s + v) - s is v rounded
   to a multiple of s / 2^53, and a sum of such multiples stays below s, so it is exact.
2. What the rounding left of each value is exact too; it goes the same way until nothing is left.
3. `math.fsum` adds the few exact sums up, and rounds once.
"""

from __future__ import annotations

import math

from bowline.core.model.market import FloatColumn

#: what is worked on stays in the cache
_TILE = 1 << 14
#: two are enough for values of one size; what these leave over is summed as it is
_MOST_PASSES = 4
#: above it a power of two that is large enough for a tile may be none
_LARGEST = 2.0**1000


def long_sum(values: FloatColumn) -> float:
    """The sum of all values, rounded once; errors are those of `math.fsum`."""
    sums: list[float] = []
    for start in range(0, len(values), _TILE):
        rest = values[start : start + _TILE].copy()
        for _ in range(_MOST_PASSES):
            most = max(float(rest.max()), -float(rest.min()))
            if not most < _LARGEST:
                return math.fsum(values)
            if not most:
                break
            unit = math.ldexp(1.0, math.frexp(most)[1] + len(rest).bit_length() + 1)
            rounded = rest + unit
            rounded -= unit
            rest -= rounded
            sums.append(float(rounded.sum()))
        else:
            sums += rest[rest != 0].tolist()
    return math.fsum(sums)
