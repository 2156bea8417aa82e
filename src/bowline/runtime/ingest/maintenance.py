"""Background work of a recording: writing, joining and pruning the tape, and syncing listings.

None of it may delay the feeds: files are written in a thread, and failures of a disk or a venue are
reported and retried.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from bowline.core.errors import BowlineError, Conflict
from bowline.core.model.instrument import Instrument, InstrumentId
from bowline.core.model.values import DAY_NS, SECOND_NS
from bowline.core.venue import Listing
from bowline.runtime.ingest.health import Count, IngestHealth
from bowline.storage.listings import ListingChanges, ListingStore
from bowline.storage.tape import Tape, TapeWriter
from bowline.venues import PublicVenue, VenueError

_log = logging.getLogger(__name__)

WRITE_EVERY_S = 1.0
#: how often finished days are joined and old days deleted
TIDY_EVERY_S = 3_600.0
#: buffered ticks, about a gigabyte, after which the recording ends if the disk fails
MAX_BUFFERED = 4_000_000
LISTINGS_EVERY_NS = DAY_NS
LISTINGS_RETRY_S = 600.0


class TapeMaintenance:
    """Writes due ticks to disk and prunes old days.

    `keep_days`: number of full days kept besides today; None keeps all.
    """

    def __init__(
        self,
        writer: TapeWriter,
        tape: Tape,
        health: IngestHealth,
        now_ns: Callable[[], int],
        keep_days: int | None,
    ) -> None:
        self._writer = writer
        self._tape = tape
        self._health = health
        self._now_ns = now_ns
        self._keep_days = keep_days

    async def run(self) -> None:
        """Write due ticks, join finished days and prune, until cancelled."""
        clock = asyncio.get_running_loop().time
        tidied_s = 0.0
        while True:
            if self._writer.due(self._now_ns()):
                await self._write()
            if not tidied_s or clock() - tidied_s >= TIDY_EVERY_S:
                tidied_s = clock()
                await self._tidy()
            await asyncio.sleep(WRITE_EVERY_S)

    async def _write(self) -> None:
        batch = self._writer.take(self._now_ns())
        # a write that has begun is finished, even when the recording is cancelled
        writing = asyncio.create_task(asyncio.to_thread(self._writer.write_batch, batch))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait({writing})
            if writing.exception():
                self._writer.put_back(batch)
            raise
        except Conflict as error:
            self._writer.put_back(batch)
            message = f"ticks wait for the disk: {error.message}"
            self._health.trouble(message, what="tape", ticks=self._writer.buffered)
            if self._writer.buffered > MAX_BUFFERED:
                raise Conflict(
                    error.message, hint="free disk space, then start the recording again"
                ) from error
        else:
            self._health.resolved("tape")

    async def _tidy(self) -> None:
        today = datetime.fromtimestamp(self._now_ns() / SECOND_NS, UTC).date()
        try:
            joined = await asyncio.to_thread(self._tape.join_before, today.isoformat())
            if joined:
                _log.info("finished days of the tape joined", extra={"parts": joined})
            if self._keep_days is not None:
                oldest = (today - timedelta(days=self._keep_days)).isoformat()
                gone = await asyncio.to_thread(self._tape.prune, oldest)
                if gone:
                    freed = {"folders": len(gone), "freed_bytes": sum(batch for _, batch in gone)}
                    _log.info("old days of the tape deleted", extra=freed)
        except (OSError, BowlineError) as error:
            self._health.trouble(f"the tape cannot be joined or pruned: {error}")


class ListingSync:
    """Syncs the listings of a market once a day.

    `changed` is called with each recorded listing that changed.
    """

    def __init__(
        self,
        store: ListingStore,
        venue: PublicVenue,
        recorded: Sequence[Listing],
        health: IngestHealth,
        now_ns: Callable[[], int],
        changed: Callable[[Listing], None],
    ) -> None:
        self._store = store
        self._venue = venue
        self._recorded = {each.instrument.id: each for each in recorded}
        self._health = health
        self._now_ns = now_ns
        self._changed = changed

    async def run(self) -> None:
        """Sync the listings when due, until cancelled."""
        market = self._venue.market
        while True:
            wait_s = LISTINGS_RETRY_S
            try:
                synced_ns = await asyncio.to_thread(self._store.synced_ns, market.market_id)
                # a future sync time was recorded by a wrong clock
                if synced_ns is None or not 0 <= self._now_ns() - synced_ns < LISTINGS_EVERY_NS:
                    await self._sync()
                else:
                    left_s = (synced_ns + LISTINGS_EVERY_NS - self._now_ns()) / SECOND_NS
                    wait_s = max(1.0, min(left_s, LISTINGS_RETRY_S))
            except (VenueError, Conflict) as error:
                self._health.trouble(
                    f"the listings of {market.name} cannot be synced: {error.message}"
                )
            await asyncio.sleep(wait_s)

    async def _sync(self) -> None:
        market_id = self._venue.market.market_id
        listings = await self._venue.listings()
        now_ns = self._now_ns()
        changes = await asyncio.to_thread(self._store.sync, market_id, listings, now_ns)
        self._health.counts[Count.LISTINGS_SYNCED] += 1
        found = {
            "market": self._venue.market.name,
            "added": len(changes.added),
            "changed": len(changes.changed),
            "delisted": len(changes.delisted),
        }
        _log.info("listings synced", extra=found)
        for each in _after(changes):
            before = self._recorded.get(each.instrument.id)
            if before is not None:
                self._update(before, each)

    def _update(self, before: Listing, after: Listing) -> None:
        self._recorded[after.instrument.id] = after
        self._changed(after)
        name = _name(after.instrument.id)
        if not after.tradable:
            self._health.trouble(f"{name} is {after.status.value} at the venue")
        elif after.instrument.contract_size != before.instrument.contract_size:
            self._health.trouble(
                f"the contract size of {name} has changed: start the recording again"
            )
        else:
            _log.info("the listing of %s has changed", name)


def _after(changes: ListingChanges) -> tuple[Listing, ...]:
    return (*changes.added, *(after for _, after in changes.changed), *changes.delisted)


def _name(instrument: InstrumentId) -> str:
    return Instrument(instrument).key
