"""What cannot be read is doubt that is told, by REST and by stream, and everything else goes on."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from bowline.core.model.order import OrderState
from bowline.core.venue import Balance, OrderReport, PositionReport
from bowline.venues.stream import (
    AccountStream,
    FrameUnreadable,
    OrderStateUnknown,
    RestFailed,
    RestPolled,
    RowUnreadable,
)
from bowline.venues.stream.account_stream import POLL_INTERVAL_S
from tests.venues.stream.fake_account import FakeAccount
from tests.venues.stream.fake_venue import now_ns
from tests.venues.stream.recording_sink import RecordingSink
from tests.venues.stream.test_account_stream import play, told_once


@pytest.mark.parametrize("what", ["orders", "look-ups", "positions", "balances", "fills"])
def test_what_rest_cannot_read_is_doubt_told_once_and_nothing_is_taken_for_gone(what: str) -> None:
    """An order is neither over nor absent, a position not flat, a balance not spent."""

    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.place(1, 5)
        account.fill(1)
        account.tell_position()
        await asyncio.sleep(2 * POLL_INTERVAL_S)
        before = len(told.of(OrderReport)), len(told.of(PositionReport)), len(told.of(Balance))
        account.spoilt.add(what)
        if what == "look-ups":
            # it is not among the open ones any more, and cannot be looked up
            account.orders[1] = replace(account.orders[1], state=OrderState.FILLED)
        asked = len(told.of(RestPolled))
        await asyncio.sleep(4 * POLL_INTERVAL_S)
        assert len(told.of(RestPolled)) >= asked + 3, "the rest is asked for as ever"
        assert not told.of(RestFailed)
        assert len(told.of(RowUnreadable)) == 1, "it is told once"
        after = len(told.of(OrderReport)), len(told.of(PositionReport)), len(told.of(Balance))
        assert after == before, "nothing is concluded from it"
        if what in {"orders", "look-ups"}:
            (doubt,) = told.of(OrderStateUnknown)
            assert doubt.report.client_id == 1
            assert doubt.report.state is OrderState.UNKNOWN
        account.spoilt.clear()
        account.fill(1, streamed=False)
        await asyncio.sleep(2 * POLL_INTERVAL_S)
        told_once(told, account)

    play(scene)


def test_one_order_of_a_frame_that_cannot_be_read_costs_no_other_and_asks_rest() -> None:
    async def scene(account: FakeAccount, told: RecordingSink, stream: AccountStream) -> None:
        account.place(1, 5)
        await asyncio.sleep(POLL_INTERVAL_S)
        asked = len(told.of(RestPolled))
        good = {
            "category": "linear", "symbol": "BTCUSDT", "orderId": "v1", "side": "Buy",
            "orderType": "Limit", "price": "100", "qty": "5", "orderStatus": "PartiallyFilled",
            "cumExecQty": "2", "avgPrice": "100", "updatedTime": str(now_ns() // 10**6 + 1),
            "orderLinkId": "1",
        }  # fmt: skip
        dated = good | {"symbol": "BTCUSDT-26JUN26", "orderId": "v2"}
        bad = good | {"side": "Sideways", "orderId": "v3"}
        account.push_all("order", [bad, dated, good])
        assert told.of(OrderReport)[-1].filled == 2
        assert {each.venue_order_id for each in told.of(OrderReport)} == {"v1"}
        assert len(told.of(FrameUnreadable)) == 1
        await asyncio.sleep(5)
        assert len(told.of(RestPolled)) > asked

    play(scene)
