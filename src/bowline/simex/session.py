"""One WebSocket connection: its subscriptions, and the queue of frames to be sent.

Frames are sent in the order of queueing, unless a fault script says otherwise. A client that does
not read is disconnected, as the venues do. No venue's wording here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto
from typing import Protocol

from aiohttp import WSCloseCode, web
from msgspec import Struct

from bowline.simex.fault_injector import FaultInjector, FrameFault
from bowline.simex.stream_topics import Frame, StreamTopic
from bowline.simex.venue import SimulatedVenue

#: a client that has this many frames unread is disconnected
_MAX_QUEUED_FRAMES = 20_000


class FrameRenderer(Protocol):
    """The part of a dialect that a session needs."""

    def encode_frame(self, frame: Frame) -> str | bytes:
        """A frame as it is sent: text, or bytes where the venue sends binary."""

    def initial_frames(self, venue: SimulatedVenue, topic: StreamTopic) -> Iterable[Frame]:
        """What a new subscriber is sent at once."""


class WebSocketEndpoint(Struct, frozen=True, kw_only=True):
    """A WebSocket endpoint: called on open, each message and close.

    The venue pings every `ping_interval_s`, if not 0, with `ping_frame` or the protocol's own.
    It closes a connection that it has not heard from for `idle_timeout_s`, if not 0.
    """

    path: str
    on_message: Callable[[Session, str | bytes], None]
    on_open: Callable[[Session], None] | None = None
    on_close: Callable[[Session], None] | None = None
    ping_frame: Callable[[Session], Frame] | None = None
    ping_interval_s: float = 0.0
    idle_timeout_s: float = 0.0


class _Control(Enum):
    """What is sent beside the data frames."""

    PING = auto()
    CLOSE = auto()


class Session:
    """`account` is empty until somebody logs in."""

    def __init__(
        self,
        *,
        venue: SimulatedVenue,
        renderer: FrameRenderer,
        endpoint: WebSocketEndpoint,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        number: int,
        faults: FaultInjector,
        path_params: Mapping[str, str],
        query: Mapping[str, str],
        host: str,
    ) -> None:
        self.venue = venue
        self.endpoint = endpoint
        self.number = number
        self.path_params = path_params
        self.query = query
        #: the Host header, which some venues' clients sign
        self.host = host
        self.account = ""
        #: topics that only turn on the cancel-all timer, and never send anything
        self.cancel_timer_topics: set[str] = set()
        self.topics: dict[str, StreamTopic] = {}
        self.last_received_ns = venue.scheduler.now_ns
        self.frozen_until_ns = 0
        self._renderer = renderer
        self._socket = socket
        self._transport = transport
        self._faults = faults
        self._outbox: asyncio.Queue[str | bytes | _Control] = asyncio.Queue()
        self._delayed: list[str | bytes] = []

    # what a dialect does

    def send(self, frame: Frame, topic: StreamTopic | None = None) -> None:
        """Queue a frame. With a topic it is an update, which faults may drop, repeat or delay."""
        if topic is not None and self.venue.scheduler.now_ns < self.frozen_until_ns:
            return
        payload = self._renderer.encode_frame(frame)
        if topic is None:
            self._queue(payload)
            return
        match self._faults.on_frame(self.venue, topic):
            case FrameFault.DROPPED:
                return
            case FrameFault.DUPLICATED:
                self._queue(payload, payload)
            case FrameFault.DELAYED:
                self._delayed.append(payload)
                return
            case FrameFault.UNCHANGED:
                self._queue(payload)
        delayed, self._delayed = self._delayed, []
        self._queue(*delayed)

    def subscribe(self, topic: StreamTopic) -> None:
        """Send the topic's updates from now on, after the topic's initial frames."""
        if topic.name in self.topics:
            return
        self.topics[topic.name] = topic
        for frame in self._renderer.initial_frames(self.venue, topic):
            self.send(frame)
        self.venue.subscriptions.add(self, topic)

    def unsubscribe(self, name: str) -> bool:
        """Whether there was such a topic."""
        topic = self.topics.pop(name, None)
        if topic is None:
            return False
        self.venue.subscriptions.remove(self, topic)
        return True

    def close(self) -> None:
        """Send a closing frame once everything queued is sent."""
        self._outbox.put_nowait(_Control.CLOSE)

    def abort(self) -> None:
        """Drop the connection without a closing frame, as a network failure does."""
        if self._transport is not None:
            self._transport.abort()

    def faults_of(self, request: str) -> frozenset[str]:
        """The faults due for a request that came over this socket (`WS order.create`)."""
        return frozenset(each.fault for each in self._faults.on_request(self.venue, request))

    # what the server does

    @property
    def closed(self) -> bool:
        """Whether the connection is closed."""
        return self._socket.closed

    def send_ping(self) -> None:
        """Send a ping: the venue's own, or one of the protocol."""
        if self.endpoint.ping_frame is None:
            self._outbox.put_nowait(_Control.PING)
        else:
            self.send(self.endpoint.ping_frame(self))

    async def run_sender(self) -> None:
        """Send what is queued, until `close`; ConnectionError if the client is gone."""
        while (payload := await self._outbox.get()) is not _Control.CLOSE:
            if payload is _Control.PING:
                await self._socket.ping()
            elif isinstance(payload, bytes):
                await self._socket.send_bytes(payload)
            elif isinstance(payload, str):
                await self._socket.send_str(payload)
        await self._socket.close(code=WSCloseCode.GOING_AWAY)

    def unsubscribe_all(self) -> None:
        """End every subscription."""
        for name in list(self.topics):
            self.unsubscribe(name)

    def _queue(self, *payloads: str | bytes) -> None:
        for payload in payloads:
            self._outbox.put_nowait(payload)
        if self._outbox.qsize() > _MAX_QUEUED_FRAMES:
            self.abort()
