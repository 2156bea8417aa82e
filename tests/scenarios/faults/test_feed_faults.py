"""Faults of a venue's streams, B1 to B15: an account told once, and books that are true or none.

An account's are played in virtual time, with REST as the second source. B2, B7 to B10, B12 and B15
are held beside the runner and the books themselves: see `table.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bowline.core.model.order import OrderState
from bowline.core.venue import FillReport, OrderReport
from bowline.venues import FeedChannel, FeedTopic
from bowline.venues.stream import BookInvalid, BookValid, FeedRunner, StreamLost, StreamMissed
from tests.chance import seeded
from tests.scenarios.faults.account import PART, FakeAccount, listening, order_frame
from tests.venues.stream.fake_venue import (
    BTC,
    CODEC,
    ETH,
    FakeVenue,
    RecordingFeedSink,
    now_ns,
    now_s,
)
from tests.venues.stream.recording_sink import RecordingSink
from tests.virtual_time import run_virtually

Scene = Callable[[FakeAccount, RecordingSink], Awaitable[None]]


def play(scene: Scene) -> None:
    async def main() -> None:
        account = FakeAccount()
        async with listening(account) as told:
            await scene(account, told)

    run_virtually(main())


def told_once(told: RecordingSink, account: FakeAccount) -> None:
    ids = [fill.trade_id for fill in told.of(FillReport)]
    assert sorted(ids) == sorted(fill.trade_id for fill in account.executions)


@pytest.mark.parametrize("lost_after", [0, 1, 4, 9])
def test_b01_a_connection_lost_in_a_burst_of_fills_loses_none_and_doubles_none(
    lost_after: int,
) -> None:
    async def scene(account: FakeAccount, told: RecordingSink) -> None:
        account.works(41)
        for number in range(10):
            if number == lost_after:
                account.drop()
            account.fills(41)
            await asyncio.sleep(0.01)
        account.works(41, state=OrderState.FILLED)
        await asyncio.sleep(20)
        assert told.of(StreamLost)
        told_once(told, account)
        assert told.orders_of(41)[-1].state is OrderState.FILLED

    play(scene)


def test_b03_what_is_told_again_after_a_reconnect_is_no_news() -> None:
    async def scene(account: FakeAccount, told: RecordingSink) -> None:
        account.works(41)
        fills = [account.fills(41) for _ in range(5)]
        account.drop()
        await asyncio.sleep(10)
        for fill in [*fills, *fills]:
            account.tell(fill)
        await asyncio.sleep(70)
        told_once(told, account)

    play(scene)


@settings(max_examples=30)
@given(chance=st.randoms(use_true_random=False))
def test_b04_frames_in_any_order_end_in_the_same_account(chance: Random) -> None:
    async def scene(account: FakeAccount, told: RecordingSink) -> None:
        account.deaf = True
        account.works(41)
        frames: list[Callable[[], None]] = []
        for _ in range(5):
            fill = account.fills(41)
            account.works(41, state=OrderState.PARTLY_FILLED)
            await asyncio.sleep(0.01)
            frames += [lambda fill=fill: account.tell(fill), _again(account)]
        account.works(41, state=OrderState.CANCELLED)
        frames.append(_again(account))
        account.deaf = False
        chance.shuffle(frames)
        for tell in frames:
            tell()
            await asyncio.sleep(0)
        await asyncio.sleep(5)
        told_once(told, account)
        filled = [each.filled for each in told.orders_of(41)]
        assert filled == sorted(filled), "what filled never becomes less"
        states = [each.state for each in told.orders_of(41)]
        assert states[-1] is OrderState.CANCELLED
        assert filled[-1] == 5 * PART
        over = states.index(OrderState.CANCELLED)
        assert set(states[over:]) == {OrderState.CANCELLED}

    play(scene)


def _again(account: FakeAccount) -> Callable[[], None]:
    row = order_frame(account.orders[41])
    return lambda: account._push("order.linear", row)


def test_b05_a_fill_of_somebody_elses_order_is_told_as_such() -> None:
    async def scene(account: FakeAccount, told: RecordingSink) -> None:
        account.fills(77, ours=False)
        await asyncio.sleep(5)
        (fill,) = told.of(FillReport)
        assert fill.client_id is None
        assert not told.of(OrderReport)

    play(scene)


def test_b06_a_stream_that_says_nothing_is_found_and_opened_anew() -> None:
    """Pings are answered: only REST, asked every half minute, knows that something happened."""

    async def scene(account: FakeAccount, told: RecordingSink) -> None:
        account.deaf = True
        at_s = now_s()
        account.works(41)
        account.fills(41)
        while not told.of(StreamMissed):
            await asyncio.sleep(1)
            assert now_s() - at_s < 45
        told_once(told, account)
        await asyncio.sleep(10)
        assert account.opened == 2
        account.fills(41)
        told_once(told, account)

    play(scene)


@pytest.mark.chance
def test_b13_venues_that_fall_together_and_return_in_any_order_are_all_heard_again() -> None:
    books = [FeedTopic(FeedChannel.BOOK, BTC), FeedTopic(FeedChannel.BOOK, ETH)]

    async def main() -> None:
        chance = seeded(13)
        venues, heard = [FakeVenue() for _ in range(8)], [RecordingFeedSink() for _ in range(8)]
        tasks = [
            asyncio.create_task(
                FeedRunner(
                    CODEC, venue.connect, _no_rest, sink, now_ns=now_ns, random=Random(number)
                ).run(books)
            )
            for number, (venue, sink) in enumerate(zip(venues, heard, strict=True))
        ]
        await asyncio.sleep(10)
        for venue in venues:
            venue.unreachable = True
            for socket in venue.sockets:
                socket.drop()
        await asyncio.sleep(1)
        for sink in heard:
            assert len(sink.of(BookInvalid)) >= 2, "no book outlives its connection"
        for venue in chance.sample(venues, 8):
            await asyncio.sleep(chance.uniform(0, 10))
            venue.unreachable = False
        restored_s = now_s()
        await asyncio.sleep(60)
        for sink in heard:
            at_s = [at for at, _ in sink.of(BookValid)]
            assert len(at_s) >= 4, "both books are believed again"
            assert at_s[-1] <= restored_s + 60
            assert sink.books[-1][0] > now_s() - 1
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run_virtually(main())


async def _no_rest(path: str) -> bytes:
    raise AssertionError(path)


def test_b14_an_order_that_filled_and_whose_fills_are_missing_is_owed_them() -> None:
    async def scene(account: FakeAccount, told: RecordingSink) -> None:
        account.works(41)
        late = account.fills(41, told=False)
        row = {**_row(account), "cumExecQty": str(PART), "orderStatus": "PartiallyFilled"}
        account._push("order.linear", row)
        await asyncio.sleep(1)
        assert told.orders_of(41)[-1].filled == PART
        assert not told.of(FillReport), "no fill is made up"
        account.executions.append(late)
        await asyncio.sleep(10)
        told_once(told, account)

    play(scene)


def _row(account: FakeAccount) -> dict[str, object]:
    return order_frame(account.orders[41])
