"""The second judge: Bowline's own adapters against a simulated venue, over real sockets.

`trade` walks an order and a position through the adapter of REST; `listen` reads the public streams
with the runner, which holds every book to the rules of the venue's codec.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal

import pytest

from bowline.core.model.instrument import InstrumentId, Market, market_by_name
from bowline.core.model.order import OrderState
from bowline.core.model.values import (
    MINUTE_NS,
    SECOND_NS,
    Direction,
    OrderId,
    Side,
    floor_to_step,
)
from bowline.core.venue import (
    CandleSeen,
    MarginMode,
    OrderReport,
    OrderRequest,
    PositionMode,
    QuoteChanged,
    TimeInForce,
    TradePrinted,
)
from bowline.venues.errors import Rejected, Retryable, Unknown
from bowline.venues.feed_codec import FeedChannel, FeedTopic
from bowline.venues.local_book import LocalBook
from bowline.venues.protocol import FillPage, Venue
from bowline.venues.registry import VenueAccess, VenueRegistry
from bowline.venues.rest import Credentials
from bowline.venues.stream.feed_events import (
    BookInvalid,
    ConnectionLost,
    FeedEvent,
    FrameUnreadable,
    TopicRefused,
    TopicSilent,
)
from tests.simex.clients import Seat, seated

QUANTITY = Decimal("0.01")
#: changes of a book that must come and be right
CHANGES = 15
WRONG = (BookInvalid, ConnectionLost, FrameUnreadable, TopicRefused, TopicSilent)


@contextlib.asynccontextmanager
async def adapters(seat: Seat) -> AsyncIterator[tuple[VenueRegistry, Market]]:
    """What a user's process would open, with the test account's keys, and the seat's market."""
    keys = seat.simulator.venues[seat.venue].credentials
    access = VenueAccess(
        f"http://127.0.0.1:{seat.address.port}",
        Credentials(keys.api_key, keys.secret, keys.password),
    )
    async with VenueRegistry({seat.venue: access}) as venues:
        yield venues, market_by_name(f"{seat.venue}:{seat.kind}")


async def trade(seat: Seat) -> None:
    """Listings, candles, an order that rests, one that fills, what the account has after it."""
    async with adapters(seat) as (venues, market):
        venue, instrument = venues.account_venue(market), InstrumentId(market.market_id, "BTCUSDT")
        assert venue is not None
        price = await _last_price(venue)
        await _rest_and_cancel(venue, instrument, price)
        if seat.kind == "linear":
            await venue.set_leverage(instrument, Decimal(5), MarginMode.CROSS)
            await venue.set_leverage(instrument, Decimal(5), MarginMode.CROSS)
            assert await venue.position_mode(instrument) is PositionMode.ONE_WAY
        await _take(venue, instrument, price)
        assert any(each.asset == "USDT" and each.total > 0 for each in await venue.balances())
        if seat.kind == "linear":
            await _close(venue, instrument, price)
        rights = await venue.key_rights()
        # HTX does not tell a key what it may do
        assert (rights.trade, rights.withdraw) == (
            (None, None) if seat.venue == "htx" else (True, False)
        )


async def _place(venue: Venue, order: OrderRequest) -> OrderReport:
    """Once more after a moment if our own share of the venue's limits is used up."""
    try:
        return await venue.place(order)
    except Retryable as error:
        await asyncio.sleep(error.after_s)
        return await venue.place(order)


async def _last_price(venue: Venue) -> Decimal:
    (listing,) = [each for each in await venue.listings() if each.base == "BTC"]
    assert listing.instrument.lot_step == Decimal("0.001")
    now_ns = await venue.server_time_ns()
    frame = await venue.candles(listing, now_ns - 10 * MINUTE_NS, now_ns)
    assert len(frame) >= 5
    return floor_to_step(Decimal(str(frame.close[-1])), listing.instrument.tick_size)


async def _rest_and_cancel(venue: Venue, instrument: InstrumentId, price: Decimal) -> None:
    low = floor_to_step(price * Decimal("0.9"), Decimal("0.1"))
    order = OrderRequest(
        OrderId(41), instrument, Side.BUY, QUANTITY, price=low,
        time_in_force=TimeInForce.POST_ONLY,
    )  # fmt: skip
    placed = await _place(venue, order)
    found = await venue.order(instrument, OrderId(41))
    assert found is not None
    assert (found.venue_order_id, found.state) == (placed.venue_order_id, OrderState.WORKING)
    assert (found.price, found.quantity) == (low, QUANTITY)
    assert [each.client_id for each in await venue.open_orders(instrument)] == [41]
    with pytest.raises(Unknown):  # the id is taken: it is there, look it up
        await _place(venue, order)
    await venue.cancel(instrument, OrderId(41))
    cancelled = await venue.order(instrument, OrderId(41))
    assert cancelled is not None
    assert cancelled.state is OrderState.CANCELLED
    with pytest.raises(Rejected):
        await venue.cancel(instrument, OrderId(41))
    assert await venue.order(instrument, OrderId(99)) is None


async def _take(venue: Venue, instrument: InstrumentId, price: Decimal) -> None:
    high = floor_to_step(price * Decimal("1.02"), Decimal("0.1"))
    now_ns = await venue.server_time_ns()
    await _place(venue,
        OrderRequest(
            OrderId(51), instrument, Side.BUY, QUANTITY, price=high,
            time_in_force=TimeInForce.IOC,
        ),
    )  # fmt: skip
    taken = await venue.order(instrument, OrderId(51))
    assert taken is not None
    assert (taken.state, taken.filled) == (OrderState.FILLED, QUANTITY)
    page = await told_fills(venue, instrument, now_ns)
    assert sum(fill.quantity for fill in page.fills) == QUANTITY
    assert {fill.venue_order_id for fill in page.fills} == {taken.venue_order_id}
    assert all(fill.fee > 0 and fill.side is Side.BUY for fill in page.fills)
    assert not (await venue.fills(instrument, page.cursor)).fills


async def told_fills(venue: Venue, instrument: InstrumentId, now_ns: int) -> FillPage:
    """What was filled in the minute before `now_ns` and since, as soon as the venue tells of it."""
    for _ in range(100):
        page = await venue.fills(instrument, f"ms:{now_ns // 10**6 - 60_000}:")
        if page.fills:
            break
        await asyncio.sleep(0.05)
    return page


async def _close(venue: Venue, instrument: InstrumentId, price: Decimal) -> None:
    (position,) = await venue.positions()
    assert (position.direction, position.quantity) == (Direction.LONG, QUANTITY)
    assert position.leverage in (5, None)  # not every venue says it with a position
    low = floor_to_step(price * Decimal("0.98"), Decimal("0.1"))
    await _place(venue,
        OrderRequest(
            OrderId(52), instrument, Side.SELL, QUANTITY, price=low,
            time_in_force=TimeInForce.IOC, reduce_only=True,
        ),
    )  # fmt: skip
    assert not await venue.positions()


async def listen(seat: Seat) -> None:
    """Every public channel with the real runner: nothing unreadable, a book that stays valid."""
    async with adapters(seat) as (venues, market):
        listings = await venues.public_venue(market).listings()
        heard = _Heard()
        runner = venues.feed(market, listings)(heard)
        topics = [
            FeedTopic(channel, each.instrument.id) for channel in FeedChannel for each in listings
        ]
        running = asyncio.create_task(runner.run(topics))
        try:
            await asyncio.wait_for(heard.enough.wait(), 15)
            wrong = [each for each in heard.events if isinstance(each, WRONG)]
            assert not wrong, wrong
        except TimeoutError:
            raise AssertionError((heard.kinds, heard.changes, heard.events)) from None
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


class _Heard:
    """A sink that knows when it has heard enough."""

    def __init__(self) -> None:
        self.enough = asyncio.Event()
        self.kinds: set[type] = set()
        self.changes = 0
        self.events: list[FeedEvent] = []

    def tick(self, tick: TradePrinted | QuoteChanged | CandleSeen, seen_ns: int) -> None:
        # spot quotes of some venues bear no time
        assert not tick.event_ns or 0 <= seen_ns - tick.event_ns < 5 * SECOND_NS
        self.kinds.add(type(tick))
        self._look()

    def book(self, local_book: LocalBook, seen_ns: int) -> None:
        assert local_book.valid_at(seen_ns, SECOND_NS) is not None
        self.changes += 1
        self._look()

    def event(self, event: FeedEvent, seen_ns: int) -> None:
        del seen_ns
        self.events.append(event)

    def _look(self) -> None:
        if self.changes >= CHANGES and self.kinds == {TradePrinted, QuoteChanged, CandleSeen}:
            self.enough.set()


def judge(venue: str) -> None:
    """Both adapters at both markets of a venue, all at once: most of it is waiting."""

    async def one(kind: str, ask: Callable[[Seat], Awaitable[None]]) -> None:
        async with asyncio.timeout(30), seated(venue, kind) as seat:
            await ask(seat)

    async def every() -> None:
        async with asyncio.TaskGroup() as group:
            for kind in ("spot", "linear"):
                for ask in (trade, listen):
                    group.create_task(one(kind, ask))

    asyncio.run(every())
