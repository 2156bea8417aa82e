"""An account is told whole, and each fill once, whatever is lost: B1-B6, B14, B15, A15, A20."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from bowline.core.model.order import OrderState
from bowline.core.venue import Balance, FillReport, OrderReport, PositionReport
from bowline.venues.stream import (
    AccountStream,
    FrameUnreadable,
    KeyRefused,
    OrderStateUnknown,
    RestFailed,
    RestPolled,
    StreamLive,
    StreamLost,
    StreamMissed,
)
from bowline.venues.stream.account_stream import POLL_INTERVAL_S, REFUSED_RETRY_S, STREAM_GRACE_S
from bowline.venues.stream.backoff import MAX_S
from tests.venues.stream.fake_account import LISTEN_KEY, FakeAccount, listening
from tests.venues.stream.fake_venue import BTC, now_ns, now_s
from tests.venues.stream.recording_sink import RecordingSink
from tests.virtual_time import run_virtually

Scene = Callable[[FakeAccount, RecordingSink, AccountStream], Awaitable[None]]


def play(scene: Scene, account: FakeAccount | None = None, **rules: Any) -> None:
    async def run() -> None:
        played, told = account or FakeAccount(), RecordingSink()
        async with listening(played, told, **rules) as stream:
            await asyncio.sleep(1)
            await scene(played, told, stream)

    run_virtually(run())


def told_once(told: RecordingSink, account: FakeAccount) -> None:
    """Every fill that happened was told, and no more."""
    counts = Counter(each.trade_id for each in told.of(FillReport))
    assert counts == {each.trade_id: 1 for each in account.done}


def never_backwards(told: RecordingSink) -> None:
    for before, after in pairwise(told.of(OrderReport)):
        if before.venue_order_id == after.venue_order_id:
            assert after.filled >= before.filled


def test_what_the_stream_tells_is_told_at_once() -> None:
    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.place(1, 2)
        account.fill(1)
        account.fill(1)
        account.tell_position()
        assert [each.filled for each in told.of(OrderReport)] == [0, 1, 2]
        assert told.of(OrderReport)[-1].state is OrderState.FILLED
        assert told.of(PositionReport)[-1].quantity == 2
        told_once(told, account)
        await asyncio.sleep(3 * POLL_INTERVAL_S)
        told_once(told, account)
        assert len(told.of(StreamLive)) == 1
        assert told.of(Balance)[-1].total == 800

    play(scene)


def test_a_burst_that_was_cut_is_filled_up_by_rest_exactly_once() -> None:
    """B1: some fills came, some were lost with the connection, some are told twice."""

    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.place(1, 20)
        for _ in range(4):
            account.fill(1)
        account.fill(1, streamed=False)
        account.drop()
        for _ in range(7):
            account.fill(1, streamed=False)
            await asyncio.sleep(0.01)
        await told.until(lambda: len(told.of(StreamLive)) == 2, 120)
        for fill in account.done[-3:]:  # the venue repeats itself
            account.tell_fill(fill)
        await asyncio.sleep(5)
        told_once(told, account)
        account.fill(1)
        told_once(told, account)
        never_backwards(told)
        assert told.of(OrderReport)[-1].filled == 13
        assert told.of(PositionReport)[-1].quantity >= 12
        assert not told.of(StreamMissed)
        assert stream.cursors[BTC] == "12"

    play(scene)


@pytest.mark.parametrize("cut", range(0, 11, 2))
def test_wherever_the_burst_is_cut_the_end_is_the_same(cut: int) -> None:
    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.place(1, 10)
        for at in range(10):
            if at == cut:
                account.drop()
            account.fill(1, streamed=at % 3 != 1)
            await asyncio.sleep(0.3)
        await asyncio.sleep(2 * POLL_INTERVAL_S)
        told_once(told, account)
        never_backwards(told)
        assert told.of(OrderReport)[-1].state is OrderState.FILLED

    play(scene)


def test_frames_that_come_twice_are_told_once() -> None:
    """B3."""

    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.times = 3
        account.place(1, 2)
        account.fill(1)
        account.fill(1)
        told_once(told, account)
        assert [each.filled for each in told.of(OrderReport)] == [0, 1, 2]

    play(scene)


def test_a_fill_comes_after_its_order_or_after_a_while() -> None:
    """B4."""

    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.deaf = True
        account.place(1, 2)
        account.deaf = False
        fill = account.fill(1, streamed=False)
        account.tell_fill(fill)
        assert not told.of(FillReport)
        account.tell_order(1)
        assert [type(each) for each in told.reports[-2:]] == [OrderReport, FillReport]
        # an order that was never told: somebody else's, at this account
        stranger = account.fill(1, streamed=False)
        account.tell_fill(
            FillReport(
                BTC, "x", "strange", None, stranger.side, stranger.quantity, stranger.price,
                stranger.fee, stranger.fee_asset, stranger.event_ns,
            )
        )  # fmt: skip
        await asyncio.sleep(1)
        assert "x" not in {each.trade_id for each in told.of(FillReport)}
        await asyncio.sleep(2)
        assert "x" in {each.trade_id for each in told.of(FillReport)}

    play(scene)


def test_an_older_state_after_a_newer_one_is_no_news() -> None:
    """B4."""

    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.place(1, 2)
        account.fill(1, 2)
        account.tell_order(1, orderStatus="PartiallyFilled", cumExecQty="1")
        account.tell_order(1, orderStatus="New", cumExecQty="0", updatedTime="99999999")
        assert told.of(OrderReport)[-1].state is OrderState.FILLED
        assert len(told.of(OrderReport)) == 2

    play(scene)


def test_a_deaf_stream_is_found_out_by_rest_and_opened_anew() -> None:
    """B2, B6: pings are answered, and nothing is told."""

    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.place(1, 2)
        account.deaf = True
        began_s = now_s()
        account.fill(1)
        await told.until(lambda: told.of(FillReport), 60)
        assert now_s() - began_s <= POLL_INTERVAL_S + 1
        await told.until(lambda: told.of(StreamLost), 60)
        assert now_s() - began_s <= POLL_INTERVAL_S + STREAM_GRACE_S + 1
        assert told.of(StreamMissed)
        account.deaf = False
        await told.until(lambda: len(told.of(StreamLive)) == 2, 60)
        account.fill(1)
        told_once(told, account)

    play(scene)


def test_a_stream_that_tells_a_little_later_than_rest_is_not_deaf() -> None:
    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.place(1, 2)
        fill = account.fill(1, streamed=False)
        await told.until(lambda: told.of(FillReport), 60)
        account.tell_fill(fill)
        account.tell_order(1)
        await asyncio.sleep(2 * STREAM_GRACE_S)
        assert not told.of(StreamMissed)
        assert not told.of(StreamLost)
        told_once(told, account)

    play(scene)


def test_a_half_open_connection_is_given_up() -> None:
    """B2: no frame at all."""

    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.mute = True
        await told.until(lambda: told.of(StreamLost), 60)
        assert "no frame for 50 s" in told.of(StreamLost)[0].why

    play(scene)


def test_a_filled_order_without_its_fills_is_asked_about_soon() -> None:
    """B14: and what never comes is not asked for without end."""

    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.place(1, 2)
        await asyncio.sleep(10)
        account.fill(1, 2, streamed=False)
        began_s, asked = now_s(), len(account.asked_s)
        account.tell_order(1)
        await told.until(lambda: told.of(FillReport), 60)
        assert now_s() - began_s < 5
        account.orders[1] = OrderReport(
            "v1", told.of(OrderReport)[0].client_id, BTC, told.of(OrderReport)[0].side,
            Decimal(9), Decimal(5), OrderState.PARTLY_FILLED, 1,
        )  # fmt: skip
        account.tell_order(1)
        asked = len(account.asked_s)
        await asyncio.sleep(300)
        assert len(account.asked_s) - asked <= 300 / POLL_INTERVAL_S + 4

    play(scene)


def test_a_word_that_nobody_knows_is_told_and_rest_is_asked() -> None:
    """A15."""

    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.place(1, 2)
        await asyncio.sleep(10)
        asked = len(account.asked_s)
        account.tell_order(1, orderStatus="Levitating")
        assert told.of(OrderStateUnknown)[0].report.state is OrderState.UNKNOWN
        await asyncio.sleep(3)
        assert len(account.asked_s) == asked + 1
        assert told.of(OrderReport)[-1].state is OrderState.WORKING

    play(scene)


def test_a_frame_that_cannot_be_read_is_told_and_rest_is_asked() -> None:
    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        await asyncio.sleep(10)
        asked = len(account.asked_s)
        account.push("order", {"symbol": "BTCUSDT"})
        assert told.of(FrameUnreadable)
        await asyncio.sleep(3)
        assert len(account.asked_s) == asked + 1

    play(scene)


def test_a_refused_key_is_shown_seldom() -> None:
    """A20."""

    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        await asyncio.sleep(200)
        assert told.of(KeyRefused)[0] == KeyRefused("10003", "Invalid apikey")
        for before, after in pairwise(account.opened_s):
            assert after - before >= REFUSED_RETRY_S
        account.refuse_login = False
        await told.until(lambda: told.of(StreamLive), 120)

    play(scene, FakeAccount(refuse_login=True))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"refuse_topics": True}, "refused: no such topic"),
        ({"answer_topics": False}, "a subscription was not answered"),
        ({"mute": True}, "the login was not answered"),
    ],
)
def test_a_stream_that_does_not_begin_is_not_taken_for_a_quiet_one(
    changed: dict[str, bool], why: str
) -> None:
    """B10."""

    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        await told.until(lambda: told.of(StreamLost), 30)
        assert why in told.of(StreamLost)[0].why
        assert not told.of(StreamLive)

    play(scene, FakeAccount(**changed))  # type: ignore[arg-type]


def test_while_the_stream_is_gone_rest_tells_and_attempts_grow_rarer() -> None:
    """B15."""

    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.place(1, 1)
        account.fill(1)
        await asyncio.sleep(600)
        told_once(told, account)
        assert told.of(Balance)[-1].total == 900
        assert len(account.opened_s) < 60
        assert all(lost.retry_after_s <= MAX_S for lost in told.of(StreamLost))
        account.unreachable = False
        await told.until(lambda: told.of(StreamLive), 2 * MAX_S)

    # somebody else's orders were there before: REST knows of them at once
    play(scene, FakeAccount(unreachable=True))


def test_rest_that_is_down_is_told_and_asked_again() -> None:
    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.place(1, 1)
        account.fill(1)
        told_once(told, account)
        assert told.of(RestFailed)
        assert not told.of(RestPolled)
        account.rest_fails = False
        await told.until(lambda: told.of(RestPolled), 60)

    play(scene, FakeAccount(rest_fails=True))


def test_rest_never_undoes_what_the_stream_said_meanwhile() -> None:
    """A23: the answer is older than the news."""

    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        def fills_while_rest_answers() -> None:
            account.meanwhile = lambda: None
            account.place(1, 3)
            account.fill(1, 3)
            account.tell_position()

        account.meanwhile = fills_while_rest_answers
        await asyncio.sleep(POLL_INTERVAL_S)
        assert [each.quantity for each in told.of(PositionReport)] == [3]

    play(scene)


def test_a_position_that_was_closed_while_nobody_listened_is_flat() -> None:
    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.place(1, 3)
        account.fill(1, 3)
        account.tell_position()
        account.held = Decimal(0)
        await asyncio.sleep(POLL_INTERVAL_S + 1)
        assert [each.quantity for each in told.of(PositionReport)] == [3, 0]
        assert list(stream.holdings.positions) == []

    play(scene)


def test_an_order_that_lived_and_died_while_nobody_listened_is_looked_up() -> None:
    """B1: all that is left of it are its fills."""

    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.deaf = True
        account.place(1, 2)
        account.fill(1, 2)
        await told.until(lambda: told.of(OrderReport), 60)
        assert told.of(OrderReport)[0].state is OrderState.FILLED
        told_once(told, account)

    play(scene)


def test_an_order_that_was_sent_is_looked_up_if_nobody_tells_of_it() -> None:
    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.deaf = True
        account.place(1, 2)
        stream.order_placed(replace(account.orders[1], state=OrderState.PENDING))
        account.orders[1] = replace(
            account.orders[1], state=OrderState.FILLED, filled=Decimal(2), event_ns=now_ns()
        )
        await told.until(lambda: told.of(OrderReport)[-1].state is OrderState.FILLED, 60)

    play(scene)


def test_a_wish_to_stop_is_obeyed_though_the_connection_ends_in_the_same_moment() -> None:
    async def run() -> None:
        account, told = FakeAccount(refuse_login=True), RecordingSink()
        async with asyncio.timeout(30), listening(account, told):
            await told.until(lambda: told.of(KeyRefused))

    run_virtually(run())


def test_what_filled_before_our_time_is_no_news() -> None:
    account = FakeAccount()

    async def run() -> None:
        account.place(1, 9)
        account.fill(1)
        await asyncio.sleep(5)
        told = RecordingSink()
        async with listening(account, told):
            await asyncio.sleep(5)
            assert not told.of(FillReport)
            account.fill(1)
            assert [each.trade_id for each in told.of(FillReport)] == ["t2"]

    run_virtually(run())


def test_a_listen_key_is_kept_alive_and_never_shown() -> None:
    """B6."""

    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        assert account.urls == ["wss://stream.bybit.com/v5/private?listenKey=listen-1"]
        await asyncio.sleep(2 * 3600)
        assert set(account.kept) == {"listen-1"}
        assert len(account.kept) >= 5
        account.unreachable = True
        account.drop()
        await asyncio.sleep(60)
        assert account.keys > 1
        assert "***" in told.of(StreamLost)[-1].why
        assert "listen-" not in repr(told.events)

    play(scene, listen_key=LISTEN_KEY)


def test_an_old_connection_is_followed_by_another() -> None:
    """B12."""

    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.place(1, 100)
        for _ in range(90):
            await asyncio.sleep(60)
            account.fill(1)
        await asyncio.sleep(POLL_INTERVAL_S + 1)
        told_once(told, account)
        assert len(told.of(StreamLive)) >= 2
        assert any("old" in each.why for each in told.of(StreamLost))

    play(scene, connection_lifetime_s=3600.0)


def test_a_hundred_fills_a_second_with_losses_are_each_told_once() -> None:
    """B3, B11: the stream loses, repeats and is cut; nothing is lost and nothing is doubled."""

    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.place(1, 2_000)
        for at in range(1_000):
            account.times = 1 + at % 2
            account.fill(1, streamed=at % 5 != 0)
            if at % 300 == 299:
                account.drop()
            await asyncio.sleep(0.01)
        await asyncio.sleep(10 * POLL_INTERVAL_S)
        told_once(told, account)
        never_backwards(told)
        assert told.of(OrderReport)[-1].filled == 1_000

    play(scene)
