"""Stages: which bases go on, and whether leaving the others behind could have cost the winner.

Stage A runs every base without stops, stage B the bases of the shortlist with every pair of stops.
A shortlist is a bet that a base that is good without stops is good with them; it must never be
taken silently. So some bases that were left behind, drawn evenly, go through stage B as probes:
they are never ranked, they only say what was missed.

1. The shortlist is the S best of stage A by the ranking of the request, ties by number.
2. Probes are every n-th of the bases that are not on it.
3. Afterwards: Spearman's rank correlation between a base's figure in A and its best in B, over
   shortlist and probes; and how many probes would have entered the top.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bowline.research.grid.space import Numbers

#: bases left behind that stage B looks at, if there are so many
PROBES = 500
#: with a weaker rank correlation than this a shortlist is not to be trusted
TRUSTED_CORRELATION = 0.7
_FEWEST_PAIRS = 3


class StageFacts(Struct, frozen=True):
    """What a sweep with a shortlist says about it. A correlation that does not exist is None."""

    bases: int
    shortlist: int
    probes: int
    rank_correlation: float | None
    probes_in_top: int

    @property
    def may_have_lost_the_winner(self) -> bool:
        """Whether the shortlist could have cost rows of the top."""
        weak = self.rank_correlation is not None and self.rank_correlation < TRUSTED_CORRELATION
        return self.probes_in_top > 0 or weak

    def words(self) -> str:
        """The same in a sentence."""
        shown = "no" if self.rank_correlation is None else f"{self.rank_correlation:.2f}"
        start = (
            f"stage A took {self.shortlist:,} of {self.bases:,} bases on; rank correlation of "
            f"without and with stops {shown}"
        )
        if self.probes_in_top:
            return (
                f"{start}; {self.probes_in_top} of {self.probes} bases left behind would have "
                "entered the top: run it again with --exhaustive, or a longer shortlist"
            )
        if self.may_have_lost_the_winner:
            return f"{start}: too weak to rely on, the shortlist could have lost the winner"
        return f"{start}; none of {self.probes} probed bases left behind would have entered the top"


def probes_beside(shortlist: Numbers, bases: int) -> Numbers:
    """Up to `PROBES` bases that are not on the shortlist (which is rising), drawn evenly."""
    left = bases - len(shortlist)
    count = min(PROBES, left)
    if not count:
        return np.empty(0, dtype=np.int64)
    wanted = np.arange(count, dtype=np.int64) * left // count
    # the n-th number that is not on the list lies as far beyond n as there are listed ones before
    gaps = shortlist - np.arange(len(shortlist))
    return wanted + np.searchsorted(gaps, wanted, side="right")


def spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    """Rank correlation with mean ranks for ties (Spearman 1904); None where it does not exist."""
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
