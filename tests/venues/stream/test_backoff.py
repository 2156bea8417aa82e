"""Connections that fell together do not come back together, and none storms a venue (B15)."""

from __future__ import annotations

from random import Random

from bowline.venues.stream.backoff import MAX_S, MIN_S, Backoff


def test_waits_grow_to_the_cap_and_no_further() -> None:
    backoff = Backoff(Random(1))
    waits = [backoff.next_s() for _ in range(200)]
    assert all(MIN_S <= wait <= MAX_S for wait in waits)
    assert sum(waits[:3]) / 3 < 4.0
    assert max(waits) > MAX_S * 0.9
    assert sum(waits[20:]) / len(waits[20:]) > MAX_S * 0.4


def test_a_connection_that_held_starts_anew() -> None:
    backoff = Backoff(Random(2))
    for _ in range(20):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() <= 1.0


def test_a_thousand_connections_that_fell_together_spread_out() -> None:
    """Nobody's second attempt falls into one tenth of a second with more than a fifth of them."""
    ats = []
    for seed in range(1_000):
        backoff = Backoff(Random(seed))
        ats.append(backoff.next_s() + backoff.next_s())
    crowds = [sum(low <= at < low + 0.1 for at in ats) for low in (k / 10 for k in range(31))]
    assert max(crowds) < 200
