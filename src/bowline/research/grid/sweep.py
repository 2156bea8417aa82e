"""A sweep in this process: every chunk of a plan, on threads, merged.

The core then runs the rows of the top. Threads suffice, because the kernel releases the
interpreter's lock. The bytes of the result must not depend on their number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from bowline.core.model.market import CandleFrame
from bowline.core.signals import BUILTIN_DEFAULTS, Catalogue, SpecDefaults
from bowline.research.grid.budget import DEFAULT_BUDGET, SweepBudget
from bowline.research.grid.kernel import instruction_set
from bowline.research.grid.kernel_types import Convention
from bowline.research.grid.merge import Merge
from bowline.research.grid.plan import ChunkResult, GridPlan, plan_grid
from bowline.research.grid.recheck import RecheckedRow, recheck_batches, recheck_rows
from bowline.research.grid.request import GridRequest
from bowline.research.grid.request_reading import parse_grid
from bowline.research.grid.result import SweepResult, Timings


class SweepProgress(Struct, frozen=True):
    """How far a sweep is. `best_figure` is the ranking figure of the best row so far."""

    stage: str
    evaluated: int
    evaluations: int
    elapsed_s: float
    best_variant: int | None
    best_figure: float | None

    @property
    def variants_per_s(self) -> float:
        """Rows per second so far."""
        return self.evaluated / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def left_s(self) -> float:
        """Seconds to go at this speed."""
        rate = self.variants_per_s
        return (self.evaluations - self.evaluated) / rate if rate else 0.0


OnProgress = Callable[[SweepProgress], None]
OnChunk = Callable[[ChunkResult], None]


class Grid:
    """A request checked against a catalogue, for use in a notebook.

    `Grid({...}, wire.load_catalogue())`; then `sweep(grid, candles)`.
    """

    def __init__(self, raw: Mapping[str, Any], catalogue: Catalogue) -> None:
        """BadInput has a line for each mistake in `raw`."""
        self.request: GridRequest = parse_grid(raw, catalogue)

    @property
    def variants(self) -> int:
        """The number of variants."""
        return self.request.space.variants

    @property
    def warmup(self) -> int:
        """Candles needed before the first decision."""
        return self.request.warmup


def sweep(
    grid: Grid | GridRequest,
    candles: CandleFrame,
    *,
    start_ns: int | None = None,
    cash: Decimal = Decimal(10_000),
    defaults: SpecDefaults = BUILTIN_DEFAULTS,
    convention: Convention = Convention.BOWLINE,
    budget: SweepBudget = DEFAULT_BUDGET,
    threads: int = 1,
    progress: OnProgress | None = None,
    check: bool = True,
) -> SweepResult:
    """Sweep over `candles`; decisions begin at `start_ns`, by default at the first of them.

    BadInput if the plan is refused, RowDisagrees if core and kernel disagree on a row of the top.
    With `check=False` the rows are not run again and have no metrics.

    It knows no store, so it cannot record that these variants were tried on these candles, and the
    verdict on a later sweep will not count them. `desk.validation.judge_result` records and judges.
    """
    request = grid.request if isinstance(grid, Grid) else grid
    first = int(candles.open_ns[0]) if len(candles) else 0
    plan = plan_grid(
        request,
        candles,
        first if start_ns is None else start_ns,
        cash=cash,
        defaults=defaults,
        convention=convention,
        budget=budget,
    )
    began = time.perf_counter()
    merge = run_chunks(plan, Merge(plan), threads=threads, progress=progress)
    return finish(merge, time.perf_counter() - began, check=check)


def run_chunks(
    plan: GridPlan,
    merge: Merge,
    *,
    threads: int = 1,
    progress: OnProgress | None = None,
    on_chunk: OnChunk | None = None,
) -> Merge:
    """Run the chunks that `merge` is missing; `on_chunk` gets each result before it is merged."""
    began = time.perf_counter()

    def count(result: ChunkResult) -> None:
        if on_chunk is not None:
            on_chunk(result)
        merge.add(result)
        if progress is not None:
            progress(_progress(merge, time.perf_counter() - began))

    while todo := merge.missing():
        shortlist = merge.shortlist if merge.first_done else None
        for chunk in todo:
            count(plan.run_chunk(chunk, threads, shortlist))
    return merge


def finish(merge: Merge, sweep_s: float, *, check: bool = True) -> SweepResult:
    """The result of a plan whose chunks are all merged; its top is run again by the core."""
    plan = merge.plan
    began = time.perf_counter()
    found: dict[int, RecheckedRow] = {}
    if check and plan.rules.convention is Convention.BOWLINE:
        for batch in recheck_batches(plan, merge.top):
            found |= zip(batch, recheck_rows(plan, merge.top, batch), strict=True)
    work = merge.evaluated * (len(plan.candles) - plan.start)
    return SweepResult(
        plan=plan,
        top=merge.top,
        metrics=tuple(found[place].metrics for place in sorted(found)),
        sample=merge.sample(),
        figures=merge.figures,
        evaluated=merge.evaluated,
        kept=merge.kept,
        stages=merge.stage_facts(),
        hashes=plan.hashes,
        timings=Timings(sweep_s, time.perf_counter() - began, work / sweep_s if sweep_s else 0.0),
        notes=_notes(),
        held_across=tuple(found[place].held_across for place in sorted(found)),
    )


def _notes() -> tuple[str, ...]:
    slow = instruction_set() == "python"
    return ("no kernel was compiled: the Python loop ran, which is slow",) if slow else ()


def _progress(merge: Merge, elapsed_s: float) -> SweepProgress:
    plan = merge.plan
    rank_by, has_best = plan.request.rank_by, bool(len(merge.top))
    return SweepProgress(
        stage="A" if plan.shortlisted and not merge.first_done else "B" if plan.shortlisted else "",
        evaluated=merge.evaluated,
        evaluations=plan.evaluations,
        elapsed_s=elapsed_s,
        best_variant=int(merge.top.variant[0]) if has_best else None,
        best_figure=float(merge.top.figure(rank_by)[0]) if has_best else None,
    )
