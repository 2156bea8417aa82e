"""A venue's clock as seen from here: how far ours is off, how sure that is, and when to look again.

Requests are signed with `now_ms`, and nothing trades while `trouble` has something to say. It must
never follow a jump of the local clock: between two measurements time comes from the monotonic one.

1. Ask the venue's time several times; a round trip brackets the moment it answered.
2. Of the quickest answer the middle of its round trip is the offset, half of it the error.
3. The error grows with time, as quartz does.
4. Wall and monotonic clock must advance together. If they did not, the machine slept or somebody
   set the clock: measure again before anything is sent.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from msgspec import Struct

SAMPLES = 5
#: trading refuses when the venue's time is not known better than this
MAX_ERROR_NS = 1_000_000_000
#: cheap quartz and a stepping virtual machine together
DRIFT_PPM = 100
MEASURE_EVERY_NS = 600 * 1_000_000_000
#: an ordinary adjustment of the wall clock is slower than this
MAX_JUMP_NS = 500_000_000
#: venues answer in whole milliseconds
RESOLUTION_NS = 1_000_000


class Sample(Struct, frozen=True):
    """One question for the time: monotonic when sent and when answered, and the answer."""

    sent_ns: int
    answered_ns: int
    venue_ns: int

    @property
    def round_trip_ns(self) -> int:
        """From sending to the answer."""
        return self.answered_ns - self.sent_ns


class Measured(Struct, frozen=True):
    """`venue_ns` was the venue's time when the monotonic clock was at `at_ns`."""

    at_ns: int
    venue_ns: int
    wall_ns: int
    error_ns: int
    round_trip_ns: int

    @property
    def offset_ns(self) -> int:
        """The venue's time minus ours, at the measurement."""
        return self.venue_ns - self.wall_ns


def estimate(samples: list[Sample], wall_minus_monotonic_ns: int) -> Measured:
    """What these samples say; ValueError without one, or with an answer before its question."""
    if not samples or any(sample.round_trip_ns < 0 for sample in samples):
        raise ValueError("no usable sample of the venue's time")
    best = min(samples, key=lambda sample: sample.round_trip_ns)
    middle_ns = best.sent_ns + best.round_trip_ns // 2
    return Measured(
        at_ns=middle_ns,
        venue_ns=best.venue_ns,
        wall_ns=middle_ns + wall_minus_monotonic_ns,
        error_ns=best.round_trip_ns // 2 + RESOLUTION_NS,
        round_trip_ns=best.round_trip_ns,
    )


class VenueClock:
    """The time at one venue. `monotonic_ns` and `wall_ns` are handed in by tests alone."""

    def __init__(
        self,
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._wall_ns = wall_ns
        self._measured: Measured | None = None
        self._doubt = ""

    @property
    def measured(self) -> Measured | None:
        """The last measurement; None before the first."""
        return self._measured

    def now_ns(self) -> int:
        """The venue's time as well as it is known: ours, before the first measurement."""
        if self._measured is None:
            return self._wall_ns()
        return self._measured.venue_ns + self._monotonic_ns() - self._measured.at_ns

    def now_ms(self) -> int:
        """The same in milliseconds, for signatures."""
        return self.now_ns() // 1_000_000

    def error_ns(self) -> int | None:
        """By how much `now_ns` may be wrong; None if nothing was measured."""
        if self._measured is None:
            return None
        age_ns = max(0, self._monotonic_ns() - self._measured.at_ns)
        return self._measured.error_ns + age_ns * DRIFT_PPM // 1_000_000

    def jump_ns(self) -> int:
        """How much more the wall clock advanced than the monotonic one since the measurement."""
        if self._measured is None:
            return 0
        wall_passed_ns = self._wall_ns() - self._measured.wall_ns
        return wall_passed_ns - (self._monotonic_ns() - self._measured.at_ns)

    def ahead_ns(self) -> int | None:
        """How far the local clock is ahead of the venue's, less what is not known for certain."""
        error_ns = self.error_ns()
        if error_ns is None:
            return None
        ahead_ns = self._wall_ns() - self.now_ns()
        return 0 if abs(ahead_ns) <= error_ns else ahead_ns

    def doubt(self, reason: str) -> None:
        """The venue did not like our time: measure again before anything else is signed."""
        self._doubt = reason

    def due(self) -> bool:
        """Whether it must be measured again."""
        if self._measured is None or self._doubt or abs(self.jump_ns()) > MAX_JUMP_NS:
            return True
        return self._monotonic_ns() - self._measured.at_ns >= MEASURE_EVERY_NS

    def trouble(self) -> str:
        """Why nothing may be entered now; empty if nothing is wrong."""
        error_ns = self.error_ns()
        if error_ns is None:
            return "the venue's time has not been measured"
        if self._doubt:
            return self._doubt
        if abs(jump := self.jump_ns()) > MAX_JUMP_NS:
            return f"the local clock jumped by {jump / 1e9:+.1f} s"
        if error_ns > MAX_ERROR_NS:
            return f"the venue's time is known to {error_ns / 1e9:.1f} s only"
        return ""

    async def measure(self, venue_time_ns: Callable[[], Awaitable[int]]) -> Measured:
        """Ask `SAMPLES` times and keep the quickest; what the asking raises passes through."""
        wall_minus_monotonic_ns = self._wall_ns() - self._monotonic_ns()
        samples = []
        for _ in range(SAMPLES):
            sent_ns = self._monotonic_ns()
            venue_ns = await venue_time_ns()
            samples.append(Sample(sent_ns, self._monotonic_ns(), venue_ns))
        self._measured = estimate(samples, wall_minus_monotonic_ns)
        self._doubt = ""
        return self._measured
