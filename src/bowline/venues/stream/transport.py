"""A WebSocket as the streams need it: every frame goes to a callback at once, as bytes.

aiohttp implements it; another library that keeps this protocol may replace it. Nothing here
decodes, counts or retries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Protocol

import aiohttp

#: a larger frame ends the connection
MAX_FRAME_BYTES = 16 * 1024 * 1024
OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0

OnFrame = Callable[[bytes], None]


class Disconnected(Exception):
    """A connection could not be opened, or ended; the message says why.

    `status` and `headers` (lower-case names) are those of an HTTP reply that refused the opening;
    `after_s`: seconds that the venue asks us to wait.
    """

    def __init__(self, message: str, *, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s
        self.status = 0
        self.headers: Mapping[str, str] = {}


class Socket(Protocol):
    """An open connection."""

    async def send(self, frame: bytes, *, binary: bool = False) -> None:
        """Send one frame. Raises Disconnected."""

    async def wait_closed(self) -> str:
        """Wait until the connection has ended; returns the reason."""

    async def close(self) -> None:
        """Close it; no frame is delivered after this call."""


#: opens a connection to a URL whose every frame goes to the callback. Raises Disconnected.
Connect = Callable[[str, OnFrame], Awaitable[Socket]]


class AiohttpSocket:
    """A WebSocket of an aiohttp session."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool], on_frame: OnFrame) -> None:
        self._socket = socket
        self._reader = asyncio.create_task(self._read(on_frame))

    async def _read(self, on_frame: OnFrame) -> str:
        async for message in self._socket:
            if message.type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
                on_frame(message.data)
            elif message.type is aiohttp.WSMsgType.ERROR:
                return f"the connection broke: {self._socket.exception()}"
        return f"closed with code {self._socket.close_code}"

    async def send(self, frame: bytes, *, binary: bool = False) -> None:
        """Send one frame. Raises Disconnected."""
        try:
            if binary:
                await self._socket.send_bytes(frame)
            else:
                await self._socket.send_str(frame.decode())
        except (ConnectionError, RuntimeError, aiohttp.ClientError) as error:
            raise Disconnected(f"sending failed: {error}") from error

    async def wait_closed(self) -> str:
        """The reason why it ended, once it has. An exception of the callback is raised here."""
        return await asyncio.shield(self._reader)

    async def close(self) -> None:
        """Close it; no frame is delivered after this call."""
        self._reader.cancel()
        with suppress(TimeoutError, aiohttp.ClientError, ConnectionError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._socket.close()


def aiohttp_connect(session: aiohttp.ClientSession, heartbeat_s: float | None = None) -> Connect:
    """A function that opens connections of this session.

    `heartbeat_s`: interval of WebSocket pings; an unanswered ping ends the connection. A feed needs
    none, because its frames never stop; an account stream may be silent for days.
    """

    async def connect(url: str, on_frame: OnFrame) -> Socket:
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                # heartbeats prove the connection only: a venue that answers may send nothing
                socket = await session.ws_connect(
                    url,
                    max_msg_size=MAX_FRAME_BYTES,
                    compress=15,
                    decode_text=False,
                    heartbeat=heartbeat_s,
                )
        except TimeoutError:
            raise Disconnected(f"{url} did not open within {OPEN_TIMEOUT_S:g} s") from None
        except aiohttp.WSServerHandshakeError as error:
            disconnected = Disconnected(f"{url} did not open: {error.status} {error.message}")
            disconnected.status = error.status
            disconnected.headers = {
                name.lower(): value for name, value in (error.headers or {}).items()
            }
            raise disconnected from error
        except (aiohttp.ClientError, OSError) as error:
            raise Disconnected(f"{url} did not open: {error}") from error
        return AiohttpSocket(socket, on_frame)

    return connect
