"""The probability of backtest overfitting (PBO) by combinatorially symmetric cross-validation.

After Bailey, Borwein, López de Prado and Zhu (2017). It tests the *method of choice*, not one
strategy: does the variant that is best on one half of the days rank above the median on the other?
The returns it is given must be of variants whose selection did not depend on their result.

1. Cut the days into S blocks of consecutive days, S even, lengths differing by one at most.
2. Every choice of S/2 blocks is in-sample once; the other blocks are then out of sample.
3. The chosen variant is the one with the best Sharpe ratio in-sample (the first of equals). A half
   in which a variant's days do not vary has no ratio: it ranks above every ratio if the variant
   gained, below every ratio if it lost, and as 0 if it did nothing (`ranking_ratios`).
4. Its rank w out of sample (equals share their mean rank) lies in 1..N; logit = ln(r / (1 - r))
   with r = w / (N + 1).
5. PBO is the share of choices with logit <= 0: the winner ended in the lower half.

For a sample of variants, PBO is a rough estimate of the whole grid's, because the best of few is
not the best of all. `sampling_error` measures how far halves of the sample differ from it. Sharpe
ratios of unions of blocks come from sums and sums of squares of the blocks: one matrix product for
any S.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from math import comb

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bowline.core.model.market import FloatColumn
from bowline.core.rounding import has_spread
from bowline.research.validation.sharpe import DailyReturns, ranking_ratios, where_defined

#: most blocks, and fewest days per block
MOST_BLOCKS = 16
_DAYS_A_BLOCK = 4
FEWEST_BLOCKS = 4
#: from this number of variants on there are fewer blocks: 924 choices instead of 12,870
_MANY_VARIANTS, _MANY_BLOCKS = 2_000, 12
_FEWEST_VARIANTS = 2
_ERROR_HALVES, _ERROR_BLOCKS, _SEED = 8, 10, 20_170_331
#: Sharpe ratios held at once: limits memory
_AT_ONCE = 1 << 17


class Overfitting(Struct, frozen=True):
    """The result of cross-validation. Sharpe ratios are daily.

    `logits`, `in_sample`, `out_of_sample` have one value per choice of blocks: the logit and the
    two ratios of the chosen variant, NaN where a ratio is undefined; `undefined` is the share of
    choices of which one of the two is. `slope` is that of the regression line through (in-sample,
    out of sample): below 0, the better a variant looked the worse it did; None if in-sample never
    varies or no ratio is defined. `loss_probability` is the share of choices whose winner lost
    money out of sample.
    """

    variants: int
    blocks: int
    pbo: float
    loss_probability: float
    undefined: float
    slope: float | None
    logits: FloatColumn
    in_sample: FloatColumn
    out_of_sample: FloatColumn


def blocks_for(days: int, variants: int = 0) -> int:
    """The number of blocks to cut `days` into: even, at most 16; 0 if there are too few days.

    For more than 2,000 variants at most 12: time grows with variants times choices.
    """
    most = _MANY_BLOCKS if variants > _MANY_VARIANTS else MOST_BLOCKS
    blocks = min(most, days // _DAYS_A_BLOCK) // 2 * 2
    return blocks if blocks >= FEWEST_BLOCKS else 0


def cross_validate(returns: DailyReturns, blocks: int = MOST_BLOCKS) -> Overfitting:
    """CSCV over `blocks` blocks; ValueError for under two variants or too few days.

    Deterministic; time grows with variants times choices (16 blocks: 12,870).
    """
    variants, days = returns.shape
    if variants < _FEWEST_VARIANTS or blocks < 2 or blocks % 2 or days < 2 * blocks:  # noqa: PLR2004
        raise ValueError(
            f"{variants} variants of {days} days cannot be cut into {blocks} blocks: expected two "
            "variants or more, an even number of blocks, and two days a block or more"
        )
    halves = _Halves(returns, blocks)
    choices = comb(blocks, blocks // 2)
    rank, inside, outside = np.empty(choices), np.empty(choices), np.empty(choices)
    at = 0
    for chosen in _choices(blocks, max(1, _AT_ONCE // variants)):
        one, other = halves.sharpes(chosen), halves.sharpes(~chosen)
        # each choice is the complement of another one, in reverse order
        first = slice(at, at + len(chosen))
        last = slice(choices - 1 - at, choices - 1 - first.stop, -1)
        rank[first], inside[first], outside[first] = _test_best(one, other)
        rank[last], inside[last], outside[last] = _test_best(other, one)
        at = first.stop
    share = rank / (variants + 1)
    logits = np.log(share / (1 - share))
    return Overfitting(
        variants=variants,
        blocks=blocks,
        pbo=float(np.mean(logits <= 0)),
        loss_probability=float(np.mean(outside < 0)),
        undefined=float(np.mean(np.isinf(inside) | np.isinf(outside))),
        slope=_slope(where_defined(inside), where_defined(outside)),
        logits=logits,
        in_sample=where_defined(inside),
        out_of_sample=where_defined(outside),
    )


def sampling_error(returns: DailyReturns, blocks: int) -> float:
    """How far the PBO of halves of these variants lies from that of all of them, root mean square.

    Eight halves, drawn by a fixed seed; at most 10 blocks, because it runs nine times. 0 if there
    are too few variants to halve.
    """
    if len(returns) < 2 * _FEWEST_VARIANTS:
        return 0.0
    cut = min(blocks, _ERROR_BLOCKS)
    whole = cross_validate(returns, cut).pbo
    draw = np.random.Generator(np.random.PCG64(_SEED))
    halves = [
        cross_validate(returns[draw.permutation(len(returns))[: len(returns) // 2]], cut).pbo
        for _ in range(_ERROR_HALVES)
    ]
    return float(np.sqrt(np.mean(np.square(np.array(halves) - whole))))


class _Halves:
    """Sharpe ratios of unions of blocks, for all variants at once."""

    def __init__(self, returns: DailyReturns, blocks: int) -> None:
        starts = np.arange(blocks) * returns.shape[1] // blocks
        self._days = np.diff(starts, append=returns.shape[1]).astype(np.float64)
        self._sums = np.add.reduceat(returns, starts, axis=1).T
        self._squares = np.add.reduceat(np.square(returns), starts, axis=1).T

    def sharpes(self, chosen: NDArray[np.bool_]) -> DailyReturns:
        """What to rank by: one row per choice of blocks, one column per variant."""
        weight = chosen.astype(np.float64)
        days = np.asarray(weight @ self._days)[:, np.newaxis]
        mean = np.asarray(weight @ self._sums) / days
        square = np.asarray(weight @ self._squares) / days
        variance = (square - mean**2) * days / (days - 1)
        deviation = np.sqrt(np.maximum(variance, 0.0))
        return ranking_ratios(mean, deviation)


def _test_best(
    inside: DailyReturns, outside: DailyReturns
) -> tuple[FloatColumn, FloatColumn, FloatColumn]:
    """For each row: the best variant's rank outside (1 is the worst), its ratio inside, outside."""
    rows, best = np.arange(len(inside)), inside.argmax(axis=1)
    own = outside[rows, best]
    worse = np.count_nonzero(outside < own[:, np.newaxis], axis=1)
    equal = np.count_nonzero(outside == own[:, np.newaxis], axis=1)
    return worse + (equal + 1) / 2, inside[rows, best], own


def _choices(blocks: int, at_once: int) -> Iterator[NDArray[np.bool_]]:
    """The first half of all choices of half the blocks, in lexical order, as rows of booleans.

    The second half are their complements in reverse order.
    """
    rows = np.array(list(combinations(range(blocks), blocks // 2)))
    half = len(rows) // 2
    for start in range(0, half, at_once):
        part = rows[start : min(start + at_once, half)]
        chosen = np.zeros((len(part), blocks), dtype=np.bool_)
        np.put_along_axis(chosen, part, values=True, axis=1)
        yield chosen


def _slope(x: FloatColumn, y: FloatColumn) -> float | None:
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if not len(x):
        return None
    off = x - x.mean()
    square = float(off @ off)
    varies = has_spread(math.sqrt(square / len(x)), float(x.mean()))
    return float(off @ (y - y.mean())) / square if varies else None
