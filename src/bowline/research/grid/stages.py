"""Stages: which bases go on to stage B, and whether dropping the others could have lost the winner.

Stage A runs every base without stops, stage B the bases of the shortlist with every pair of stops.
A shortlist assumes that a base that is good without stops is good with them; this must never be
assumed silently. So some bases that were dropped, drawn evenly, go through stage B as probes: they
are never ranked, and only show what was missed.

1. The shortlist is the S best of stage A by the ranking of the request, ties by number.
2. Probes are every n-th of the bases that are not on it.
3. Afterwards: Spearman's rank correlation between a base's figure in A and its best in B, over
   shortlist and probes; and how many probes would have entered the top.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bowline.research.grid.space import IndexColumn

#: dropped bases that stage B evaluates as probes, at most
PROBES = 500
#: a shortlist with a weaker rank correlation is reported as unreliable
TRUSTED_CORRELATION = 0.7
_FEWEST_PAIRS = 3


class StageFacts(Struct, frozen=True):
    """How reliable a shortlist was. A correlation that is undefined is None."""

    bases: int
    shortlist: int
    probes: int
    rank_correlation: float | None
    probes_in_top: int

    @property
    def is_unreliable(self) -> bool:
        """Whether the shortlist may have lost rows of the top."""
        weak = self.rank_correlation is not None and self.rank_correlation < TRUSTED_CORRELATION
        return self.probes_in_top > 0 or weak

    def words(self) -> str:
        """The same in one sentence."""
        shown = "no" if self.rank_correlation is None else f"{self.rank_correlation:.2f}"
        start = (
            f"stage A kept {self.shortlist:,} of {self.bases:,} bases; rank correlation of the "
            f"ranking without and with stops {shown}"
        )
        if self.probes_in_top:
            return (
                f"{start}; {self.probes_in_top} of {self.probes} probed bases outside it would "
                "have entered the top: repeat it with --exhaustive or a longer shortlist"
            )
        if self.is_unreliable:
            return f"{start}: too weak, the shortlist may have lost the winner"
        return f"{start}; none of {self.probes} probed bases outside it would have entered the top"


def draw_probes(shortlist: IndexColumn, bases: int) -> IndexColumn:
    """Up to `PROBES` bases that are not on the (ascending) shortlist, drawn evenly."""
    left = bases - len(shortlist)
    count = min(PROBES, left)
    if not count:
        return np.empty(0, dtype=np.int64)
    wanted = np.arange(count, dtype=np.int64) * left // count
    # the n-th number not on the list is n plus the count of listed numbers before it
    gaps = shortlist - np.arange(len(shortlist))
    return wanted + np.searchsorted(gaps, wanted, side="right")


def spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    """Rank correlation with mean ranks for ties (Spearman 1904); None if it is undefined."""
    sound = np.isfinite(one) & np.isfinite(other)
    if np.count_nonzero(sound) < _FEWEST_PAIRS:
        return None
    a, b = (_ranks(each[sound]) for each in (one, other))
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / scale) if scale else None


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    mean = last - (count - 1) / 2
    return np.asarray(mean[place], dtype=np.float64)
