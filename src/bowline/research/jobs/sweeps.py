"""A sweep as stages of a job: A without stops if there is a shortlist, B with them, then `again`.

It must hold no rule of a sweep: chunks, merging and checking are the grid's. What a job comes to
has no time in it, so that it is the same bytes whoever was killed on the way.

1. A and B are the chunks of the plan. Stage B begins with the shortlist that stage A's chunks give.
2. `again` runs the rows of the top through the core, a few a chunk, rows of one base side by side.
   A row that does not agree fails the job.
3. The outcome is everything but the candles and the plan, which can be made again from the job.
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
    Rows,
    Rules,
    SweepResult,
    instruction_set,
)
from bowline.research.grid.again import rows_again, side_by_side
from bowline.research.grid.plan import Hashes
from bowline.research.grid.result import Timings
from bowline.research.grid.space import Numbers
from bowline.research.grid.stages import StageFacts
from bowline.research.grid.topk import keys, unpack
from bowline.research.jobs.stage import Note, Parcel, Stage

#: what the core takes for a round trip and for a candle of a row, roughly, and how much of that it
#: takes for processes of their own to be worth their beginning
_ROUND_TRIP_S, _CANDLE_S, _PROCESSES_FROM_S = 50e-6, 50e-9, 3.0


class _Row(Struct, frozen=True, array_like=True):
    """What a chunk of `again` comes to, a row each: place in the top, what the core says."""

    place: int
    metrics: Metrics
    held_across: int = 0


_Rows = list[_Row]


class SweepOutcome(Struct, frozen=True):
    """What a sweep's job came to. Columns are little-endian bytes, as the grid packs them."""

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
    """The beginning of a sweep's job."""
    return _Chunks(plan, Merge(plan))


def result_of(plan: GridPlan, content: bytes, seconds: float) -> SweepResult:
    """The result that a job of `plan` came to; it was worked on for so many seconds."""
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
        notes=("no kernel was compiled: the clear loop ran, which is slow",) if slow else (),
    )


class _Chunks:
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

    def note(self, result: bytes) -> Note:
        """Its variants, and its best row."""
        found = ChunkResult.from_bytes(result)
        if not (self._bests and len(found.rows)):
            return Note(found.evaluated)
        rank_by = self._plan.request.rank_by
        figure, variant = found.rows.figure(rank_by)[0], found.rows.variant[0]
        if np.isnan(figure):
            return Note(found.evaluated)
        key = float(keys(found.rows, rank_by)[0])
        return Note(found.evaluated, key, f"{rank_by} {figure:,.2f} (variant {variant:,})")

    def finish(self, results: Iterator[bytes]) -> Stage | bytes:
        """Stage B after A, the top again after the last."""
        for each in results:
            self._merge.add(ChunkResult.from_bytes(each))
        return _Again(self._plan, self._merge) if self._bests else _Chunks(self._plan, self._merge)

    def parcel(self) -> Parcel:
        """The plan, and the shortlist if there is one by now."""
        return _parcel(self._plan, _Sent.of(self._plan, self._first, shortlist=self._shortlist))

    @property
    def _shortlist(self) -> Numbers | None:
        return self._merge.shortlist if self._first else None


class _Again:
    """The rows of the top, run again by the core."""

    name = "again"

    def __init__(self, plan: GridPlan, merge: Merge) -> None:
        self._plan, self._merge = plan, merge
        self.variants = len(merge.top)
        self.chunks = len(side_by_side(plan, merge.top))
        work_s = _ROUND_TRIP_S * int(merge.top.round_trips.sum())
        work_s += _CANDLE_S * len(plan.candles) * self.variants
        self.holds_lock = work_s > _PROCESSES_FROM_S

    def run_chunk(self, chunk: int, threads: int) -> bytes:  # noqa: ARG002 - the core has one
        """The metrics of some rows; RowDisagrees if the core says something else of one."""
        return _run_again(self._plan, self._merge.top, chunk)

    def note(self, result: bytes) -> Note:
        """Its rows."""
        return Note(len(msgspec.msgpack.decode(result, type=list[msgspec.Raw])))

    def finish(self, results: Iterator[bytes]) -> Stage | bytes:
        """The outcome of the job."""
        chunks = (msgspec.msgpack.decode(each, type=_Rows) for each in results)
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

    def parcel(self) -> Parcel:
        """The plan and the rows."""
        return _parcel(self._plan, _Sent.of(self._plan, 0, top=self._merge.top))


# --- chunks, here or elsewhere ----------------------------------------------------------------


def _run_chunk(
    plan: GridPlan, first: int, shortlist: Numbers | None, chunk: int, threads: int
) -> bytes:
    return plan.run_chunk(first + chunk, threads, shortlist).to_bytes()


def _run_again(plan: GridPlan, top: Rows, chunk: int) -> bytes:
    places = side_by_side(plan, top)[chunk]
    found = zip(places, rows_again(plan, top, places), strict=True)
    return msgspec.msgpack.encode([_Row(at, row.metrics, row.held_across) for at, row in found])


class _Sent(Struct, frozen=True):
    """A stage on its way. `chunks` holds the two plans together: they must be cut alike."""

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
        cls, plan: GridPlan, first: int, shortlist: Numbers | None = None, top: Rows | None = None
    ) -> _Sent:
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


def _parcel(plan: GridPlan, sent: _Sent) -> Parcel:
    return Parcel(open_chunks, msgspec.msgpack.encode(sent), pack_candles(plan.candles))


def open_chunks(request: bytes, tape: bytes) -> Callable[[int, int], bytes]:
    """`run_chunk` of the stage that was sent, over the candles of the tape."""
    sent = msgspec.msgpack.decode(request, type=_Sent)
    plan = GridPlan(
        sent.request, unpack_candles(tape), sent.start, sent.rules, chunk_bases=sent.chunk_bases
    )
    if plan.chunks != sent.chunks:
        raise Conflict(
            "this worker cuts the sweep into other chunks than the job",
            hint="let all workers be of one version of Bowline",
        )
    if sent.top is not None:
        top = unpack(sent.top)
        return lambda chunk, _threads: _run_again(plan, top, chunk)
    shortlist = None if sent.shortlist is None else np.frombuffer(sent.shortlist, "<i8")
    return partial(_run_chunk, plan, sent.first, shortlist)


class _Candles(Struct, frozen=True):
    market_id: int
    symbol: str
    timeframe: str
    open_ns: bytes
    columns: dict[str, bytes]


def pack_candles(candles: CandleFrame) -> bytes:
    """Candles as bytes; equal bytes for equal candles."""
    instrument = candles.instrument
    columns = {name: getattr(candles, name).astype("<f8").tobytes() for name in VALUE_COLUMNS}
    open_ns = candles.open_ns.astype("<i8").tobytes()
    return msgspec.msgpack.encode(
        _Candles(instrument.market_id, instrument.symbol, candles.timeframe.value, open_ns, columns)
    )


def unpack_candles(content: bytes) -> CandleFrame:
    """The candles that `pack_candles` packed."""
    found = msgspec.msgpack.decode(content, type=_Candles)
    columns: dict[str, Any] = {
        name: np.frombuffer(column, "<f8") for name, column in found.columns.items()
    }
    return CandleFrame(
        InstrumentId(MarketId(found.market_id), found.symbol),
        Timeframe(found.timeframe),
        np.frombuffer(found.open_ns, "<i8"),
        **columns,
    )
