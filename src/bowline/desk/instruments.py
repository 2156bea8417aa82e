"""Instruments for the user: update the listings, list and show them, choose what is recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches

import msgspec

from bowline.core.errors import BadInput, NotFound
from bowline.core.model.instrument import MARKETS, InstrumentId, Market, market_by_id
from bowline.core.venue import Listing
from bowline.desk.candles import name_of, parse_market
from bowline.storage.listings import ListingChanges, ListingStore
from bowline.venues import PublicVenue, VenueError


class SyncResult(msgspec.Struct, frozen=True):
    """What a sync of one market came to; `error` says why it failed, then nothing was changed."""

    market: str
    listed: int = 0
    tradable: int = 0
    changes: ListingChanges | None = None
    error: str = ""


class ListingDetails(msgspec.Struct, frozen=True):
    """One listing with its past: since when it is as it is, and as it was before."""

    name: str
    listing: Listing
    subscribed: bool
    history: tuple[tuple[int, Listing], ...]


def parse_markets(names: Iterable[str]) -> tuple[Market, ...]:
    """The markets a person names: `bybit:linear`, a whole venue `bybit`, or `all`."""
    found: dict[str, Market] = {}
    for name in (part.strip() for each in names for part in each.split(",")):
        if not name:
            continue
        whole = [each for each in MARKETS if name in {"all", each.venue}]
        for market in whole or [parse_market(name)]:
            found[market.name] = market
    if not found:
        raise BadInput(
            "no market is named", hint="give one, such as --markets bybit:linear,okx or all"
        )
    return tuple(found.values())


async def sync(
    store: ListingStore,
    venues: Sequence[PublicVenue],
    report: Callable[[SyncResult], None],
    *,
    now_ns: Callable[[], int] = time.time_ns,
) -> tuple[SyncResult, ...]:
    """Ask each market what it lists and keep it; one that fails does not keep the next."""
    done = []
    for venue in venues:
        try:
            listings = await venue.listings()
        except VenueError as error:
            result = SyncResult(venue.market.name, error=error.message)
        else:
            changes = store.sync(venue.market.market_id, listings, now_ns())
            tradable = sum(each.tradable for each in listings)
            result = SyncResult(venue.market.name, len(listings), tradable, changes)
        report(result)
        done.append(result)
    return tuple(done)


def list_instruments(
    store: ListingStore, markets: Iterable[Market], *, quote: str = "", everything: bool = False
) -> tuple[Listing, ...]:
    """What is listed and trades, by market and symbol; with `everything`, what does not too."""
    return tuple(
        each
        for market in markets
        for each in store.listings(market.market_id)
        if (everything or each.tradable) and quote.upper() in {"", each.quote.upper()}
    )


def find(store: ListingStore, instrument: InstrumentId) -> Listing:
    """The listing of an instrument. NotFound says what to do, and what is spelled like it."""
    market = market_by_id(instrument.market_id)
    listings = store.listings(instrument.market_id)
    for each in listings:
        if each.instrument.id == instrument:
            return each
    if not listings:
        raise NotFound(
            f"no listings of {market.name} are stored",
            hint=f"update them: bowline instruments sync --markets {market.name}",
        )
    near = get_close_matches(instrument.symbol, [e.instrument.id.symbol for e in listings], n=3)
    synced = f"bowline instruments sync --markets {market.name}"
    hint = (
        f"did you mean {' or '.join(near)}? If it is new, update the listings: {synced}"
        if near
        else synced
    )
    raise NotFound(f"{market.name} lists no {instrument.symbol}", hint=hint)


def listing_if_known(
    store: ListingStore, instrument: InstrumentId, *, unlisted: bool = False
) -> Listing | None:
    """The listing of an instrument; None if its market was never asked, or it may be unlisted.

    NotFound if the market was asked and lists no such thing.
    """
    if store.synced_ns(instrument.market_id) is None:
        return None
    try:
        return find(store, instrument)
    except NotFound as error:
        if unlisted:
            return None
        more = "If it was delisted or is new, repeat with --unlisted."
        raise NotFound(error.message, hint=f"{error.hint}. {more}") from None


def show(store: ListingStore, instrument: InstrumentId) -> ListingDetails:
    """One listing with everything that is known of it."""
    listing = find(store, instrument)
    subscribed = instrument in store.recorded()
    return ListingDetails(name_of(instrument), listing, subscribed, store.history(instrument))


def subscribe(
    store: ListingStore,
    instruments: Iterable[InstrumentId],
    *,
    now_ns: Callable[[], int] = time.time_ns,
) -> tuple[InstrumentId, ...]:
    """Put instruments on the list of what is recorded; each must be listed. The whole list."""
    store.start_recording([find(store, each).instrument.id for each in instruments], now_ns())
    return store.recorded()


def unsubscribe(
    store: ListingStore, instruments: Iterable[InstrumentId]
) -> tuple[InstrumentId, ...]:
    """Take instruments off that list; what is left of it."""
    store.stop_recording(instruments)
    return store.recorded()
