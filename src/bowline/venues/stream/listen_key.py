"""Listen keys of a private stream: created and kept alive by REST; they expire without notice.

A listen key must never be shown: whoever has it can listen to the account.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from bowline.venues.errors import Rejected, VenueError
from bowline.venues.stream.transport import Disconnected

#: wait after a failed renewal
RETRY_S = 30.0


class ListenKeySource(Protocol):
    """What creates and renews listen keys."""

    async def stream_key(self, kept: str = "") -> str:
        """A new key, or with `kept` that key after its renewal. Raises VenueError."""


class ListenKeyClient:
    """The listen keys of one account."""

    def __init__(self, holder: ListenKeySource) -> None:
        self._holder = holder

    async def create(self) -> str:
        """A new key. Raises VenueError."""
        return await self._holder.stream_key()

    async def keep_alive(self, key: str, lifetime_s: float) -> None:
        """Renew a key for ever; raises Disconnected when it has expired."""
        clock = asyncio.get_running_loop().time
        kept_alive_s, wait_s = clock(), lifetime_s / 3
        while True:
            await asyncio.sleep(wait_s)
            try:
                await self._holder.stream_key(key)
                kept_alive_s, wait_s = clock(), lifetime_s / 3
            except Rejected as error:
                raise Disconnected(f"the listen key is gone: {error.message}") from None
            except VenueError as error:
                wait_s = RETRY_S
                if clock() - kept_alive_s > lifetime_s:
                    raise Disconnected(
                        f"the listen key could not be kept: {error.message}"
                    ) from None
