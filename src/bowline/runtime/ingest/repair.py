"""Missing minutes asked for again by REST, page by page, until they are there or nobody has them.

1. Missing is every minute from where the record of an instrument begins to the last one that has
   closed: the gaps of the store, and what lies behind its newest candle.
2. A range is asked for oldest first. What the venue gives is kept; minutes that it answers without
   a candle are noted as absent, once they are old enough to be sure of, and asked for again only
   after a day.
3. A venue that is busy is asked again when it says; one that fails leaves the range for next time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

import numpy as np
from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame
from bowline.core.model.values import DAY_NS, MINUTE_NS, SECOND_NS, Timeframe
from bowline.core.venue import Listing
from bowline.runtime.ingest.intake import Intake
from bowline.storage.absences import Absences, outside
from bowline.storage.candles import FOREVER_NS, Candles
from bowline.venues import PublicVenue, Retryable, VenueError

#: after its close a venue may take this long until REST has the final candle
SETTLE_NS = 3 * SECOND_NS
#: attempts at one page before the range is left for the next round
ATTEMPTS = 4
#: a minute that is missing is taken for absent when it closed this long ago; younger ones come late
SURE_NS = 10 * MINUTE_NS
#: a range that the venue has nothing of is asked for again after this long
ABSENT_AGAIN_NS = DAY_NS
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

    def __add__(self, other: Repaired) -> Repaired:
        return Repaired(
            self.candles + other.candles,
            self.refused + other.refused,
            self.empty + other.empty,
            self.error or other.error,
        )


class Repair:
    """Repairs one market's instruments; one at a time, so that a venue is never crowded."""

    def __init__(
        self,
        store: Candles,
        intake: Intake,
        absences: Absences,
        venue: PublicVenue,
        now_ns: Callable[[], int],
    ) -> None:
        self._store = store
        self._intake = intake
        self._absences = absences
        self._venue = venue
        self._now_ns = now_ns

    def missing(
        self, instrument: InstrumentId, since_ns: int, until_ns: int = FOREVER_NS
    ) -> Iterator[Missing]:
        """What is missing since `since_ns`, oldest first, without what nobody has."""
        now_ns = self._now_ns()
        end_ns = min(until_ns, now_ns - SETTLE_NS) // MINUTE_NS * MINUTE_NS
        start_ns = -(-since_ns // MINUTE_NS) * MINUTE_NS
        stored = self._store.read(instrument, Timeframe.M1, start_ns, FOREVER_NS)
        absent = [
            (each.start_ns, each.end_ns)
            for each in self._absences.of(instrument)
            if now_ns - each.asked_ns < ABSENT_AGAIN_NS
        ]
        for hole in holes(stored.open_ns.tolist(), start_ns, end_ns):
            yield from (Missing(*span) for span in outside(*hole.span, absent))

    async def newest_ns(self, instrument: InstrumentId, since_ns: int) -> int:
        """When the newest candle that is stored since then ended; 0: there is none."""
        read = self._store.read
        frame = await self._intake.ask(lambda: read(instrument, Timeframe.M1, since_ns, FOREVER_NS))
        return int(frame.close_ns[-1]) if len(frame) else 0

    async def repair(self, listing: Listing, since_ns: int) -> AsyncIterator[Repaired]:
        """Fill what is missing of one instrument since `since_ns`, as far as the venue has it."""
        instrument = listing.instrument.id
        missing = await self._intake.ask(lambda: [*self.missing(instrument, since_ns)])
        async for part in self.fill(listing, missing):
            yield part

    async def fill(self, listing: Listing, missing: Iterable[Missing]) -> AsyncIterator[Repaired]:
        """Ask for these ranges and keep what comes, page by page; ends after an error."""
        for group in neighbours(missing):
            at_ns, end_ns = group[0].start_ns, group[-1].end_ns
            while at_ns < end_ns:
                try:
                    frame = await self._page(listing, at_ns, end_ns)
                except VenueError as error:
                    yield Repaired(error=error.message)
                    return
                # a page without a candle says so of all that it covers, and of nothing behind it
                covered_ns = min(end_ns, at_ns + self._venue.candles_a_page * MINUTE_NS)
                if len(frame):
                    covered_ns = int(frame.close_ns[-1])
                taken = await self._intake.keep("rest", within(frame, group))
                empty = await self._note_absent(listing, frame, group, (at_ns, covered_ns))
                yield Repaired(len(taken.kept), len(taken.refused), empty, kept=taken.kept)
                at_ns = covered_ns

    async def _note_absent(
        self, listing: Listing, told: CandleFrame, group: list[Missing], page: tuple[int, int]
    ) -> tuple[Missing, ...]:
        """The minutes of the page that were missing and did not come, noted; young ones are not."""
        now_ns, instrument = self._now_ns(), listing.instrument.id
        sure_ns = min(page[1], (now_ns - SURE_NS) // MINUTE_NS * MINUTE_NS)
        opens = told.open_ns.tolist()
        spans = [(max(each.start_ns, page[0]), min(each.end_ns, sure_ns)) for each in group]
        empty = tuple(rest for start, end in spans for rest in holes(opens, start, end))
        for each in empty:
            await asyncio.to_thread(self._absences.note, instrument, *each.span, now_ns)
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
    return (Missing(*span) for span in outside(start_ns, end_ns, minutes))


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
