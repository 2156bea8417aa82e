"""Faults of a venue's REST and of clocks, A1 to A23 and C1 to C6: what the adapter makes of them.

Each is one of three errors or a look-up that finds what is there. What follows from that for an
order (fences, held exposure, halted entries) is the gateway's.
"""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bowline.core.model.order import OrderState
from bowline.core.model.values import MINUTE_NS, Direction, OrderId, Side
from bowline.core.sim.exchange import NewOrder
from bowline.core.venue import (
    MarginMode,
    OrderKind,
    PositionMode,
    PositionReport,
    TimeInForce,
)
from bowline.simex import ACCOUNT
from bowline.simex.dialects.bybit import dialect as bybit
from bowline.venues.errors import Rejected, Retryable, Unknown, VenueError
from bowline.venues.rest import RestVenue
from bowline.venues.stream.account_state import AccountHoldings
from tests.scenarios.faults.stage import (
    BINANCE,
    BYBIT,
    CANCEL,
    EVERYWHERE,
    MEXC,
    PLACE,
    QUANTITY,
    THREE,
    Stage,
    patiently,
    play,
)
from tests.venues.rest.replies import ID
from tests.venues.rest.stub import Reply, Stub, with_venue
from tests.venues.rest.test_contract import reply_to
from tests.venues.stream.fake_venue import BTC

three_venues = pytest.mark.parametrize("name", THREE)
every_venue = pytest.mark.parametrize("name", EVERYWHERE)


async def in_doubt(stage: Stage, number: int, **more: Any) -> None:
    with pytest.raises(Unknown):
        await stage.venue.place(stage.order(number, **more))


async def state_of(stage: Stage, number: int) -> OrderState | None:
    found = await stage.venue.order(stage.instrument, OrderId(number))
    return None if found is None else found.state


@three_venues
def test_a01_response_lost_after_accept(name: str) -> None:
    async def scene(stage: Stage) -> None:
        await in_doubt(stage, 41)
        assert await state_of(stage, 41) is OrderState.WORKING
        assert (stage.arrived, len(stage.at_venue)) == (1, 1)

    play(name, scene, fault="drop_reply", request=PLACE[name])


@three_venues
def test_a02_request_lost_before_accept(name: str) -> None:
    async def scene(stage: Stage) -> None:
        await in_doubt(stage, 41)
        assert await state_of(stage, 41) is None
        assert not await stage.venue.open_orders(stage.instrument)
        await patiently(stage.venue.place, stage.order(42))
        assert [each.client_id.removeprefix("t-") for each in stage.at_venue] == ["42"]

    play(name, scene, fault="reset", request=PLACE[name])


@three_venues
def test_a03_response_lost_and_filled_before_the_look_up(name: str) -> None:
    async def scene(stage: Stage) -> None:
        with pytest.raises(Unknown):
            await stage.venue.place(stage.taking(41))
        assert await state_of(stage, 41) is OrderState.FILLED
        fills = await stage.fills()
        assert sum(quantity for _, _, quantity in fills) == QUANTITY
        assert len({trade_id for trade_id, _, _ in fills}) == len(fills)
        (position,) = await stage.venue.positions()
        assert (position.direction, position.quantity) == (Direction.LONG, QUANTITY)
        assert len(stage.at_venue) == 1

    play(name, scene, fault="drop_reply", request=PLACE[name])


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("status", [500, 503])
@three_venues
def test_a04_server_errors_say_nothing_of_an_order(name: str, status: int, accepted: bool) -> None:
    async def scene(stage: Stage) -> None:
        await in_doubt(stage, 41)
        assert await state_of(stage, 41) is (OrderState.WORKING if accepted else None)

    play(name, scene, fault="status", request=PLACE[name], status=status, accepted=accepted)


@pytest.mark.parametrize(
    ("name", "code"), [(BINANCE, "-1006"), (BINANCE, "-1007"), (BYBIT, "10016"), (MEXC, "500")]
)
def test_a04_codes_that_say_that_nobody_knows(name: str, code: str) -> None:
    async def scene(stage: Stage) -> None:
        await in_doubt(stage, 41)
        assert await state_of(stage, 41) is OrderState.WORKING

    play(name, scene, fault="error", request=PLACE[name], code=code, accepted=True)


def test_a06_a_refusal_inside_a_reply_that_says_yes_is_a_refusal() -> None:
    """MEXC cancels lists, and each order has an answer; without any there is doubt."""

    async def scene(stage: Stage) -> None:
        await stage.venue.place(stage.order(41))
        await stage.venue.cancel(stage.instrument, OrderId(41))
        for number, code in ((41, "2041"), (99, "2040")):
            with pytest.raises(Rejected) as error:
                await patiently(stage.venue.cancel, stage.instrument, OrderId(number))
            assert error.value.code == code
        await asyncio.sleep(0.5)
        stage.faults.add(fault="drop_reply", request=CANCEL[MEXC])
        with pytest.raises(Unknown):
            await patiently(stage.venue.cancel, stage.instrument, OrderId(41))

    play(MEXC, scene)


@three_venues
def test_a07_an_order_that_was_cancelled_and_not_replaced_is_told_as_such(name: str) -> None:
    """The adapter replaces in two requests: each has an end of its own, and neither is guessed."""

    async def scene(stage: Stage) -> None:
        await stage.venue.place(stage.order(41))
        await stage.venue.cancel(stage.instrument, OrderId(41))
        with pytest.raises(Rejected):
            await patiently(stage.venue.place, stage.order(42, quantity=Decimal(100_000)))
        assert await state_of(stage, 41) is OrderState.CANCELLED
        assert await state_of(stage, 42) is None
        assert not await stage.venue.open_orders(stage.instrument)

    play(name, scene)


@three_venues
def test_a08_a_cancel_after_the_fill_is_refused_and_the_fill_is_found(name: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.venue.place(stage.taking(41))
        with pytest.raises(Rejected):
            await stage.venue.cancel(stage.instrument, OrderId(41))
        assert await state_of(stage, 41) is OrderState.FILLED
        assert sum(quantity for _, _, quantity in await stage.fills()) == QUANTITY

    play(name, scene)


@pytest.mark.parametrize(
    ("fault", "state"),
    [("drop_reply", OrderState.CANCELLED), ("reset", OrderState.WORKING)],
)
@three_venues
def test_a09_a_cancel_without_an_answer_is_doubt_until_looked_up(
    name: str, fault: str, state: OrderState
) -> None:
    async def scene(stage: Stage) -> None:
        await stage.venue.place(stage.order(41))
        with pytest.raises(Unknown):
            await stage.venue.cancel(stage.instrument, OrderId(41))
        assert await state_of(stage, 41) is state

    play(name, scene, fault=fault, request=CANCEL[name])


@every_venue
def test_a10_taken_and_then_rejected(name: str) -> None:
    async def scene(stage: Stage) -> None:
        taken = await stage.venue.place(stage.order(41))
        assert taken.state is OrderState.PENDING
        assert await state_of(stage, 41) in {OrderState.REJECTED, OrderState.CANCELLED}
        assert not await stage.venue.open_orders(stage.instrument)
        assert not await stage.fills()

    play(name, scene, fault="async_reject", request=PLACE[name])


@three_venues
def test_a11_a_look_up_that_finds_nothing_yet_is_no_verdict(name: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.venue.place(stage.order(41))
        assert await state_of(stage, 41) is None
        await asyncio.sleep(0.7)
        assert await state_of(stage, 41) is OrderState.WORKING

    play(name, scene, fault="hide", request=PLACE[name], seconds=0.6)


def test_a12_long_lists_come_whole_and_each_thing_once() -> None:
    """Bybit tells 50 open orders and 100 fills a page."""

    async def scene(stage: Stage) -> None:
        low, quantity = stage.order(1).price, Decimal("0.001")
        limit, market = OrderKind.LIMIT, OrderKind.MARKET
        asked = NewOrder(ACCOUNT, stage.instrument, Side.BUY, limit, quantity, low)
        for number in range(1, 121):
            stage.simulated.place(replace(asked, client_id=str(number)))
            stage.simulated.place(replace(asked, kind=market, price=None))
            await asyncio.sleep(0.002)
        found = [each.client_id for each in await stage.venue.open_orders(stage.instrument)]
        assert sorted(map(int, filter(None, found))) == list(range(1, 121))
        told = await stage.fills()
        true = stage.simulated.view("linear").fills(ACCOUNT)
        assert len(told) == len({trade_id for trade_id, _, _ in told}) == len(true) >= 120

    play(BYBIT, scene)


def test_a13_an_order_that_the_venue_no_longer_tells_of_is_not_called_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bybit, "_RULES", replace(bybit._RULES, history=2))

    async def scene(stage: Stage) -> None:
        for number in (41, 42, 43, 44):
            await patiently(stage.venue.place, stage.taking(number))
        assert await state_of(stage, 44) is OrderState.FILLED
        assert await state_of(stage, 41) is None
        page = await stage.venue.fills(stage.instrument, "ms:1:")
        assert len(page.fills) <= 2, "what is gone is not invented"

    play(BYBIT, scene)


@pytest.mark.parametrize("body", ["html", "empty", "truncated"])
@three_venues
def test_a14_an_answer_that_cannot_be_read_is_doubt(name: str, body: str) -> None:
    async def scene(stage: Stage) -> None:
        await in_doubt(stage, 41)
        assert await state_of(stage, 41) is OrderState.WORKING

    play(name, scene, fault="garble", request=PLACE[name], body=body)


def test_a14_an_answer_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bowline.venues.rest.transport.MAX_BYTES", 100_000)

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        await venue.venue_now_ns()
        stub.otherwise = Reply('{"retCode": 0, "result": "' + "x" * 200_000 + '"}')
        with pytest.raises(Retryable):
            await venue.balances()

    with_venue("bybit:linear", run)


@pytest.mark.parametrize(
    ("was", "now"),
    [("PartiallyFilled", "Frozen"), ("PartiallyFilled", "")],
)
def test_a15_a_word_that_nobody_knows_is_an_unknown_state(was: str, now: str) -> None:
    _a15(json.dumps(reply_to(BYBIT, "order")).replace(was, now), OrderState.UNKNOWN)


def test_a15_a_new_field_changes_nothing_and_a_missing_number_is_never_a_nought() -> None:
    order = json.dumps(reply_to(BYBIT, "order"))
    _a15(order.replace('"symbol"', '"novelty": {"a": null}, "symbol"'), OrderState.PARTLY_FILLED)
    without = order.replace('"leavesQty": "0.015"', '"leavesQty": null')
    for bad in ('"qty": null', '"qty": "many"', '"qty": "NaN"'):
        _a15(without.replace('"qty": "0.02"', bad), None)


def _a15(order: str, expected: OrderState | None) -> None:
    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        await venue.venue_now_ns()
        stub.otherwise = Reply(order)
        if expected is None:
            with pytest.raises(VenueError):
                await venue.order(stub.instrument, OrderId(ID))
            return
        found = await venue.order(stub.instrument, OrderId(ID))
        assert found is not None
        assert found.state is expected

    with_venue(BYBIT, run)


MONEY = {"quantity": Decimal(100_000)}
REDUCE = {"side": Side.SELL, "ratio": "1.1", "reduce_only": True}
#: contracts of Gate have no least notional
NOTIONAL = {"quantity": Decimal("0.001"), "ratio": "0.0001"}


@pytest.mark.parametrize(
    ("name", "more"),
    [
        *((name, more) for name in EVERYWHERE for more in (MONEY, REDUCE)),
        (BYBIT, NOTIONAL), (BINANCE, NOTIONAL),
    ],
)  # fmt: skip
def test_a16_a_no_is_final_and_is_asked_for_once(name: str, more: dict[str, Any]) -> None:
    async def scene(stage: Stage) -> None:
        words = dict(more)
        order = stage.order(41, words.pop("ratio", "0.9"), **words)
        with pytest.raises(Rejected):
            await stage.venue.place(order)
        assert stage.arrived <= 1
        assert not stage.at_venue
        assert await state_of(stage, 41) is None

    play(name, scene)


@three_venues
def test_a16_a_post_only_order_that_would_take_never_fills(name: str) -> None:
    async def scene(stage: Stage) -> None:
        order = stage.order(41, "1.02", time_in_force=TimeInForce.POST_ONLY)
        try:
            await stage.venue.place(order)
            over = {OrderState.CANCELLED, OrderState.REJECTED}
            assert await state_of(stage, 41) in over
        except Rejected:
            assert await state_of(stage, 41) in {None, OrderState.CANCELLED, OrderState.REJECTED}
        assert not await stage.fills()

    play(name, scene)


@every_venue
def test_a17_a_halted_instrument_takes_nothing_and_new_steps_are_seen(name: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.now(fault="listing", symbol="BTCUSDT", listing="halted")
        with pytest.raises((Rejected, Retryable)):
            await stage.venue.place(stage.order(41))
        (listing,) = await stage.venue.listings()
        assert not listing.tradable
        await stage.now(fault="listing", symbol="BTCUSDT", listing="trading", tick="1")
        (listing,) = await stage.venue.listings()
        assert listing.tradable
        assert listing.instrument.tick_size == 1
        arrived, odd = stage.arrived, stage.order(42, "0.9").price
        assert odd is not None
        with pytest.raises(Rejected):
            await stage.venue.place(stage.order(42, price=odd // 1 + Decimal("0.1")))
        assert stage.arrived == arrived, "what does not fit the steps is not sent"
        await patiently(stage.venue.place, stage.order(43, price=odd // 1))
        assert await state_of(stage, 43) is OrderState.WORKING

    play(name, scene)


@every_venue
def test_a18_modes_changed_elsewhere_are_seen_and_a_mismatch_enters_nothing(name: str) -> None:
    async def scene(stage: Stage) -> None:
        assert await stage.venue.position_mode(stage.instrument) is PositionMode.ONE_WAY
        stage.simulated.set_position_mode(ACCOUNT, PositionMode.HEDGE)
        assert await stage.venue.position_mode(stage.instrument) is PositionMode.HEDGE
        if name != THREE[2]:  # Gate's orders do not name a position
            with pytest.raises(Rejected):
                await stage.venue.place(stage.order(41))
            assert not stage.at_venue
        with pytest.raises(Rejected):
            await stage.venue.set_leverage(stage.instrument, Decimal(1_000), MarginMode.CROSS)

    play(name, scene)


@three_venues
def test_a19_maintenance_refuses_or_leaves_doubt_and_ends(name: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.venue.venue_now_ns()
        await stage.now(fault="maintenance", seconds=0.6)
        with pytest.raises((Unknown, Retryable)):
            await stage.venue.place(stage.order(41))
        with pytest.raises(Retryable):
            await stage.venue.balances()
        assert not stage.at_venue
        await asyncio.sleep(0.7)
        assert await patiently(state_of, stage, 41) is None
        await patiently(stage.venue.place, stage.order(42))
        assert await state_of(stage, 42) is OrderState.WORKING

    play(name, scene)


@every_venue
def test_a20_a_revoked_key_is_refused_for_good(name: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.venue.venue_now_ns()
        await stage.now(fault="revoke_key")
        with pytest.raises(Rejected):
            await stage.venue.place(stage.order(41))
        assert stage.arrived == 1, "nobody knocks again with a key that is refused"
        for ask in (stage.venue.balances, stage.venue.positions):
            with pytest.raises(Rejected):
                await ask()

    play(name, scene)


def test_a21_an_id_that_is_used_again_makes_two_orders_and_both_are_told() -> None:
    """Binance's rule: an id is free once its order has filled."""

    async def scene(stage: Stage) -> None:
        for _ in range(2):
            await patiently(stage.venue.place, stage.taking(41))
        since_ms = stage.simulated.now_ns // 10**6 - 60_000
        fills = await stage.venue.fills(stage.instrument, f"ms:{since_ms}:")
        assert len({fill.venue_order_id for fill in fills.fills}) == 2
        assert sum(fill.quantity for fill in fills.fills) == 2 * QUANTITY

    play(BINANCE, scene)


def test_a21_an_id_that_is_known_is_doubt_and_the_look_up_finds_the_first() -> None:
    async def scene(stage: Stage) -> None:
        await stage.venue.place(stage.order(41))
        await in_doubt(stage, 41)
        assert len(stage.at_venue) == 1
        assert await state_of(stage, 41) is OrderState.WORKING

    play(BYBIT, scene)


def test_a23_an_older_answer_does_not_take_a_position_back() -> None:
    holdings, price = AccountHoldings(), Decimal(100)
    assert holdings.set_position(PositionReport(BTC, Direction.LONG, Decimal(2), price, 1_001))
    assert not holdings.set_position(PositionReport(BTC, Direction.LONG, Decimal(1), price, 1_000))
    assert [each.quantity for each in holdings.positions] == [2]


@three_venues
def test_c02_a_request_outside_the_window_was_not_carried_out_and_the_clock_is_set(
    name: str,
) -> None:
    async def scene(stage: Stage) -> None:
        await stage.venue.venue_now_ns()
        await stage.now(fault="clock_skew", seconds=120)
        with pytest.raises(Retryable) as error:
            await stage.venue.place(stage.order(41))
        assert error.value.after_s == 0
        assert not stage.at_venue
        await patiently(stage.venue.place, stage.order(42))
        assert await state_of(stage, 42) is OrderState.WORKING

    play(name, scene)


@pytest.mark.parametrize("skew_s", [-90, 90])
@three_venues
def test_c05_a_candle_is_closed_by_the_venues_clock_and_not_by_ours(name: str, skew_s: int) -> None:
    async def scene(stage: Stage) -> None:
        await stage.now(fault="clock_skew", seconds=skew_s)
        stage.venue.clock.invalidate("the venue has set its clock")
        (listing,) = await stage.venue.listings()
        now_ns = await stage.venue.server_time_ns()
        frame = await stage.venue.candles(listing, now_ns - 10 * MINUTE_NS, now_ns + MINUTE_NS)
        assert len(frame)
        assert frame.close_ns[-1] <= now_ns

    play(name, scene)
