"""What every test of simulated venues may ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from tests.simex.clients import Seat, seated

Scene = Callable[[Seat], Awaitable[None]]


@pytest.fixture
def ccxt_client() -> Callable[..., AbstractAsyncContextManager[Seat]]:
    """Opens a world of one venue, with ccxt at a seat in it: see `tests.simex.clients.seated`."""
    return seated


@pytest.fixture
def play() -> Callable[..., None]:
    """Runs a coroutine function with such a seat, thirty seconds at most."""

    def run(venue: str, kind: str, scene: Scene, **simulator: Any) -> None:
        async def whole() -> None:
            async with asyncio.timeout(30), seated(venue, kind, **simulator) as seat:
                await scene(seat)

        asyncio.run(whole())

    return run
