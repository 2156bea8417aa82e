"""The recording for the user: start it, and show its state from another process.

One recorder writes a home's tape at a time. Its report is a file beside the stores, which other
processes read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from bowline.core.errors import BadInput, Conflict, Damaged, NotFound, Unreachable
from bowline.core.model.instrument import InstrumentId, market_by_id
from bowline.core.model.values import DAY_NS, SECOND_NS
from bowline.core.venue import Listing
from bowline.desk.instruments import find
from bowline.runtime.ingest import CHANNELS, HealthReport, Ingest, IngestStores, RecordedMarket
from bowline.storage.listings import ListingStore
from bowline.venues import FeedChannel
from bowline.venues.registry import VenueRegistry

#: a report older than this is of a recorder that is gone
STALE_NS = 20 * SECOND_NS
_REPORT = "ingest.json"


class IngestRequest(msgspec.Struct, frozen=True):
    """What is to be recorded, and since when the record must be whole."""

    listings: tuple[Listing, ...]
    since_ns: int
    channels: tuple[FeedChannel, ...] = CHANNELS


def ingest_request(
    store: ListingStore,
    instruments: Iterable[InstrumentId],
    since_ns: int | None,
    channels: Sequence[str] = (),
    *,
    now_ns: Callable[[], int] = time.time_ns,
) -> IngestRequest:
    """The request in a person's words; without instruments, all that are on the list.

    Without `since_ns` the record has to be whole for the last day.
    """
    wanted = tuple(instruments) or store.recorded()
    if not wanted:
        raise BadInput(
            "no instrument is on the recording list",
            hint="bowline instruments record BTCUSDT --market bybit:linear, or name --symbols here",
        )
    try:
        kept = tuple(FeedChannel(each) for each in channels) or CHANNELS
    except ValueError:
        names = ", ".join(CHANNELS)
        raise BadInput(
            f"{','.join(channels)}: unknown channels", hint=f"expected of {names}"
        ) from None
    listings = tuple(find(store, each) for each in wanted)
    halted = [each.instrument.id.symbol for each in listings if not each.tradable]
    if halted:
        raise BadInput(f"not trading: {', '.join(halted)}", hint="bowline instruments list --all")
    return IngestRequest(listings, now_ns() - DAY_NS if since_ns is None else since_ns, kept)


async def record(
    request: IngestRequest,
    venues: VenueRegistry,
    stores: IngestStores,
    told: Callable[[HealthReport], None],
    *,
    now_ns: Callable[[], int] = time.time_ns,
) -> None:
    """Record until cancelled."""
    by_market: dict[int, list[Listing]] = {}
    for each in request.listings:
        by_market.setdefault(each.instrument.id.market_id, []).append(each)
    markets = []
    for listings in by_market.values():
        market = market_by_id(listings[0].instrument.id.market_id)
        feed = venues.feed(market, listings)
        markets.append(RecordedMarket(market, tuple(listings), venues.public_venue(market), feed))
    ingest = Ingest(
        markets,
        stores,
        since_ns=request.since_ns,
        now_ns=now_ns,
        report=told,
        channels=request.channels,
    )
    await ingest.run()


def keep_report(home: Path, report: HealthReport) -> None:
    """Put a report where others find it, whole or not at all; Unreachable if nowhere.

    On a disk without room it is written over the last one, in the room which that has.
    """
    path, content = home / _REPORT, msgspec.json.encode(report)
    draft = home / f".{_REPORT}.{os.getpid()}"
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        try:
            draft.unlink(missing_ok=True)
            with path.open("r+b") as file:
                # blanks are JSON too: what was longer before is gone, and nothing is cut off
                file.write(content.ljust(path.stat().st_size))
        except OSError:
            raise Unreachable(
                f"the report {path} cannot be written: {error.strerror}",
                hint="the recording continues; free some space to update --status again",
            ) from error


def last_report(home: Path) -> HealthReport:
    """What the recorder of this home said last. NotFound, or Damaged if it is no report."""
    path = home / _REPORT
    try:
        return msgspec.json.decode(path.read_bytes(), type=HealthReport)
    except FileNotFoundError:
        raise NotFound(
            "nothing has been recorded in this home", hint="bowline ingest --markets bybit:linear"
        ) from None
    except OSError as error:
        raise Conflict(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(
            f"{path} is not a report of a recorder: {error}",
            hint="delete it: a running recorder writes it again within seconds",
        ) from None


def running(report: HealthReport, now_ns: int) -> bool:
    """Whether whoever made this report is still at work."""
    return not report.ended and now_ns - report.seen_ns < STALE_NS
