"""The one HTTP server in front of all venues: `/<venue>/…`, REST and WebSocket alike.

1. The first part of the path names the venue; the rest is matched with its routes or endpoints.
2. Maintenance and faults apply first, then the signature, then the quota, then the handler.
3. What the handler changed is published before the response is sent; faults apply to that too.

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
from bowline.simex.fault_script import FaultRule
from bowline.simex.session import Session, WebSocketEndpoint
from bowline.simex.simulator import VenueSimulator
from bowline.simex.venue_api import ApiCall, ApiError, Response, Route

_LOG = logging.getLogger(__name__)
HOST = "127.0.0.1"
_LAST_PORT = 65_535


class Address(Struct, frozen=True):
    """Where the simulated venues are served."""

    port: int

    def http(self, venue: str) -> str:
        """What takes the place of `https://host` for this venue."""
        return f"http://{HOST}:{self.port}/{venue}"

    def ws(self, venue: str) -> str:
        """What takes the place of `wss://host` for this venue."""
        return f"ws://{HOST}:{self.port}/{venue}"


@contextlib.asynccontextmanager
async def serve(
    simulator: VenueSimulator, port: int = 0, *, follow_clock: bool = True
) -> AsyncIterator[Address]:
    """Serve until the block ends. With `follow_clock` False time passes by `advance` alone."""
    if not 0 <= port <= _LAST_PORT:
        raise BadInput(
            f"there is no port {port}", hint=f"expected 0 to {_LAST_PORT}; 0 takes a free one"
        )
    gateway = _HttpGateway(simulator)
    _LOG.addFilter(_is_our_error)
    runner = web.AppRunner(
        gateway.application(), access_log=None, logger=_LOG, shutdown_timeout=0.2
    )
    await runner.setup()
    site = web.TCPSite(runner, HOST, port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise BadInput(f"port {port} cannot be used: {error.strerror}") from None
    clock_task = asyncio.create_task(simulator.scheduler.run_forever()) if follow_clock else None
    try:
        yield Address(runner.addresses[0][1])
    finally:
        if clock_task is not None:
            clock_task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await clock_task
        gateway.close()
        await runner.cleanup()


def _is_our_error(record: logging.LogRecord) -> bool:
    """Whether a record is of an error here: neither a client's bad request nor its disconnect."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(
        error, HttpProcessingError | web.RequestPayloadError | ConnectionResetError
    )


class _HttpGateway:
    """Routes requests to the dialects' handlers, and opens sessions."""

    def __init__(self, simulator: VenueSimulator) -> None:
        self._simulator = simulator
        self._session_numbers = count(1)
        self._sessions: set[Session] = set()
        self._routes = {
            name: [(route.method, _pattern(route.path), route) for route in dialect.routes]
            for name, dialect in simulator.dialects.items()
        }
        self._endpoints = {
            name: [(_pattern(endpoint.path), endpoint) for endpoint in dialect.endpoints]
            for name, dialect in simulator.dialects.items()
        }

    def application(self) -> web.Application:
        """What aiohttp runs."""
        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        return app

    def close(self) -> None:
        """Send a closing frame to every session."""
        for session in self._sessions:
            session.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw_path, _, raw_query = _encodable(request.raw_path).partition("?")
        _, venue_name, *rest = raw_path.split("/", 2)
        venue = self._simulator.venues.get(venue_name)
        path = f"/{rest[0] if rest else ''}"
        if venue is None:
            known = ", ".join(self._simulator.venues)
            return web.Response(status=404, text=f"no venue {venue_name!r} here: {known}\n")
        headers = request.headers.copy()
        for name, sent in request.headers.items():
            headers[name] = _encodable(sent)
        try:
            body = await request.read()
        except web.RequestPayloadError:
            return web.Response(status=400, text="the body cannot be read\n")
        call = ApiCall(
            venue=venue,
            method=request.method,
            path=path,
            raw_query=raw_query,
            query=dict(parse_qsl(raw_query, keep_blank_values=True)),
            headers=headers,
            body=body,
        )
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._handle_websocket(request, call)
        return await self._handle_rest(request, call)

    # REST

    async def _handle_rest(self, request: web.Request, call: ApiCall) -> web.StreamResponse:
        venue, scheduler = call.venue, call.venue.scheduler
        scheduler.run_due()
        faults = self._simulator.faults.on_request(venue, f"{call.method} {call.path}")
        for fault in faults:
            if fault.fault == "delay":
                await scheduler.sleep(fault.seconds)
        kinds = {fault.fault for fault in faults}
        if "reset" in kinds:
            return _drop_connection(request)
        response = self._respond(call, faults)
        venue.publish()
        if "drop_reply" in kinds:
            return _drop_connection(request)
        body = response.encoded()
        for fault in faults:
            if fault.fault == "garble":
                body = _corrupted(body, fault.body)
        return web.Response(
            body=body,
            status=response.status,
            headers={**response.headers, "Content-Type": response.content_type},
        )

    def _respond(self, call: ApiCall, faults: Sequence[FaultRule]) -> Response:
        dialect = self._simulator.dialects[call.venue.name]
        headers: dict[str, str] = {}
        try:
            if bare := _scripted_response(faults, accepted=False):
                return bare
            route = self._route(call, faults)
            if route.private:
                call.account = dialect.authenticate(call)
            caller = call.account or "everybody"
            usage = call.venue.quota_counter.consume(
                route.bucket, caller, route.weight, call.venue.scheduler.now_ns
            )
            headers = dialect.quota_headers(route, usage)
            result = route.handler(call)
            if bare := _scripted_response(faults, accepted=True):
                return bare
            _raise_scripted_error(faults, accepted=True)
        except ApiError as error:
            result = dialect.render_error(call, error)
        response = result if isinstance(result, Response) else dialect.wrap_result(call, result)
        response.headers = headers | response.headers
        return response

    def _route(self, call: ApiCall, faults: Sequence[FaultRule]) -> Route:
        _raise_scripted_error(faults, accepted=False)
        dialect = self._simulator.dialects[call.venue.name]
        if self._simulator.faults.in_maintenance(call.venue):
            raise dialect.maintenance_error()
        for method, pattern, route in self._routes[call.venue.name]:
            if method == call.method and (found := pattern.fullmatch(call.path)):
                call.path_params = found.groupdict()
                return route
        raise dialect.unknown_path_error(call)

    # WebSocket

    async def _handle_websocket(self, request: web.Request, call: ApiCall) -> web.StreamResponse:
        endpoint, parts = self._endpoint(call)
        if endpoint is None:
            return web.Response(status=404, text="no such stream\n")
        if self._simulator.faults.in_maintenance(call.venue):
            return web.Response(status=503)
        socket = web.WebSocketResponse(autoping=True, compress=False, max_msg_size=1 << 20)
        await socket.prepare(request)
        session = Session(
            venue=call.venue,
            renderer=self._simulator.dialects[call.venue.name],
            endpoint=endpoint,
            socket=socket,
            transport=request.transport,
            number=next(self._session_numbers),
            faults=self._simulator.faults,
            path_params=parts,
            query=call.query,
            host=request.host,
        )
        self._sessions.add(session)
        call.venue.subscriptions.subscribers.append(session)
        sender = asyncio.create_task(session.run_sender())
        try:
            await self._receive(session, socket)
        finally:
            session.unsubscribe_all()
            call.venue.subscriptions.subscribers.remove(session)
            if endpoint.on_close is not None:
                endpoint.on_close(session)
            self._sessions.discard(session)
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await sender
        return socket

    def _endpoint(self, call: ApiCall) -> tuple[WebSocketEndpoint | None, dict[str, str]]:
        for pattern, endpoint in self._endpoints[call.venue.name]:
            if found := pattern.fullmatch(call.path):
                return endpoint, found.groupdict()
        return None, {}

    async def _receive(self, session: Session, socket: web.WebSocketResponse) -> None:
        """Receive the client's messages until it is gone."""
        _schedule_heartbeat(session)
        if session.endpoint.on_open is not None:
            session.endpoint.on_open(session)
        async for message in socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            session.venue.scheduler.run_due()
            session.last_received_ns = session.venue.scheduler.now_ns
            session.endpoint.on_message(session, message.data)
            session.venue.publish()


def _schedule_heartbeat(session: Session) -> None:
    """Schedule the pings, and the close of a connection that has been silent for too long."""
    scheduler, endpoint = session.venue.scheduler, session.endpoint

    def ping() -> None:
        if session.closed:
            return
        session.send_ping()
        scheduler.call_later(endpoint.ping_interval_s, ping)

    def check_idle() -> None:
        if session.closed:
            return
        idle_ns = scheduler.now_ns - session.last_received_ns
        if idle_ns >= endpoint.idle_timeout_s * SECOND_NS:
            session.close()
            return
        scheduler.call_later(endpoint.idle_timeout_s - idle_ns / SECOND_NS, check_idle)

    if endpoint.ping_interval_s:
        scheduler.call_later(endpoint.ping_interval_s, ping)
    if endpoint.idle_timeout_s:
        scheduler.call_later(endpoint.idle_timeout_s, check_idle)


def _encodable(sent: str) -> str:
    """What a client sent, as text that can be encoded: bytes that are not UTF-8 are replaced."""
    return sent if sent.isascii() else sent.encode("utf-8", "replace").decode()


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)))


def _drop_connection(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _scripted_response(faults: Sequence[FaultRule], *, accepted: bool) -> Response | None:
    """A status that a proxy in front of the venue sends, without the venue's form."""
    for fault in faults:
        if fault.fault == "status" and fault.accepted is accepted:
            return _bare_response(fault)
    return None


def _raise_scripted_error(faults: Sequence[FaultRule], *, accepted: bool) -> None:
    for fault in faults:
        if fault.fault == "error" and fault.accepted is accepted:
            raise ApiError(fault.code, fault.message, status=fault.status)


def _bare_response(fault: FaultRule) -> Response:
    headers = {} if fault.retry_after_s is None else {"Retry-After": f"{fault.retry_after_s:g}"}
    return Response(b"<html>busy</html>", fault.status or 503, headers, "text/html")


def _corrupted(body: bytes, how: str) -> bytes:
    match how:
        case "html":
            return b"<html><body>502 Bad Gateway</body></html>"
        case "truncated":
            return body[: len(body) // 2]
        case _:
            return b""
