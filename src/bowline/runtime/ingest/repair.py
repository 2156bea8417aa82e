"""Repairing gaps: missing minutes are fetched by REST, page by page.

1. A minute is missing if it lies between the start of an instrument's record and the last closed
   minute and is not stored.
2. Ranges are fetched oldest first. Received candles are stored. Minutes for which the venue has no
   candle are recorded as absent once they are old enough, and requested again only after a day.
3. A busy venue is asked again after the wait that it names. If it fails, the range is left for the
   next repair.
4. A refused page does not block newer ones: a binary search finds the first minute that the venue
   serves, and what lies before it is skipped. It is recorded as absent if the venue says that it is
   too old.
Times are the venue's: with a fast local clock, future minutes would count as missing and then as
absent. Absent ranges that were recorded at a future time are ignored.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial

import numpy as np
from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame
from bowline.core.model.values import DAY_NS, MINUTE_NS, SECOND_NS, Timeframe
from bowline.core.venue import Listing
from bowline.runtime.ingest.candle_writer import CandleWriter
from bowline.storage.absences import AbsenceStore, subtract_ranges
from bowline.storage.candles import FOREVER_NS, Candles
from bowline.venues import PublicVenue, Rejected, Retryable, TooOld, VenueError

#: how long after its close a candle is final at the venue's REST API
FINAL_AFTER_NS = 3 * SECOND_NS
#: attempts at one page before the range is left for the next repair
ATTEMPTS = 4
#: a minute without a candle is absent this long after its close; a younger one may be late
ABSENT_AFTER_NS = 10 * MINUTE_NS
#: an absent range is requested again after this long
ABSENT_RETRY_NS = DAY_NS
#: after so many ranges whose oldest and newest minute were refused, the repair stops
MAX_REFUSED = 3
#: ranges closer than this are fetched together: a page holds far more
GROUP_WITHIN_NS = 100 * MINUTE_NS


class MissingRange(Struct, frozen=True, order=True):
    """Minutes that are not stored, from `start_ns` up to `end_ns` (exclusive)."""

    start_ns: int
    end_ns: int

    @property
    def span(self) -> tuple[int, int]:
        """Start and end, ns."""
        return self.start_ns, self.end_ns

    @property
    def minutes(self) -> int:
        """The number of minutes."""
        return (self.end_ns - self.start_ns) // MINUTE_NS


class MissingMinutes(Struct, frozen=True):
    """What is not stored of a span: `ranges` to be requested, oldest first, and `absent` minutes.

    Absent ones the venue lacked within the last day: they are not requested now.
    """

    ranges: tuple[MissingRange, ...]
    absent: int


class RepairResult(Struct, frozen=True):
    """The result of repairing one instrument: numbers of candles, and what the venue lacks.

    `empty`: ranges without candles at the venue. `error`: why the repair stopped, if it did;
    `final` if the venue refuses the same request again.
    `kept`: the stored candles of one page; None in a sum of pages.
    """

    candles: int = 0
    refused: int = 0
    empty: tuple[MissingRange, ...] = ()
    error: str = ""
    kept: CandleFrame | None = None
    #: ranges that the venue refused as too old
    too_old: tuple[MissingRange, ...] = ()
    final: bool = False

    def __add__(self, other: RepairResult) -> RepairResult:
        return RepairResult(
            self.candles + other.candles,
            self.refused + other.refused,
            self.empty + other.empty,
            self.error or other.error,
            too_old=self.too_old + other.too_old,
            final=self.final if self.error else other.final,
        )


class CandleRepair:
    """Repairs the instruments of one market, with one request at a time."""

    def __init__(
        self,
        store: Candles,
        candle_writer: CandleWriter,
        absences: AbsenceStore,
        venue: PublicVenue,
    ) -> None:
        self._store = store
        self._candle_writer = candle_writer
        self._absences = absences
        self._venue = venue

    async def missing(
        self, instrument: InstrumentId, since_ns: int, until_ns: int = FOREVER_NS
    ) -> MissingMinutes:
        """What is missing from `since_ns` up to `until_ns`, or up to the last closed minute.

        Raises VenueError if the venue's time is not available.
        """
        now_ns = await self._venue.venue_now_ns()
        look = partial(self._missing, instrument, since_ns, until_ns, now_ns)
        return await self._candle_writer.run_exclusive(look)

    def _missing(
        self, instrument: InstrumentId, since_ns: int, until_ns: int, now_ns: int
    ) -> MissingMinutes:
        end_ns = min(until_ns, now_ns - FINAL_AFTER_NS) // MINUTE_NS * MINUTE_NS
        start_ns = -(-since_ns // MINUTE_NS) * MINUTE_NS
        stored = self._store.read(instrument, Timeframe.M1, start_ns, FOREVER_NS)
        absent = [
            (each.start_ns, each.end_ns)
            for each in self._absences.ranges(instrument)
            if 0 <= now_ns - each.asked_ns < ABSENT_RETRY_NS
        ]
        holes = [*missing_ranges(stored.open_ns.tolist(), start_ns, end_ns)]
        ranges = tuple(
            MissingRange(*span) for hole in holes for span in subtract_ranges(*hole.span, absent)
        )
        minutes = sum(each.minutes for each in holes)
        return MissingMinutes(ranges, minutes - sum(each.minutes for each in ranges))

    async def newest_ns(self, instrument: InstrumentId, since_ns: int) -> int:
        """The close time of the newest candle stored since `since_ns`; 0 if there is none."""
        read = self._store.read
        frame = await self._candle_writer.run_exclusive(
            lambda: read(instrument, Timeframe.M1, since_ns, FOREVER_NS)
        )
        return int(frame.close_ns[-1]) if len(frame) else 0

    async def repair(self, listing: Listing, since_ns: int) -> AsyncIterator[RepairResult]:
        """Fetch what is missing of one instrument since `since_ns`; yields a result per page."""
        try:
            missing = await self.missing(listing.instrument.id, since_ns)
        except VenueError as error:
            yield RepairResult(error=error.message)
            return
        async for part in self.fetch(listing, missing.ranges):
            yield part

    async def fetch(
        self, listing: Listing, missing: Iterable[MissingRange]
    ) -> AsyncIterator[RepairResult]:
        """Fetch and store these ranges, page by page; stops when the venue fails."""
        refused = 0
        for group in group_nearby(missing):
            at_ns, end_ns = group[0].start_ns, group[-1].end_ns
            while at_ns < end_ns:
                try:
                    frame = await self._page(listing, at_ns, end_ns)
                except Rejected as error:
                    first_ns = await self._first_available(listing, at_ns, end_ns)
                    refused = refused + 1 if first_ns is None else 0
                    if refused == MAX_REFUSED:
                        yield RepairResult(error=error.message, final=True)
                        return
                    passed = (at_ns, end_ns if first_ns is None else first_ns)
                    yield await self._skip_refused(listing, group, passed, error)
                    at_ns = passed[1]
                    continue
                except VenueError as error:
                    yield RepairResult(error=error.message)
                    return
                refused = 0
                # an empty page proves absence for the minutes that it covers, and for no others
                covered_ns = min(end_ns, at_ns + self._venue.candles_per_page * MINUTE_NS)
                if len(frame):
                    covered_ns = int(frame.close_ns[-1])
                taken = await self._candle_writer.write("rest", select_ranges(frame, group))
                empty = await self._record_absent(listing, frame, group, (at_ns, covered_ns))
                yield RepairResult(len(taken.stored), len(taken.refused), empty, kept=taken.stored)
                at_ns = covered_ns

    async def _first_available(self, listing: Listing, refused_ns: int, end_ns: int) -> int | None:
        """The first minute that the venue serves, by binary search; None if it serves none."""

        async def available(minute: int) -> bool:
            start_ns = refused_ns + minute * MINUTE_NS
            try:
                await self._page(listing, start_ns, start_ns + MINUTE_NS)
            except VenueError:
                return False
            return True

        minutes = (end_ns - refused_ns) // MINUTE_NS
        refused, answered = 0, minutes - 1
        if not answered or not await available(answered):
            return None
        while answered - refused > 1:
            middle = (refused + answered) // 2
            if await available(middle):
                answered = middle
            else:
                refused = middle
        return refused_ns + answered * MINUTE_NS

    async def _skip_refused(
        self, listing: Listing, group: list[MissingRange], passed: tuple[int, int], error: Rejected
    ) -> RepairResult:
        """Skip refused minutes; they are absent only if the venue says that they are too old."""
        if not isinstance(error, TooOld):
            return RepairResult(error=error.message, final=True)
        spans = [(max(each.start_ns, passed[0]), min(each.end_ns, passed[1])) for each in group]
        gone = tuple(MissingRange(*span) for span in spans if span[0] < span[1])
        now_ns, instrument = await self._venue.venue_now_ns(), listing.instrument.id
        for each in gone:
            await asyncio.to_thread(self._absences.record, instrument, *each.span, now_ns)
        return RepairResult(too_old=gone)

    async def _record_absent(
        self, listing: Listing, told: CandleFrame, group: list[MissingRange], page: tuple[int, int]
    ) -> tuple[MissingRange, ...]:
        """Record minutes of the page that were missing and not received; recent ones are not."""
        now_ns, instrument = await self._venue.venue_now_ns(), listing.instrument.id
        absent_until_ns = min(page[1], (now_ns - ABSENT_AFTER_NS) // MINUTE_NS * MINUTE_NS)
        opens = told.open_ns.tolist()
        spans = [(max(each.start_ns, page[0]), min(each.end_ns, absent_until_ns)) for each in group]
        empty = tuple(rest for start, end in spans for rest in missing_ranges(opens, start, end))
        for each in empty:
            await asyncio.to_thread(self._absences.record, instrument, *each.span, now_ns)
        return empty

    async def _page(self, listing: Listing, start_ns: int, end_ns: int) -> CandleFrame:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._venue.candles(listing, start_ns, end_ns)
            except Retryable as error:
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(error.after_s)
        raise AssertionError("the loop returns or raises")


def missing_ranges(open_ns: Iterable[int], start_ns: int, end_ns: int) -> Iterator[MissingRange]:
    """Ranges from `start_ns` up to `end_ns` without an open time in `open_ns` (sorted)."""
    minutes = ((each, each + MINUTE_NS) for each in open_ns)
    return (MissingRange(*span) for span in subtract_ranges(start_ns, end_ns, minutes))


def group_nearby(missing: Iterable[MissingRange]) -> Iterator[list[MissingRange]]:
    """Groups of ranges that are close enough to be fetched by one request."""
    group: list[MissingRange] = []
    for each in missing:
        if group and each.start_ns - group[-1].end_ns > GROUP_WITHIN_NS:
            yield group
            group = []
        group.append(each)
    if group:
        yield group


def select_ranges(frame: CandleFrame, group: Iterable[MissingRange]) -> CandleFrame:
    """The candles of `frame` that lie in one of the ranges."""
    inside = np.zeros(len(frame), dtype=np.bool_)
    for each in group:
        inside |= (frame.open_ns >= each.start_ns) & (frame.open_ns < each.end_ns)
    columns = {name: getattr(frame, name)[inside] for name in ("open_ns", *VALUE_COLUMNS)}
    return CandleFrame(frame.instrument, frame.timeframe, **columns)
