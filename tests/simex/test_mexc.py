"""Protects what is MEXC's own: two APIs, contracts, sides, protocol buffers, listen keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import ccxt
import pytest
from ccxt.protobuf.mexc.PushDataV3ApiWrapper_pb2 import PushDataV3ApiWrapper
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.core.model.order import OrderState
from bowline.core.model.values import OrderId, Side
from bowline.core.venue import MarginMode, OrderRequest, PositionMode, TimeInForce
from bowline.simex.dialects.mexc.protobuf import message
from bowline.venues.errors import Rejected, Retryable, Unknown
from tests.simex.adapters import adapters, listen, told_fills
from tests.simex.clients import Seat

Play = Callable[..., None]
D = Decimal
KINDS = ("spot", "linear")


def instrument(seat: Seat) -> InstrumentId:
    return InstrumentId(market_by_name(f"mexc:{seat.kind}").market_id, "BTCUSDT")


async def patiently(ask: Callable[..., Awaitable[object]], *words: object) -> None:
    """Once more after a moment where our share of the venue's limits is used up."""
    for _ in range(3):
        try:
            await ask(*words)
        except Retryable as error:
            await asyncio.sleep(error.after_s)
        else:
            return
    raise AssertionError("the limits never let it through")


async def best_ask(seat: Seat) -> float:
    return float((await seat.client.fetch_order_book(seat.symbol, 5))["asks"][0][0])


@given(
    texts=st.lists(st.tuples(st.integers(1, 15), st.text(min_size=1, max_size=300)), max_size=5),
    number=st.integers(0, 2**63 - 1),
)
def test_what_is_written_the_venues_own_classes_read(
    texts: list[tuple[int, str]], number: int
) -> None:
    levels = [message([(1, text), (2, "1")]) for _, text in texts]
    body = message([*((1, level) for level in levels), (5, str(number))])
    read = PushDataV3ApiWrapper()
    read.ParseFromString(message([(1, "channel"), (6, number), (313, body)]))
    assert (read.channel, read.sendTime) == ("channel", number)
    assert [each.price for each in read.publicAggreDepths.asks] == [text for _, text in texts]
    assert read.publicAggreDepths.toVersion == str(number)


def test_a_message_without_end_is_not_written() -> None:
    with pytest.raises(ValueError, match="bytes"):
        message([(1, "x" * (1 << 20))])
    with pytest.raises(ValueError, match="below"):
        message([(1, -1)])


@pytest.mark.parametrize("kind", KINDS)
def test_our_codec_reads_every_public_stream(play: Play, kind: str) -> None:
    play("mexc", kind, listen)


@pytest.mark.parametrize("kind", KINDS)
def test_our_adapter_walks_an_order_through(play: Play, kind: str) -> None:
    async def scene(seat: Seat) -> None:
        price = await best_ask(seat)
        low, high = D(round(price * 0.9)), D(round(price * 1.01))
        at = instrument(seat)
        async with adapters(seat) as (venues, market):
            venue = venues.account_venue(market)
            assert venue is not None
            if seat.kind == "linear":
                await venue.set_leverage(at, D(5), MarginMode.CROSS)
                assert await venue.position_mode(at) is PositionMode.ONE_WAY
            order = OrderRequest(OrderId(41), at, Side.BUY, D("0.01"), price=low)
            await patiently(venue.place, order)
            with pytest.raises(Unknown):
                await patiently(venue.place, order)
            found = await venue.order(at, OrderId(41))
            assert found is not None
            assert (found.state, found.quantity, found.price) == (
                OrderState.WORKING, D("0.01"), low,
            )  # fmt: skip
            await patiently(venue.cancel, at, OrderId(41))
            with pytest.raises(Rejected):
                await patiently(venue.cancel, at, OrderId(41))
            with pytest.raises(Rejected):
                await patiently(venue.cancel, at, OrderId(99))
            assert await venue.order(at, OrderId(99)) is None
            now_ns = await venue.server_time_ns()
            taking = OrderRequest(
                OrderId(51), at, Side.BUY, D("0.01"), price=high, time_in_force=TimeInForce.IOC
            )
            await patiently(venue.place, taking)
            fills = (await told_fills(venue, at, now_ns)).fills
            assert sum(fill.quantity for fill in fills) == D("0.01")
            assert {fill.client_id for fill in fills} == {51}
            if seat.kind == "linear":
                (position,) = await venue.positions()
                assert (position.quantity, position.leverage) == (D("0.01"), 5)
            (money,) = [each for each in await venue.balances() if each.asset == "USDT"]
            (held,) = [
                each
                for each in seat.simulator.venues["mexc"].view(seat.kind).holdings("main")
                if each.asset == "USDT"
            ]
            assert money.total == held.total

    play("mexc", kind, scene)


def test_an_order_is_counted_in_contracts(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        market = seat.client.market(seat.symbol)
        assert (market["contractSize"], market["precision"]["amount"]) == (0.0001, 1)
        price = await best_ask(seat)
        made = await seat.client.create_order(seat.symbol, "limit", "buy", 7, price * 1.01)
        venue = seat.simulator.venues["mexc"]
        (order,) = venue.view("linear").closed_orders("main")
        assert (order.quantity, order.state) == (D("0.0007"), OrderState.FILLED)
        assert (await seat.client.fetch_order(made["id"], seat.symbol))["filled"] == 7

    play("mexc", "linear", scene)


def test_a_side_says_which_position_of_hedge_mode_it_opens_or_closes(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        client, price = seat.client, await best_ask(seat)
        await client.set_position_mode(True, seat.symbol)
        assert (await client.fetch_position_mode(seat.symbol))["hedged"]
        high, low, hedged = price * 1.01, price * 0.99, {"hedged": True}
        await client.create_order(seat.symbol, "limit", "buy", 5, high, hedged)
        await client.create_order(seat.symbol, "limit", "sell", 3, low, hedged)
        held = {each["side"]: each["contracts"] for each in await client.fetch_positions()}
        assert held == {"long": 5, "short": 3}
        close = {"symbol": "BTC_USDT", "vol": 3, "side": 2, "type": 5, "openType": 2}
        await client.contract_private_post_order_create(close)
        held = {each["side"]: each["contracts"] for each in await client.fetch_positions()}
        assert held == {"long": 5}
        other_mode = close | {"side": 1, "positionMode": 2}
        with pytest.raises(ccxt.ExchangeError, match="2022"):
            await client.contract_private_post_order_create(other_mode)
        with pytest.raises(ccxt.ExchangeError, match="2019"):
            await client.set_position_mode(False, seat.symbol)

    play("mexc", "linear", scene)


def test_an_isolated_order_names_its_leverage_and_is_then_isolated(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        client, price = seat.client, await best_ask(seat)
        order = {
            "symbol": "BTC_USDT", "vol": 2, "side": 1, "type": 1, "price": round(price * 1.01),
            "openType": 1,
        }  # fmt: skip
        with pytest.raises(ccxt.BadRequest, match="leverage"):
            await client.contract_private_post_order_create(order)
        await client.contract_private_post_order_create(order | {"leverage": 20})
        (position,) = await client.fetch_positions()
        assert (position["marginMode"], position["leverage"]) == ("isolated", 20)
        with pytest.raises(ccxt.ExchangeError, match="2027"):
            await client.contract_private_post_order_create(order | {"openType": 2})

    play("mexc", "linear", scene)


def test_each_of_many_cancels_is_answered(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        client, price = seat.client, await best_ask(seat)
        words = {"clientOrderId": "77"}
        made = await client.create_order(seat.symbol, "limit", "buy", 1, price * 0.9, words)
        asked = [{"symbol": "BTC_USDT", "externalOid": each} for each in ("77", "77", "78")]
        reply = await client.contract_private_post_order_cancel_with_external(asked)
        assert [each["errorCode"] for each in reply["data"]] == [0, 2041, 2040]
        assert reply["data"][0]["orderId"] == made["id"]

    play("mexc", "linear", scene)


@pytest.mark.parametrize(
    ("kind", "header", "code"), [("spot", "recvWindow", "700003"), ("linear", "", "513")]
)
def test_a_request_outside_its_window_is_refused_in_the_words_of_its_api(
    play: Play, kind: str, header: str, code: str
) -> None:
    async def scene(seat: Seat) -> None:
        seat.client.options["timeDifference"] = 60_000
        with pytest.raises(ccxt.BaseError, match=code):
            await seat.client.fetch_balance({header: 1000} if header else {})

    play("mexc", kind, scene)


def test_a_private_stream_of_spot_needs_a_listen_key(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        session = seat.client.session
        url, name = f"{seat.address.ws('mexc')}/ws", "spot@private.orders.v3.api.pb"
        async with session.ws_connect(url) as stranger:
            await stranger.send_json({"method": "SUBSCRIPTION", "params": [name]})
            assert "Not Subscribed" in (await stranger.receive_json())["msg"]
        async with session.ws_connect(f"{url}?listenKey=nobodys") as stranger:
            assert (await stranger.receive_str()) == "Invalid listen key"
        reply = await seat.client.spot_private_post_userdatastream()
        async with session.ws_connect(f"{url}?listenKey={reply['listenKey']}") as mine:
            await mine.send_json({"method": "SUBSCRIPTION", "params": [name]})
            assert (await mine.receive_json())["msg"] == name
            price = await best_ask(seat) * 0.9
            words = {"clientOrderId": "63"}
            await seat.client.create_order(seat.symbol, "limit", "buy", 0.01, price, words)
            told = PushDataV3ApiWrapper()
            told.ParseFromString(await asyncio.wait_for(mine.receive_bytes(), 5))
            order = told.privateOrders
            assert (told.symbol, order.clientId, order.status) == ("BTCUSDT", "63", 1)

    play("mexc", "spot", scene)


def test_a_topic_that_is_none_is_refused_and_the_others_are_told(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        names = [f"spot@public.kline.v3.api.pb@BTCUSDT@{each}" for each in ("Min1", "Min5")]
        async with seat.client.session.ws_connect(f"{seat.address.ws('mexc')}/ws") as socket:
            await socket.send_json({"method": "SUBSCRIPTION", "params": ["spot@x", *names]})
            said = (await socket.receive_json())["msg"]
            assert said.startswith(",".join(names))
            assert "[spot@x]" in said

    play("mexc", "spot", scene)
