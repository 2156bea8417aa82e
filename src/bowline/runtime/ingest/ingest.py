"""Recording markets: candles, trades and quotes from feeds, missing candles from REST.

    feed ─► sink ─► closed candles ─► candle writer ─► store        every two seconds
                └─► trades, quotes ─► tape, bus
    REST ─► repair: at the start, after a reconnect, when a minute is missing, and once an hour
         ├► recheck: stored candles, 5 minutes, 1 hour and 24 hours after their close
         └► listings: once a day

It runs until it is cancelled or fails; then everything that is buffered is written first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from msgspec import Struct

from bowline.core.errors import BowlineError, Conflict
from bowline.core.model.instrument import Instrument, InstrumentId, Market
from bowline.core.model.market import CandleFrame
from bowline.core.venue import Listing
from bowline.runtime.ingest.bus_publisher import BusPublisher
from bowline.runtime.ingest.candle_writer import CandleWriter, WriteResult
from bowline.runtime.ingest.health import Count, HealthReport, IngestHealth
from bowline.runtime.ingest.live import LiveCandles
from bowline.runtime.ingest.maintenance import ListingSync, TapeMaintenance
from bowline.runtime.ingest.recheck import CandleRecheck
from bowline.runtime.ingest.repair import CandleRepair
from bowline.runtime.ingest.repair_scheduler import RepairScheduler
from bowline.runtime.ingest.sink import IngestSink
from bowline.storage.candles import Candles
from bowline.storage.listings import ListingStore
from bowline.storage.tape import Tape, TapeWriter
from bowline.venues import FeedChannel, FeedTopic, PublicVenue, VenueError
from bowline.venues.stream import FeedRunner, FeedSink

_log = logging.getLogger(__name__)

STORE_EVERY_S = 2.0
REPORT_EVERY_S = 5.0
RECHECK_EVERY_S = 60.0

CHANNELS = (FeedChannel.CANDLES, FeedChannel.TRADES, FeedChannel.QUOTES)


class RecordedMarket(Struct, frozen=True):
    """One market to record: its listings, its REST venue, and its feed."""

    market: Market
    listings: tuple[Listing, ...]
    venue: PublicVenue
    make_feed: Callable[[FeedSink], FeedRunner]


class IngestStores(Struct, frozen=True):
    """The stores of a recording: candles, listings with absent ranges, tape and bus.

    `keep_days`: full days of the tape that are kept besides today; None keeps all.
    """

    candles: Candles
    listings: ListingStore
    writer: TapeWriter
    tape: Tape
    publisher: BusPublisher
    keep_days: int | None = None


class Ingest:
    """Records markets. `since_ns`: start of the record; missing candles from there are fetched.

    `report` is called with a health report every few seconds.
    """

    def __init__(
        self,
        markets: Sequence[RecordedMarket],
        stores: IngestStores,
        *,
        since_ns: int,
        now_ns: Callable[[], int],
        report: Callable[[HealthReport], None],
        channels: Sequence[FeedChannel] = CHANNELS,
    ) -> None:
        self._markets = tuple(markets)
        self._instruments = {
            each.instrument.id: each.instrument for market in markets for each in market.listings
        }
        self._stores = stores
        self._since_ns = since_ns
        self._started_ns = now_ns()
        self._now_ns = now_ns
        self._report = report
        self._channels = tuple(channels)
        self._venues = {each.market.market_id: each.venue for each in self._markets}
        self._health = IngestHealth(tuple(self._instruments), self._started_ns, self._ahead_ns)
        self._live = LiveCandles()
        self._candle_writer = CandleWriter(stores.candles, self._instrument, now_ns, self._ahead_ns)
        self._repairs = {
            each.market.market_id: self._repair_scheduler(each) for each in self._markets
        }
        self._sink = IngestSink(
            self._live,
            stores.writer,
            self._health,
            self._mark_missing,
            stores.publisher.add_tick,
            self._venue_now_ns,
        )

    async def run(self) -> None:
        """Record until cancelled. Raises the first error that cannot be retried.

        Ticks that cannot be written at the end are lost: they are reported with that error, or as
        Conflict.
        """
        ended_by: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._store_closed())
                tasks.create_task(self._keep_reporting())
                tasks.create_task(self._stores.publisher.run(self._health))
                tasks.create_task(self._tape_maintenance().run())
                for market in self._markets:
                    tasks.create_task(market.make_feed(self._sink).run(self._topics(market)))
                    tasks.create_task(self._repairs[market.market.market_id].run())
                    tasks.create_task(self._keep_rechecking(market))
                    tasks.create_task(self._listing_sync(market).run())
        except ExceptionGroup as group:
            ended_by = _first_error(group)
            raise ended_by from None
        finally:
            lost = await self._finish()
            if lost and isinstance(ended_by, BowlineError):
                ended_by.problems = (*ended_by.problems, lost)
            elif lost and ended_by is None:
                raise Conflict(lost, hint="free disk space, then start the recording again")

    async def _finish(self) -> str:
        """Write everything that is buffered; returns a message about what was lost, if anything.

        A failing candle store does not stop the tape from being written, nor vice versa.
        """
        writer, lost = self._stores.writer, ""
        try:
            writer.flush()
        except Conflict as error:
            lost = f"{writer.buffered:,} ticks are lost: {error.message}"
            self._health.trouble(lost)
        for closed in self._live.take_closed():
            try:
                self._record_written("ws", self._candle_writer.write_sync("ws", closed.frame))
            except Conflict as error:
                self._health.trouble(
                    f"the last candles are left to the next repair: {error.message}"
                )
        await self._stores.publisher.finish()
        self._send_report(ended=True)
        return lost

    def _send_report(self, *, ended: bool = False) -> None:
        try:
            self._report(self._health.report(self._now_ns(), ended=ended))
        except Conflict as error:
            self._health.trouble(error.message, what="report")
        else:
            self._health.resolved("report")

    # --- parts ----------------------------------------------------------------------------------

    def _topics(self, market: RecordedMarket) -> list[FeedTopic]:
        ids = [each.instrument.id for each in market.listings]
        return [FeedTopic(channel, each) for each in ids for channel in self._channels]

    def _repair_scheduler(self, market: RecordedMarket) -> RepairScheduler:
        absences = self._stores.listings.absences
        repair = CandleRepair(self._stores.candles, self._candle_writer, absences, market.venue)
        return RepairScheduler(
            market.listings,
            repair,
            self._health,
            on_stored=self._on_stored,
            since_ns=self._since_ns,
            now_ns=lambda: self._now_ns() - (market.venue.clock.ahead_ns() or 0),
        )

    def _tape_maintenance(self) -> TapeMaintenance:
        stores = self._stores
        return TapeMaintenance(
            stores.writer, stores.tape, self._health, self._now_ns, stores.keep_days
        )

    def _listing_sync(self, market: RecordedMarket) -> ListingSync:
        return ListingSync(
            self._stores.listings, market.venue, market.listings, self._health, self._now_ns,
            self._update_listing,
        )  # fmt: skip

    def _ahead_ns(self, instrument: InstrumentId) -> int:
        """How far the local clock is ahead of the venue's, ns; 0 before it is known."""
        return self._venues[instrument.market_id].clock.ahead_ns() or 0

    def _venue_now_ns(self, instrument: InstrumentId) -> int:
        return self._now_ns() - self._ahead_ns(instrument)

    def _instrument(self, instrument: InstrumentId) -> Instrument:
        return self._instruments[instrument]

    def _update_listing(self, listing: Listing) -> None:
        self._instruments[listing.instrument.id] = listing.instrument

    def _mark_missing(self, instrument: InstrumentId) -> None:
        self._repairs[instrument.market_id].mark_missing(instrument)

    # --- candles --------------------------------------------------------------------------------

    async def _store_closed(self) -> None:
        while True:
            await asyncio.sleep(STORE_EVERY_S)
            for instrument in self._live.take_missing():
                self._mark_missing(instrument)
            waiting = self._live.take_closed()
            while waiting:
                closed = waiting[0]
                try:
                    self._record_written("ws", await self._candle_writer.write("ws", closed.frame))
                except Conflict as error:
                    message = f"candles wait for the store: {error.message}"
                    self._health.trouble(message, what="candle store")
                    break
                except asyncio.CancelledError:
                    for each in waiting:
                        self._live.put_back(each)
                    raise
                self._health.resolved("candle store")
                waiting.pop(0)
            for each in waiting:
                self._live.put_back(each)

    def _record_written(self, source: str, taken: WriteResult) -> None:
        self._health.counts[Count.CANDLES_LIVE] += len(taken.stored)
        self._health.counts[Count.CANDLES_REFUSED] += len(taken.refused)
        if len(taken.stored):
            self._on_stored(taken.stored)
        for row in taken.refused:
            symbol = row.instrument.symbol
            _log.warning(
                "candle refused: %s", row.reason, extra={"symbol": symbol, "source": source}
            )
            self._mark_missing(row.instrument)

    def _on_stored(self, frame: CandleFrame) -> None:
        """Report stored candles; those that closed since the recording began are published."""
        self._health.candle(frame.instrument, int(frame.close_ns[-1]))
        started_ns = self._started_ns - self._ahead_ns(frame.instrument)
        fresh = int(frame.close_ns.searchsorted(started_ns, side="right"))
        if fresh < len(frame):
            self._stores.publisher.add_candles(frame.slice(fresh, len(frame)))

    async def _keep_rechecking(self, market: RecordedMarket) -> None:
        recheck = CandleRecheck(
            self._stores.candles,
            self._candle_writer,
            market.venue,
            lambda: self._now_ns() - (market.venue.clock.ahead_ns() or 0),
        )
        while True:
            await asyncio.sleep(RECHECK_EVERY_S)
            for listing in market.listings:
                try:
                    checked = await recheck.recheck(listing, self._started_ns)
                except (VenueError, Conflict) as error:
                    self._health.trouble(f"rechecking {listing.venue_symbol}: {error.message}")
                    continue
                self._health.counts[Count.CANDLES_LOOKED_AT] += checked.checked
                self._health.counts[Count.CANDLES_RESTATED] += checked.changed
                if checked.changed:
                    more = {"symbol": listing.venue_symbol, "changed": checked.changed}
                    _log.warning("candles restated by the venue", extra=more)

    async def _keep_reporting(self) -> None:
        while True:
            for market in self._markets:
                self._health.clock(market.market.name, market.venue.clock.ahead_ns() or 0)
            self._send_report()
            await asyncio.sleep(REPORT_EVERY_S)


def _first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first unexpected error (a bug) if there is one, else the first expected error."""
    leaves = [_first_error(e) if isinstance(e, BaseExceptionGroup) else e for e in group.exceptions]
    return next((each for each in leaves if not isinstance(each, BowlineError)), leaves[0])
