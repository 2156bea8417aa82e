"""Missing minutes asked for again by REST, page by page, until they are there or nobody has them.

1. Missing is every minute from where the record of an instrument begins to the last one that has
   closed: the gaps of the store, and what lies behind its newest candle.
2. A range is asked for oldest first. What the venue gives is kept; minutes that it answers without
   a candle are noted as absent, once they are old enough to be sure of, and asked for again only
   after a day.
3. A venue that is busy is asked again when it says; one that fails leaves the range for next time.
4. A page that is refused blocks nothing newer: the first minute from which the venue tells is
   looked for, by halves, and what lies before it is left out; if it is older than the venue tells,
   it is noted as absent.
The time is the venue's: by a local clock that is ahead, minutes that are still to come would count
as missing, and then as absent. What was noted at a time that is still to come is not believed.
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
from bowline.runtime.ingest.intake import Intake
from bowline.storage.absences import AbsenceStore, subtract_ranges
from bowline.storage.candles import FOREVER_NS, Candles
from bowline.venues import PublicVenue, Rejected, Retryable, TooOld, VenueError

#: after its close a venue may take this long until REST has the final candle
SETTLE_NS = 3 * SECOND_NS
#: attempts at one page before the range is left for the next round
ATTEMPTS = 4
#: a minute that is missing is taken for absent when it closed this long ago; younger ones come late
SURE_NS = 10 * MINUTE_NS
#: a range that the venue has nothing of is asked for again after this long
ABSENT_AGAIN_NS = DAY_NS
#: after so many ranges of which it refused the oldest and the newest minute, a venue refuses all
MOST_REFUSED = 3
#: ranges nearer than this are asked for together: a page holds far more
TOGETHER_NS = 100 * MINUTE_NS


class Missing(Struct, frozen=True, order=True):
    """Minutes that are not stored, from `start_ns` up to `end_ns`, not included."""

    start_ns: int
    end_ns: int

    @property
    def span(self) -> tuple[int, int]:
        """Where it begins and ends."""
        return self.start_ns, self.end_ns

    @property
    def minutes(self) -> int:
        """How many."""
        return (self.end_ns - self.start_ns) // MINUTE_NS


class Repaired(Struct, frozen=True):
    """What a repair of one instrument came to. `error` is the venue's last word, if it failed.

    `kept` are the candles of one page; a sum of pages has none.
    """

    candles: int = 0
    refused: int = 0
    empty: tuple[Missing, ...] = ()
    error: str = ""
    kept: CandleFrame | None = None
    #: of `empty`, what is older than the venue tells
    too_old: tuple[Missing, ...] = ()

    def __add__(self, other: Repaired) -> Repaired:
        return Repaired(
            self.candles + other.candles,
            self.refused + other.refused,
            self.empty + other.empty,
            self.error or other.error,
            too_old=self.too_old + other.too_old,
        )


class Repair:
    """Repairs one market's instruments; one at a time, so that a venue is never crowded."""

    def __init__(
        self,
        store: Candles,
        intake: Intake,
        absences: AbsenceStore,
        venue: PublicVenue,
    ) -> None:
        self._store = store
        self._intake = intake
        self._absences = absences
        self._venue = venue

    async def missing(
        self, instrument: InstrumentId, since_ns: int, until_ns: int = FOREVER_NS
    ) -> list[Missing]:
        """What is missing since `since_ns`, oldest first, without what nobody has.

        Raises VenueError where the venue's time cannot be had.
        """
        now_ns = await self._venue.venue_now_ns()
        look = partial(self._missing, instrument, since_ns, until_ns, now_ns)
        return await self._intake.ask(lambda: [*look()])

    def _missing(
        self, instrument: InstrumentId, since_ns: int, until_ns: int, now_ns: int
    ) -> Iterator[Missing]:
        end_ns = min(until_ns, now_ns - SETTLE_NS) // MINUTE_NS * MINUTE_NS
        start_ns = -(-since_ns // MINUTE_NS) * MINUTE_NS
        stored = self._store.read(instrument, Timeframe.M1, start_ns, FOREVER_NS)
        absent = [
            (each.start_ns, each.end_ns)
            for each in self._absences.ranges(instrument)
            if 0 <= now_ns - each.asked_ns < ABSENT_AGAIN_NS
        ]
        for hole in holes(stored.open_ns.tolist(), start_ns, end_ns):
            yield from (Missing(*span) for span in subtract_ranges(*hole.span, absent))

    async def newest_ns(self, instrument: InstrumentId, since_ns: int) -> int:
        """When the newest candle that is stored since then ended; 0: there is none."""
        read = self._store.read
        frame = await self._intake.ask(lambda: read(instrument, Timeframe.M1, since_ns, FOREVER_NS))
        return int(frame.close_ns[-1]) if len(frame) else 0

    async def repair(self, listing: Listing, since_ns: int) -> AsyncIterator[Repaired]:
        """Fill what is missing of one instrument since `since_ns`, as far as the venue has it."""
        try:
            missing = await self.missing(listing.instrument.id, since_ns)
        except VenueError as error:
            yield Repaired(error=error.message)
            return
        async for part in self.fill(listing, missing):
            yield part

    async def fill(self, listing: Listing, missing: Iterable[Missing]) -> AsyncIterator[Repaired]:
        """Ask for these ranges and keep what comes, page by page; ends when the venue fails."""
        refused = 0
        for group in neighbours(missing):
            at_ns, end_ns = group[0].start_ns, group[-1].end_ns
            while at_ns < end_ns:
                try:
                    frame = await self._page(listing, at_ns, end_ns)
                except Rejected as error:
                    told_ns = await self._first_told(listing, at_ns, end_ns)
                    refused = refused + 1 if told_ns is None else 0
                    if refused == MOST_REFUSED:
                        yield Repaired(error=error.message)
                        return
                    passed = (at_ns, end_ns if told_ns is None else told_ns)
                    yield await self._passed_over(listing, group, passed, error)
                    at_ns = passed[1]
                    continue
                except VenueError as error:
                    yield Repaired(error=error.message)
                    return
                refused = 0
                # a page without a candle says so of all that it covers, and of nothing behind it
                covered_ns = min(end_ns, at_ns + self._venue.candles_a_page * MINUTE_NS)
                if len(frame):
                    covered_ns = int(frame.close_ns[-1])
                taken = await self._intake.keep("rest", within(frame, group))
                empty = await self._note_absent(listing, frame, group, (at_ns, covered_ns))
                yield Repaired(len(taken.kept), len(taken.refused), empty, kept=taken.kept)
                at_ns = covered_ns

    async def _first_told(self, listing: Listing, refused_ns: int, end_ns: int) -> int | None:
        """The first minute from which the venue answers, by halves; None if from none of them."""

        async def told(minute: int) -> bool:
            start_ns = refused_ns + minute * MINUTE_NS
            try:
                await self._page(listing, start_ns, start_ns + MINUTE_NS)
            except VenueError:
                return False
            return True

        minutes = (end_ns - refused_ns) // MINUTE_NS
        refused, answered = 0, minutes - 1
        if not answered or not await told(answered):
            return None
        while answered - refused > 1:
            middle = (refused + answered) // 2
            if await told(middle):
                answered = middle
            else:
                refused = middle
        return refused_ns + answered * MINUTE_NS

    async def _passed_over(
        self, listing: Listing, group: list[Missing], passed: tuple[int, int], error: Rejected
    ) -> Repaired:
        """What could not be had; it is absent only if it is older than the venue tells."""
        if not isinstance(error, TooOld):
            return Repaired(error=error.message)
        spans = [(max(each.start_ns, passed[0]), min(each.end_ns, passed[1])) for each in group]
        gone = tuple(Missing(*span) for span in spans if span[0] < span[1])
        now_ns, instrument = await self._venue.venue_now_ns(), listing.instrument.id
        for each in gone:
            await asyncio.to_thread(self._absences.record, instrument, *each.span, now_ns)
        return Repaired(too_old=gone)

    async def _note_absent(
        self, listing: Listing, told: CandleFrame, group: list[Missing], page: tuple[int, int]
    ) -> tuple[Missing, ...]:
        """The minutes of the page that were missing and did not come, noted; young ones are not."""
        now_ns, instrument = await self._venue.venue_now_ns(), listing.instrument.id
        sure_ns = min(page[1], (now_ns - SURE_NS) // MINUTE_NS * MINUTE_NS)
        opens = told.open_ns.tolist()
        spans = [(max(each.start_ns, page[0]), min(each.end_ns, sure_ns)) for each in group]
        empty = tuple(rest for start, end in spans for rest in holes(opens, start, end))
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


def holes(open_ns: Iterable[int], start_ns: int, end_ns: int) -> Iterator[Missing]:
    """The minutes from `start_ns` up to `end_ns` that do not open at any of `open_ns` (rising)."""
    minutes = ((each, each + MINUTE_NS) for each in open_ns)
    return (Missing(*span) for span in subtract_ranges(start_ns, end_ns, minutes))


def neighbours(missing: Iterable[Missing]) -> Iterator[list[Missing]]:
    """Ranges that lie so near to each other that one request may fetch them together."""
    group: list[Missing] = []
    for each in missing:
        if group and each.start_ns - group[-1].end_ns > TOGETHER_NS:
            yield group
            group = []
        group.append(each)
    if group:
        yield group


def within(frame: CandleFrame, group: Iterable[Missing]) -> CandleFrame:
    """The candles of `frame` that lie in one of the ranges."""
    inside = np.zeros(len(frame), dtype=np.bool_)
    for each in group:
        inside |= (frame.open_ns >= each.start_ns) & (frame.open_ns < each.end_ns)
    columns = {name: getattr(frame, name)[inside] for name in ("open_ns", *VALUE_COLUMNS)}
    return CandleFrame(frame.instrument, frame.timeframe, **columns)
