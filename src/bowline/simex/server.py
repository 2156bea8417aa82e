"""The one HTTP server in front of all venues: `/<venue>/…`, REST and WebSocket alike.

1. The path's first part chooses the floor; its routes and endpoints are matched on the rest.
2. A request meets maintenance and faults, then the signature, then the budget, then the handler.
3. What the handler moved is published before the reply goes out; the reply meets faults too.

It listens on this machine alone, and must never know one venue from another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Sequence
from itertools import count
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, web
from aiohttp.http import HttpProcessingError
from msgspec import Struct

from bowline.core.errors import BadInput
from bowline.core.model.values import SECOND_NS
from bowline.simex.dialect import ApiCall, ApiError, Response, Route, WebSocketEndpoint
from bowline.simex.fault_script import Fault
from bowline.simex.session import Session
from bowline.simex.world import World

_LOG = logging.getLogger(__name__)
HOST = "127.0.0.1"
_LAST_PORT = 65_535


class Address(Struct, frozen=True):
    """Where the world is."""

    port: int

    def http(self, venue: str) -> str:
        """What takes the place of `https://host` for this venue."""
        return f"http://{HOST}:{self.port}/{venue}"

    def ws(self, venue: str) -> str:
        """What takes the place of `wss://host` for this venue."""
        return f"ws://{HOST}:{self.port}/{venue}"


@contextlib.asynccontextmanager
async def serve(
    world: World, port: int = 0, *, follow_clock: bool = True
) -> AsyncIterator[Address]:
    """Serve until the block ends. With `follow_clock` False the world moves by `advance` alone."""
    if not 0 <= port <= _LAST_PORT:
        raise BadInput(
            f"there is no port {port}", hint=f"expected 0 to {_LAST_PORT}; 0 takes a free one"
        )
    gate = _Gate(world)
    _LOG.addFilter(_is_ours)
    runner = web.AppRunner(gate.application(), access_log=None, logger=_LOG, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, HOST, port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise BadInput(f"port {port} cannot be used: {error.strerror}") from None
    keeper = asyncio.create_task(world.scheduler.run_forever()) if follow_clock else None
    try:
        yield Address(runner.addresses[0][1])
    finally:
        if keeper is not None:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
        gate.close()
        await runner.cleanup()


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether what is logged is a bug here: neither a client's bad request nor its going away."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(
        error, HttpProcessingError | web.RequestPayloadError | ConnectionResetError
    )


class _Gate:
    """Requests in, replies and sessions out."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._number = count(1)
        self._sessions: set[Session] = set()
        self._routes = {
            venue: [(route.method, _pattern(route.path), route) for route in floor.dialect.routes]
            for venue, floor in world.floors.items()
        }
        self._endpoints = {
            venue: [(_pattern(endpoint.path), endpoint) for endpoint in floor.dialect.endpoints]
            for venue, floor in world.floors.items()
        }

    def application(self) -> web.Application:
        """What aiohttp runs."""
        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/{tail:.*}", self._enter)
        return app

    def close(self) -> None:
        """Say good-bye to every session."""
        for session in self._sessions:
            session.close()

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        raw_path, _, raw_query = _text(request.raw_path).partition("?")
        _, venue, *rest = raw_path.split("/", 2)
        floor = self._world.floors.get(venue)
        path = f"/{rest[0] if rest else ''}"
        if floor is None:
            known = ", ".join(self._world.floors)
            return web.Response(status=404, text=f"no venue {venue!r} here: {known}\n")
        headers = request.headers.copy()
        for name, sent in request.headers.items():
            headers[name] = _text(sent)
        try:
            body = await request.read()
        except web.RequestPayloadError:
            return web.Response(status=400, text="the body cannot be read\n")
        call = ApiCall(
            floor=floor,
            method=request.method,
            path=path,
            raw_query=raw_query,
            query=dict(parse_qsl(raw_query, keep_blank_values=True)),
            headers=headers,
            body=body,
        )
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._welcome(request, call)
        return await self._answer(request, call)

    # REST

    async def _answer(self, request: web.Request, call: ApiCall) -> web.StreamResponse:
        floor, scheduler = call.floor, call.floor.scheduler
        scheduler.run_due()
        struck = self._world.faults.on_request(floor, f"{call.method} {call.path}")
        for fault in struck:
            if fault.fault == "delay":
                await scheduler.sleep(fault.seconds)
        kinds = {fault.fault for fault in struck}
        if "reset" in kinds:
            return _hang_up(request)
        response = self._reply(call, struck)
        floor.publish()
        if "drop_reply" in kinds:
            return _hang_up(request)
        body = response.encoded()
        for fault in struck:
            if fault.fault == "garble":
                body = _garbled(body, fault.body)
        return web.Response(
            body=body,
            status=response.status,
            headers={**response.headers, "Content-Type": response.content_type},
        )

    def _reply(self, call: ApiCall, struck: Sequence[Fault]) -> Response:
        dialect = call.floor.dialect
        headers: dict[str, str] = {}
        try:
            if bare := _instead(struck, accepted=False):
                return bare
            route = self._route(call, struck)
            if route.private:
                call.account = dialect.authenticate(call)
            caller = call.account or "everybody"
            usage = call.floor.quota_counter.consume(
                route.bucket, caller, route.weight, call.floor.scheduler.now_ns
            )
            headers = dialect.quota_headers(route, usage)
            result = route.handler(call)
            if bare := _instead(struck, accepted=True):
                return bare
            _refuse_by_script(struck, accepted=True)
        except ApiError as error:
            result = dialect.render_error(call, error)
        response = result if isinstance(result, Response) else dialect.wrap_result(call, result)
        response.headers = headers | response.headers
        return response

    def _route(self, call: ApiCall, struck: Sequence[Fault]) -> Route:
        _refuse_by_script(struck, accepted=False)
        if self._world.faults.in_maintenance(call.floor):
            raise call.floor.dialect.maintenance_error()
        for method, pattern, route in self._routes[call.floor.venue]:
            if method == call.method and (found := pattern.fullmatch(call.path)):
                call.path_params = found.groupdict()
                return route
        raise call.floor.dialect.unknown_path_error(call)

    # WebSocket

    async def _welcome(self, request: web.Request, call: ApiCall) -> web.StreamResponse:
        endpoint, parts = self._endpoint(call)
        if endpoint is None:
            return web.Response(status=404, text="no such stream\n")
        if self._world.faults.in_maintenance(call.floor):
            return web.Response(status=503)
        socket = web.WebSocketResponse(autoping=True, compress=False, max_msg_size=1 << 20)
        await socket.prepare(request)
        session = Session(
            floor=call.floor,
            endpoint=endpoint,
            socket=socket,
            transport=request.transport,
            number=next(self._number),
            faults=self._world.faults,
            path_params=parts,
            query=call.query,
            host=request.host,
        )
        self._sessions.add(session)
        call.floor.subscriptions.subscribers.append(session)
        sender = asyncio.create_task(session.run_sender())
        try:
            await self._attend(session, socket)
        finally:
            session.unsubscribe_all()
            call.floor.subscriptions.subscribers.remove(session)
            if endpoint.on_close is not None:
                endpoint.on_close(session)
            self._sessions.discard(session)
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await sender
        return socket

    def _endpoint(self, call: ApiCall) -> tuple[WebSocketEndpoint | None, dict[str, str]]:
        for pattern, endpoint in self._endpoints[call.floor.venue]:
            if found := pattern.fullmatch(call.path):
                return endpoint, found.groupdict()
        return None, {}

    async def _attend(self, session: Session, socket: web.WebSocketResponse) -> None:
        """Hear the client until it has gone."""
        _keep_awake(session)
        if session.endpoint.on_open is not None:
            session.endpoint.on_open(session)
        async for message in socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            session.floor.scheduler.run_due()
            session.last_received_ns = session.floor.scheduler.now_ns
            session.endpoint.on_message(session, message.data)
            session.floor.publish()


def _keep_awake(session: Session) -> None:
    """Schedule the pings, and the close of a connection that has been silent for too long."""
    scheduler, endpoint = session.floor.scheduler, session.endpoint

    def ping() -> None:
        if session.closed:
            return
        session.send_ping()
        scheduler.call_later(endpoint.ping_interval_s, ping)

    def listen() -> None:
        if session.closed:
            return
        silent_ns = scheduler.now_ns - session.last_received_ns
        if silent_ns >= endpoint.idle_timeout_s * SECOND_NS:
            session.close()
            return
        scheduler.call_later(endpoint.idle_timeout_s - silent_ns / SECOND_NS, listen)

    if endpoint.ping_interval_s:
        scheduler.call_later(endpoint.ping_interval_s, ping)
    if endpoint.idle_timeout_s:
        scheduler.call_later(endpoint.idle_timeout_s, listen)


def _text(sent: str) -> str:
    """What a client sent, as text that can be encoded: bytes that are no UTF-8 arrive as none."""
    return sent if sent.isascii() else sent.encode("utf-8", "replace").decode()


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)))


def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _instead(struck: Sequence[Fault], *, accepted: bool) -> Response | None:
    """What stands before a venue answers, not the venue itself."""
    for fault in struck:
        if fault.fault == "status" and fault.accepted is accepted:
            return _bare(fault)
    return None


def _refuse_by_script(struck: Sequence[Fault], *, accepted: bool) -> None:
    for fault in struck:
        if fault.fault == "error" and fault.accepted is accepted:
            raise ApiError(fault.code, fault.message, status=fault.status)


def _bare(fault: Fault) -> Response:
    headers = {} if fault.retry_after_s is None else {"Retry-After": f"{fault.retry_after_s:g}"}
    return Response(b"<html>busy</html>", fault.status or 503, headers, "text/html")


def _garbled(body: bytes, how: str) -> bytes:
    match how:
        case "html":
            return b"<html><body>502 Bad Gateway</body></html>"
        case "truncated":
            return body[: len(body) // 2]
        case _:
            return b""
