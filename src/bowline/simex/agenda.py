"""The one clock of a simulated world, and what is to happen when.

Everything that happens by itself (a market moves, a late fill arrives, a delayed reply goes out)
is an entry here, so that one seed and one sequence of requests make one world. Nothing else in
`simex` may read a clock or sleep.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

from bowline.core.model.values import SECOND_NS

#: how late an entry may be under the wall clock
_PATIENCE_NS = SECOND_NS // 100


class Clock(Protocol):
    """Where the time comes from. `reach` says that the world has come to this moment."""

    def now_ns(self) -> int:
        """UTC."""

    def reach(self, ns: int) -> None:
        """Called before an entry that is due at `ns` happens."""


class WallClock:
    """The machine's own clock."""

    def now_ns(self) -> int:
        """UTC."""
        return time.time_ns()

    def reach(self, ns: int) -> None:
        """The time passes by itself."""


class FastClock:
    """A clock that started with the machine's and runs `factor` times as fast."""

    def __init__(self, factor: float) -> None:
        self._start_ns = time.time_ns()
        self._factor = factor

    def now_ns(self) -> int:
        """UTC, of another world."""
        return self._start_ns + int((time.time_ns() - self._start_ns) * self._factor)

    def reach(self, ns: int) -> None:
        """The time passes by itself."""


class VirtualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        """UTC."""
        return self._now_ns

    def reach(self, ns: int) -> None:
        """Never backwards."""
        self._now_ns = max(self._now_ns, ns)


class Agenda:
    """Entries in the order of their time; those of one moment in the order they were made."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._latest_ns = 0
        self._entries: list[tuple[int, int, Callable[[], None]]] = []
        self._number = count()

    @property
    def now_ns(self) -> int:
        """The world's time, UTC; it never falls, whatever the machine's clock does."""
        self._latest_ns = max(self._latest_ns, self.clock.now_ns())
        return self._latest_ns

    def at(self, due_ns: int, act: Callable[[], None]) -> None:
        """Do this then; a moment that has passed is now."""
        heappush(self._entries, (due_ns, next(self._number), act))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do this so much later."""
        self.at(self.now_ns + int(seconds * SECOND_NS), act)

    async def pause(self, seconds: float) -> None:
        """Wait in the world's time."""
        if seconds <= 0:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.after(seconds, lambda: None if waiter.done() else waiter.set_result(None))
        await waiter

    def catch_up(self) -> None:
        """Everything that is due by now happens, in order."""
        self.run_until(self.now_ns)

    def run_until(self, ns: int) -> None:
        """Everything due up to `ns` happens, also what that brings about."""
        while self._entries and self._entries[0][0] <= ns:
            due_ns, _, act = heappop(self._entries)
            self.clock.reach(due_ns)
            act()
        self.clock.reach(ns)

    async def advance(self, seconds: float) -> None:
        """Move a virtual clock on; whoever waited gets to work before the next entry happens."""
        end_ns = self.now_ns + int(seconds * SECOND_NS)
        while self._entries and self._entries[0][0] <= end_ns:
            self.run_until(self._entries[0][0])
            await asyncio.sleep(0)
        self.run_until(end_ns)
        await asyncio.sleep(0)

    async def keep_up(self) -> None:
        """Follow the wall clock until cancelled."""
        while True:
            self.catch_up()
            due_ns = self._entries[0][0] if self._entries else self.now_ns + _PATIENCE_NS
            left_ns = min(max(due_ns - self.now_ns, 0), _PATIENCE_NS)
            await asyncio.sleep(left_ns / SECOND_NS)
