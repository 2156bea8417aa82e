"""Protects C1, C3: signatures use the venue's time, a jump of ours is seen, doubt stops entries."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.venues.clock import (
    MAX_ERROR_NS,
    MEASURE_EVERY_NS,
    SAMPLES,
    ClockSample,
    VenueClock,
    estimate_offset,
)

MS = 1_000_000
S = 1_000_000_000
START_NS = 1_700_000_000 * S


class World:
    """A machine whose two clocks can be set apart, and a venue some way off."""

    def __init__(self, skew_ns: int = 0, trips_ms: tuple[int, ...] = (20,)) -> None:
        self.mono_ns, self.wall_ns = 5 * S, START_NS
        self.skew_ns = skew_ns
        self.trips = list(trips_ms)
        self.asked = 0
        self.clock = VenueClock(monotonic_ns=lambda: self.mono_ns, wall_ns=lambda: self.wall_ns)

    @property
    def venue_ns(self) -> int:
        return START_NS + self.mono_ns - 5 * S + self.skew_ns

    def pass_ns(self, ns: int) -> None:
        self.mono_ns += ns
        self.wall_ns += ns

    async def ask(self) -> int:
        trip_ns = self.trips[self.asked % len(self.trips)] * MS
        self.asked += 1
        self.pass_ns(trip_ns // 4)
        answer_ns = self.venue_ns
        self.pass_ns(trip_ns - trip_ns // 4)
        return answer_ns // MS * MS

    def measure(self) -> None:
        asyncio.run(self.clock.measure(self.ask))


@given(
    st.integers(-300 * S, 300 * S),
    st.lists(st.integers(1, 900), min_size=SAMPLES, max_size=SAMPLES),
    st.integers(0, 599),
)
def test_the_venues_time_is_known_within_the_error_it_claims(
    skew_ns: int, trips_ms: list[int], later_s: int
) -> None:
    world = World(skew_ns, tuple(trips_ms))
    world.measure()
    world.pass_ns(later_s * S)
    error_ns = world.clock.error_ns()
    assert error_ns is not None
    assert abs(world.clock.now_ns() - world.venue_ns) <= error_ns


def test_the_quickest_of_several_answers_counts() -> None:
    world = World(262 * S, (900, 4, 700, 800, 600))
    world.measure()
    measured = world.clock.measured
    assert measured is not None
    assert measured.round_trip_ns == 4 * MS
    assert abs(measured.offset_ns - 262 * S) < 10 * MS


@pytest.mark.parametrize("jump_s", [1, -1, 60, -60, 262, -262, 3600])
def test_a_jump_of_the_local_clock_is_seen_and_does_not_move_the_venues_time(jump_s: int) -> None:
    world = World()
    world.measure()
    assert not world.clock.problem()
    before_ns = world.clock.now_ns()
    world.wall_ns += jump_s * S
    assert world.clock.now_ns() == before_ns
    assert "jumped" in world.clock.problem()
    assert world.clock.measurement_due()
    world.measure()
    assert not world.clock.problem()


def test_a_sleep_that_the_monotonic_clock_missed_is_seen() -> None:
    """C3: a suspended machine wakes with a wall clock an hour on."""
    world = World()
    world.measure()
    world.wall_ns += 3600 * S
    assert world.clock.measurement_due()
    assert world.clock.problem()


def test_slow_answers_leave_too_much_doubt_to_trade() -> None:
    world = World(trips_ms=(2 * MAX_ERROR_NS // MS + 10,))
    world.measure()
    assert "known to" in world.clock.problem()


def test_nothing_is_entered_before_the_first_measurement_or_after_a_refused_time() -> None:
    world = World()
    assert world.clock.problem()
    assert world.clock.measurement_due()
    world.measure()
    assert not world.clock.measurement_due()
    world.clock.invalidate("the venue refused our time")
    assert world.clock.measurement_due()
    assert world.clock.problem() == "the venue refused our time"
    world.measure()
    assert not world.clock.problem()


def test_a_measurement_grows_old() -> None:
    world = World()
    world.measure()
    first = world.clock.error_ns()
    world.pass_ns(MEASURE_EVERY_NS)
    later = world.clock.error_ns()
    assert world.clock.measurement_due()
    assert first is not None
    assert later is not None
    assert later > first


def test_an_answer_before_its_question_is_no_sample() -> None:
    with pytest.raises(ValueError, match="sample"):
        estimate_offset([ClockSample(10, 9, START_NS)], 0)
    with pytest.raises(ValueError, match="sample"):
        estimate_offset([], 0)
