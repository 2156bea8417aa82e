"""Protects the walk of an order through a played Bybit: placed, found, filled, told, undone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.core.model.order import OrderState
from bowline.core.model.values import MINUTE_NS, Direction, OrderId, Side, floor_to_step
from bowline.core.venue import (
    MarginMode,
    OrderKind,
    OrderRequest,
    PositionMode,
    TimeInForce,
)
from bowline.simex import FaultInjector, SyntheticMarket, VenueSimulator, serve, symbol_spec
from bowline.venues.clock import VenueClock
from bowline.venues.errors import Rejected, Unknown
from bowline.venues.rate_limits import RateLimiter
from bowline.venues.rest import Credentials, RestVenue
from bowline.venues.rest.tables import QUIRKS

QUANTITY = Decimal("0.01")
Walk = Callable[[RestVenue, InstrumentId], Awaitable[None]]


def at_simex(name: str, walk: Walk, **fault: Any) -> None:
    market = market_by_name(name)
    quirks = QUIRKS[market.venue]

    faults = FaultInjector(seed=7)
    if fault:
        faults.add(**fault)

    async def run() -> None:
        simulator = VenueSimulator(
            [market.venue],
            market=SyntheticMarket([symbol_spec("BTCUSDT")], 7),
            seed=7,
            faults=faults,
        )
        async with serve(simulator, 0) as address:
            keys = simulator.venues[market.venue].credentials
            venue = RestVenue(
                market,
                quirks,
                rate_limiter=RateLimiter(market.venue, quirks.rate_limits, quirks.usage_headers),
                clock=VenueClock(),
                credentials=Credentials(keys.api_key, keys.secret, keys.password),
                url=f"http://127.0.0.1:{address.port}",
            )
            try:
                await walk(venue, InstrumentId(market.market_id, "BTCUSDT"))
            finally:
                await venue.close()

    asyncio.run(run())


async def last_price(venue: RestVenue) -> Decimal:
    (listing,) = [each for each in await venue.listings() if each.base == "BTC"]
    now_ns = await venue.server_time_ns()
    frame = await venue.candles(listing, now_ns - 10 * MINUTE_NS, now_ns)
    assert len(frame) >= 5
    return floor_to_step(Decimal(str(frame.close[-1])), listing.instrument.tick_size)


@pytest.mark.parametrize("name", ["bybit:spot", "bybit:linear"])
def test_an_order_rests_is_found_and_is_cancelled(name: str) -> None:
    async def walk(venue: RestVenue, instrument: InstrumentId) -> None:
        price = floor_to_step(await last_price(venue) * Decimal("0.9"), Decimal("0.1"))
        order = OrderRequest(
            OrderId(41), instrument, Side.BUY, QUANTITY, price=price,
            time_in_force=TimeInForce.POST_ONLY,
        )  # fmt: skip
        placed = await venue.place(order)
        found = await venue.order(instrument, OrderId(41))
        assert found is not None
        assert (found.venue_order_id, found.state) == (placed.venue_order_id, OrderState.WORKING)
        assert (found.price, found.quantity) == (price, QUANTITY)
        assert [each.client_id for each in await venue.open_orders()] == [41]
        with pytest.raises(Unknown):  # the id is taken: it is there, look it up
            await venue.place(order)
        await venue.cancel(instrument, OrderId(41))
        cancelled = await venue.order(instrument, OrderId(41))
        assert cancelled is not None
        assert cancelled.state is OrderState.CANCELLED
        with pytest.raises(Rejected):
            await venue.cancel(instrument, OrderId(41))
        assert await venue.order(instrument, OrderId(99)) is None

    at_simex(name, walk)


def test_a_position_is_opened_told_and_closed() -> None:
    async def walk(venue: RestVenue, instrument: InstrumentId) -> None:
        await venue.set_leverage(instrument, Decimal(5), MarginMode.CROSS)
        await venue.set_leverage(instrument, Decimal(5), MarginMode.CROSS)
        assert await venue.position_mode(instrument) is PositionMode.ONE_WAY
        await venue.place(
            OrderRequest(OrderId(51), instrument, Side.BUY, QUANTITY, OrderKind.MARKET)
        )
        opened = await venue.order(instrument, OrderId(51))
        assert opened is not None
        assert (opened.state, opened.filled) == (OrderState.FILLED, QUANTITY)
        (position,) = await venue.positions()
        assert (position.direction, position.quantity) == (Direction.LONG, QUANTITY)
        assert position.leverage == 5
        page = await venue.fills(instrument, f"ms:{opened.event_ns // 10**6 - 60_000}:")
        assert sum(fill.quantity for fill in page.fills) == QUANTITY
        assert {fill.client_id for fill in page.fills} == {51}
        assert all(fill.fee > 0 and fill.fee_asset == "USDT" for fill in page.fills)
        again = await venue.fills(instrument, page.cursor)
        assert not again.fills
        await venue.place(
            OrderRequest(
                OrderId(52), instrument, Side.SELL, QUANTITY, OrderKind.MARKET, reduce_only=True
            )
        )
        assert not await venue.positions()
        assert any(each.asset == "USDT" and each.total > 0 for each in await venue.balances())
        rights = await venue.key_rights()
        assert (rights.trade, rights.withdraw) == (True, False)

    at_simex("bybit:linear", walk)


def resting(instrument: InstrumentId, price: Decimal, number: int) -> OrderRequest:
    low = floor_to_step(price * Decimal("0.9"), Decimal("0.1"))
    return OrderRequest(OrderId(number), instrument, Side.BUY, QUANTITY, price=low)


@pytest.mark.parametrize("fault", ["drop_reply", "garble"])
def test_an_order_whose_reply_was_lost_is_in_doubt_and_is_found(fault: str) -> None:
    """A1: over real sockets the venue took it, and only a look-up can tell."""

    async def walk(venue: RestVenue, instrument: InstrumentId) -> None:
        order = resting(instrument, await last_price(venue), 61)
        with pytest.raises(Unknown):
            await venue.place(order)
        found = await venue.order(instrument, OrderId(61))
        assert found is not None
        assert found.state is OrderState.WORKING
        assert len(await venue.open_orders(instrument)) == 1

    at_simex("bybit:linear", walk, fault=fault, request="POST /v5/order/create")


def test_an_order_that_was_lost_on_its_way_is_in_doubt_and_is_nowhere() -> None:
    """A2: the same doubt, and the venue has none by that id."""

    async def walk(venue: RestVenue, instrument: InstrumentId) -> None:
        order = resting(instrument, await last_price(venue), 62)
        with pytest.raises(Unknown):
            await venue.place(order)
        assert await venue.order(instrument, OrderId(62)) is None
        assert not await venue.open_orders()

    at_simex("bybit:linear", walk, fault="reset", request="POST /v5/order/create")


def test_a_venue_whose_clock_is_off_is_signed_for_in_its_own_time() -> None:
    """C1: four minutes of skew before the first request."""

    async def walk(venue: RestVenue, instrument: InstrumentId) -> None:
        await venue.place(resting(instrument, await last_price(venue), 63))
        assert await venue.order(instrument, OrderId(63)) is not None

    at_simex("bybit:linear", walk, fault="clock_skew", at_s=0, seconds=240)
