"""Protects the venues' limits: never over our share, exits always through, nobody starves."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.venues.errors import Retryable
from bowline.venues.limits import (
    PATIENCE_S,
    Ask,
    Bucket,
    Budget,
    Lane,
    Limits,
    Scope,
    UsageHeaders,
    pass_through,
)
from bowline.venues.rest.tables import QUIRKS

WINDOW_S = 5.0


def limits(tokens: float = 40, *, share: float = 0.5, orders: float = 20) -> Limits:
    budgets = (
        Budget("requests", tokens, WINDOW_S),
        Budget("orders", orders, WINDOW_S, Scope.ACCOUNT, orders_only=True),
    )
    headers = (UsageHeaders("requests", used="x-used"), UsageHeaders("orders", left="x-left"))
    return Limits("venue", budgets, headers, share=share)


def ask(lane: Lane = Lane.ENTRY, *, weight: int = 1, order: bool = False, who: str = "a") -> Ask:
    return Ask(lane, "spot", "/path", who, weight, order)


STEPS = st.lists(
    st.tuples(
        st.floats(0, 3, allow_nan=False), st.sampled_from(Lane), st.integers(1, 3), st.booleans()
    ),
    max_size=120,
)


@given(STEPS, st.sampled_from([8, 20, 40, 100]), st.sampled_from([0.5, 0.8, 1.0]))
def test_no_window_sees_more_than_our_share(
    steps: list[tuple[float, Lane, int, bool]], tokens: int, share: float
) -> None:
    """A5, X9: whatever is asked whenever, what goes out in any window stays within the share."""
    kept = limits(tokens, share=share, orders=tokens)
    now_s, sent = 0.0, []
    for after_s, lane, weight, order in steps:
        now_s += after_s
        try:
            wait_s = kept.book(ask(lane, weight=weight, order=order), now_s, PATIENCE_S[lane])
        except Retryable:
            continue
        sent.append((now_s + wait_s, weight))
    sent.sort()
    for start_s, _ in sent:
        in_window = sum(w for at_s, w in sent if start_s <= at_s < start_s + WINDOW_S)
        assert in_window <= tokens * share


@given(st.integers(1, 300))
def test_an_exit_goes_out_at_once_whatever_entries_asked(entries: int) -> None:
    kept = limits()
    for _ in range(entries):
        with contextlib.suppress(Retryable):
            kept.book(ask(order=True), 0.0, PATIENCE_S[Lane.ENTRY])
    assert kept.book(ask(Lane.EXIT, order=True), 0.0, 0.0) == 0.0


def test_an_entry_is_refused_where_it_would_wait_and_a_read_waits() -> None:
    kept = limits()
    while kept.book(ask(Lane.READ), 0.0, 30.0) < 0.3:
        pass
    with pytest.raises(Retryable) as refused:
        kept.book(ask(), 0.0, PATIENCE_S[Lane.ENTRY])
    assert refused.value.after_s > PATIENCE_S[Lane.ENTRY]
    assert kept.book(ask(Lane.READ), 0.0, 30.0) > 0.3


@given(st.lists(st.integers(1, 4), min_size=1, max_size=60))
def test_who_comes_first_goes_first(weights: list[int]) -> None:
    """Nobody starves: a heavy request is not overtaken by light ones that came later."""
    kept = limits(400)
    waits = [kept.book(ask(Lane.READ, weight=weight), 0.0, 1e9) for weight in weights]
    assert waits == sorted(waits)


def test_accounts_have_orders_of_their_own_and_share_the_address() -> None:
    kept = limits(tokens=1000)
    for _ in range(3):
        kept.book(ask(order=True, who="a"), 0.0, 0.0)
    with pytest.raises(Retryable):
        kept.book(ask(order=True, who="a"), 0.0, 0.0)
    assert kept.book(ask(order=True, who="b"), 0.0, 0.0) == 0.0


def test_what_is_public_takes_nothing_from_the_account() -> None:
    kept = Limits("venue", (Budget("reads", 4, WINDOW_S, Scope.ACCOUNT),))
    for _ in range(50):
        assert kept.book(Ask(Lane.READ, "spot", "/time", signed=False), 0.0, 0.0) == 0.0
    assert kept.book(Ask(Lane.READ, "spot", "/account"), 0.0, 0.0) == 0.0


def test_budgets_of_one_name_for_two_kinds_are_two() -> None:
    """Twenty orders a second on spot must not become the limit of perpetuals."""
    budgets = (
        Budget("orders", 40, 1.0, kinds=("spot",)),
        Budget("orders", 8, 1.0, kinds=("linear",)),
    )
    kept = Limits("venue", budgets)
    kept.book(Ask(Lane.ENTRY, "spot", "/order"), 0.0, 0.0)
    kept.book(Ask(Lane.ENTRY, "linear", "/order"), 0.0, 0.0)
    with pytest.raises(Retryable):
        kept.book(Ask(Lane.ENTRY, "linear", "/order"), 0.0, 0.0)
    kept.book(Ask(Lane.ENTRY, "spot", "/order"), 0.0, 0.0)


def test_after_a_429_only_the_way_out_is_open_until_the_moment_named() -> None:
    kept = limits()
    assert kept.stop("spot", 12.0, 100.0) == 12.0
    for lane in (Lane.ENTRY, Lane.READ):
        with pytest.raises(Retryable) as refused:
            kept.book(ask(lane), 101.0, 60.0)
        assert refused.value.after_s == pytest.approx(11.0)
    assert kept.book(ask(Lane.EXIT), 101.0, 0.0) == 0.0
    assert kept.book(ask(), 112.5, 0.0) == 0.0


def test_a_ban_stops_everything_and_every_market() -> None:
    kept = limits()
    kept.ban(None, 0.0)
    for kind in ("spot", "linear"):
        with pytest.raises(Retryable):
            kept.book(Ask(Lane.EXIT, kind, "/path"), 60.0, 60.0)
    assert kept.book(ask(), 121.0, 0.0) == 0.0


def test_what_the_venue_counted_elsewhere_is_not_ours_to_use() -> None:
    kept = limits(tokens=40)
    kept.observe(ask(), {"x-used": "40"}, 0.0)
    with pytest.raises(Retryable):
        kept.book(ask(), 0.0, 0.0)
    kept = limits(tokens=400)
    kept.observe(ask(order=True), {"x-left": "0"}, 0.0)
    with pytest.raises(Retryable):
        kept.book(ask(order=True), 0.0, 0.0)
    assert kept.book(ask(), 0.0, 0.0) == 0.0


def test_a_header_never_adds_tokens_and_nonsense_changes_nothing() -> None:
    kept = limits()
    for _ in range(200):
        try:
            kept.book(ask(Lane.ENTRY), 0.0, 0.0)
        except Retryable:
            break
    for value in ("0", "-5", "NaN", "", "1e9", "٣"):
        kept.observe(ask(), {"x-used": value}, 0.0)
    with pytest.raises(Retryable):
        kept.book(ask(), 0.0, 0.0)


def test_a_clock_that_goes_back_refills_nothing() -> None:
    bucket = Bucket(10, 1.0)
    for _ in range(5):
        bucket.book(1, 1000.0)
    assert bucket.wait_s(1, 0.0) > 0


def test_who_waits_looks_again_before_it_goes() -> None:
    """A ban that came while a read waited holds for it, and its place is given back."""

    async def run() -> None:
        kept = limits()
        while kept.book(ask(Lane.READ), 0.0, 30.0) < 0.02:
            pass
        waiting = asyncio.create_task(pass_through(kept, ask(Lane.READ), lambda: 0.0))
        await asyncio.sleep(0)
        kept.ban(60.0, 0.0)
        with pytest.raises(Retryable):
            await waiting

    asyncio.run(run())


@pytest.mark.parametrize("venue", QUIRKS)
@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_every_venue_lets_an_entry_and_an_exit_through_at_half_its_limits(
    venue: str, kind: str
) -> None:
    quirks = QUIRKS[venue]
    kept = Limits(venue, quirks.budgets, quirks.usage_headers)
    weights = quirks.markets[kind].weights
    for lane in Lane:
        assert kept.book(Ask(lane, kind, lane.value, order=lane is not Lane.READ), 0.0, 0.0) == 0.0
    for name, weight in weights.items():
        wait_s = kept.book(Ask(Lane.READ, kind, name, weight=weight), 1e6, 30.0)
        assert wait_s < 30.0
