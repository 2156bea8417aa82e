"""Checks of a venue before it is trusted with an order.

A check only reads: no order is placed, no mode or leverage is set.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

from bowline.core.model.instrument import MARKETS, Market
from bowline.core.model.values import MINUTE_NS, SECOND_NS
from bowline.core.venue import Listing
from bowline.desk.books import BookBoard
from bowline.venues import FeedChannel, FeedTopic, PublicVenue, Venue, VenueError
from bowline.venues.clock import MAX_ERROR_NS
from bowline.venues.registry import VenueCapabilities, VenueRegistry

#: a book has to be whole within this long
BOOK_S = 15.0
#: what most people trade, for the checks that need an instrument
USUAL = ("BTCUSDT", "ETHUSDT")


class VenueFinding(msgspec.Struct, frozen=True):
    """One thing that was tried: `works` None: there is no answer, `words` say why."""

    market: str
    what: str
    works: bool | None
    words: str


class CheckSkipped(Exception):
    """There is no answer: the check does not apply, or the venue has none; the message says."""


Check = Callable[[], Awaitable[str]]


def list_venues(venues: VenueRegistry) -> tuple[VenueCapabilities, ...]:
    """Every venue there is, as it is known without asking."""
    return tuple(venues.capabilities(each) for each in dict.fromkeys(m.venue for m in MARKETS))


async def check(
    venues: VenueRegistry, market: Market, *, now_ns: Callable[[], int] = time.time_ns
) -> AsyncIterator[VenueFinding]:
    """Try everything that moves nothing, one finding after the other."""
    checks = _Checks(venues, market, now_ns)
    for what, attempt in checks.all():
        try:
            words = await attempt()
        except VenueError as error:
            code = f" ({error.code})" if error.code else ""
            yield VenueFinding(market.name, what, works=False, words=error.message + code)
        except CheckSkipped as reason:
            yield VenueFinding(market.name, what, works=None, words=str(reason))
        else:
            yield VenueFinding(market.name, what, works=True, words=words)


class _Checks:
    """The attempts at one market; what one finds the next may use."""

    def __init__(self, venues: VenueRegistry, market: Market, now_ns: Callable[[], int]) -> None:
        self._venues = venues
        self._market = market
        self._now_ns = now_ns
        self._public: PublicVenue = venues.public_venue(market)
        self._own: Venue | None = venues.account_venue(market)
        self._listing: Listing | None = None

    def all(self) -> tuple[tuple[str, Check], ...]:
        """What is tried, in order."""
        return (
            ("clock", self._clock),
            ("instruments", self._instruments),
            ("candles", self._candles),
            ("live book", self._book),
            ("key", self._key),
            ("balances", self._balances),
            ("positions", self._positions),
            ("position mode", self._position_mode),
            ("open orders", self._open_orders),
        )

    async def _clock(self) -> str:
        measured = await self._venues.clock(self._market.venue).measure(self._public.server_time_ns)
        offset, trip = measured.offset_ns / 1e6, measured.round_trip_ns / 1e6
        words = f"offset {offset:+,.0f} ms, round trip {trip:,.0f} ms"
        if measured.error_ns > MAX_ERROR_NS:
            raise VenueError(f"{words}: too uncertain for trading")
        return words

    async def _instruments(self) -> str:
        listings = await self._public.listings()
        tradable = [each for each in listings if each.tradable]
        by_symbol = {each.instrument.id.symbol: each for each in tradable}
        usual = [by_symbol[name] for name in USUAL if name in by_symbol]
        self._listing = next(iter(usual or tradable), None)
        if self._listing is None:
            raise VenueError(f"none of {len(listings):,} listings is trading")
        return f"{len(listings):,} listed, {len(tradable):,} trading"

    def _chosen(self) -> Listing:
        if self._listing is None:
            raise CheckSkipped("no instrument is known to trade")
        return self._listing

    async def _candles(self) -> str:
        listing, now_ns = self._chosen(), self._now_ns()
        frame = await self._public.candles(listing, now_ns - 10 * MINUTE_NS, now_ns)
        if not len(frame):
            raise VenueError(f"none of the last ten minutes of {listing.venue_symbol}")
        behind_s = (now_ns - int(frame.close_ns[-1])) / SECOND_NS
        return f"the newest of {listing.venue_symbol} ended {behind_s:,.0f} s ago"

    async def _book(self) -> str:
        listing = self._chosen()
        board = BookBoard()
        runner = self._venues.feed(self._market, [listing])(board)
        topic = FeedTopic(FeedChannel.BOOK, listing.instrument.id)
        task = asyncio.create_task(runner.run([topic]))
        try:
            async with asyncio.timeout(BOOK_S):
                await board.wait_complete([listing.instrument.id])
            side = board.side(listing.instrument.id, self._now_ns())
        except TimeoutError:
            raise VenueError(board.trouble or f"no complete book within {BOOK_S:g} s") from None
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return f"{listing.venue_symbol} {side.bid:.10g} | {side.ask:.10g}"

    def _account(self) -> Venue:
        if self._own is None:
            name = f"BOWLINE_{self._market.venue.upper()}_KEY"
            raise CheckSkipped(f"no key is set: {name} and _SECRET")
        return self._own

    async def _key(self) -> str:
        rights = await self._account().key_rights()
        if rights.withdraw is None:
            raise CheckSkipped(
                "the venue does not report the permissions of the key: "
                "check there that it cannot withdraw"
            )
        if rights.withdraw:
            raise VenueError("the key may withdraw: use one that cannot")
        trade = {True: "may trade", False: "may only read", None: "permission to trade unknown"}
        bound = {True: "bound to addresses", False: "NOT bound to an address", None: ""}
        return ", ".join(filter(None, (trade[rights.trade], bound[rights.ip_bound])))

    async def _balances(self) -> str:
        balances = await self._account().balances()
        return ", ".join(f"{each.total:f} {each.asset}" for each in balances[:6]) or "empty"

    async def _positions(self) -> str:
        account = self._account()
        if self._market.kind == "spot":
            raise CheckSkipped("not applicable to spot")
        positions = await account.positions()
        return f"{len(positions)} open"

    async def _position_mode(self) -> str:
        account = self._account()
        if self._market.kind == "spot":
            raise CheckSkipped("not applicable to spot")
        return (await account.position_mode(self._chosen().instrument.id)).value

    async def _open_orders(self) -> str:
        orders = await self._account().open_orders(self._chosen().instrument.id)
        return f"{len(orders)} open"
