"""Protects the rate limiter: never over our share, exits always pass, first come first served."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.venues.errors import Retryable
from bowline.venues.rate_limits import (
    MAX_WAIT_S,
    LimitedRequest,
    Priority,
    RateLimit,
    RateLimiter,
    RateLimitScope,
    TokenBucket,
    UsageHeader,
    acquire,
)
from bowline.venues.rest.tables import QUIRKS

WINDOW_S = 5.0


def limiter_of(tokens: float = 40, *, share: float = 0.5, orders: float = 20) -> RateLimiter:
    rate_limits = (
        RateLimit("requests", tokens, WINDOW_S),
        RateLimit("orders", orders, WINDOW_S, RateLimitScope.ACCOUNT, orders_only=True),
    )
    headers = (UsageHeader("requests", used="x-used"), UsageHeader("orders", left="x-left"))
    return RateLimiter("venue", rate_limits, headers, share=share)


def request(
    priority: Priority = Priority.ENTRY, *, weight: int = 1, order: bool = False, who: str = "a"
) -> LimitedRequest:
    return LimitedRequest(priority, "spot", "/path", who, weight, order)


STEPS = st.lists(
    st.tuples(
        st.floats(0, 3, allow_nan=False),
        st.sampled_from(Priority),
        st.integers(1, 3),
        st.booleans(),
    ),
    max_size=120,
)


@given(STEPS, st.sampled_from([8, 20, 40, 100]), st.sampled_from([0.5, 0.8, 1.0]))
def test_no_window_sees_more_than_our_share(
    steps: list[tuple[float, Priority, int, bool]], tokens: int, share: float
) -> None:
    """A5, X9: whatever is asked whenever, what goes out in any window stays within the share."""
    limiter = limiter_of(tokens, share=share, orders=tokens)
    now_s, sent = 0.0, []
    for after_s, priority, weight, order in steps:
        now_s += after_s
        try:
            wait_s = limiter.reserve(
                request(priority, weight=weight, order=order), now_s, MAX_WAIT_S[priority]
            )
        except Retryable:
            continue
        sent.append((now_s + wait_s, weight))
    sent.sort()
    for start_s, _ in sent:
        in_window = sum(w for at_s, w in sent if start_s <= at_s < start_s + WINDOW_S)
        assert in_window <= tokens * share


@given(st.integers(1, 300))
def test_an_exit_goes_out_at_once_whatever_entries_asked(entries: int) -> None:
    limiter = limiter_of()
    for _ in range(entries):
        with contextlib.suppress(Retryable):
            limiter.reserve(request(order=True), 0.0, MAX_WAIT_S[Priority.ENTRY])
    assert limiter.reserve(request(Priority.EXIT, order=True), 0.0, 0.0) == 0.0


def test_an_entry_is_refused_where_it_would_wait_and_a_read_waits() -> None:
    limiter = limiter_of()
    while limiter.reserve(request(Priority.READ), 0.0, 30.0) < 0.3:
        pass
    with pytest.raises(Retryable) as refused:
        limiter.reserve(request(), 0.0, MAX_WAIT_S[Priority.ENTRY])
    assert refused.value.after_s > MAX_WAIT_S[Priority.ENTRY]
    assert limiter.reserve(request(Priority.READ), 0.0, 30.0) > 0.3


@given(st.lists(st.integers(1, 4), min_size=1, max_size=60))
def test_who_comes_first_goes_first(weights: list[int]) -> None:
    """Nobody starves: a heavy request is not overtaken by light ones that came later."""
    limiter = limiter_of(400)
    waits = [limiter.reserve(request(Priority.READ, weight=weight), 0.0, 1e9) for weight in weights]
    assert waits == sorted(waits)


def test_accounts_have_orders_of_their_own_and_share_the_address() -> None:
    limiter = limiter_of(tokens=1000)
    for _ in range(3):
        limiter.reserve(request(order=True, who="a"), 0.0, 0.0)
    with pytest.raises(Retryable):
        limiter.reserve(request(order=True, who="a"), 0.0, 0.0)
    assert limiter.reserve(request(order=True, who="b"), 0.0, 0.0) == 0.0


def test_what_is_public_takes_nothing_from_the_account() -> None:
    limiter = RateLimiter("venue", (RateLimit("reads", 4, WINDOW_S, RateLimitScope.ACCOUNT),))
    for _ in range(50):
        assert (
            limiter.reserve(LimitedRequest(Priority.READ, "spot", "/time", signed=False), 0.0, 0.0)
            == 0.0
        )
    assert limiter.reserve(LimitedRequest(Priority.READ, "spot", "/account"), 0.0, 0.0) == 0.0


def test_budgets_of_one_name_for_two_kinds_are_two() -> None:
    """Twenty orders a second on spot must not become the limit of perpetuals."""
    rate_limits = (
        RateLimit("orders", 40, 1.0, kinds=("spot",)),
        RateLimit("orders", 8, 1.0, kinds=("linear",)),
    )
    limiter = RateLimiter("venue", rate_limits)
    limiter.reserve(LimitedRequest(Priority.ENTRY, "spot", "/order"), 0.0, 0.0)
    limiter.reserve(LimitedRequest(Priority.ENTRY, "linear", "/order"), 0.0, 0.0)
    with pytest.raises(Retryable):
        limiter.reserve(LimitedRequest(Priority.ENTRY, "linear", "/order"), 0.0, 0.0)
    limiter.reserve(LimitedRequest(Priority.ENTRY, "spot", "/order"), 0.0, 0.0)


def test_after_a_429_only_the_way_out_is_open_until_the_moment_named() -> None:
    limiter = limiter_of()
    assert limiter.pause("spot", 12.0, 100.0) == 12.0
    for priority in (Priority.ENTRY, Priority.READ):
        with pytest.raises(Retryable) as refused:
            limiter.reserve(request(priority), 101.0, 60.0)
        assert refused.value.after_s == pytest.approx(11.0)
    assert limiter.reserve(request(Priority.EXIT), 101.0, 0.0) == 0.0
    assert limiter.reserve(request(), 112.5, 0.0) == 0.0


def test_a_ban_stops_everything_and_every_market() -> None:
    limiter = limiter_of()
    limiter.ban(None, 0.0)
    for kind in ("spot", "linear"):
        with pytest.raises(Retryable):
            limiter.reserve(LimitedRequest(Priority.EXIT, kind, "/path"), 60.0, 60.0)
    assert limiter.reserve(request(), 121.0, 0.0) == 0.0


def test_what_the_venue_counted_elsewhere_is_not_ours_to_use() -> None:
    limiter = limiter_of(tokens=40)
    limiter.observe(request(), {"x-used": "40"}, 0.0)
    with pytest.raises(Retryable):
        limiter.reserve(request(), 0.0, 0.0)
    limiter = limiter_of(tokens=400)
    limiter.observe(request(order=True), {"x-left": "0"}, 0.0)
    with pytest.raises(Retryable):
        limiter.reserve(request(order=True), 0.0, 0.0)
    assert limiter.reserve(request(), 0.0, 0.0) == 0.0


def test_a_header_never_adds_tokens_and_nonsense_changes_nothing() -> None:
    limiter = limiter_of()
    for _ in range(200):
        try:
            limiter.reserve(request(Priority.ENTRY), 0.0, 0.0)
        except Retryable:
            break
    for value in ("0", "-5", "NaN", "", "1e9", "٣"):
        limiter.observe(request(), {"x-used": value}, 0.0)
    with pytest.raises(Retryable):
        limiter.reserve(request(), 0.0, 0.0)


def test_a_clock_that_goes_back_refills_nothing() -> None:
    bucket = TokenBucket(10, 1.0)
    for _ in range(5):
        bucket.take(1, 1000.0)
    assert bucket.wait_s(1, 0.0) > 0


def test_who_waits_looks_again_before_it_goes() -> None:
    """A ban that came while a read waited holds for it, and its place is given back."""

    async def run() -> None:
        limiter = limiter_of()
        while limiter.reserve(request(Priority.READ), 0.0, 30.0) < 0.02:
            pass
        waiting = asyncio.create_task(acquire(limiter, request(Priority.READ), lambda: 0.0))
        await asyncio.sleep(0)
        limiter.ban(60.0, 0.0)
        with pytest.raises(Retryable):
            await waiting

    asyncio.run(run())


@pytest.mark.parametrize("venue", QUIRKS)
@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_every_venue_lets_an_entry_and_an_exit_through_at_half_its_limits(
    venue: str, kind: str
) -> None:
    quirks = QUIRKS[venue]
    limiter = RateLimiter(venue, quirks.rate_limits, quirks.usage_headers)
    weights = quirks.markets[kind].weights
    for priority in Priority:
        assert (
            limiter.reserve(
                LimitedRequest(priority, kind, priority.value, order=priority is not Priority.READ),
                0.0,
                0.0,
            )
            == 0.0
        )
    for name, weight in weights.items():
        wait_s = limiter.reserve(
            LimitedRequest(Priority.READ, kind, name, weight=weight), 1e6, 30.0
        )
        assert wait_s < 30.0
