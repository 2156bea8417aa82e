"""The limit order book of one instrument: account orders and external liquidity, by time priority.

1. A price level is a queue of account orders in order of arrival, and one external size from the
   market source. The external size has the priority of the moment when it first appeared.
2. The market source replaces all external sizes at once; a level that stays keeps its priority.
3. `publish` returns the levels that changed since the last call and increments `sequence`.

It must never know accounts or money. Exact: Decimal throughout.
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
    """The queue at one price. `orders` maps an order id to its displayed size and its priority."""

    __slots__ = ("external", "orders", "priority")

    def __init__(self) -> None:
        self.external = ZERO
        self.priority = 0
        self.orders: dict[int, tuple[Decimal, int]] = {}

    @property
    def size(self) -> Decimal:
        if not self.orders:
            return self.external
        return sum((size for size, _ in self.orders.values()), self.external)

    def first_in_queue(self) -> tuple[int | None, Decimal]:
        """The next order to fill (None: the external size), and its size."""
        for order_id, (size, priority) in self.orders.items():
            if self.external and self.priority < priority:
                break
            return order_id, size
        return None, self.external


class _BookSide:
    """One side: `sign` is +1 for bids and -1 for asks."""

    __slots__ = ("displayed", "levels", "prices", "sign", "touched")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        #: bids rising; asks as negatives, so rising too: the best of either is the last
        self.prices: list[Decimal] = []
        self.levels: dict[Decimal, _Level] = {}
        self.displayed: dict[Decimal, Decimal] = {}
        self.touched: dict[Decimal, None] = {}

    def at(self, price: Decimal) -> _Level:
        """The level at a price, created if needed, and marked as changed."""
        self.touched[price] = None
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = _Level()
            insort(self.prices, price * self.sign)
        return level

    def remove_if_empty(self, price: Decimal) -> None:
        """Remove a level without orders and without external size."""
        level = self.levels[price]
        if not level.external and not level.orders:
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
        """The levels whose size differs from the one published last, best first."""
        changed: list[BookLevel] = []
        for price in sorted(self.touched, reverse=self.sign > 0):
            level = self.levels.get(price)
            size = ZERO if level is None else level.size
            if size == self.displayed.get(price, ZERO):
                continue
            if size:
                self.displayed[price] = size
            else:
                del self.displayed[price]
            changed.append((price, size))
        self.touched.clear()
        return tuple(changed)


class LimitOrderBook:
    """Both sides of a book. The best price is last in its list, because it changes most often."""

    def __init__(self, instrument: InstrumentId) -> None:
        self.instrument = instrument
        self.sequence = 0
        self._bids = _BookSide(1)
        self._asks = _BookSide(-1)
        self._location: dict[int, tuple[_BookSide, Decimal]] = {}
        #: reducing orders: their size shrinks when their account's position does
        self._reducing: set[int] = set()
        self._last_priority = 0

    def best(self, side: Side) -> Decimal | None:
        """The best price of a side."""
        prices = self._side(side).prices
        return abs(prices[-1]) if prices else None

    def first_in_queue(self, side: Side) -> tuple[Decimal, int | None, Decimal] | None:
        """Price, order id (None: external) and size of the next fill on a side."""
        price = self.best(side)
        if price is None:
            return None
        return price, *self._side(side).levels[price].first_in_queue()

    def rests(self, order_id: int) -> bool:
        """Whether this order is in the book."""
        return order_id in self._location

    def displayed(self, order_id: int) -> Decimal:
        """The size of an order that is in the book."""
        half, price = self._location[order_id]
        return half.levels[price].orders[order_id][0]

    def rest(
        self, order_id: int, side: Side, price: Decimal, size: Decimal, *, reducing: bool
    ) -> None:
        """Put an order at the end of its queue."""
        assert size > ZERO, f"order {order_id} rests with {size}"
        assert order_id not in self._location, f"order {order_id} rests already"
        self._last_priority += 1
        half = self._side(side)
        half.at(price).orders[order_id] = (size, self._last_priority)
        self._location[order_id] = (half, price)
        if reducing:
            self._reducing.add(order_id)

    def resize(self, order_id: int, size: Decimal) -> None:
        """Change the displayed size of an order, which keeps its priority; 0 removes it."""
        half, price = self._location[order_id]
        level = half.at(price)
        if size > ZERO:
            level.orders[order_id] = (size, level.orders[order_id][1])
            return
        del level.orders[order_id], self._location[order_id]
        self._reducing.discard(order_id)
        half.remove_if_empty(price)

    def take_external(self, side: Side, price: Decimal, quantity: Decimal) -> None:
        """Reduce the external size at a price by `quantity`, which was traded."""
        half = self._side(side)
        level = half.at(price)
        assert ZERO < quantity <= level.external, f"{quantity} of {level.external} at {price}"
        level.external -= quantity
        half.remove_if_empty(price)

    def replace_external(self, side: Side, levels: Iterable[BookLevel]) -> None:
        """Replace the external sizes of a side."""
        half, new = self._side(side), {price: size for price, size in levels if size}
        gone = [p for p, level in half.levels.items() if level.external and p not in new]
        for price in gone:
            half.at(price).external = ZERO
            half.remove_if_empty(price)
        self._last_priority += 1
        for price, size in new.items():
            known = half.levels.get(price)
            if known is not None and known.external == size:
                continue
            level = half.at(price)
            if not level.external:
                level.priority = self._last_priority
            level.external = size

    def walk(self, side: Side) -> Iterator[tuple[Decimal, Decimal]]:
        """Price and whole size of the levels of a side, best first."""
        for price, level in self._side(side).walk(None):
            yield price, level.size

    def guaranteed_size(self, side: Side, limit: Decimal) -> Decimal:
        """The size that can certainly be taken up to a limit: reducing orders are not counted."""
        total = ZERO
        for _, level in self._side(side).walk(limit):
            reducing = (size for i, (size, _) in level.orders.items() if i in self._reducing)
            total += level.size - sum(reducing, ZERO)
        return total

    def publish(self) -> tuple[tuple[BookLevel, ...], tuple[BookLevel, ...]] | None:
        """Bids and asks that changed since the last call; None if none did."""
        if not self._bids.touched and not self._asks.touched:
            return None
        bids, asks = self._bids.publish(), self._asks.publish()
        if not bids and not asks:
            return None
        self.sequence += 1
        return bids, asks

    def snapshot(self, now_ns: int, depth: int | None) -> BookSnapshot:
        """The current book, best levels first."""
        bids, asks = (tuple(islice(self.walk(side), depth)) for side in (Side.BUY, Side.SELL))
        return BookSnapshot(self.instrument, now_ns, self.sequence, bids, asks)

    def _side(self, side: Side) -> _BookSide:
        return self._bids if side is Side.BUY else self._asks
