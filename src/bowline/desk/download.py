"""Candles from a venue's REST into the store: only what is missing, page by page, resumable.

What is there already is never asked for again, so a download that was stopped goes on where it
was. Every candle is judged like one of a file.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from bowline.core.errors import Conflict
from bowline.core.venue import Listing
from bowline.desk.candles import name_of
from bowline.runtime.ingest import CandleRepair, CandleWriter, RepairResult
from bowline.storage.absences import AbsenceStore
from bowline.storage.candles import Candles
from bowline.venues import PublicVenue, VenueError


class Progress(msgspec.Struct, frozen=True):
    """How far a download is: the minutes that were missing, and what has come of them."""

    wanted: int
    done: RepairResult


class Downloaded(msgspec.Struct, frozen=True):
    """What a download of `wanted` minutes came to."""

    name: str
    wanted: int
    done: RepairResult

    @property
    def left(self) -> int:
        """Minutes that are neither stored nor refused nor known to be nowhere."""
        settled = self.done.candles + self.done.refused + sum(e.minutes for e in self.done.empty)
        return max(0, self.wanted - settled)


async def download(
    store: Candles,
    absences: AbsenceStore,
    venue: PublicVenue,
    listing: Listing,
    start_ns: int,
    end_ns: int,
    told: Callable[[Progress], None],
    *,
    now_ns: Callable[[], int] = time.time_ns,
) -> Downloaded:
    """Fetch what is missing from `start_ns` up to `end_ns`. Conflict if the venue gave up on us."""
    candle_writer = CandleWriter(store, lambda _: listing.instrument, now_ns)
    repair = CandleRepair(store, candle_writer, absences, venue)
    instrument = listing.instrument.id
    try:
        wanted = await repair.missing(instrument, start_ns, end_ns)
    except VenueError as error:
        raise Conflict(
            f"{venue.market.name} does not answer: {error.message}", hint="try again later"
        ) from error
    total = sum(each.minutes for each in wanted)
    done = RepairResult()
    async for part in repair.fetch(listing, wanted):
        done += part
        told(Progress(total, done))
    if done.error:
        raise Conflict(
            f"{venue.market.name} stopped answering: {done.error}",
            hint=f"{done.candles:,} candles are stored: repeat the command to go on",
        )
    return Downloaded(name_of(instrument), total, done)
