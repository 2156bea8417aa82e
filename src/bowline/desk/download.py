"""Download of a venue's candles by REST: only what is missing, page by page, resumable.

Stored candles are never requested again, so an interrupted download continues where it stopped.
Every candle is checked like one of a file.
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


class DownloadProgress(msgspec.Struct, frozen=True):
    """How far a download is: the minutes that were missing, and what has come of them."""

    wanted: int
    done: RepairResult


class DownloadResult(msgspec.Struct, frozen=True):
    """What a download of `wanted` minutes came to; `absent` were missing and not asked for."""

    name: str
    wanted: int
    done: RepairResult
    absent: int = 0

    @property
    def left(self) -> int:
        """Minutes that are neither stored nor refused nor known to be nowhere."""
        return max(0, self.wanted - settled_minutes(self.done))


def settled_minutes(done: RepairResult) -> int:
    """Minutes of which no more can be had by asking once more."""
    nowhere = sum(each.minutes for each in (*done.empty, *done.too_old))
    return done.candles + done.refused + nowhere


async def download(
    store: Candles,
    absences: AbsenceStore,
    venue: PublicVenue,
    listing: Listing,
    start_ns: int,
    end_ns: int,
    report: Callable[[DownloadProgress], None],
    *,
    now_ns: Callable[[], int] = time.time_ns,
) -> DownloadResult:
    """Fetch what is missing from `start_ns` up to `end_ns`. Conflict if the venue gave up on us."""
    candle_writer = CandleWriter(store, lambda _: listing.instrument, now_ns)
    repair = CandleRepair(store, candle_writer, absences, venue)
    instrument = listing.instrument.id
    try:
        missing = await repair.missing(instrument, start_ns, end_ns)
    except VenueError as error:
        raise Conflict(
            f"{venue.market.name} does not answer: {error.message}", hint="try again later"
        ) from error
    total = sum(each.minutes for each in missing.ranges)
    done = RepairResult()
    async for part in repair.fetch(listing, missing.ranges):
        done += part
        report(DownloadProgress(total, done))
    if done.error:
        raise _stopped(venue.market.name, done)
    return DownloadResult(name_of(instrument), total, done, missing.absent)


def _stopped(market: str, done: RepairResult) -> Conflict:
    if done.final:
        return Conflict(
            f"{market} refuses a part of the missing range: {done.error}",
            hint=f"{done.candles:,} candles are stored; the same request is refused again: "
            "give a later --from, or check the symbol: bowline instruments sync",
        )
    return Conflict(
        f"{market} stopped answering: {done.error}",
        hint=f"{done.candles:,} candles are stored: repeat the command to continue",
    )
