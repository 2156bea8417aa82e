"""The recording of markets: feeds first, REST for what they missed, and nothing kept unjudged.

    feed ─► sink ─► closed candles ─► intake ─► store        every two seconds
                └─► trades, quotes ─► tape, bus
    REST ─► wholeness: at the start, after every loss, when a minute is owed, and once an hour
         ├► restatement: candles that came of age, looked at again
         └► listings: once a day

It ends only when it is cancelled, or by a bug; then everything that is held is written first.
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
from bowline.runtime.ingest.health import Count, HealthReport, IngestHealth
from bowline.runtime.ingest.intake import Intake, Taken
from bowline.runtime.ingest.live import LiveCandles
from bowline.runtime.ingest.publish import Publisher
from bowline.runtime.ingest.repair import Repair
from bowline.runtime.ingest.restate import Restatement
from bowline.runtime.ingest.sink import IngestSink
from bowline.runtime.ingest.upkeep import ListingKeeper, TapeKeeper
from bowline.runtime.ingest.whole import Whole, Wholeness
from bowline.storage.candles import Candles
from bowline.storage.listings import ListingStore
from bowline.storage.tape import Tape, TapeWriter
from bowline.venues import Channel, PublicVenue, Topic, VenueError
from bowline.venues.stream import FeedRunner, FeedSink

_log = logging.getLogger(__name__)

STORE_EVERY_S = 2.0
REPORT_EVERY_S = 5.0
RESTATE_EVERY_S = 60.0

CHANNELS = (Channel.CANDLES, Channel.TRADES, Channel.QUOTES)


class RecordedMarket(Struct, frozen=True):
    """One market: what of it is recorded, how to ask it, and how to listen to it."""

    market: Market
    listings: tuple[Listing, ...]
    venue: PublicVenue
    runner: Callable[[FeedSink], FeedRunner]


class Kept(Struct, frozen=True):
    """Where a recording goes: candles, listings and what is absent, the tape, and the bus.

    `keep_days`: full days of the tape that are kept besides today; None: all of them.
    """

    candles: Candles
    listings: ListingStore
    writer: TapeWriter
    tape: Tape
    publisher: Publisher
    keep_days: int | None = None


class Ingest:
    """`since_ns` is where the record begins: what is missing from there on is asked for."""

    def __init__(
        self,
        markets: Sequence[RecordedMarket],
        kept: Kept,
        *,
        since_ns: int,
        now_ns: Callable[[], int],
        report: Callable[[HealthReport], None],
        channels: Sequence[Channel] = CHANNELS,
    ) -> None:
        self._markets = tuple(markets)
        self._instruments = {
            each.instrument.id: each.instrument for market in markets for each in market.listings
        }
        self._stores = kept
        self._since_ns = since_ns
        self._started_ns = now_ns()
        self._now_ns = now_ns
        self._report = report
        self._channels = tuple(channels)
        self._venues = {each.market.market_id: each.venue for each in self._markets}
        self._health = IngestHealth(tuple(self._instruments), self._started_ns, self._ahead_ns)
        self._live = LiveCandles()
        self._intake = Intake(kept.candles, self._instrument, now_ns, self._ahead_ns)
        self._whole = {each.market.market_id: self._wholeness(each) for each in self._markets}
        self._sink = IngestSink(
            self._live,
            kept.writer,
            self._health,
            self._owe,
            kept.publisher.hear,
            self._venue_now_ns,
        )

    async def run(self) -> None:
        """Record until cancelled. Raises the first error that nobody could live with.

        What could not be written at the end is lost: it is said with that error, or as Conflict.
        """
        ended_by: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._store_closed())
                tasks.create_task(self._keep_reporting())
                tasks.create_task(self._stores.publisher.run(self._health))
                tasks.create_task(self._tape_keeper().run())
                for market in self._markets:
                    tasks.create_task(market.runner(self._sink).run(self._topics(market)))
                    tasks.create_task(self._whole[market.market.market_id].run())
                    tasks.create_task(self._keep_restating(market))
                    tasks.create_task(self._listing_keeper(market).run())
        except ExceptionGroup as group:
            ended_by = _first(group)
            raise ended_by from None
        finally:
            lost = await self._finish()
            if lost and isinstance(ended_by, BowlineError):
                ended_by.problems = (*ended_by.problems, lost)
            elif lost and ended_by is None:
                raise Conflict(lost, hint="make room before it is started again")

    async def _finish(self) -> str:
        """Write everything that is held; what is lost all the same, in words.

        A store that is busy must not cost the tape its share, nor the other way round.
        """
        writer, lost = self._stores.writer, ""
        try:
            writer.flush()
        except Conflict as error:
            lost = f"{writer.buffered:,} ticks are lost: {error.message}"
            self._health.trouble(lost)
        for closed in self._live.take_closed():
            try:
                self._kept("ws", self._intake.take("ws", closed.frame))
            except Conflict as error:
                self._health.trouble(
                    f"the last candles are left to the next repair: {error.message}"
                )
        await self._stores.publisher.finish()
        self._tell(ended=True)
        return lost

    def _tell(self, *, ended: bool = False) -> None:
        try:
            self._report(self._health.report(self._now_ns(), ended=ended))
        except Conflict as error:
            self._health.trouble(error.message, what="report")
        else:
            self._health.mended("report")

    # --- parts ----------------------------------------------------------------------------------

    def _topics(self, market: RecordedMarket) -> list[Topic]:
        ids = [each.instrument.id for each in market.listings]
        return [Topic(channel, each) for each in ids for channel in self._channels]

    def _wholeness(self, market: RecordedMarket) -> Wholeness:
        absences = self._stores.listings.absences
        repair = Repair(self._stores.candles, self._intake, absences, market.venue)
        return Wholeness(
            Whole(
                market.listings,
                repair,
                self._health,
                self._hear,
                self._since_ns,
                lambda: self._now_ns() - (market.venue.clock.ahead_ns() or 0),
            )
        )

    def _tape_keeper(self) -> TapeKeeper:
        kept = self._stores
        return TapeKeeper(kept.writer, kept.tape, self._health, self._now_ns, kept.keep_days)

    def _listing_keeper(self, market: RecordedMarket) -> ListingKeeper:
        return ListingKeeper(
            self._stores.listings, market.venue, market.listings, self._health, self._now_ns,
            self._relist,
        )  # fmt: skip

    def _ahead_ns(self, instrument: InstrumentId) -> int:
        """How far the local clock is ahead of the venue's, 0 while nobody knows."""
        return self._venues[instrument.market_id].clock.ahead_ns() or 0

    def _venue_now_ns(self, instrument: InstrumentId) -> int:
        return self._now_ns() - self._ahead_ns(instrument)

    def _instrument(self, instrument: InstrumentId) -> Instrument:
        return self._instruments[instrument]

    def _relist(self, listing: Listing) -> None:
        self._instruments[listing.instrument.id] = listing.instrument

    def _owe(self, instrument: InstrumentId) -> None:
        self._whole[instrument.market_id].owe(instrument)

    # --- candles --------------------------------------------------------------------------------

    async def _store_closed(self) -> None:
        while True:
            await asyncio.sleep(STORE_EVERY_S)
            for instrument in self._live.take_owed():
                self._owe(instrument)
            waiting = self._live.take_closed()
            while waiting:
                closed = waiting[0]
                try:
                    self._kept("ws", await self._intake.keep("ws", closed.frame))
                except Conflict as error:
                    waits = f"candles wait for the store: {error.message}"
                    self._health.trouble(waits, what="candle store")
                    break
                except asyncio.CancelledError:
                    for each in waiting:
                        self._live.give_back(each)
                    raise
                self._health.mended("candle store")
                waiting.pop(0)
            for each in waiting:
                self._live.give_back(each)

    def _kept(self, source: str, taken: Taken) -> None:
        self._health.counts[Count.CANDLES_LIVE] += len(taken.kept)
        self._health.counts[Count.CANDLES_REFUSED] += len(taken.refused)
        if len(taken.kept):
            self._hear(taken.kept)
        for row in taken.refused:
            symbol = row.instrument.symbol
            _log.warning(
                "candle refused: %s", row.reason, extra={"symbol": symbol, "source": source}
            )
            self._owe(row.instrument)

    def _hear(self, frame: CandleFrame) -> None:
        """Candles are stored, however they came; those of the recording's own time go on."""
        self._health.candle(frame.instrument, int(frame.close_ns[-1]))
        started_ns = self._started_ns - self._ahead_ns(frame.instrument)
        fresh = int(frame.close_ns.searchsorted(started_ns, side="right"))
        if fresh < len(frame):
            self._stores.publisher.candles(frame.slice(fresh, len(frame)))

    async def _keep_restating(self, market: RecordedMarket) -> None:
        restatement = Restatement(
            self._stores.candles,
            self._intake,
            market.venue,
            lambda: self._now_ns() - (market.venue.clock.ahead_ns() or 0),
        )
        while True:
            await asyncio.sleep(RESTATE_EVERY_S)
            for listing in market.listings:
                try:
                    drift = await restatement.look(listing, self._started_ns)
                except (VenueError, Conflict) as error:
                    self._health.trouble(
                        f"looking again at {listing.venue_symbol}: {error.message}"
                    )
                    continue
                self._health.counts[Count.CANDLES_LOOKED_AT] += drift.looked_at
                self._health.counts[Count.CANDLES_RESTATED] += drift.changed
                if drift.changed:
                    more = {"symbol": listing.venue_symbol, "changed": drift.changed}
                    _log.warning("candles restated by the venue", extra=more)

    async def _keep_reporting(self) -> None:
        while True:
            for market in self._markets:
                self._health.clock(market.market.name, market.venue.clock.ahead_ns() or 0)
            self._tell()
            await asyncio.sleep(REPORT_EVERY_S)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """A bug if there is one, else the first thing that a person can act on."""
    leaves = [_first(e) if isinstance(e, BaseExceptionGroup) else e for e in group.exceptions]
    return next((each for each in leaves if not isinstance(each, BowlineError)), leaves[0])
