"""One market's candles made whole: what is missing is asked for by REST, the newest first of all.

1. The newest two hours of an instrument are looked through when something of it is owed: a topic
   that came alive may have a hole before it, and a minute may be over that nobody told as closed.
2. The clock owes too: an instrument whose candles are late is asked for once a minute, whatever
   its feed says of itself. So candles grow by REST alone where there is no feed.
3. Everything since the record begins is looked through at the start and once an hour, apart from
   the newest: years that are missing must not hold up the present.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from msgspec import Struct

from bowline.core.errors import Conflict
from bowline.core.model.instrument import InstrumentId
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import MINUTE_NS
from bowline.core.venue import Listing
from bowline.runtime.ingest.health import Count, IngestHealth
from bowline.runtime.ingest.repair import SETTLE_NS, Repair

_log = logging.getLogger(__name__)

#: how far back the newest is
NEWEST_NS = 120 * MINUTE_NS
#: everything since the record begins is looked through this often
ALL_EVERY_S = 3_600.0
#: a repair that failed is tried again, and an instrument that is late is asked for, after this long
AGAIN_S = 30.0
LATE_AGAIN_S = 60.0
LOOK_EVERY_S = 0.5

Kept = Callable[[CandleFrame], None]


class Whole(Struct, frozen=True):
    """What it needs: how to repair, since when the record must be whole, who hears of candles.

    `now_ns` is the venue's time, as far as it is known.
    """

    listings: Sequence[Listing]
    repair: Repair
    health: IngestHealth
    kept: Kept
    since_ns: int
    now_ns: Callable[[], int]


class Wholeness:
    """`owe` may be called at any time from the loop; `run` works until it is cancelled."""

    def __init__(self, parts: Whole) -> None:
        self._parts = parts
        self._health = parts.health
        #: when an instrument is to be looked at next, by the loop's clock
        self._due_s: dict[InstrumentId, float] = {}
        #: and when the last that it owes is final: an earlier look would miss it
        self._final_s: dict[InstrumentId, float] = {}

    def owe(self, instrument: InstrumentId) -> None:
        """Something of it is missing; the venue needs a moment until it is final."""
        due_s = asyncio.get_running_loop().time() + SETTLE_NS / 1e9
        self._due_s.setdefault(instrument, due_s)
        self._final_s[instrument] = due_s

    async def run(self) -> None:
        """Keep the market whole."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_newest())
            tasks.create_task(self._keep_all())

    async def _keep_newest(self) -> None:
        clock = asyncio.get_running_loop().time
        await self._read_newest()
        for listing in self._parts.listings:
            self._due_s.setdefault(listing.instrument.id, clock())
        late_s: dict[InstrumentId, float] = {}
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            late = self._health.late(self._parts.now_ns())
            for listing in self._parts.listings:
                instrument, now_s = listing.instrument.id, clock()
                if instrument in late and now_s - late_s.get(instrument, 0.0) >= LATE_AGAIN_S:
                    late_s[instrument] = now_s
                    self._due_s.setdefault(instrument, now_s)
                if not self._take_due(instrument, now_s):
                    continue
                newest_ns = self._parts.now_ns() - NEWEST_NS
                if not await self._repair(listing, max(self._parts.since_ns, newest_ns)):
                    self._due_s.setdefault(instrument, clock() + AGAIN_S)

    def _take_due(self, instrument: InstrumentId, now_s: float) -> bool:
        """Whether it is to be looked at now; what is due is taken out."""
        due = [each for each in (self._due_s, self._final_s) if each.get(instrument, now_s) < now_s]
        for each in due:
            del each[instrument]
        return bool(due)

    async def _keep_all(self) -> None:
        clock = asyncio.get_running_loop().time
        due_s: dict[InstrumentId, float] = {}
        while True:
            for listing in self._parts.listings:
                instrument = listing.instrument.id
                if due_s.get(instrument, 0.0) <= clock():
                    whole = await self._repair(listing, self._parts.since_ns)
                    due_s[instrument] = clock() + (ALL_EVERY_S if whole else AGAIN_S)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _read_newest(self) -> None:
        """What is stored already counts, before anything new comes."""
        since_ns = self._parts.now_ns() - NEWEST_NS
        for listing in self._parts.listings:
            instrument = listing.instrument.id
            try:
                newest_ns = await self._parts.repair.newest_ns(instrument, since_ns)
            except Conflict as error:
                self._health.trouble(f"the store takes or gives nothing: {error.message}")
                return
            self._health.candle(instrument, newest_ns)

    async def _repair(self, listing: Listing, since_ns: int) -> bool:
        """One repair; whether the venue answered to the end."""
        counts, symbol = self._health.counts, listing.instrument.id.symbol
        candles, error = 0, ""
        try:
            async for part in self._parts.repair.repair(listing, since_ns):
                candles, error = candles + part.candles, error or part.error
                counts[Count.CANDLES_REPAIRED] += part.candles
                counts[Count.CANDLES_REFUSED] += part.refused
                if part.kept is not None and len(part.kept):
                    self._parts.kept(part.kept)
                if part.too_old:
                    first, last = part.too_old[0].start_ns, part.too_old[-1].end_ns
                    more = {"symbol": symbol, "from_ns": first, "to_ns": last}
                    _log.warning("older than what the venue tells", extra=more)
                for gap in part.empty:
                    more = {"symbol": symbol, "from_ns": gap.start_ns, "to_ns": gap.end_ns}
                    _log.warning("the venue has no candles", extra=more)
        except Conflict as conflict:
            error = f"the store takes or gives nothing: {conflict.message}"
        if candles:
            _log.info("candles by REST", extra={"symbol": symbol, "candles": candles})
        if error:
            counts[Count.REPAIRS_FAILED] += 1
            self._health.trouble(f"repair of {symbol}: {error}")
        return not error
