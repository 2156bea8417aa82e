"""Whatever part meets a ban, everything on that venue keeps still until it ends, and no other does.

Binance (developers.binance.com, general info): 429 asks to slow down and 418 bans an address that
went on, for minutes up to three days; both name the seconds in `Retry-After`, and the words of the
reply name the moment. 403 is the firewall's.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web

from bowline.core.model.instrument import Instrument, InstrumentId, market_by_name
from bowline.core.model.values import SECOND_NS
from bowline.core.venue import Listing
from bowline.venues import FeedChannel, FeedTopic, Retryable
from bowline.venues.rate_limits import DEFAULT_BAN_S
from bowline.venues.registry import VenueAccess, VenueRegistry
from bowline.venues.rest import Credentials
from bowline.venues.retry_after import requested_wait_s
from bowline.venues.stream import Disconnected
from tests.venues.rest.market_lists import MARKET_LISTS
from tests.venues.stream.fake_venue import RecordingFeedSink

MARKET = market_by_name("binance:linear")
IDS = [InstrumentId(MARKET.market_id, f"C{n}USDT") for n in range(5)]
LISTED = [Listing(Instrument(each), each.symbol, each.symbol[:-4], "USDT") for each in IDS]
NOW_NS = 1_700_000_000 * SECOND_NS
KEYS = Credentials("key", "secret", "word")


@pytest.mark.parametrize(
    ("headers", "words", "seconds"),
    [
        ({"retry-after": "600"}, "", 600.0),
        # RFC 9110, 10.2.3: a date does as well
        ({"retry-after": "Tue, 14 Nov 2023 22:14:50 GMT"}, "", 90.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:12:50 GMT"}, "", 0.0),
        ({}, "Way too many requests; IP(1.2.3.4) banned until 1700000030000. Please use", 30.0),
        ({"x-reset": "1700000007"}, "", 7.0),
        ({"x-reset": "1700000007500"}, "", 7.5),
        ({}, "Way too many requests", None),
        ({"retry-after": "soon", "x-reset": "later"}, "banned until the morning", None),
    ],
)
def test_the_end_of_a_ban_is_read_however_it_is_told(
    headers: dict[str, str], words: str, seconds: float | None
) -> None:
    assert requested_wait_s(headers, words, NOW_NS, "x-reset") == seconds


class Host:
    """Two venues' host; `status` is what everything of Binance's but sockets is answered with."""

    def __init__(self, status: int, headers: dict[str, str], words: Any) -> None:
        self.status, self.headers, self.words = status, headers, words
        self.asked: list[str] = []
        self.sockets = 0
        self.refuses_sockets = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request)
        self.asked.append(request.path)
        if request.path.startswith("/bybit"):
            if "instruments" in request.path:
                return web.json_response(MARKET_LISTS["bybit", "linear"][1])
            now_ms = int(time.time() * 1000)
            return web.json_response({"retCode": 0, "result": {}, "time": now_ms})
        if request.path.endswith("exchangeInfo"):
            return web.json_response(MARKET_LISTS["binance", "linear"][1])
        if request.path.endswith("/time"):
            return web.json_response({"serverTime": int(time.time() * 1000)})
        return web.json_response(self.words, status=self.status, headers=self.headers)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        self.sockets += 1
        if self.refuses_sockets:
            return web.Response(status=self.status, headers=self.headers)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        words: list[str] = []

        async def push() -> None:
            for n in range(1, 10**6):
                await asyncio.sleep(0.02)
                for word in words:
                    symbol = word.partition("@")[0].upper()
                    await socket.send_json({
                        "e": "depthUpdate", "E": 1, "T": 1, "s": symbol, "U": n, "u": n,
                        "pu": n - 1, "b": [["1", "1"]], "a": [["2", "1"]],
                    })  # fmt: skip

        pushing = asyncio.create_task(push())
        async for message in socket:
            asked = message.json()
            words += asked["params"] if asked["method"] == "SUBSCRIBE" else []
            await socket.send_json({"result": None, "id": asked["id"]})
        pushing.cancel()
        return socket


def at(host: Host, scene: Any) -> None:
    async def run() -> None:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", host.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        port = site._server.sockets[0].getsockname()[1]
        access = VenueAccess(f"http://127.0.0.1:{port}", KEYS)
        async with VenueRegistry({"binance": access, "bybit": access}) as venues:
            await scene(venues)
        await runner.cleanup()

    asyncio.run(run())


def starts(host: Host) -> int:
    return sum(path.endswith("/depth") for path in host.asked)


@pytest.mark.parametrize(
    ("status", "headers", "words", "seconds"),
    [
        (418, {"Retry-After": "600"}, {"code": -1003, "msg": "IP banned"}, 600),
        (403, {}, "<html>", DEFAULT_BAN_S),
    ],
)
def test_a_ban_met_by_the_start_of_a_book_reaches_everyone_at_that_venue(
    status: int, headers: dict[str, str], words: Any, seconds: float
) -> None:
    host = Host(status, headers, words)

    async def scene(venues: VenueRegistry) -> None:
        account = venues.account_venue(MARKET)
        assert account is not None
        (listing,) = await account.listings()
        await account.server_time_ns()
        runner = venues.feed(MARKET, LISTED)(RecordingFeedSink())
        running = asyncio.create_task(
            runner.run([FeedTopic(FeedChannel.BOOK, each) for each in IDS])
        )
        while not starts(host):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.sleep(2.5)
        assert starts(host) == 1, "no other start follows the first that met the ban"
        before = len(host.asked)
        spot = venues.public_venue(market_by_name("binance:spot"))
        for asking in (
            account.candles(listing, NOW_NS, NOW_NS + 60 * SECOND_NS),
            account.balances(),
            account.cancel(listing.instrument.id, 17),
            spot.listings(),
        ):
            with pytest.raises(Retryable, match="banned") as error:
                await asking
            assert seconds - 30 < error.value.after_s <= seconds
        with pytest.raises(Disconnected, match="banned"):
            await venues._limited_connect(MARKET)("ws://127.0.0.1:1/", lambda _: None)
        assert len(host.asked) == before, "nothing was sent"
        other = venues.public_venue(market_by_name("bybit:linear"))
        assert await other.listings()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    at(host, scene)


def test_a_ban_met_elsewhere_stops_the_start_of_a_book_and_ends_when_the_venue_said() -> None:
    host = Host(418, {"Retry-After": "2"}, {"code": -1003, "msg": "IP banned"})

    async def scene(venues: VenueRegistry) -> None:
        account = venues.account_venue(MARKET)
        assert account is not None
        await account.listings()
        await account.server_time_ns()
        with pytest.raises(Retryable):
            await account.balances()
        banned_s = time.monotonic()
        runner = venues.feed(MARKET, LISTED)(RecordingFeedSink())
        running = asyncio.create_task(
            runner.run([FeedTopic(FeedChannel.BOOK, each) for each in IDS])
        )
        await asyncio.sleep(1)
        assert (starts(host), host.sockets) == (0, 0)
        while not starts(host):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert time.monotonic() - banned_s >= 2
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    at(host, scene)


@pytest.mark.parametrize(("status", "rest_is_banned"), [(418, True), (429, False), (403, False)])
def test_a_socket_that_is_refused_waits_as_long_as_the_venue_says(
    status: int, rest_is_banned: bool
) -> None:
    host = Host(status, {"Retry-After": "77"}, {})
    host.refuses_sockets = True

    async def scene(venues: VenueRegistry) -> None:
        url = venues._rewrite_url("binance", "wss://fstream.binance.com/ws")
        with pytest.raises(Disconnected) as lost:
            await venues._limited_connect(MARKET)(url, lambda _: None)
        assert lost.value.after_s == 77
        asking = venues.public_venue(MARKET).server_time_ns()
        if rest_is_banned:
            with pytest.raises(Retryable, match="banned"):
                await asking
        else:
            await asking

    at(host, scene)
