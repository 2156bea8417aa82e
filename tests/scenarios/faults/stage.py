"""A played venue and Bowline's adapter at it, over real sockets: what tests of faults play on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.core.model.values import MINUTE_NS, OrderId, Side, floor_to_step
from bowline.core.sim.exchange import VenueOrder
from bowline.core.venue import OrderRequest, TimeInForce
from bowline.simex import (
    ACCOUNT,
    DIALECTS,
    FaultInjector,
    SyntheticMarket,
    VenueSimulator,
    serve,
    symbol_spec,
)
from bowline.simex.venue import SimulatedVenue
from bowline.venues.clock import VenueClock
from bowline.venues.errors import Retryable
from bowline.venues.rate_limits import RateLimiter
from bowline.venues.rest import Credentials, RestVenue
from bowline.venues.rest.tables import QUIRKS

BYBIT, BINANCE, GATE, MEXC = "bybit:linear", "binance:linear", "gate:linear", "mexc:linear"
THREE = (BYBIT, BINANCE, GATE)
EVERYWHERE = tuple(f"{venue}:linear" for venue in sorted(DIALECTS))
QUANTITY = Decimal("0.01")
PLACE = {
    BYBIT: "POST /v5/order/create",
    BINANCE: "POST /fapi/v1/order",
    GATE: "POST /api/v4/futures/usdt/orders",
    MEXC: "POST /api/v1/private/order/create",
    "bingx:linear": "POST /openApi/swap/v2/trade/order",
    "bitget:linear": "POST /api/v2/mix/order/place-order",
    "htx:linear": "POST /v5/trade/order",
    "okx:linear": "POST /api/v5/trade/order",
}
CANCEL = {
    BYBIT: "POST /v5/order/cancel",
    BINANCE: "DELETE /fapi/v1/order",
    GATE: "DELETE /api/v4/futures/usdt/orders/*",
    MEXC: "POST /api/v1/private/order/cancel_with_external",
}


class Stage:
    """One market of a played venue, with its adapter and its faults."""

    def __init__(
        self,
        name: str,
        venue: RestVenue,
        simulated: SimulatedVenue,
        faults: FaultInjector,
        price: Decimal,
    ) -> None:
        self.name, self.venue, self.simulated, self.faults = name, venue, simulated, faults
        self.instrument = InstrumentId(market_by_name(name).market_id, "BTCUSDT")
        self._price = price
        # counts what arrives, and holds nothing back
        faults.add(fault="delay", request=PLACE[name], every=1, seconds=0)

    def order(self, number: int, ratio: str = "0.9", **more: Any) -> OrderRequest:
        """A limit order at so much of the price at the start, a buy that rests."""
        price = floor_to_step(self._price * Decimal(ratio), Decimal("0.1"))
        asked: dict[str, Any] = {"side": Side.BUY, "quantity": QUANTITY, "price": price, **more}
        return OrderRequest(OrderId(number), self.instrument, **asked)

    def taking(self, number: int, **more: Any) -> OrderRequest:
        """A buy that fills at once."""
        return self.order(number, "1.02", time_in_force=TimeInForce.IOC, **more)

    @property
    def arrived(self) -> int:
        """How many orders came to the venue's door."""
        return sum(each.fault == "delay" for each in self.faults.fired)

    @property
    def at_venue(self) -> list[VenueOrder]:
        """Every order that the venue has of this account, whatever became of it."""
        view = self.simulated.engine_of(self.instrument).view
        return view.open_orders(ACCOUNT) + view.closed_orders(ACCOUNT)

    async def fills(self) -> list[tuple[str, int | None, Decimal]]:
        """Every fill the venue tells, page after page: trade id, our id, quantity."""
        await asyncio.sleep(0.02)  # what is asked for ends before the present millisecond
        found, cursor = [], f"ms:{self.simulated.now_ns // 10**6 - 60_000}:"
        while True:
            page = await self.venue.fills(self.instrument, cursor)
            found += [(each.trade_id, each.client_id, each.quantity) for each in page.fills]
            cursor = page.cursor
            if page.complete:
                return found

    async def now(self, **words: Any) -> None:
        """Let this happen at the venue, at once."""
        self.faults.add(at_s=0, **words)
        await asyncio.sleep(0.05)


Scene = Callable[[Stage], Awaitable[None]]


async def patiently(ask: Callable[..., Awaitable[Any]], *words: Any) -> Any:
    """Once more after a moment, where our share of the venue's limits is used up."""
    try:
        return await ask(*words)
    except Retryable as error:
        await asyncio.sleep(error.after_s)
        return await ask(*words)


def play(name: str, scene: Scene, **fault: Any) -> None:
    """The scene at a market (`venue:kind`), with one fault of a script, twenty seconds at most."""

    async def whole() -> None:
        market, faults = market_by_name(name), FaultInjector(seed=7)
        if fault:
            faults.add(**fault)
        source = SyntheticMarket([symbol_spec("BTCUSDT")], 7, history_minutes=15)
        simulator = VenueSimulator([market.venue], market=source, seed=7, faults=faults)
        simulated, quirks = simulator.venues[market.venue], QUIRKS[market.venue]
        async with asyncio.timeout(20), serve(simulator) as address:
            keys = simulated.credentials
            venue = RestVenue(
                market,
                quirks,
                rate_limiter=RateLimiter(market.venue, quirks.rate_limits, quirks.usage_headers),
                clock=VenueClock(),
                credentials=Credentials(keys.api_key, keys.secret, keys.password),
                url=f"http://127.0.0.1:{address.port}",
            )
            try:
                await scene(Stage(name, venue, simulated, faults, await _price(venue)))
            finally:
                await venue.close()

    asyncio.run(whole())


async def _price(venue: RestVenue) -> Decimal:
    (listing,) = await venue.listings()
    now_ns = await venue.server_time_ns()
    frame = await venue.candles(listing, now_ns - 10 * MINUTE_NS, now_ns)
    return Decimal(str(frame.close[-1]))
