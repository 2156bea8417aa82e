"""Merging chunks: the best rows so far, the shortlist after stage A, and the final result.

Results may arrive in any order; each is counted once, and the outcome does not depend on the order.
"""

from __future__ import annotations

import numpy as np

from bowline.research.grid.plan import ChunkResult, GridPlan
from bowline.research.grid.space import IndexColumn
from bowline.research.grid.stages import StageFacts, spearman
from bowline.research.grid.topk import (
    SweepRows,
    best_rows,
    concatenate,
    no_rows,
    ranking_keys,
    unpack,
)


class Merge:
    """The merged chunks of one plan."""

    def __init__(self, plan: GridPlan) -> None:
        self.plan = plan
        self.evaluated = 0
        self.kept = 0
        self.top: SweepRows = no_rows()
        self._done = np.zeros(plan.chunks, dtype=np.bool_)
        self._samples: dict[int, SweepRows] = {}
        #: one figure per base: that of stage A if there is one, else the best of its variants
        self.figures = np.full(plan.space.bases, -np.inf)
        self._second = np.full(plan.second_bases if plan.shortlisted else 0, -np.inf)
        self._shortlist: IndexColumn | None = None

    def add(self, result: ChunkResult) -> None:
        """Add a chunk's result; a result that was added before is ignored."""
        if self._done[result.chunk]:
            return
        self._done[result.chunk] = True
        self.evaluated += result.evaluated
        self.kept += result.kept
        low, high = self.plan.span_of(result.chunk)
        target = self.figures if result.chunk < self.plan.first_chunks else self._second
        target[low:high] = np.frombuffer(result.figures, "<f8")
        request = self.plan.request
        rows = concatenate((self.top, result.rows))
        self.top = best_rows(rows, request.rank_by, request.top, self.plan.cost)
        if result.sample["variant"]:
            self._samples[result.chunk] = unpack(result.sample)

    def missing(self) -> list[int]:
        """The chunks that can be run now and have not been."""
        most = self.plan.chunks if self.first_done else self.plan.first_chunks
        return np.flatnonzero(~self._done[:most]).tolist()

    @property
    def first_done(self) -> bool:
        """Whether every chunk that needs no shortlist is merged."""
        return bool(self._done[: self.plan.first_chunks].all())

    @property
    def done(self) -> bool:
        """Whether every chunk is merged."""
        return bool(self._done.all())

    @property
    def shortlist(self) -> IndexColumn | None:
        """The bases that stage B evaluates, ascending; None without a stage B.

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

    def sample(self) -> SweepRows:
        """Evenly drawn rows of the last stage, by variant."""
        return concatenate(self._samples[chunk] for chunk in sorted(self._samples))

    def stage_facts(self) -> StageFacts | None:
        """How reliable the shortlist is; None without one."""
        shortlist = self.shortlist
        if shortlist is None:
            return None
        bases = self.plan.second_list(shortlist)
        probes = ~np.isin(bases, shortlist, assume_unique=True)
        request = self.plan.request
        full = len(self.top) >= request.top
        least = ranking_keys(self.top, request.rank_by)[-1] if full else -np.inf
        return StageFacts(
            bases=self.plan.space.bases,
            shortlist=len(shortlist),
            probes=int(probes.sum()),
            rank_correlation=spearman(self.figures[bases], self._second),
            probes_in_top=int(np.count_nonzero(self._second[probes] > least)),
        )
