"""A sweep as stages of a job.

A without stops if there is a shortlist, B with them, then the recheck. It must contain no rule of a
sweep: chunks, merging and checks are the grid's. The result contains no times, so that it is the
same bytes whichever workers were killed.

1. A and B are the chunks of the plan. Stage B begins with the shortlist that stage A's chunks give.
2. The recheck runs the rows of the top in the core, a few per chunk, rows of one base together. A
   row that disagrees fails the job.
3. The outcome is everything but the candles and the plan, which follow from the job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from bowline.core.errors import Conflict
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame
from bowline.core.model.values import Timeframe
from bowline.core.report import Metrics
from bowline.research.grid import (
    ChunkResult,
    GridPlan,
    GridRequest,
    Merge,
    Rules,
    SweepResult,
    SweepRows,
    instruction_set,
)
from bowline.research.grid.plan import Hashes
from bowline.research.grid.recheck import recheck_batches, recheck_rows
from bowline.research.grid.result import Timings
from bowline.research.grid.space import IndexColumn
from bowline.research.grid.stages import StageFacts
from bowline.research.grid.topk import ranking_keys, unpack
from bowline.research.jobs.stage import ChunkSummary, Stage, StagePackage

#: approximate time of the core per round trip and per candle of a row, and the total from which
#: separate processes are worth their start
_ROUND_TRIP_S, _CANDLE_S, _PROCESSES_FROM_S = 50e-6, 50e-9, 3.0


class _RecheckedPlace(Struct, frozen=True, array_like=True):
    """The core's result for one row of the top, by its place."""

    place: int
    metrics: Metrics
    held_across: int = 0


_RecheckedPlaces = list[_RecheckedPlace]


class SweepOutcome(Struct, frozen=True):
    """The result of a sweep's job. Columns are little-endian bytes, as the grid packs them."""

    hashes: Hashes
    evaluated: int
    kept: int
    top: dict[str, bytes]
    sample: dict[str, bytes]
    figures: bytes
    stages: StageFacts | None
    metrics: tuple[Metrics, ...]
    held_across: tuple[int, ...] = ()


def first_stage(plan: GridPlan) -> Stage:
    """The first stage of a sweep's job."""
    return _KernelStage(plan, Merge(plan))


def result_of(plan: GridPlan, content: bytes, seconds: float) -> SweepResult:
    """The sweep result from a finished job's content; `seconds` is the time spent on it."""
    outcome = msgspec.msgpack.decode(content, type=SweepOutcome)
    work = outcome.evaluated * (len(plan.candles) - plan.start)
    slow = instruction_set() == "python"
    return SweepResult(
        plan=plan,
        top=unpack(outcome.top),
        metrics=outcome.metrics,
        held_across=outcome.held_across,
        sample=unpack(outcome.sample),
        figures=np.frombuffer(outcome.figures, "<f8"),
        evaluated=outcome.evaluated,
        kept=outcome.kept,
        stages=outcome.stages,
        hashes=outcome.hashes,
        timings=Timings(seconds, 0.0, work / seconds if seconds else 0.0),
        notes=("no kernel was compiled: the Python loop ran, which is slow",) if slow else (),
    )


class _KernelStage:
    """Stage A, B, or the only one: chunks of the plan from `first` on."""

    def __init__(self, plan: GridPlan, merge: Merge) -> None:
        self._plan, self._merge = plan, merge
        self._first = plan.first_chunks if merge.first_done else 0
        self._bests = not plan.shortlisted or bool(self._first)
        self.name = ("B" if self._first else "A") if plan.shortlisted else "sweep"
        self.chunks = (plan.chunks if self._first else plan.first_chunks) - self._first
        second = plan.second_bases * plan.space.lanes if plan.shortlisted else plan.variants
        self.variants = second if self._bests else plan.space.bases
        self.holds_lock = False

    def run_chunk(self, chunk: int, threads: int) -> bytes:
        """The packed result of a chunk."""
        return _run_chunk(self._plan, self._first, self._shortlist, chunk, threads)

    def summarize(self, result: bytes) -> ChunkSummary:
        """Its variants, and its best row."""
        found = ChunkResult.from_bytes(result)
        if not (self._bests and len(found.rows)):
            return ChunkSummary(found.evaluated)
        rank_by = self._plan.request.rank_by
        figure, variant = found.rows.figure(rank_by)[0], found.rows.variant[0]
        if np.isnan(figure):
            return ChunkSummary(found.evaluated)
        key = float(ranking_keys(found.rows, rank_by)[0])
        return ChunkSummary(found.evaluated, key, f"{rank_by} {figure:,.2f} (variant {variant:,})")

    def finish(self, results: Iterator[bytes]) -> Stage | bytes:
        """Stage B after A, the recheck after the last."""
        for each in results:
            self._merge.add(ChunkResult.from_bytes(each))
        return (
            _RecheckStage(self._plan, self._merge)
            if self._bests
            else _KernelStage(self._plan, self._merge)
        )

    def package(self) -> StagePackage:
        """The plan, and the shortlist in stage B."""
        return _parcel(
            self._plan, _StageMessage.of(self._plan, self._first, shortlist=self._shortlist)
        )

    @property
    def _shortlist(self) -> IndexColumn | None:
        return self._merge.shortlist if self._first else None


class _RecheckStage:
    """The rows of the top, run by the core."""

    name = "recheck"

    def __init__(self, plan: GridPlan, merge: Merge) -> None:
        self._plan, self._merge = plan, merge
        self.variants = len(merge.top)
        self.chunks = len(recheck_batches(plan, merge.top))
        work_s = _ROUND_TRIP_S * int(merge.top.round_trips.sum())
        work_s += _CANDLE_S * len(plan.candles) * self.variants
        self.holds_lock = work_s > _PROCESSES_FROM_S

    def run_chunk(self, chunk: int, threads: int) -> bytes:  # noqa: ARG002 - the core has one
        """The core's metrics of some rows; RowDisagrees if kernel and core disagree on one."""
        return _recheck(self._plan, self._merge.top, chunk)

    def summarize(self, result: bytes) -> ChunkSummary:
        """The number of its rows."""
        return ChunkSummary(len(msgspec.msgpack.decode(result, type=list[msgspec.Raw])))

    def finish(self, results: Iterator[bytes]) -> Stage | bytes:
        """The outcome of the job."""
        chunks = (msgspec.msgpack.decode(each, type=_RecheckedPlaces) for each in results)
        rows = sorted((row for some in chunks for row in some), key=lambda row: row.place)
        merge = self._merge
        outcome = SweepOutcome(
            hashes=self._plan.hashes,
            evaluated=merge.evaluated,
            kept=merge.kept,
            top=merge.top.pack(),
            sample=merge.sample().pack(),
            figures=merge.figures.astype("<f8").tobytes(),
            stages=merge.stage_facts(),
            metrics=tuple(row.metrics for row in rows),
            held_across=tuple(row.held_across for row in rows),
        )
        return msgspec.msgpack.encode(outcome)

    def package(self) -> StagePackage:
        """The plan and the rows."""
        return _parcel(self._plan, _StageMessage.of(self._plan, 0, top=self._merge.top))


# --- chunks, here or elsewhere ----------------------------------------------------------------


def _run_chunk(
    plan: GridPlan, first: int, shortlist: IndexColumn | None, chunk: int, threads: int
) -> bytes:
    return plan.run_chunk(first + chunk, threads, shortlist).to_bytes()


def _recheck(plan: GridPlan, top: SweepRows, chunk: int) -> bytes:
    places = recheck_batches(plan, top)[chunk]
    found = zip(places, recheck_rows(plan, top, places), strict=True)
    return msgspec.msgpack.encode(
        [_RecheckedPlace(at, row.metrics, row.held_across) for at, row in found]
    )


class _StageMessage(Struct, frozen=True):
    """A stage as it is sent. `chunks` checks that sender and receiver divide the plan equally."""

    request: GridRequest
    rules: Rules
    start: int
    chunk_bases: int | None
    chunks: int
    first: int
    shortlist: bytes | None
    top: dict[str, bytes] | None

    @classmethod
    def of(
        cls,
        plan: GridPlan,
        first: int,
        shortlist: IndexColumn | None = None,
        top: SweepRows | None = None,
    ) -> _StageMessage:
        """A stage of `plan`."""
        return cls(
            plan.request,
            plan.rules,
            plan.start,
            plan.chunk_bases,
            plan.chunks,
            first,
            None if shortlist is None else shortlist.astype("<i8").tobytes(),
            None if top is None else top.pack(),
        )


def _parcel(plan: GridPlan, sent: _StageMessage) -> StagePackage:
    return StagePackage(open_chunks, msgspec.msgpack.encode(sent), pack_candles(plan.candles))


def open_chunks(request: bytes, candles: bytes) -> Callable[[int, int], bytes]:
    """`run_chunk` of the stage that was sent, over the packed `candles`."""
    sent = msgspec.msgpack.decode(request, type=_StageMessage)
    plan = GridPlan(
        sent.request, unpack_candles(candles), sent.start, sent.rules, chunk_bases=sent.chunk_bases
    )
    if plan.chunks != sent.chunks:
        raise Conflict(
            "this worker divides the sweep into other chunks than the job",
            hint="run the same version of Bowline on all workers",
        )
    if sent.top is not None:
        top = unpack(sent.top)
        return lambda chunk, _threads: _recheck(plan, top, chunk)
    shortlist = None if sent.shortlist is None else np.frombuffer(sent.shortlist, "<i8")
    return partial(_run_chunk, plan, sent.first, shortlist)


class _PackedCandles(Struct, frozen=True):
    market_id: int
    symbol: str
    timeframe: str
    open_ns: bytes
    columns: dict[str, bytes]


def pack_candles(candles: CandleFrame) -> bytes:
    """Candles as bytes; equal candles have equal bytes."""
    instrument = candles.instrument
    columns = {name: getattr(candles, name).astype("<f8").tobytes() for name in VALUE_COLUMNS}
    open_ns = candles.open_ns.astype("<i8").tobytes()
    return msgspec.msgpack.encode(
        _PackedCandles(
            instrument.market_id, instrument.symbol, candles.timeframe.value, open_ns, columns
        )
    )


def unpack_candles(content: bytes) -> CandleFrame:
    """The candles that `pack_candles` packed."""
    found = msgspec.msgpack.decode(content, type=_PackedCandles)
    columns: dict[str, Any] = {
        name: np.frombuffer(column, "<f8") for name, column in found.columns.items()
    }
    return CandleFrame(
        InstrumentId(MarketId(found.market_id), found.symbol),
        Timeframe(found.timeframe),
        np.frombuffer(found.open_ns, "<i8"),
        **columns,
    )
