"""A listen key: asked for by REST, kept alive by REST, and gone without notice.

It must never be shown: whoever has it can listen to the account.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from bowline.venues.errors import Rejected, VenueError
from bowline.venues.stream.transport import Lost

#: after a failure it is tried again this soon
AGAIN_S = 30.0


class KeyHolder(Protocol):
    """What gives keys."""

    async def stream_key(self, kept: str = "") -> str:
        """A key for the private stream; or the one it has, kept alive. Raises VenueError."""


class StreamKeys:
    """The keys of one account."""

    def __init__(self, holder: KeyHolder) -> None:
        self._holder = holder

    async def ask(self) -> str:
        """A key. Raises VenueError."""
        return await self._holder.stream_key()

    async def keep(self, key: str, lives_s: float) -> None:
        """Keep a key alive; raises Lost when it is no more."""
        clock = asyncio.get_running_loop().time
        kept_s, wait_s = clock(), lives_s / 3
        while True:
            await asyncio.sleep(wait_s)
            try:
                await self._holder.stream_key(key)
                kept_s, wait_s = clock(), lives_s / 3
            except Rejected as error:
                raise Lost(f"the listen key is gone: {error.message}") from None
            except VenueError as error:
                wait_s = AGAIN_S
                if clock() - kept_s > lives_s:
                    raise Lost(f"the listen key could not be kept: {error.message}") from None
