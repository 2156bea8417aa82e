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
from itertools import islice

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
        if not self.orders:
            return self.outside
        return sum((size for size, _ in self.orders.values()), self.outside)

    def front(self) -> tuple[int | None, Decimal]:
        """Who is filled next, None for the outside, and how much of it there is."""
        for order_id, (size, place) in self.orders.items():
            if self.outside and self.place < place:
                break
            return order_id, size
        return None, self.outside


class _Half:
    """One side: `sign` is +1 for bids and -1 for asks."""

    __slots__ = ("levels", "prices", "shown", "sign", "touched")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        #: bids rising; asks as negatives, so rising too: the best of either is the last
        self.prices: list[Decimal] = []
        self.levels: dict[Decimal, _Level] = {}
        self.shown: dict[Decimal, Decimal] = {}
        self.touched: dict[Decimal, None] = {}

    def at(self, price: Decimal) -> _Level:
        """The level at a price, new if there was none; whoever asks is about to change it."""
        self.touched[price] = None
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = _Level()
            insort(self.prices, price * self.sign)
        return level

    def tidy(self, price: Decimal) -> None:
        """Forget a level at which nobody stands any more."""
        level = self.levels[price]
        if not level.outside and not level.orders:
            del self.levels[price]
            del self.prices[bisect_left(self.prices, price * self.sign)]

    def walk(self, limit: Decimal | None) -> Iterator[tuple[Decimal, _Level]]:
        """The levels, best first, up to a limit price."""
        for key in reversed(self.prices):
            if limit is not None and key < limit * self.sign:
                return
            price = abs(key)
            yield price, self.levels[price]

    def publish(self) -> tuple[BookLevel, ...]:
        """The levels whose size is not the one shown last, best first."""
        changed: list[BookLevel] = []
        for price in sorted(self.touched, reverse=self.sign > 0):
            level = self.levels.get(price)
            size = ZERO if level is None else level.size
            if size == self.shown.get(price, ZERO):
                continue
            if size:
                self.shown[price] = size
            else:
                del self.shown[price]
            changed.append((price, size))
        self.touched.clear()
        return tuple(changed)


class MatchBook:
    """Both sides of a book. Best prices are the last of their list: they change most."""

    def __init__(self, instrument: InstrumentId) -> None:
        self.instrument = instrument
        self.sequence = 0
        self._bids = _Half(1)
        self._asks = _Half(-1)
        self._home: dict[int, tuple[_Half, Decimal]] = {}
        #: orders whose size may shrink when their account's position does
        self._soft: set[int] = set()
        self._places = 0

    def best(self, side: Side) -> Decimal | None:
        """The best price of a side."""
        prices = self._half(side).prices
        return abs(prices[-1]) if prices else None

    def front(self, side: Side) -> tuple[Decimal, int | None, Decimal] | None:
        """Price, order id (None: outside) and size of who is filled next on a side."""
        price = self.best(side)
        if price is None:
            return None
        return price, *self._half(side).levels[price].front()

    def rests(self, order_id: int) -> bool:
        """Whether this order stands in the book."""
        return order_id in self._home

    def shown(self, order_id: int) -> Decimal:
        """How much of an order stands in the book."""
        half, price = self._home[order_id]
        return half.levels[price].orders[order_id][0]

    def rest(self, order_id: int, side: Side, price: Decimal, size: Decimal, *, soft: bool) -> None:
        """Put an order at the end of its queue."""
        assert size > ZERO, f"order {order_id} rests with {size}"
        assert order_id not in self._home, f"order {order_id} rests already"
        self._places += 1
        half = self._half(side)
        half.at(price).orders[order_id] = (size, self._places)
        self._home[order_id] = (half, price)
        if soft:
            self._soft.add(order_id)

    def resize(self, order_id: int, size: Decimal) -> None:
        """Show another size of an order in its place; 0 takes it out of the book."""
        half, price = self._home[order_id]
        level = half.at(price)
        if size > ZERO:
            level.orders[order_id] = (size, level.orders[order_id][1])
            return
        del level.orders[order_id], self._home[order_id]
        self._soft.discard(order_id)
        half.tidy(price)

    def eat(self, side: Side, price: Decimal, quantity: Decimal) -> None:
        """Somebody took `quantity` of what stands outside at a price."""
        half = self._half(side)
        level = half.at(price)
        assert ZERO < quantity <= level.outside, f"{quantity} of {level.outside} at {price}"
        level.outside -= quantity
        half.tidy(price)

    def show(self, side: Side, levels: Iterable[BookLevel]) -> None:
        """Replace the outside sizes of a side."""
        half, new = self._half(side), {price: size for price, size in levels if size}
        gone = [p for p, level in half.levels.items() if level.outside and p not in new]
        for price in gone:
            half.at(price).outside = ZERO
            half.tidy(price)
        self._places += 1
        for price, size in new.items():
            known = half.levels.get(price)
            if known is not None and known.outside == size:
                continue
            level = half.at(price)
            if not level.outside:
                level.place = self._places
            level.outside = size

    def walk(self, side: Side) -> Iterator[tuple[Decimal, Decimal]]:
        """Price and whole size of the levels of a side, best first."""
        for price, level in self._half(side).walk(None):
            yield price, level.size

    def firm(self, side: Side, limit: Decimal) -> Decimal:
        """How much can be taken for certain: all but what may shrink while it is taken."""
        total = ZERO
        for _, level in self._half(side).walk(limit):
            soft = (size for i, (size, _) in level.orders.items() if i in self._soft)
            total += level.size - sum(soft, ZERO)
        return total

    def publish(self) -> tuple[tuple[BookLevel, ...], tuple[BookLevel, ...]] | None:
        """Bids and asks that changed since the last time, counted; None if none did."""
        if not self._bids.touched and not self._asks.touched:
            return None
        bids, asks = self._bids.publish(), self._asks.publish()
        if not bids and not asks:
            return None
        self.sequence += 1
        return bids, asks

    def snapshot(self, now_ns: int, depth: int | None) -> BookSnapshot:
        """The book as it is, best levels first."""
        bids, asks = (tuple(islice(self.walk(side), depth)) for side in (Side.BUY, Side.SELL))
        return BookSnapshot(self.instrument, now_ns, self.sequence, bids, asks)

    def _half(self, side: Side) -> _Half:
        return self._bids if side is Side.BUY else self._asks
