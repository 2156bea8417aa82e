"""Live books of one symbol at several venues, side by side: who is best to buy from and sell to.

Only a valid book is ever shown with prices.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from bowline.core.model.instrument import InstrumentId, market_by_id
from bowline.core.model.values import SECOND_NS, Side
from bowline.core.venue import CandleSeen, Listing, QuoteChanged, TradePrinted
from bowline.venues import FeedChannel, FeedTopic, LocalBook
from bowline.venues.registry import VenueRegistry
from bowline.venues.stream import (
    BookInvalid,
    ConnectionLost,
    FeedEvent,
    FrameUnreadable,
    TopicRefused,
    TopicSilent,
)

#: a book that has said nothing for longer is not shown as a price
MOST_AGE_NS = 10 * SECOND_NS


class BookSide(msgspec.Struct, frozen=True, kw_only=True):
    """One venue's book: best prices, what `size` would cost to buy and bring when sold.

    `state`: `valid`, or why there is no price. Prices are quote money, sizes base units.
    """

    market: str
    symbol: str
    state: str
    age_s: float | None = None
    bid: float | None = None
    bid_size: float | None = None
    ask: float | None = None
    ask_size: float | None = None
    buys_at: float | None = None
    sells_at: float | None = None

    @property
    def spread_bps(self) -> float | None:
        """From bid to ask, in basis points of their middle."""
        if self.bid is None or self.ask is None:
            return None
        return (self.ask - self.bid) / (self.ask + self.bid) * 20_000


class BookComparison(msgspec.Struct, frozen=True):
    """Books at one moment, and where `size` is bought and sold best; empty: nowhere."""

    seen_ns: int
    size: float
    books: tuple[BookSide, ...]
    best_buy: str = ""
    best_sell: str = ""

    @property
    def gain_bps(self) -> float | None:
        """What buying at the best and selling at the best would bring, before fees."""
        buy = next((b.buys_at for b in self.books if b.market == self.best_buy), None)
        sell = next((b.sells_at for b in self.books if b.market == self.best_sell), None)
        return None if buy is None or sell is None else (sell / buy - 1) * 10_000


class BookBoard:
    """A sink that collects the books of a feed."""

    def __init__(self) -> None:
        self._local_books: dict[InstrumentId, LocalBook] = {}
        self._reasons: dict[InstrumentId, str] = {}
        self._news = asyncio.Event()
        self.trouble = ""

    def tick(self, tick: TradePrinted | QuoteChanged | CandleSeen, seen_ns: int) -> None:
        """Nothing but books is asked for."""

    def book(self, local_book: LocalBook, seen_ns: int) -> None:
        """A book has changed and is valid."""
        book = local_book.valid_at(seen_ns, MOST_AGE_NS)
        if book is not None:
            self._local_books[book.instrument] = local_book
            self._reasons.pop(book.instrument, None)
            self._news.set()

    def event(self, event: FeedEvent, seen_ns: int) -> None:  # noqa: ARG002 - books carry their own
        """Why a book is not there."""
        match event:
            case BookInvalid(instrument, reason):
                self._reasons[instrument] = reason
            case TopicRefused(topic, code, message):
                self._reasons[topic.instrument] = f"refused: {code} {message}".strip()
            case TopicSilent(topic):
                self._reasons[topic.instrument] = "silent"
            case ConnectionLost(_, why, topics, _):
                self._reasons |= {topic.instrument: why for topic in topics}
                self.trouble = why
            case FrameUnreadable(_, message):
                self.trouble = message

    async def wait_complete(self, instruments: Sequence[InstrumentId]) -> None:
        """Wait until every one of these books has arrived."""
        while not self._local_books.keys() >= set(instruments):
            self._news.clear()
            await self._news.wait()

    def side(self, instrument: InstrumentId, now_ns: int, size: float = 0.0) -> BookSide:
        """One book as it is now."""
        market = market_by_id(instrument.market_id).name
        local_book = self._local_books.get(instrument)
        book = local_book.valid_at(now_ns, MOST_AGE_NS) if local_book else None
        if book is None or book.best_bid is None or book.best_ask is None:
            state = self._reasons.get(instrument, "stale" if local_book else "waiting")
            return BookSide(market=market, symbol=instrument.symbol, state=state)
        (bid, bid_size), (ask, ask_size) = book.best_bid, book.best_ask
        return BookSide(
            market=market,
            symbol=instrument.symbol,
            state="valid",
            age_s=round(max(0, now_ns - book.event_ns) / SECOND_NS, 3) if book.event_ns else None,
            bid=bid,
            bid_size=bid_size,
            ask=ask,
            ask_size=ask_size,
            buys_at=book.average_price(Side.BUY, size) if size else ask,
            sells_at=book.average_price(Side.SELL, size) if size else bid,
        )

    def compare(self, listings: Iterable[Listing], now_ns: int, size: float) -> BookComparison:
        """All books, and where `size` is best bought and sold."""
        books = tuple(self.side(each.instrument.id, now_ns, size) for each in listings)
        buys = [(book.buys_at, book.market) for book in books if book.buys_at is not None]
        sells = [(book.sells_at, book.market) for book in books if book.sells_at is not None]
        return BookComparison(
            now_ns,
            size,
            books,
            min(buys)[1] if buys else "",
            max(sells)[1] if sells else "",
        )


async def listen(venues: VenueRegistry, listings: Sequence[Listing], board: BookBoard) -> None:
    """Keep the books of these listings until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        for listing in listings:
            market = market_by_id(listing.instrument.id.market_id)
            runner = venues.feed(market, [listing])(board)
            tasks.create_task(runner.run([FeedTopic(FeedChannel.BOOK, listing.instrument.id)]))
