"""A sweep in this process: every chunk of a plan, by threads, merged, the top run again.

Threads, because the kernel releases the interpreter's lock. The bytes of the result must not
depend on how many there are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from bowline.core.model.market import CandleFrame
from bowline.core.signals import USUAL, Catalogue, Unsaid
from bowline.research.grid.again import Checked, rows_again, side_by_side
from bowline.research.grid.budget import USUAL_BUDGET, Budget
from bowline.research.grid.kernel import instruction_set
from bowline.research.grid.merge import Merge
from bowline.research.grid.plan import ChunkResult, GridPlan, plan_grid
from bowline.research.grid.request import GridRequest
from bowline.research.grid.request_reading import parse_grid
from bowline.research.grid.result import SweepResult, Timings
from bowline.research.grid.tape import Convention


class Progress(Struct, frozen=True):
    """How far a sweep is. `best` is the best key's figure so far, with its variant."""

    stage: str
    evaluated: int
    evaluations: int
    elapsed_s: float
    best_variant: int | None
    best_figure: float | None

    @property
    def variants_per_s(self) -> float:
        """Rows a second so far."""
        return self.evaluated / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def left_s(self) -> float:
        """Seconds to go at this speed."""
        rate = self.variants_per_s
        return (self.evaluations - self.evaluated) / rate if rate else 0.0


Tell = Callable[[Progress], None]
Take = Callable[[ChunkResult], None]


class Grid:
    """A request read against a catalogue: what a notebook begins with.

    `Grid({...}, wire.load_catalogue())`; then `sweep(grid, candles)`.
    """

    def __init__(self, raw: Mapping[str, Any], catalogue: Catalogue) -> None:
        """BadInput has a line for each mistake in `raw`."""
        self.request: GridRequest = parse_grid(raw, catalogue)

    @property
    def variants(self) -> int:
        """How many variants there are."""
        return self.request.space.variants

    @property
    def warmup(self) -> int:
        """Candles wanted before the first decision."""
        return self.request.warmup


def sweep(
    grid: Grid | GridRequest,
    candles: CandleFrame,
    *,
    start_ns: int | None = None,
    cash: Decimal = Decimal(10_000),
    unsaid: Unsaid = USUAL,
    convention: Convention = Convention.BOWLINE,
    budget: Budget = USUAL_BUDGET,
    threads: int = 1,
    progress: Tell | None = None,
    check: bool = True,
) -> SweepResult:
    """Sweep over `candles`; decisions begin at `start_ns`, by default at the first of them.

    BadInput where the plan is refused, RowDisagrees where core and kernel do not say the same of a
    row of the top. With `check=False` the rows are not run again and have no metrics.

    It knows no store, so it cannot note that these variants were tried on these candles, and the
    verdict on a later sweep will not count them. `desk.validation.judge_result` notes and judges.
    """
    request = grid.request if isinstance(grid, Grid) else grid
    first = int(candles.open_ns[0]) if len(candles) else 0
    plan = plan_grid(
        request,
        candles,
        first if start_ns is None else start_ns,
        cash=cash,
        unsaid=unsaid,
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
    progress: Tell | None = None,
    take: Take | None = None,
) -> Merge:
    """Run what `merge` is missing; `take` sees each result once, before it counts (checkpoints)."""
    began = time.perf_counter()

    def count(result: ChunkResult) -> None:
        if take is not None:
            take(result)
        merge.add(result)
        if progress is not None:
            progress(_progress(merge, time.perf_counter() - began))

    while todo := merge.missing():
        shortlist = merge.shortlist if merge.first_done else None
        for chunk in todo:
            count(plan.run_chunk(chunk, threads, shortlist))
    return merge


def finish(merge: Merge, sweep_s: float, *, check: bool = True) -> SweepResult:
    """The result of a plan whose chunks are all merged, its top run again through the core."""
    plan = merge.plan
    began = time.perf_counter()
    found: dict[int, Checked] = {}
    if check and plan.rules.convention is Convention.BOWLINE:
        for lot in side_by_side(plan, merge.top):
            found |= zip(lot, rows_again(plan, merge.top, lot), strict=True)
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
    return ("no kernel was compiled: the clear loop ran, which is slow",) if slow else ()


def _progress(merge: Merge, elapsed_s: float) -> Progress:
    plan = merge.plan
    rank_by, has_best = plan.request.rank_by, bool(len(merge.top))
    return Progress(
        stage="A" if plan.shortlisted and not merge.first_done else "B" if plan.shortlisted else "",
        evaluated=merge.evaluated,
        evaluations=plan.evaluations,
        elapsed_s=elapsed_s,
        best_variant=int(merge.top.variant[0]) if has_best else None,
        best_figure=float(merge.top.figure(rank_by)[0]) if has_best else None,
    )
