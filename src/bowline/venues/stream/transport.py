"""A WebSocket as the runner needs it: frames handed over at once, one by one, as bytes.

aiohttp's is the usual one; another that keeps this protocol may take its place. Nothing here
decodes, counts or retries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Protocol

import aiohttp

#: a frame larger than this is no market data
MOST_FRAME_BYTES = 16 * 1024 * 1024
OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0

OnFrame = Callable[[bytes], None]


class Lost(Exception):
    """A connection could not be made or did not hold; the message says why.

    `status` is HTTP's, where the opening was refused, with its `headers` by lower-case names;
    `after_s` is how long the venue wants to be left alone.
    """

    def __init__(self, message: str, *, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s
        self.status = 0
        self.headers: Mapping[str, str] = {}


class Socket(Protocol):
    """An open connection."""

    async def send(self, frame: bytes, *, binary: bool = False) -> None:
        """Send one frame. Raises Lost."""

    async def ended(self) -> str:
        """Wait until the connection is gone; why, in the words of whoever ended it."""

    async def close(self) -> None:
        """End it; frames stop at once."""


#: opens a connection to a URL whose every frame goes to the callback. Raises Lost.
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
        """Send one frame. Raises Lost."""
        try:
            if binary:
                await self._socket.send_bytes(frame)
            else:
                await self._socket.send_str(frame.decode())
        except (ConnectionError, RuntimeError, aiohttp.ClientError) as error:
            raise Lost(f"sending failed: {error}") from error

    async def ended(self) -> str:
        """Why the connection is gone, when it is. What a callback raised is raised here."""
        return await asyncio.shield(self._reader)

    async def close(self) -> None:
        """End it; frames stop at once."""
        self._reader.cancel()
        with suppress(TimeoutError, aiohttp.ClientError, ConnectionError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._socket.close()


def aiohttp_connect(session: aiohttp.ClientSession, heartbeat_s: float | None = None) -> Connect:
    """Connections of this session.

    `heartbeat_s`: how often the protocol's own ping goes out, and what is not answered ends. A feed
    needs none, for its frames never rest; an account's stream may be silent for days.
    """

    async def connect(url: str, on_frame: OnFrame) -> Socket:
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                # heartbeats prove a wire and no more: a venue that answers may still be deaf
                socket = await session.ws_connect(
                    url,
                    max_msg_size=MOST_FRAME_BYTES,
                    compress=15,
                    decode_text=False,
                    heartbeat=heartbeat_s,
                )
        except TimeoutError:
            raise Lost(f"{url} did not open within {OPEN_TIMEOUT_S:g} s") from None
        except aiohttp.WSServerHandshakeError as error:
            lost = Lost(f"{url} did not open: {error.status} {error.message}")
            lost.status = error.status
            lost.headers = {name.lower(): value for name, value in (error.headers or {}).items()}
            raise lost from error
        except (aiohttp.ClientError, OSError) as error:
            raise Lost(f"{url} did not open: {error}") from error
        return AiohttpSocket(socket, on_frame)

    return connect
