"""Protects what a person sees of the account at a played venue: over real sockets, and once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from typing import TypeVar

import pytest

from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.core.model.order import OrderState
from bowline.core.model.values import MINUTE_NS, OrderId, Side, floor_to_step
from bowline.core.venue import Balance, OrderRequest, PositionReport
from bowline.simex import (
    DIALECTS,
    FaultInjector,
    SyntheticMarket,
    VenueSimulator,
    serve,
    symbol_spec,
)
from bowline.venues import Venue
from bowline.venues.codecs import ACCOUNT_CODECS
from bowline.venues.errors import Retryable
from bowline.venues.registry import VenueAccess, VenueRegistry
from bowline.venues.rest import Credentials
from bowline.venues.stream import (
    FrameUnreadable,
    KeyRefused,
    RestPolled,
    StreamLive,
    StreamLost,
    StreamMissed,
    account_stream,
)
from tests.venues.stream.recording_sink import RecordingSink

D = Decimal
T = TypeVar("T")
QUANTITY = D("0.02")
MARKETS = sorted(name for name in ACCOUNT_CODECS if name.partition(":")[0] in DIALECTS)
#: the other kind of these venues is watched every time
RARELY = {"bitget:spot", "bingx:spot", "gate:spot", "htx:spot", "mexc:spot", "okx:spot"}


class Table:
    """An account at a played venue, its stream running."""

    def __init__(
        self, venue: Venue, instrument: InstrumentId, sink: RecordingSink, faults: FaultInjector
    ) -> None:
        self.venue, self.instrument = venue, instrument
        self.sink, self.faults = sink, faults

    async def buy(self, number: int, ratio: str = "1.05") -> OrderRequest:
        """A limit order that takes at once, or rests where the ratio is low; enough for each."""
        listed = await patiently(self.venue.listings)
        (listing,) = [each for each in listed if each.instrument.id == self.instrument]
        now_ns = await patiently(self.venue.server_time_ns)
        frame = await patiently(
            lambda: self.venue.candles(listing, now_ns - 10 * MINUTE_NS, now_ns)
        )
        price = floor_to_step(D(str(frame.close[-1])) * D(ratio), listing.instrument.tick_size)
        order = OrderRequest(OrderId(number), self.instrument, Side.BUY, QUANTITY, price=price)
        await patiently(lambda: self.venue.place(order))
        return order

    async def filled(self, number: int, within_s: float = 10.0) -> None:
        """Wait for an order and all its fills to have been told, and hold them to being once."""
        sink = self.sink
        await sink.until(
            lambda: (
                sum(fill.quantity for fill in sink.fills_of(number)) >= QUANTITY
                and sink.orders_of(number)
                and sink.orders_of(number)[-1].state is OrderState.FILLED
            ),
            within_s,
        )
        fills = sink.fills_of(number)
        assert sum(fill.quantity for fill in fills) == QUANTITY
        assert len({fill.trade_id for fill in fills}) == len(fills)
        assert all(fill.fee_asset and fill.side is Side.BUY for fill in fills)


async def patiently(asking: Callable[[], Awaitable[T]]) -> T:
    """What is answered once our share of the venue's limits allows it."""
    while True:
        try:
            return await asking()
        except Retryable as error:
            await asyncio.sleep(min(error.after_s, 0.2))


@asynccontextmanager
async def seated(name: str, **fault: object) -> AsyncIterator[Table]:
    market = market_by_name(name)
    faults = FaultInjector(seed=7)
    if fault:
        faults.add(**fault)
    source = SyntheticMarket([symbol_spec("BTCUSDT")], 7)
    simulator = VenueSimulator([market.venue], market=source, seed=7, faults=faults)
    async with serve(simulator, 0) as address:
        keys = simulator.venues[market.venue].credentials
        access = VenueAccess(
            f"http://127.0.0.1:{address.port}",
            Credentials(keys.api_key, keys.secret, keys.password),
        )
        sink = RecordingSink()
        async with VenueRegistry({market.venue: access}) as venues:
            instrument = InstrumentId(market.market_id, "BTCUSDT")
            stream = await venues.account_stream(market, sink, instruments=[instrument])
            venue = venues.account_venue(market)
            assert venue is not None
            running = asyncio.create_task(stream.run())
            try:
                await sink.until(lambda: sink.of(StreamLive) and sink.of(RestPolled))
                yield Table(venue, instrument, sink, faults)
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running


def at(name: str, scene: Callable[[Table], Awaitable[None]], **fault: object) -> None:
    async def play() -> None:
        async with seated(name, **fault) as table:
            await scene(table)

    asyncio.run(play())


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """REST is asked without the wait that spares a real venue."""
    monkeypatch.setattr(account_stream, "POLL_SOON_S", 0.1)
    monkeypatch.setattr(account_stream, "POLL_INCOMPLETE_S", 0.2)
    monkeypatch.setattr(account_stream, "STREAM_GRACE_S", 0.5)
    monkeypatch.setattr(account_stream, "POLL_INTERVAL_S", 0.8)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in RARELY else []) for name in MARKETS],
)
def test_an_order_its_fills_and_what_they_change_are_told_once(name: str) -> None:
    async def scene(table: Table) -> None:
        sink = table.sink
        await table.buy(71, "0.9")
        await sink.until(lambda: sink.orders_of(71))
        assert sink.orders_of(71)[-1].state is OrderState.WORKING
        await table.buy(72)
        await table.filled(72)
        await sink.until(lambda: [each for each in sink.of(Balance) if each.asset == "USDT"])
        if name.endswith(":linear"):
            await sink.until(lambda: sink.of(PositionReport))
            assert sink.of(PositionReport)[-1].quantity == QUANTITY
        rounds = len(sink.of(RestPolled))
        await patiently(lambda: table.venue.cancel(table.instrument, OrderId(71)))
        await sink.until(lambda: sink.orders_of(71)[-1].state is OrderState.CANCELLED)
        await sink.until(lambda: len(sink.of(RestPolled)) > rounds, 40)
        await table.filled(72)
        assert not sink.of(StreamMissed)
        assert not sink.of(FrameUnreadable)

    at(name, scene)


FAULTY = ["bybit:linear", pytest.param("okx:spot", marks=pytest.mark.slow)]


@pytest.mark.parametrize("name", FAULTY)
@pytest.mark.parametrize("fault", ["duplicate", "reorder"])
def test_frames_that_come_twice_or_late_change_nothing(name: str, fault: str) -> None:
    """B3, B4."""

    async def scene(table: Table) -> None:
        for number in (81, 82, 83):
            await table.buy(number)
        for number in (81, 82, 83):
            await table.filled(number)

    at(name, scene, fault=fault, channel="orders", every=2)


@pytest.mark.parametrize("name", FAULTY)
def test_what_was_lost_with_the_connection_is_told_by_rest(name: str) -> None:
    """B1."""

    async def scene(table: Table) -> None:
        table.faults.add(fault="disconnect", at_s=0)
        await table.buy(84)
        await table.filled(84)
        await table.sink.until(lambda: len(table.sink.of(StreamLive)) > 1, 20)
        await table.buy(85)
        await table.filled(85)
        assert table.sink.of(StreamLost)

    at(name, scene)


@pytest.mark.parametrize("name", FAULTY)
def test_a_frozen_stream_is_found_out_by_rest(name: str) -> None:
    """B2, B6: pings are answered all the while."""

    async def scene(table: Table) -> None:
        table.faults.add(fault="freeze", at_s=0, seconds=60)
        await asyncio.sleep(0.05)
        await table.buy(86)
        await table.filled(86)
        await table.sink.until(lambda: table.sink.of(StreamLost), 20)
        assert table.sink.of(StreamMissed)
        await table.filled(86)

    at(name, scene)


def test_a_revoked_key_is_told() -> None:
    """A20."""

    async def scene(table: Table) -> None:
        table.faults.add(fault="revoke_key", at_s=0, seconds=60)
        table.faults.add(fault="disconnect", at_s=0)
        await table.sink.until(lambda: table.sink.of(KeyRefused), 20)
        await table.sink.until(
            lambda: table.sink.of(StreamLost)[-1].retry_after_s >= account_stream.REFUSED_RETRY_S
        )

    at("bybit:linear", scene)


def test_a_login_is_signed_in_the_time_of_the_venue() -> None:
    """C1: its clock is four minutes ahead."""

    async def scene(table: Table) -> None:
        await table.buy(87)
        await table.filled(87)
        assert not table.sink.of(KeyRefused)

    at("okx:spot", scene, fault="clock_skew", at_s=0, seconds=240)
