"""The clock of a simulation and its timers, after the model of asyncio's event loop.

Everything that happens by itself (a market moves, a late fill arrives, a delayed response is sent)
is a callback scheduled here, so that one seed and one sequence of requests always give the same
simulation. Nothing else in `simex` may read a clock or sleep.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

from bowline.core.model.values import SECOND_NS

#: the longest sleep between two looks at the timers, and so how late a callback may run
_MAX_SLEEP_NS = SECOND_NS // 100


class SimulationClock(Protocol):
    """Where the time comes from. `advance_to` tells it that the simulation has reached a time."""

    def now_ns(self) -> int:
        """UTC."""

    def advance_to(self, ns: int) -> None:
        """Called before a callback that is due at `ns` runs."""


class WallClock:
    """The machine's own clock."""

    def now_ns(self) -> int:
        """UTC."""
        return time.time_ns()

    def advance_to(self, ns: int) -> None:
        """Nothing to do: the time passes by itself."""


class AcceleratedClock:
    """A clock that started with the machine's and runs `factor` times as fast."""

    def __init__(self, factor: float) -> None:
        self._start_ns = time.time_ns()
        self._factor = factor

    def now_ns(self) -> int:
        """UTC, counted from the start at `factor` times the speed."""
        return self._start_ns + int((time.time_ns() - self._start_ns) * self._factor)

    def advance_to(self, ns: int) -> None:
        """Nothing to do: the time passes by itself."""


class VirtualClock:
    """A clock that stands still until it is told to advance."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        """UTC."""
        return self._now_ns

    def advance_to(self, ns: int) -> None:
        """Never backwards: an earlier time changes nothing."""
        self._now_ns = max(self._now_ns, ns)


class Scheduler:
    """Timers by due time; those due at the same time run in the order of scheduling."""

    def __init__(self, clock: SimulationClock) -> None:
        self.clock = clock
        self._last_now_ns = 0
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        self._sequence = count()

    @property
    def now_ns(self) -> int:
        """The simulation's time, UTC; monotonic, whatever the machine's clock does."""
        self._last_now_ns = max(self._last_now_ns, self.clock.now_ns())
        return self._last_now_ns

    def call_at(self, due_ns: int, callback: Callable[[], None]) -> None:
        """Run the callback at this time, or at the next run if it has passed."""
        heappush(self._timers, (due_ns, next(self._sequence), callback))

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Run the callback after a delay in simulated time."""
        self.call_at(self.now_ns + int(seconds * SECOND_NS), callback)

    async def sleep(self, seconds: float) -> None:
        """Wait in simulated time."""
        if seconds <= 0:
            return
        wakeup: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.call_later(seconds, lambda: None if wakeup.done() else wakeup.set_result(None))
        await wakeup

    def run_due(self) -> None:
        """Run every callback that is due by now, in order."""
        self.run_until(self.now_ns)

    def run_until(self, ns: int) -> None:
        """Run every callback due up to `ns`, and those that they schedule up to then."""
        while self._timers and self._timers[0][0] <= ns:
            due_ns, _, callback = heappop(self._timers)
            self.clock.advance_to(due_ns)
            callback()
        self.clock.advance_to(ns)

    async def advance(self, seconds: float) -> None:
        """Move a virtual clock on; tasks that a callback wakes run before the next callback."""
        end_ns = self.now_ns + int(seconds * SECOND_NS)
        while self._timers and self._timers[0][0] <= end_ns:
            self.run_until(self._timers[0][0])
            await asyncio.sleep(0)
        self.run_until(end_ns)
        await asyncio.sleep(0)

    async def run_forever(self) -> None:
        """Follow a clock that runs by itself, until cancelled."""
        while True:
            self.run_due()
            due_ns = self._timers[0][0] if self._timers else self.now_ns + _MAX_SLEEP_NS
            left_ns = min(max(due_ns - self.now_ns, 0), _MAX_SLEEP_NS)
            await asyncio.sleep(left_ns / SECOND_NS)
