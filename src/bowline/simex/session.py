"""One WebSocket connection: what it has subscribed to, and the frames that wait to go out.

Frames leave in the order in which they were pushed, unless a fault script says otherwise. A client
that does not read is closed, as the venues do it. No venue's wording here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import Enum, auto

from aiohttp import WSCloseCode, web

from bowline.simex.dialect import Door, Frame, Topic
from bowline.simex.faults import Faults, Shaken
from bowline.simex.floor import Floor

#: frames that may wait for a slow client before it is closed
_WAITING_FRAMES = 20_000


class _Control(Enum):
    """What the server asks of the line itself."""

    PING = auto()
    CLOSE = auto()


class Session:
    """`account` is empty until somebody logs in."""

    def __init__(
        self,
        floor: Floor,
        door: Door,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        number: int,
        faults: Faults,
        parts: Mapping[str, str],
        query: Mapping[str, str],
        host: str,
    ) -> None:
        self.floor = floor
        self.door = door
        self.number = number
        self.parts = parts
        self.query = query
        #: what the client calls this machine: some sign it
        self.host = host
        self.account = ""
        #: topics of the dead-man switch, which tell nothing
        self.guards: set[str] = set()
        self.topics: dict[str, Topic] = {}
        self.heard_ns = floor.scheduler.now_ns
        self.frozen_until_ns = 0
        self._socket = socket
        self._transport = transport
        self._faults = faults
        self._waiting: asyncio.Queue[str | bytes | _Control] = asyncio.Queue()
        self._held: list[str | bytes] = []

    # what a dialect does

    def push(self, frame: Frame, topic: Topic | None = None) -> None:
        """Send a frame, in its turn. With a topic it is news, and faults may befall it."""
        if topic is not None and self.floor.scheduler.now_ns < self.frozen_until_ns:
            return
        payload = self.floor.dialect.encode(frame)
        if topic is None:
            self._queue(payload)
            return
        match self._faults.shaken(self.floor, topic):
            case Shaken.LOST:
                return
            case Shaken.TWICE:
                self._queue(payload, payload)
            case Shaken.LATE:
                self._held.append(payload)
                return
            case Shaken.AS_IT_WAS:
                self._queue(payload)
        held, self._held = self._held, []
        self._queue(*held)

    def subscribe(self, topic: Topic) -> None:
        """Tell this session of the topic from now on, after the topic's opening frames."""
        if topic.word in self.topics:
            return
        self.topics[topic.word] = topic
        for frame in self.floor.dialect.opening(self.floor, topic):
            self.push(frame)
        self.floor.hub.add(self, topic)

    def unsubscribe(self, word: str) -> bool:
        """Whether there was such a topic."""
        topic = self.topics.pop(word, None)
        if topic is None:
            return False
        self.floor.hub.drop(self, topic)
        return True

    def close(self) -> None:
        """Say good-bye once everything has gone out."""
        self._waiting.put_nowait(_Control.CLOSE)

    def cut(self) -> None:
        """End the connection without a word, as a broken line does."""
        if self._transport is not None:
            self._transport.abort()

    def befalls(self, request: str) -> frozenset[str]:
        """The faults that strike a request that came over this socket (`WS order.create`)."""
        return frozenset(each.fault for each in self._faults.on_request(self.floor, request))

    # what the server does

    @property
    def gone(self) -> bool:
        """Whether nobody is there any more."""
        return self._socket.closed

    def ping(self) -> None:
        """Ask whether the client is there, in the venue's way."""
        if self.door.ping is None:
            self._waiting.put_nowait(_Control.PING)
        else:
            self.push(self.door.ping(self))

    async def send_waiting(self) -> None:
        """Send what is pushed, until `close`; ConnectionError if the client has gone."""
        while (payload := await self._waiting.get()) is not _Control.CLOSE:
            if payload is _Control.PING:
                await self._socket.ping()
            elif isinstance(payload, bytes):
                await self._socket.send_bytes(payload)
            elif isinstance(payload, str):
                await self._socket.send_str(payload)
        await self._socket.close(code=WSCloseCode.GOING_AWAY)

    def leave(self) -> None:
        """Forget every topic."""
        for word in list(self.topics):
            self.unsubscribe(word)

    def _queue(self, *payloads: str | bytes) -> None:
        for payload in payloads:
            self._waiting.put_nowait(payload)
        if self._waiting.qsize() > _WAITING_FRAMES:
            self.cut()
