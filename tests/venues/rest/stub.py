"""A venue's host on this machine that answers from a list and keeps what it was asked.

It judges nothing: signatures and parameters are for the test to look at.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from aiohttp import web

from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.venues.clock import VenueClock
from bowline.venues.rate_limits import RateLimiter
from bowline.venues.rest import Credentials, RestVenue
from bowline.venues.rest.tables import QUIRKS
from tests.venues.rest.market_lists import MARKET_LISTS

CANARY = "canary-Zq8-secret"
CREDENTIALS = Credentials("key-of-the-test", CANARY, "passphrase-of-the-test")
NOW_MS = 1_700_000_000_000
SERVER_TIMES: dict[str, Any] = {
    "/api/v3/time": {"serverTime": NOW_MS},
    "/fapi/v1/time": {"serverTime": NOW_MS},
    "/v5/market/time": {"retCode": 0, "retMsg": "OK", "result": {}, "time": NOW_MS},
    "/api/v5/public/time": {"code": "0", "msg": "", "data": [{"ts": str(NOW_MS)}]},
    "/api/v2/public/time": {"code": "00000", "msg": "success",
                            "data": {"serverTime": str(NOW_MS)}},
    "/openApi/swap/v2/server/time": {"code": 0, "msg": "", "data": {"serverTime": NOW_MS}},
    "/api/v4/spot/time": {"server_time": NOW_MS},
    "/v1/common/timestamp": {"status": "ok", "data": NOW_MS},
    "/api/v1/timestamp": {"status": "ok", "ts": NOW_MS},
    "/api/v1/contract/ping": {"success": True, "code": 0, "data": NOW_MS},
    "/v1/account/accounts": {"status": "ok", "data": [
        {"id": 4711, "type": "spot", "subtype": "", "state": "working"}]},
}  # fmt: skip


class Asked(NamedTuple):
    """One request as it arrived; `path` without the venue's name, `query` as it was sent."""

    method: str
    path: str
    query: str
    body: str
    headers: dict[str, str]

    @property
    def params(self) -> Any:
        """Query and body as one mapping; a JSON body as it is."""
        if self.body.startswith(("{", "[")):
            content = json.loads(self.body)
            return content if isinstance(content, list) else dict(parse_qsl(self.query)) | content
        return dict(parse_qsl(self.query, keep_blank_values=True)) | dict(parse_qsl(self.body))


class Reply(NamedTuple):
    """An answer that is not a plain 200 with JSON; `drop`: the connection is cut instead."""

    content: Any = None
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - never written
    drop: bool = False
    delay_s: float = 0


class Stub:
    """`answers` by method and path; a list is answered one by one, the last for ever."""

    def __init__(self, venue: str, kind: str) -> None:
        self.venue = venue
        self.market = market_by_name(f"{venue}:{kind}")
        self.instrument = InstrumentId(self.market.market_id, "BTCUSDT")
        path, markets = MARKET_LISTS[venue, kind]
        self.answers: dict[tuple[str, str], Any] = {("GET", path): markets}
        self.answers |= {("GET", path): reply for path, reply in SERVER_TIMES.items()}
        self.asked: list[Asked] = []
        self.unexpected: list[str] = []
        self.url = ""
        #: what everything else is answered with; None: a 404, and it is unexpected
        self.otherwise: Any = None
        #: whether the venue's own limits are kept to, as they are outside of tests
        self.limited = False

    def of(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]

    @property
    def last(self) -> Asked:
        return self.asked[-1]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix(f"/{self.venue}")
        text = await request.text()
        self.asked.append(
            Asked(
                request.method,
                path,
                request.raw_path.partition("?")[2],
                text,
                dict(request.headers),
            )
        )
        answer = self.answers.get((request.method, path))
        if isinstance(answer, list) and answer and isinstance(answer[0], Reply):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if answer is None:
            answer = self.otherwise
        if answer is None:
            self.unexpected.append(f"{request.method} {path}")
            return web.json_response({"code": "no such answer"}, status=404)
        reply = answer if isinstance(answer, Reply) else Reply(answer)
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        if reply.drop:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(reply.content, str):
            return web.Response(text=reply.content, status=reply.status, headers=reply.headers)
        return web.json_response(reply.content, status=reply.status, headers=reply.headers)


Test = Callable[[RestVenue, Stub], Awaitable[None]]


def with_venue(name: str, test: Test, **answers: Any) -> Stub:
    """Run `test` with an adapter of the market `venue:kind` and the host it talks to."""
    venue, _, kind = name.partition(":")
    stub = Stub(venue, kind)
    url = answers.pop("url", None)

    async def run() -> None:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", stub.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        port = site._server.sockets[0].getsockname()[1]
        stub.url = f"http://127.0.0.1:{port}"
        adapter = make_venue(stub, url or stub.url)
        try:
            await test(adapter, stub)
        finally:
            await adapter.close()
            await runner.cleanup()

    asyncio.run(run())
    return stub


def make_venue(stub: Stub, url: str) -> RestVenue:
    quirks = QUIRKS[stub.venue]
    rate_limits = quirks.rate_limits if stub.limited else ()
    rate_limiter = RateLimiter(stub.venue, rate_limits, quirks.usage_headers)
    return RestVenue(
        stub.market, quirks, rate_limiter=rate_limiter, clock=VenueClock(), credentials=CREDENTIALS,
        url=url, timeout_s=5.0,
    )  # fmt: skip
