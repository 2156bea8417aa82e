"""When the gaps of a market are repaired; recent gaps come first.

1. The last two hours of an instrument are repaired after `mark_missing`: a topic that became live
   may have a gap before it, or a minute was not received as closed.
2. An instrument whose candles are late is repaired once a minute, whatever its feed reports.
   Without any feed candles therefore still arrive by REST.
3. Everything since the start of the record is repaired at the start and once an hour, in a task of
   its own, so that a long backlog does not delay recent candles.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from bowline.core.errors import Conflict
from bowline.core.model.instrument import InstrumentId
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import MINUTE_NS
from bowline.core.venue import Listing
from bowline.runtime.ingest.health import Count, IngestHealth
from bowline.runtime.ingest.repair import FINAL_AFTER_NS, CandleRepair

_log = logging.getLogger(__name__)

#: the span that counts as recent
RECENT_NS = 120 * MINUTE_NS
#: how often everything since the start of the record is repaired
FULL_EVERY_S = 3_600.0
#: seconds until a failed repair is retried, and until a late instrument is repaired again
RETRY_S = 30.0
LATE_RETRY_S = 60.0
CHECK_EVERY_S = 0.5


class RepairScheduler:
    """Schedules the repairs of one market.

    `since_ns`: start of the record. `on_stored` is called with the candles of each page. `now_ns`
    returns the venue's time. `mark_missing` may be called at any time from the event loop.
    """

    def __init__(
        self,
        listings: Sequence[Listing],
        repair: CandleRepair,
        health: IngestHealth,
        *,
        on_stored: Callable[[CandleFrame], None],
        since_ns: int,
        now_ns: Callable[[], int],
    ) -> None:
        self._listings = tuple(listings)
        self._gaps = repair
        self._health = health
        self._on_stored = on_stored
        self._since_ns = since_ns
        self._now_ns = now_ns
        #: when an instrument is repaired next, by the loop's clock
        self._due_s: dict[InstrumentId, float] = {}
        #: and when its last missing minute is final: an earlier repair would not get it
        self._final_s: dict[InstrumentId, float] = {}

    def mark_missing(self, instrument: InstrumentId) -> None:
        """Request a repair of an instrument, once its last minute is final at the venue."""
        due_s = asyncio.get_running_loop().time() + FINAL_AFTER_NS / 1e9
        self._due_s.setdefault(instrument, due_s)
        self._final_s[instrument] = due_s

    async def run(self) -> None:
        """Repair gaps until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._repair_recent())
            tasks.create_task(self._repair_all())

    async def _repair_recent(self) -> None:
        clock = asyncio.get_running_loop().time
        await self._load_newest()
        for listing in self._listings:
            self._due_s.setdefault(listing.instrument.id, clock())
        late_s: dict[InstrumentId, float] = {}
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            late = self._health.late(self._now_ns())
            for listing in self._listings:
                instrument, now_s = listing.instrument.id, clock()
                if instrument in late and now_s - late_s.get(instrument, 0.0) >= LATE_RETRY_S:
                    late_s[instrument] = now_s
                    self._due_s.setdefault(instrument, now_s)
                if not self._take_due(instrument, now_s):
                    continue
                newest_ns = self._now_ns() - RECENT_NS
                if not await self._repair(listing, max(self._since_ns, newest_ns)):
                    self._due_s.setdefault(instrument, clock() + RETRY_S)

    def _take_due(self, instrument: InstrumentId, now_s: float) -> bool:
        """Whether the instrument is due now; due times are removed."""
        due = [each for each in (self._due_s, self._final_s) if each.get(instrument, now_s) < now_s]
        for each in due:
            del each[instrument]
        return bool(due)

    async def _repair_all(self) -> None:
        clock = asyncio.get_running_loop().time
        due_s: dict[InstrumentId, float] = {}
        while True:
            for listing in self._listings:
                instrument = listing.instrument.id
                if due_s.get(instrument, 0.0) <= clock():
                    complete = await self._repair(listing, self._since_ns)
                    due_s[instrument] = clock() + (FULL_EVERY_S if complete else RETRY_S)
            await asyncio.sleep(CHECK_EVERY_S)

    async def _load_newest(self) -> None:
        """Load the newest stored candle of each instrument, for the health report."""
        since_ns = self._now_ns() - RECENT_NS
        for listing in self._listings:
            instrument = listing.instrument.id
            try:
                newest_ns = await self._gaps.newest_ns(instrument, since_ns)
            except Conflict as error:
                self._health.trouble(f"the candle store is not available: {error.message}")
                return
            self._health.candle(instrument, newest_ns)

    async def _repair(self, listing: Listing, since_ns: int) -> bool:
        """One repair; returns whether it completed without an error."""
        counts, symbol = self._health.counts, listing.instrument.id.symbol
        candles, error = 0, ""
        try:
            async for part in self._gaps.repair(listing, since_ns):
                candles, error = candles + part.candles, error or part.error
                counts[Count.CANDLES_REPAIRED] += part.candles
                counts[Count.CANDLES_REFUSED] += part.refused
                if part.kept is not None and len(part.kept):
                    self._on_stored(part.kept)
                if part.too_old:
                    first, last = part.too_old[0].start_ns, part.too_old[-1].end_ns
                    more = {"symbol": symbol, "from_ns": first, "to_ns": last}
                    _log.warning("too old for the venue", extra=more)
                for gap in part.empty:
                    more = {"symbol": symbol, "from_ns": gap.start_ns, "to_ns": gap.end_ns}
                    _log.warning("the venue has no candles", extra=more)
        except Conflict as conflict:
            error = f"the candle store is not available: {conflict.message}"
        if candles:
            _log.info("candles repaired by REST", extra={"symbol": symbol, "candles": candles})
        if error:
            counts[Count.REPAIRS_FAILED] += 1
            self._health.trouble(f"repair of {symbol}: {error}")
        return not error
