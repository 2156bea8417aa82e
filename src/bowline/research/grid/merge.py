"""Merging chunks: the best so far at any moment, the shortlist after stage A, all of it at the end.

Results may come in any order and each is taken once; what comes out must not depend on the order.
"""

from __future__ import annotations

import numpy as np

from bowline.research.grid.plan import ChunkResult, GridPlan
from bowline.research.grid.space import Numbers
from bowline.research.grid.stages import StageFacts, spearman
from bowline.research.grid.topk import Rows, best, joined, keys, no_rows, unpack


class Merge:
    """The chunks of one plan as they come."""

    def __init__(self, plan: GridPlan) -> None:
        self.plan = plan
        self.evaluated = 0
        self.kept = 0
        self.top: Rows = no_rows()
        self._done = np.zeros(plan.chunks, dtype=np.bool_)
        self._samples: dict[int, Rows] = {}
        #: one figure a base: of stage A where there is one, else the best of its variants
        self.figures = np.full(plan.space.bases, -np.inf)
        self._second = np.full(plan.second_bases if plan.shortlisted else 0, -np.inf)
        self._shortlist: Numbers | None = None

    def add(self, result: ChunkResult) -> None:
        """Take a chunk's result; one that was taken before changes nothing."""
        if self._done[result.chunk]:
            return
        self._done[result.chunk] = True
        self.evaluated += result.evaluated
        self.kept += result.kept
        low, high = self.plan.span_of(result.chunk)
        target = self.figures if result.chunk < self.plan.first_chunks else self._second
        target[low:high] = np.frombuffer(result.figures, "<f8")
        request = self.plan.request
        rows = joined((self.top, result.rows))
        self.top = best(rows, request.rank_by, request.top, self.plan.cost)
        if result.sample["variant"]:
            self._samples[result.chunk] = unpack(result.sample)

    def missing(self) -> list[int]:
        """The chunks that can be run now and were not yet."""
        most = self.plan.chunks if self.first_done else self.plan.first_chunks
        return np.flatnonzero(~self._done[:most]).tolist()

    @property
    def first_done(self) -> bool:
        """Whether every chunk that needs no shortlist is here."""
        return bool(self._done[: self.plan.first_chunks].all())

    @property
    def done(self) -> bool:
        """Whether every chunk is here."""
        return bool(self._done.all())

    @property
    def shortlist(self) -> Numbers | None:
        """The bases that go on to stage B, rising; None where there is no stage B.

        ValueError while stage A is not finished.
        """
        if not self.plan.shortlisted:
            return None
        if self._shortlist is None:
            if not self.first_done:
                raise ValueError("stage A is not finished")
            order = np.lexsort((np.arange(len(self.figures)), -self.figures))
            self._shortlist = np.sort(order[: self.plan.request.shortlist]).astype(np.int64)
        return self._shortlist

    def sample(self) -> Rows:
        """Evenly drawn rows of the last stage, by variant."""
        return joined(self._samples[chunk] for chunk in sorted(self._samples))

    def stage_facts(self) -> StageFacts | None:
        """What is to be said about the shortlist; None where there is none."""
        shortlist = self.shortlist
        if shortlist is None:
            return None
        bases = self.plan.second_list(shortlist)
        probes = ~np.isin(bases, shortlist, assume_unique=True)
        request = self.plan.request
        full = len(self.top) >= request.top
        least = keys(self.top, request.rank_by)[-1] if full else -np.inf
        return StageFacts(
            bases=self.plan.space.bases,
            shortlist=len(shortlist),
            probes=int(probes.sum()),
            rank_correlation=spearman(self.figures[bases], self._second),
            probes_in_top=int(np.count_nonzero(self._second[probes] > least)),
        )
