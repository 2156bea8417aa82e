"""A venue's clock as seen from here: the offset of ours, its error, and when to measure again.

Requests are signed with `now_ms`, and nothing is entered while `problem` returns a text. It must
never follow a jump of the local clock: between two measurements time is the monotonic clock's.

1. Request the venue's time several times; a round trip brackets the moment of the answer.
2. Of the quickest round trip the middle is the venue's time, and half of it is the error.
3. The error grows with time, as quartz clocks drift.
4. Wall and monotonic clock must advance together. If they did not, the machine slept or somebody
   set the clock: measure again before anything is sent.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from msgspec import Struct

SAMPLES = 5
#: entries are refused while the error is larger than this
MAX_ERROR_NS = 1_000_000_000
#: the drift of cheap quartz and of a virtual machine together
DRIFT_PPM = 100
MEASURE_EVERY_NS = 600 * 1_000_000_000
#: ordinary adjustments of the wall clock are smaller than this
MAX_JUMP_NS = 500_000_000
#: venues answer in whole milliseconds
RESOLUTION_NS = 1_000_000


class ClockSample(Struct, frozen=True):
    """One request for the time: monotonic time when sent and when answered, and the answer."""

    sent_ns: int
    answered_ns: int
    venue_ns: int

    @property
    def round_trip_ns(self) -> int:
        """From the request to the answer."""
        return self.answered_ns - self.sent_ns


class ClockMeasurement(Struct, frozen=True):
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


def estimate_offset(samples: list[ClockSample], wall_minus_monotonic_ns: int) -> ClockMeasurement:
    """The offset by the quickest sample; ValueError without one, or with a negative round trip."""
    if not samples or any(sample.round_trip_ns < 0 for sample in samples):
        raise ValueError("no usable sample of the venue's time")
    best = min(samples, key=lambda sample: sample.round_trip_ns)
    middle_ns = best.sent_ns + best.round_trip_ns // 2
    return ClockMeasurement(
        at_ns=middle_ns,
        venue_ns=best.venue_ns,
        wall_ns=middle_ns + wall_minus_monotonic_ns,
        error_ns=best.round_trip_ns // 2 + RESOLUTION_NS,
        round_trip_ns=best.round_trip_ns,
    )


class VenueClock:
    """The clock of one venue. Only tests pass `monotonic_ns` and `wall_ns`."""

    def __init__(
        self,
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._wall_ns = wall_ns
        self._measured: ClockMeasurement | None = None
        self._invalid_reason = ""

    @property
    def measured(self) -> ClockMeasurement | None:
        """The last measurement; None before the first."""
        return self._measured

    def now_ns(self) -> int:
        """The estimated time of the venue; ours before the first measurement."""
        if self._measured is None:
            return self._wall_ns()
        return self._measured.venue_ns + self._monotonic_ns() - self._measured.at_ns

    def now_ms(self) -> int:
        """The same in milliseconds, for signatures."""
        return self.now_ns() // 1_000_000

    def error_ns(self) -> int | None:
        """By how much `now_ns` may be wrong; None before the first measurement."""
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
        """How far the local clock is ahead of the venue's; 0 within the error."""
        error_ns = self.error_ns()
        if error_ns is None:
            return None
        ahead_ns = self._wall_ns() - self.now_ns()
        return 0 if abs(ahead_ns) <= error_ns else ahead_ns

    def invalidate(self, reason: str) -> None:
        """The venue refused our time: measure again before anything else is signed."""
        self._invalid_reason = reason

    def measurement_due(self) -> bool:
        """Whether it must be measured again."""
        if self._measured is None or self._invalid_reason or abs(self.jump_ns()) > MAX_JUMP_NS:
            return True
        return self._monotonic_ns() - self._measured.at_ns >= MEASURE_EVERY_NS

    def problem(self) -> str:
        """Why no entry may be sent now; empty if there is no reason."""
        error_ns = self.error_ns()
        if error_ns is None:
            return "the venue's time has not been measured"
        if self._invalid_reason:
            return self._invalid_reason
        if abs(jump := self.jump_ns()) > MAX_JUMP_NS:
            return f"the local clock jumped by {jump / 1e9:+.1f} s"
        if error_ns > MAX_ERROR_NS:
            return f"the venue's time is known to {error_ns / 1e9:.1f} s only"
        return ""

    async def measure(self, venue_time_ns: Callable[[], Awaitable[int]]) -> ClockMeasurement:
        """Request the time `SAMPLES` times and keep the quickest; errors pass through."""
        wall_minus_monotonic_ns = self._wall_ns() - self._monotonic_ns()
        samples = []
        for _ in range(SAMPLES):
            sent_ns = self._monotonic_ns()
            venue_ns = await venue_time_ns()
            samples.append(ClockSample(sent_ns, self._monotonic_ns(), venue_ns))
        self._measured = estimate_offset(samples, wall_minus_monotonic_ns)
        self._invalid_reason = ""
        return self._measured
