"""What a simulated venue itself knows that it printed, quoted and showed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.sim.exchange import TradePublished
from bowline.core.venue import Book
from bowline.simex import VenueSimulator
from bowline.simex.depth_view import DepthView
from bowline.simex.venue_updates import DepthUpdated, VenueUpdate

_MS_NS = 1_000_000
DEPTH = 50
Quote = tuple[int, float, float, float, float]
Print = tuple[int, float, float, str]
Levels = list[tuple[float, float]]


class Truth:
    """Everything that a venue of the world has told since `begin_ns`, whoever listened."""

    def __init__(self, simulator: VenueSimulator, venue: str, kind: str) -> None:
        self.venue = simulator.venues[venue]
        self.kind = kind
        self.instruments = [each.instrument.id for each in self.venue.listings(kind)]
        self.prints: dict[InstrumentId, list[Print]] = defaultdict(list)
        self.quotes: dict[InstrumentId, list[Quote]] = defaultdict(list)
        #: of each instrument the hash of every book that was shown, and when
        self.books: dict[InstrumentId, dict[int, int]] = defaultdict(dict)
        for each in self.instruments:
            self._see_quote(self.venue.depth(each, 1), self.venue.scheduler.now_ns)
            self._see_book(self.venue.depth(each, DEPTH), self.venue.scheduler.now_ns)
        tell = self.venue.subscriptions.publish

        def heard(update: VenueUpdate, kinds: Iterable[str]) -> None:
            self._hear(update)
            tell(update, tuple(kinds))

        self.venue.subscriptions.publish = heard  # type: ignore[method-assign]

    def _hear(self, update: VenueUpdate) -> None:
        if isinstance(update, TradePublished):
            price, size = float(update.price), float(update.quantity)
            self.prints[update.instrument].append(
                (update.now_ns // _MS_NS, price, size, update.side.value)
            )
        elif isinstance(update, DepthUpdated) and update.view.instrument in self.instruments:
            if update.view.depth == 1:
                self._see_quote(update.view, update.change.event_ns)
            elif update.view.depth == DEPTH:
                self._see_book(update.view, update.change.event_ns)

    def _see_quote(self, view: DepthView, event_ns: int) -> None:
        self.quotes[view.instrument].append(quote_of(view, event_ns // _MS_NS))

    def _see_book(self, view: DepthView, event_ns: int) -> None:
        shown = hash_of(levels_of(view.bids), levels_of(view.asks))
        self.books[view.instrument][shown] = event_ns // _MS_NS

    def shown_ms(self, book: Book) -> int | None:
        """When the venue last showed exactly this book; None if it never did."""
        return self.books[book.instrument].get(hash_of(book.bids(DEPTH), book.asks(DEPTH)))

    def candles(self, instrument: InstrumentId, until_ns: int) -> dict[int, list[float]]:
        """Closed minutes by open time."""
        known = self.venue.view(self.kind).candles(instrument, limit=100_000)
        return {
            each.open_ns: [
                float(value) for value in (each.open, each.high, each.low, each.close, each.volume)
            ]
            for each in known
            if each.open_ns < until_ns
        }


def quote_of(view: DepthView, at_ms: int) -> Quote:
    (bid, bid_size), (ask, ask_size) = view.bids[0], view.asks[0]
    return at_ms, float(bid), float(bid_size), float(ask), float(ask_size)


def levels_of(levels: Iterable[tuple[Decimal, Decimal]]) -> Levels:
    return [(float(price), float(size)) for price, size in levels]


def hash_of(bids: Levels, asks: Levels) -> int:
    return hash((*bids, None, *asks))


Windows = list[tuple[int, int]]


def missing_outside(
    told: Iterable[tuple[int, ...]], kept: Iterable[tuple[int, ...]], deaf_ms: Windows
) -> list[tuple[int, ...]]:
    """What was told and not kept, though somebody listened.

    The first of a tuple is its moment, which the venue may write a moment later into the frame.
    """
    rest = Counter(each[1:] for each in kept)
    lost = []
    for each in told:
        if any(first <= each[0] <= last for first, last in deaf_ms):
            continue
        if rest[each[1:]]:
            rest[each[1:]] -= 1
        else:
            lost.append(each)
    return lost
