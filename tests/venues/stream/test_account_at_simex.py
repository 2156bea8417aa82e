"""Protects what a person sees of the account at a played venue: over real sockets, and once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from typing import Any

import pytest

from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.core.model.order import OrderState
from bowline.core.model.values import MINUTE_NS, OrderId, Side, floor_to_step
from bowline.core.venue import (
    Balance,
    Listing,
    OrderRequest,
    PositionReport,
)
from bowline.simex import DIALECTS, Faults, SyntheticMarket, World, coin_of, serve
from bowline.venues import Venue
from bowline.venues.codecs import PRIVATE_CODECS
from bowline.venues.opened import VenueAccess, Venues
from bowline.venues.rest import Credentials
from bowline.venues.stream import RestAsked, StreamLive, StreamMissed
from tests.venues.stream.accounts import Told

MARKETS = sorted(name for name in PRIVATE_CODECS if name.partition(":")[0] in DIALECTS)


@pytest.fixture(params=MARKETS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Table:
    """An account at a played venue, its stream running."""

    def __init__(self, venue: Venue, instrument: InstrumentId, told: Told, faults: Faults) -> None:
        self.venue, self.instrument = venue, instrument
        self.told, self.faults = told, faults
        self._listing: Listing | None = None

    async def listing(self) -> Listing:
        if self._listing is None:
            listed = await self.venue.listings()
            (self._listing,) = [each for each in listed if each.instrument.id == self.instrument]
        return self._listing

    async def quantity(self) -> Decimal:
        """Enough for every venue's least order."""
        return floor_to_step(Decimal("0.02"), (await self.listing()).instrument.lot_step)

    async def price(self, ratio: str) -> Decimal:
        """The last price times this, on the grid."""
        listing = await self.listing()
        now_ns = await self.venue.server_time_ns()
        frame = await self.venue.candles(listing, now_ns - 10 * MINUTE_NS, now_ns)
        last = Decimal(str(frame.close[-1])) * Decimal(ratio)
        return floor_to_step(last, listing.instrument.tick_size)

    async def buy(self, number: int, ratio: str = "1.05", **more: Any) -> OrderRequest:
        order = OrderRequest(
            OrderId(number), self.instrument, Side.BUY, await self.quantity(),
            price=await self.price(ratio), **more,
        )  # fmt: skip
        await self.venue.place(order)
        return order


@asynccontextmanager
async def seated(name: str) -> AsyncIterator[Table]:
    market = market_by_name(name)
    faults = Faults(seed=7)
    market_source = SyntheticMarket([coin_of("BTCUSDT")], 7)
    world = World([market.venue], market=market_source, seed=7, faults=faults)
    async with serve(world, 0) as address:
        keys = world.floors[market.venue].keys
        access = VenueAccess(
            f"http://127.0.0.1:{address.port}",
            Credentials(keys.api_key, keys.secret, keys.password),
        )
        told = Told()
        async with Venues({market.venue: access}) as venues:
            stream = await venues.account_stream(market, told)
            venue = venues.account(market)
            assert venue is not None
            running = asyncio.create_task(stream.run())
            try:
                instrument = InstrumentId(market.market_id, "BTCUSDT")
                await told.until(lambda: told.of(StreamLive) and told.of(RestAsked))
                yield Table(venue, instrument, told, faults)
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running


def at(name: str, scene: Callable[[Table], Awaitable[None]]) -> None:
    async def play() -> None:
        async with seated(name) as table:
            await scene(table)

    asyncio.run(play())


def test_an_order_its_fills_and_what_they_change_are_told_once(name: str) -> None:
    async def scene(table: Table) -> None:
        told = table.told
        order = await table.buy(71)
        await told.until(lambda: sum(f.quantity for f in told.fills_of(71)) >= order.quantity)
        await told.until(lambda: told.orders_of(71)[-1].state is OrderState.FILLED)
        fills = told.fills_of(71)
        assert sum(fill.quantity for fill in fills) == order.quantity
        assert len({fill.trade_id for fill in fills}) == len(fills)
        assert all(fill.fee_asset and fill.side is Side.BUY for fill in fills)
        assert [each for each in told.of(Balance) if each.asset == "USDT"]
        if table.instrument.market_id == market_by_name(name).market_id and "linear" in name:
            await told.until(lambda: told.of(PositionReport))
            assert told.of(PositionReport)[-1].quantity == order.quantity
        await told.until(lambda: len(told.of(RestAsked)) > 1, 40)
        assert sum(fill.quantity for fill in told.fills_of(71)) == order.quantity
        assert not told.of(StreamMissed)

    at(name, scene)
