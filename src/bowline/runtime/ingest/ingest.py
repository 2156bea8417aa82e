"""The recording of markets: feeds first, REST for what they missed, and nothing kept unjudged.

    feed ─► sink ─► closed candles ─► intake ─► store        every two seconds
                └─► trades, quotes ─► tape, bus
    REST ─► repair: at the start, after every loss, when a minute is owed, and once an hour
         └► restatement: candles that came of age, looked at again

It ends only when it is cancelled, or by a bug; then everything buffered is written first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog
from msgspec import Struct

from bowline.core.errors import Conflict
from bowline.core.model.instrument import InstrumentId, Market
from bowline.core.model.values import MINUTE_NS
from bowline.core.venue import Listing
from bowline.runtime.ingest.health import Count, HealthReport, IngestHealth
from bowline.runtime.ingest.intake import Intake, Taken
from bowline.runtime.ingest.live import Closed, LiveCandles
from bowline.runtime.ingest.publish import Publisher
from bowline.runtime.ingest.repair import SETTLE_NS, Repair
from bowline.runtime.ingest.restate import Restatement
from bowline.runtime.ingest.sink import IngestSink
from bowline.storage.candles import Candles
from bowline.storage.tape import TapeWriter
from bowline.venues import Channel, PublicVenue, Topic, VenueError
from bowline.venues.stream import FeedRunner, FeedSink

_log = structlog.get_logger(__name__)

STORE_EVERY_S = 2.0
REPORT_EVERY_S = 5.0
RESTATE_EVERY_S = 60.0
#: everything since the record begins is looked through this often; in between only the newest
FULL_REPAIR_EVERY_S = 3_600.0
#: how far back the newest is
NEWEST_NS = 120 * MINUTE_NS
#: a repair that failed is tried again
REPAIR_AGAIN_S = 30.0

CHANNELS = (Channel.CANDLES, Channel.TRADES, Channel.QUOTES)


class RecordedMarket(Struct, frozen=True):
    """One market: what of it is recorded, how to ask it, and how to listen to it."""

    market: Market
    listings: tuple[Listing, ...]
    venue: PublicVenue
    runner: Callable[[FeedSink], FeedRunner]


class Ingest:
    """`since_ns` is where the record begins: what is missing from there on is asked for."""

    def __init__(
        self,
        markets: Sequence[RecordedMarket],
        store: Candles,
        tape: TapeWriter,
        publisher: Publisher,
        *,
        since_ns: int,
        now_ns: Callable[[], int],
        report: Callable[[HealthReport], None],
        channels: Sequence[Channel] = CHANNELS,
    ) -> None:
        self._markets = tuple(markets)
        self._listing = {each.instrument.id: each for market in markets for each in market.listings}
        self._store = store
        self._tape = tape
        self._publisher = publisher
        self._since_ns = since_ns
        self._now_ns = now_ns
        self._report = report
        self._channels = tuple(channels)
        self._health = IngestHealth(tuple(self._listing), now_ns())
        self._live = LiveCandles()
        self._owed: dict[InstrumentId, asyncio.Event] = {
            each: asyncio.Event() for each in self._listing
        }
        self._intake = Intake(store, lambda each: self._listing[each].instrument, now_ns)
        self._sink = IngestSink(self._live, tape, self._health, self._wake, publisher.hear)

    def _wake(self, instrument: InstrumentId) -> None:
        self._owed[instrument].set()

    async def run(self) -> None:
        """Record until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._store_closed())
                tasks.create_task(self._keep_reporting())
                tasks.create_task(self._publisher.run())
                for market in self._markets:
                    topics = [
                        Topic(channel, each.instrument.id)
                        for each in market.listings
                        for channel in self._channels
                    ]
                    tasks.create_task(market.runner(self._sink).run(topics))
                    tasks.create_task(self._keep_whole(market))
                    tasks.create_task(self._keep_restating(market))
        finally:
            for closed in self._live.take_closed():
                self._kept(closed, self._intake.take("ws", closed.frame))
            self._tape.flush()
            self._report(self._health.report(self._now_ns(), ended=True))

    async def _store_closed(self) -> None:
        while True:
            await asyncio.sleep(STORE_EVERY_S)
            for closed in self._live.take_closed():
                try:
                    taken = await asyncio.to_thread(self._intake.take, "ws", closed.frame)
                except Conflict as error:
                    self._live.give_back(closed)
                    self._trouble(f"candles wait for the store: {error.message}")
                except asyncio.CancelledError:
                    self._live.give_back(closed)
                    raise
                else:
                    self._kept(closed, taken)
            for instrument in self._live.take_owed():
                self._wake(instrument)
            self._tape.flush_late(self._now_ns())

    def _kept(self, closed: Closed, taken: Taken) -> None:
        self._health.counts[Count.CANDLES_LIVE] += taken.kept
        self._health.counts[Count.CANDLES_REFUSED] += len(taken.refused)
        if taken.kept:
            frame = closed.frame
            self._health.candle(frame.instrument, int(frame.close_ns[-1]))
            self._publisher.candles(frame)
        for row in taken.refused:
            _log.warning("candle_refused", symbol=row.instrument.symbol, why=row.reason)

    def _trouble(self, words: str) -> None:
        self._health.trouble = words
        _log.warning("ingest_trouble", what=words)

    async def _keep_whole(self, market: RecordedMarket) -> None:
        """Repair each instrument at the start, when something is owed, and once in a while."""
        repair = Repair(self._store, self._intake, market.venue, self._now_ns)
        clock = asyncio.get_running_loop().time
        looked_s: dict[InstrumentId, float] = {}
        again_s: dict[InstrumentId, float] = {}
        while True:
            for listing in market.listings:
                instrument, now_s = listing.instrument.id, clock()
                full = now_s - looked_s.get(instrument, -FULL_REPAIR_EVERY_S) >= FULL_REPAIR_EVERY_S
                owed = self._owed[instrument].is_set()
                if not (full or owed or again_s.get(instrument, now_s + 1) <= now_s):
                    continue
                self._owed[instrument].clear()
                if owed and not full:
                    # the venue needs a moment until the minute that is owed is final
                    await asyncio.sleep(SETTLE_NS / 1e9)
                newest_ns = self._now_ns() - NEWEST_NS
                since_ns = self._since_ns if full else max(self._since_ns, newest_ns)
                if await self._repair(repair, listing, since_ns):
                    looked_s[instrument] = now_s if full else looked_s[instrument]
                    again_s.pop(instrument, None)
                else:
                    again_s[instrument] = clock() + REPAIR_AGAIN_S
            await asyncio.sleep(0.5)

    async def _repair(self, repair: Repair, listing: Listing, since_ns: int) -> bool:
        """One repair; whether the venue answered to the end."""
        try:
            done = await repair.repair(listing, since_ns)
        except Conflict as error:
            self._trouble(f"the store is in use: {error.message}")
            return False
        counts, symbol = self._health.counts, listing.instrument.id.symbol
        counts[Count.CANDLES_REPAIRED] += done.candles
        counts[Count.CANDLES_REFUSED] += done.refused
        if done.candles:
            _log.info("candles_repaired", symbol=symbol, candles=done.candles)
            newest = await asyncio.to_thread(self._newest_close, listing.instrument.id)
            self._health.candle(listing.instrument.id, newest)
        for gap in done.empty:
            _log.warning("venue_has_none", symbol=symbol, from_ns=gap.start_ns, to_ns=gap.end_ns)
        if done.error:
            counts[Count.REPAIRS_FAILED] += 1
            self._trouble(f"repair of {symbol}: {done.error}")
        return not done.error

    def _newest_close(self, instrument: InstrumentId) -> int:
        for each in self._store.coverage():
            if each.instrument == instrument:
                return each.last_ns + MINUTE_NS
        return 0

    async def _keep_restating(self, market: RecordedMarket) -> None:
        restatement = Restatement(self._store, self._intake, market.venue, self._now_ns)
        since_ns = self._now_ns()
        while True:
            await asyncio.sleep(RESTATE_EVERY_S)
            for listing in market.listings:
                try:
                    drift = await restatement.look(listing, since_ns)
                except (VenueError, Conflict) as error:
                    self._trouble(f"looking again at {listing.venue_symbol}: {error.message}")
                    continue
                self._health.counts[Count.CANDLES_LOOKED_AT] += drift.looked_at
                self._health.counts[Count.CANDLES_RESTATED] += drift.changed
                if drift.changed:
                    _log.warning(
                        "candles_restated", symbol=listing.venue_symbol, changed=drift.changed
                    )

    async def _keep_reporting(self) -> None:
        while True:
            self._report(self._health.report(self._now_ns()))
            await asyncio.sleep(REPORT_EVERY_S)
