"""VenueRegistry: the venues that this process talks to, with one rate limiter and one clock each.

To be used in an `async with`; everything that was opened is closed at its end. Keys must never
leave it in a message.
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
#: an account stream may be silent for days, so its connection is checked by WebSocket pings
HEARTBEAT_S = 20.0


class VenueAccess(Struct, frozen=True):
    """The hosts of a venue (its own, `testnet`, or a simulator's URL), and the key to use there."""

    url: str = ""
    credentials: Credentials | None = None


class VenueCapabilities(Struct, frozen=True):
    """What is configured for a venue, what it supports, and its rate limits."""

    venue: str
    kinds: tuple[str, ...]
    place: str
    key: bool
    dead_man: bool
    hedge: bool
    margin_modes: tuple[str, ...]
    budgets: tuple[str, ...]
    notes: tuple[str, ...]


class VenueRegistry:
    """Opens venues as `access` says; a venue without an entry is reached at its own hosts."""

    def __init__(
        self, access: Mapping[str, VenueAccess], *, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._access = access
        self._now_ns = now_ns
        self._exit_stack = AsyncExitStack()
        self._rest_venues: dict[MarketId, RestVenue] = {}
        self._rate_limiters: dict[str, RateLimiter] = {}
        self._clocks: dict[str, VenueClock] = {}
        self._snapshot_transports: dict[MarketId, Transport] = {}
        self._snapshot_lock = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exit_stack.aclose()

    def clock(self, venue: str) -> VenueClock:
        """The clock of a venue, shared by all of its markets."""
        return self._clocks.setdefault(venue, VenueClock(wall_ns=self._now_ns))

    def public_venue(self, market: Market) -> PublicVenue:
        """A market, for requests without a key."""
        return self._rest_venue(market)

    def account_venue(self, market: Market) -> Venue | None:
        """A market with its account; None if no key is set."""
        return self._rest_venue(market) if self._access_of(market.venue).credentials else None

    def capabilities(self, venue: str) -> VenueCapabilities:
        """The capabilities of a venue, without a request."""
        quirks, access = QUIRKS[venue], self._access_of(venue)
        linear = quirks.markets.get("linear")
        return VenueCapabilities(
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
        """A function that makes the public feed of these listings for a sink."""
        codec = FEED_CODECS[market.venue](market, Listings(listings))
        host = SNAPSHOT_HOSTS.get(market.name, "")

        async def fetch_snapshot(path: str) -> bytes:
            return await self._fetch_snapshot(market, self._rewrite_url(market.venue, host + path))

        def runner(sink: FeedSink) -> FeedRunner:
            return FeedRunner(
                codec,
                self._limited_connect(market),
                fetch_snapshot,
                sink,
                now_ns=self._now_ns,
                random=Random(),  # noqa: S311 - jitter
                rewrite_url=lambda url: self._rewrite_url(market.venue, url),
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
        """The account stream of this market; it works while its `run` runs.

        By REST it polls the fills of `instruments`, and of every instrument that the account is
        seen to trade. Raises BadInput without a key, and VenueError.
        """
        rest, credentials = self._rest_venue(market), self._access_of(market.venue).credentials
        if credentials is None:
            raise BadInput(
                f"no key for {market.venue} is set",
                hint=f"set BOWLINE_{market.venue.upper()}_KEY and _SECRET",
            )
        await rest.venue_now_ns()
        listings = Listings(await rest.listings())
        account_id = await rest.stream_key() if market.name in NEEDS_ACCOUNT_ID else ""
        codec = ACCOUNT_CODECS[market.name](market, listings, account_id)
        return AccountStream(
            codec,
            rest,
            ListenKeyClient(rest),
            self._limited_connect(market, HEARTBEAT_S),
            credentials,
            sink,
            now_ns=self._now_ns,
            venue_now_ns=self.clock(market.venue).now_ns,
            random=Random(),  # noqa: S311 - jitter
            rewrite_url=lambda url: self._rewrite_url(market.venue, url),
            instruments=instruments,
            cursors=cursors,
        )

    def _access_of(self, venue: str) -> VenueAccess:
        return self._access.get(venue, VenueAccess())

    def _rest_venue(self, market: Market) -> RestVenue:
        if market.market_id not in self._rest_venues:
            quirks, access = QUIRKS[market.venue], self._access_of(market.venue)
            rest_venue = RestVenue(
                market,
                quirks,
                rate_limiter=self._rate_limiter_of(market.venue),
                clock=self.clock(market.venue),
                credentials=access.credentials,
                url=access.url,
            )
            self._exit_stack.push_async_callback(rest_venue.close)
            self._rest_venues[market.market_id] = rest_venue
        return self._rest_venues[market.market_id]

    def _rate_limiter_of(self, venue: str) -> RateLimiter:
        if venue not in self._rate_limiters:
            quirks = QUIRKS[venue]
            self._rate_limiters[venue] = RateLimiter(
                venue, quirks.rate_limits, quirks.usage_headers
            )
        return self._rate_limiters[venue]

    def _rewrite_url(self, venue: str, url: str) -> str:
        """The URL to connect to: at the configured host, else unchanged."""
        host = self._access_of(venue).url
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

    def _http_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
            self._exit_stack.push_async_callback(self._session.close)
        return self._session

    def _limited_connect(self, market: Market, heartbeat_s: float | None = None) -> Connect:
        """A function that opens connections, but none while this address is banned.

        A ban that it meets stops everything at this venue. After a refusal for the rate (429) or by
        a firewall (403) only this connection waits: venues count sockets apart from REST.
        """
        connect, rate_limiter = (
            aiohttp_connect(self._http_session(), heartbeat_s),
            self._rate_limiter_of(market.venue),
        )

        async def connect_unless_banned(url: str, on_frame: OnFrame) -> Socket:
            try:
                rate_limiter.check_ban(time.monotonic())
            except Retryable as banned:
                raise Disconnected(banned.message, after_s=banned.after_s) from None
            try:
                return await connect(url, on_frame)
            except Disconnected as disconnected:
                asked_wait_s = requested_wait_s(disconnected.headers, "", self._now_ns())
                if disconnected.status == HTTPStatus.IM_A_TEAPOT:
                    disconnected.after_s = rate_limiter.ban(asked_wait_s, time.monotonic())
                elif disconnected.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.FORBIDDEN}:
                    disconnected.after_s = DEFAULT_WAIT_S if asked_wait_s is None else asked_wait_s
                raise

        return connect_unless_banned

    async def _fetch_snapshot(self, market: Market, url: str) -> bytes:
        """A book snapshot by REST. Raises VenueError; a ban stops everything at this venue."""
        quirks = QUIRKS[market.venue]
        if market.market_id not in self._snapshot_transports:
            transport = self._snapshot_transports[market.market_id] = Transport(
                quirks,
                market.kind,
                rate_limiter=self._rate_limiter_of(market.venue),
                clock=self.clock(market.venue),
            )
            self._exit_stack.push_async_callback(transport.close)
        weight = quirks.markets[market.kind].weights.get("book", 1)
        # one at a time: a reply with a ban must stop the others before they are sent
        async with self._snapshot_lock:
            return await self._snapshot_transports[market.market_id].fetch_public(
                url, "book", weight
            )


def registry_from_settings(settings: Mapping[str, str], host: str = "") -> VenueRegistry:
    """A registry from `settings` such as `bybit_key`; `host`: of venues without a URL of their own.

    Raises BadInput for a key without its secret, or a secret without its key.
    """
    access = {}
    for venue in FEED_CODECS:
        key, secret = settings.get(f"{venue}_key", ""), settings.get(f"{venue}_secret", "")
        if bool(key) != bool(secret):
            missing = "SECRET" if key else "KEY"
            raise BadInput(
                f"{venue} has one half of a key",
                hint=f"set BOWLINE_{venue.upper()}_{missing} too, or unset both",
            )
        password = settings.get(f"{venue}_password", "")
        credentials = Credentials(key, secret, password) if key else None
        access[venue] = VenueAccess(settings.get(f"{venue}_url", host), credentials)
    return VenueRegistry(access)
