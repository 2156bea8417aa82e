"""The public book of one instrument: what stands outside and what accounts have put there.

1. At a price there is a queue: the orders of accounts by arrival, and the outside size, whose place
   is as old as the level: who stood there first is filled first.
2. The market source replaces all outside sizes at once; a level that stays keeps its place.
3. What changed since the last publication is told as levels, and counted.

It knows sizes and places, and neither accounts nor money. Exact: Decimal throughout.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO, Side
from bowline.core.sim.exchange.facts import BookLevel, BookSnapshot


class _Level:
    """The queue at one price. `orders` maps an order id to what it shows and its place."""

    __slots__ = ("orders", "outside", "place")

    def __init__(self) -> None:
        self.outside = ZERO
        self.place = 0
        self.orders: dict[int, tuple[Decimal, int]] = {}

    @property
    def size(self) -> Decimal:
        return sum((size for size, _ in self.orders.values()), self.outside)

    def front(self) -> tuple[int | None, Decimal]:
        """Who is filled next, None for the outside, and how much of it there is."""
        for order_id, (size, place) in self.orders.items():
            if self.outside and self.place < place:
                break
            return order_id, size
        return None, self.outside


class MatchBook:
    """Both sides of a book. Best prices are the last of their list: they change most."""

    def __init__(self, instrument: InstrumentId) -> None:
        self.instrument = instrument
        self.sequence = 0
        #: bids rising; asks as negatives, so rising too: the best of either is the last
        self._prices: dict[Side, list[Decimal]] = {Side.BUY: [], Side.SELL: []}
        self._levels: dict[Side, dict[Decimal, _Level]] = {Side.BUY: {}, Side.SELL: {}}
        self._home: dict[int, tuple[Side, Decimal]] = {}
        #: orders whose size may shrink when their account's position does
        self._soft: set[int] = set()
        self._places = 0
        self._touched: dict[tuple[Side, Decimal], None] = {}
        self._shown: dict[tuple[Side, Decimal], Decimal] = {}

    def best(self, side: Side) -> Decimal | None:
        """The best price of a side."""
        prices = self._prices[side]
        return abs(prices[-1]) if prices else None

    def front(self, side: Side) -> tuple[Decimal, int | None, Decimal] | None:
        """Price, order id (None: outside) and size of who is filled next on a side."""
        price = self.best(side)
        if price is None:
            return None
        return price, *self._levels[side][price].front()

    def rests(self, order_id: int) -> bool:
        """Whether this order stands in the book."""
        return order_id in self._home

    def shown(self, order_id: int) -> Decimal:
        """How much of an order stands in the book."""
        if order_id not in self._home:
            return ZERO
        side, price = self._home[order_id]
        return self._levels[side][price].orders[order_id][0]

    def rest(self, order_id: int, side: Side, price: Decimal, size: Decimal, *, soft: bool) -> None:
        """Put an order at the end of its queue."""
        assert size > ZERO, f"order {order_id} rests with {size}"
        assert order_id not in self._home, f"order {order_id} rests already"
        self._places += 1
        self._at(side, price).orders[order_id] = (size, self._places)
        self._home[order_id] = (side, price)
        if soft:
            self._soft.add(order_id)

    def resize(self, order_id: int, size: Decimal) -> None:
        """Show another size of an order in its place; 0 takes it out of the book."""
        side, price = self._home[order_id]
        level = self._at(side, price)
        if size > ZERO:
            level.orders[order_id] = (size, level.orders[order_id][1])
            return
        del level.orders[order_id], self._home[order_id]
        self._soft.discard(order_id)
        self._tidy(side, price)

    def eat(self, side: Side, price: Decimal, quantity: Decimal) -> None:
        """Somebody took `quantity` of what stands outside at a price."""
        level = self._at(side, price)
        assert ZERO < quantity <= level.outside, f"{quantity} of {level.outside} at {price}"
        level.outside -= quantity
        self._tidy(side, price)

    def show(self, side: Side, levels: Iterable[BookLevel]) -> None:
        """Replace the outside sizes of a side."""
        new = {price: size for price, size in levels if size}
        gone = [p for p, level in self._levels[side].items() if level.outside and p not in new]
        for price in gone:
            self._at(side, price).outside = ZERO
            self._tidy(side, price)
        self._places += 1
        for price, size in new.items():
            known = self._levels[side].get(price)
            if known is not None and known.outside == size:
                continue
            level = self._at(side, price)
            if not level.outside:
                level.place = self._places
            level.outside = size

    def walk(self, side: Side, limit: Decimal | None = None) -> Iterator[tuple[Decimal, Decimal]]:
        """Price and whole size of the levels of a side, best first, up to a limit price."""
        for key in reversed(self._prices[side]):
            price = abs(key)
            if limit is not None and _beyond(side, price, limit):
                return
            yield price, self._levels[side][price].size

    def firm(self, side: Side, limit: Decimal) -> Decimal:
        """How much can be taken for certain: all but what may shrink while it is taken."""
        total = ZERO
        for price, size in self.walk(side, limit):
            orders = self._levels[side][price].orders
            total += size - sum((orders[i][0] for i in orders if i in self._soft), ZERO)
        return total

    def publish(self) -> tuple[tuple[BookLevel, ...], tuple[BookLevel, ...]] | None:
        """Bids and asks that changed since the last time, and the next number; None if none."""
        changed: dict[Side, list[BookLevel]] = {Side.BUY: [], Side.SELL: []}
        for key in self._touched:
            side, price = key
            level = self._levels[side].get(price)
            size = ZERO if level is None else level.size
            if size == self._shown.get(key, ZERO):
                continue
            if size:
                self._shown[key] = size
            else:
                del self._shown[key]
            changed[side].append((price, size))
        self._touched.clear()
        bids, asks = changed[Side.BUY], changed[Side.SELL]
        if not bids and not asks:
            return None
        self.sequence += 1
        return tuple(sorted(bids, reverse=True)), tuple(sorted(asks))

    def snapshot(self, now_ns: int, depth: int | None) -> BookSnapshot:
        """The book as it is, best levels first."""
        bids, asks = (tuple(self.walk(side))[:depth] for side in (Side.BUY, Side.SELL))
        return BookSnapshot(self.instrument, now_ns, self.sequence, bids, asks)

    def _at(self, side: Side, price: Decimal) -> _Level:
        """The level at a price, new if there was none; whoever asks is about to change it."""
        self._touched[side, price] = None
        level = self._levels[side].get(price)
        if level is None:
            level = self._levels[side][price] = _Level()
            insort(self._prices[side], _key(side, price))
        return level

    def _tidy(self, side: Side, price: Decimal) -> None:
        level = self._levels[side][price]
        if not level.outside and not level.orders:
            del self._levels[side][price]
            prices = self._prices[side]
            del prices[bisect_left(prices, _key(side, price))]


def _key(side: Side, price: Decimal) -> Decimal:
    return price if side is Side.BUY else -price


def _beyond(side: Side, price: Decimal, limit: Decimal) -> bool:
    """Whether a price of `side` is worse for its taker than the limit."""
    return price < limit if side is Side.BUY else price > limit
