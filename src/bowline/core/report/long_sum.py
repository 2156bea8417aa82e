"""The exact sum of a long column: `math.fsum` bit for bit, at the speed of array arithmetic.

After Rump, Ogita and Oishi, Accurate Floating-Point Summation (2008), ExtractVector. It must never
differ from `math.fsum` by a bit, for any values in any order.

1. For a tile of n values, none above m, and a power of two s with n * m < s: (s + v) - s is v
   rounded to a multiple of s / 2^53, and a sum of such multiples stays below s, so it is exact.
2. The rounding error of each value is exact too; it is summed in the same way until nothing is
   left.
3. `math.fsum` adds the few exact sums, rounding once.
"""

from __future__ import annotations

import math

from bowline.core.model.market import FloatColumn

#: a tile fits the cache
_TILE = 1 << 14
#: two suffice for values of one magnitude; the rest is then summed directly
_MOST_PASSES = 4
#: above it, the required power of two may overflow
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
