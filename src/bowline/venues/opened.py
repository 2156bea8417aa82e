"""The venues this process talks to: one budget and one clock a venue, whatever asks there.

To be used in an `async with`; what was opened is closed at its end. Keys come in and never show.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from http import HTTPStatus
from random import Random
from typing import Self

import aiohttp
from msgspec import Struct

from bowline.core.errors import BadInput
from bowline.core.model.instrument import InstrumentId, Market, MarketId
from bowline.core.venue import Listing, Listings
from bowline.venues.clock import VenueClock
from bowline.venues.codecs import ACCOUNT_CODECS, FEED_CODECS, NEEDS_ACCOUNT_ID, SNAPSHOT_HOSTS
from bowline.venues.errors import Retryable
from bowline.venues.protocol import PublicVenue, Venue
from bowline.venues.rate_limits import DEFAULT_WAIT_S, RateLimiter
from bowline.venues.rest import TESTNET, Credentials, RestVenue
from bowline.venues.rest.tables import QUIRKS
from bowline.venues.rest.transport import Transport
from bowline.venues.retry_after import requested_wait_s
from bowline.venues.stream import (
    AccountSink,
    AccountStream,
    Connect,
    Disconnected,
    FeedRunner,
    FeedSink,
    ListenKeyClient,
    OnFrame,
    Socket,
    aiohttp_connect,
)

_HOST = re.compile(r"^(https?|wss?)://[^/]+")
#: an account's stream may rest for days, so its wire is asked whether it is there
HEARTBEAT_S = 20.0


class VenueAccess(Struct, frozen=True):
    """Where a venue is: its own hosts, `testnet`, or a host that plays it. And the key there."""

    url: str = ""
    credentials: Credentials | None = None


class VenueFacts(Struct, frozen=True):
    """One venue: where it is reached, whether with a key, what it can do, what it allows."""

    venue: str
    kinds: tuple[str, ...]
    place: str
    key: bool
    dead_man: bool
    hedge: bool
    margin_modes: tuple[str, ...]
    budgets: tuple[str, ...]
    notes: tuple[str, ...]


class Venues:
    """Everything that may be opened, by `access`; a venue without one is at its own hosts."""

    def __init__(
        self, access: Mapping[str, VenueAccess], *, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._access = access
        self._now_ns = now_ns
        self._exits = AsyncExitStack()
        self._opened: dict[MarketId, RestVenue] = {}
        self._rate_limiters: dict[str, RateLimiter] = {}
        self._clocks: dict[str, VenueClock] = {}
        self._starts: dict[MarketId, Transport] = {}
        self._starting = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exits.aclose()

    def clock(self, venue: str) -> VenueClock:
        """The time at a venue, the same for all of its markets."""
        return self._clocks.setdefault(venue, VenueClock(wall_ns=self._now_ns))

    def public(self, market: Market) -> PublicVenue:
        """A market, for what needs no key."""
        return self._rest(market)

    def account(self, market: Market) -> Venue | None:
        """A market with its account; None if no key is set."""
        return self._rest(market) if self._of(market.venue).credentials else None

    def facts(self, venue: str) -> VenueFacts:
        """What is known of a venue without asking it."""
        quirks, access = QUIRKS[venue], self._of(venue)
        linear = quirks.markets.get("linear")
        return VenueFacts(
            venue=venue,
            kinds=tuple(quirks.markets),
            place=access.url or "its own hosts",
            key=access.credentials is not None,
            dead_man=any(each.deadman is not None for each in quirks.markets.values()),
            hedge=linear is not None and linear.set_position_mode is not None,
            margin_modes=tuple(each.value for each in linear.margin_modes) if linear else (),
            budgets=tuple(
                f"{each.name}: {each.tokens:g} in {each.window_s:g} s"
                for each in quirks.rate_limits
            ),
            notes=quirks.notes,
        )

    def feed(self, market: Market, listings: Iterable[Listing]) -> Callable[[FeedSink], FeedRunner]:
        """The public feed of these listings, once it is told who listens."""
        codec = FEED_CODECS[market.venue](market, Listings(listings))
        host = SNAPSHOT_HOSTS.get(market.name, "")

        async def start(path: str) -> bytes:
            return await self._start(market, self._rewritten(market.venue, host + path))

        def runner(sink: FeedSink) -> FeedRunner:
            return FeedRunner(
                codec,
                self._connect(market),
                start,
                sink,
                now_ns=self._now_ns,
                random=Random(),  # noqa: S311 - jitter
                rewrite_url=lambda url: self._rewritten(market.venue, url),
            )

        return runner

    async def account_stream(
        self,
        market: Market,
        sink: AccountSink,
        *,
        instruments: Iterable[InstrumentId] = (),
        cursors: Mapping[InstrumentId, str] | None = None,
    ) -> AccountStream:
        """What happens to the account in this market, by stream and by REST, once it is run.

        Fills are asked for by REST of `instruments` and of what the account is seen to touch.
        Raises BadInput without a key, and VenueError.
        """
        rest, keys = self._rest(market), self._of(market.venue).credentials
        if keys is None:
            raise BadInput(
                f"no key for {market.venue} is set",
                hint=f"set BOWLINE_{market.venue.upper()}_KEY and _SECRET",
            )
        await rest.venue_now_ns()
        listings = Listings(await rest.listings())
        number = await rest.stream_key() if market.name in NEEDS_ACCOUNT_ID else ""
        codec = ACCOUNT_CODECS[market.name](market, listings, number)
        return AccountStream(
            codec,
            rest,
            ListenKeyClient(rest),
            self._connect(market, HEARTBEAT_S),
            keys,
            sink,
            now_ns=self._now_ns,
            venue_now_ns=self.clock(market.venue).now_ns,
            random=Random(),  # noqa: S311 - jitter
            rewrite_url=lambda url: self._rewritten(market.venue, url),
            instruments=instruments,
            cursors=cursors,
        )

    def _of(self, venue: str) -> VenueAccess:
        return self._access.get(venue, VenueAccess())

    def _rest(self, market: Market) -> RestVenue:
        if market.market_id not in self._opened:
            quirks, access = QUIRKS[market.venue], self._of(market.venue)
            opened = RestVenue(
                market,
                quirks,
                rate_limiter=self._rate_limiter_of(market.venue),
                clock=self.clock(market.venue),
                credentials=access.credentials,
                url=access.url,
            )
            self._exits.push_async_callback(opened.close)
            self._opened[market.market_id] = opened
        return self._opened[market.market_id]

    def _rate_limiter_of(self, venue: str) -> RateLimiter:
        if venue not in self._rate_limiters:
            quirks = QUIRKS[venue]
            self._rate_limiters[venue] = RateLimiter(
                venue, quirks.rate_limits, quirks.usage_headers
            )
        return self._rate_limiters[venue]

    def _rewritten(self, venue: str, url: str) -> str:
        """Where a URL of the venue really lies."""
        host = self._of(venue).url
        if host == TESTNET:
            raise BadInput(
                f"Bowline knows no public streams of {venue}'s test host",
                hint=f"unset BOWLINE_{venue.upper()}_URL to listen to the venue itself",
            )
        if not host:
            return url
        target = f"{host.rstrip('/')}/{venue}"
        socket = "ws" + target.removeprefix("http")
        return _HOST.sub(lambda found: socket if found[1].startswith("ws") else target, url)

    def _web(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
            self._exits.push_async_callback(self._session.close)
        return self._session

    def _connect(self, market: Market, heartbeat_s: float | None = None) -> Connect:
        """Connections that keep away while the venue has banned this address, and say if it does.

        A socket that is refused for its rate (429) or by a firewall (403) waits alone: REST is
        counted apart from sockets.
        """
        connect, rate_limiter = (
            aiohttp_connect(self._web(), heartbeat_s),
            self._rate_limiter_of(market.venue),
        )

        async def opened(url: str, on_frame: OnFrame) -> Socket:
            try:
                rate_limiter.check_ban(time.monotonic())
            except Retryable as banned:
                raise Disconnected(banned.message, after_s=banned.after_s) from None
            try:
                return await connect(url, on_frame)
            except Disconnected as lost:
                named_s = requested_wait_s(lost.headers, "", self._now_ns())
                if lost.status == HTTPStatus.IM_A_TEAPOT:
                    lost.after_s = rate_limiter.ban(named_s, time.monotonic())
                elif lost.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.FORBIDDEN}:
                    lost.after_s = DEFAULT_WAIT_S if named_s is None else named_s
                raise

        return opened

    async def _start(self, market: Market, url: str) -> bytes:
        """A book's start by REST. Raises VenueError; a ban it meets is everybody's."""
        quirks = QUIRKS[market.venue]
        if market.market_id not in self._starts:
            transport = self._starts[market.market_id] = Transport(
                quirks,
                market.kind,
                rate_limiter=self._rate_limiter_of(market.venue),
                clock=self.clock(market.venue),
            )
            self._exits.push_async_callback(transport.close)
        weight = quirks.markets[market.kind].weights.get("book", 1)
        # one after the other: what is answered with a ban must not be one of thirty
        async with self._starting:
            return await self._starts[market.market_id].public(url, "book", weight)


def open_venues(words: Mapping[str, str], host: str = "") -> Venues:
    """The venues by `words` such as `bybit_key`; `host` plays those without a URL of their own.

    Raises BadInput for a key without its secret, and the other way round.
    """
    access = {}
    for venue in FEED_CODECS:
        key, secret = words.get(f"{venue}_key", ""), words.get(f"{venue}_secret", "")
        if bool(key) != bool(secret):
            missing = "SECRET" if key else "KEY"
            raise BadInput(
                f"{venue} has one half of a key",
                hint=f"set BOWLINE_{venue.upper()}_{missing} too, or unset both",
            )
        password = words.get(f"{venue}_password", "")
        credentials = Credentials(key, secret, password) if key else None
        access[venue] = VenueAccess(words.get(f"{venue}_url", host), credentials)
    return Venues(access)
