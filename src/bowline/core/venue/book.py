"""An order book: sorted prices a side, and what a size would cost.

It holds what it was told and judges nothing: whether it may be believed is its keeper's to say
(`venues/local_book.py`). Prices and sizes are float64, quote money and base units.

`ClearBook` says what a book is. `Book` is the same in C (`csrc/book.c`), because it is changed
thousands of times a second; where that could not be compiled it is `ClearBook` itself, and one
compiled of other sources is StaleExtension.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING

from bowline.core.compiled import StaleExtension
from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import Side
from bowline.core.venue.ticks import Level


class ClearBook:
    """One instrument's book. Best prices are the last of their list: they change most."""

    __slots__ = ("_asks", "_bids", "_size_at", "event_ns", "instrument")

    def __init__(self, instrument: InstrumentId) -> None:
        self.instrument = instrument
        self.event_ns = 0
        #: bids rising; asks as negatives, so rising too: the best of either is the last
        self._bids: list[float] = []
        self._asks: list[float] = []
        self._size_at: dict[float, float] = {}

    def replace(self, bids: Iterable[Level], asks: Iterable[Level], event_ns: int) -> None:
        """Forget everything and take these levels."""
        self._bids, self._asks, self._size_at = [], [], {}
        self.change(
            [level for level in bids if level[1] > 0],
            [level for level in asks if level[1] > 0],
            event_ns,
        )

    def change(self, bids: Iterable[Level], asks: Iterable[Level], event_ns: int) -> None:
        """Take new sizes of levels; a size of 0 takes the level away.

        ValueError for a negative size or a price that is no number; levels before it are then
        taken already.
        """
        sizes = self._size_at
        for price, size in bids:
            if size > 0.0:  # two floats are compared faster than a float and an int
                if price not in sizes:
                    self._insert(self._bids, price)
                sizes[price] = size
            else:
                self._take_away(self._bids, price, size)
        for price, size in asks:
            key = -price
            if size > 0.0:
                if key not in sizes:
                    self._insert(self._asks, key)
                sizes[key] = size
            else:
                self._take_away(self._asks, key, size)
        self.event_ns = event_ns

    @staticmethod
    def _insert(keys: list[float], key: float) -> None:
        if key != key:  # noqa: PLR0124 - not a number
            raise ValueError("a price is not a number")
        insort(keys, key)

    def _take_away(self, keys: list[float], key: float, size: float) -> None:
        if size < 0:
            raise ValueError(f"size {size} at {abs(key)}: a size is 0 or more")
        if self._size_at.pop(key, None) is not None:
            del keys[bisect_left(keys, key)]

    def keep(self, depth: int) -> None:
        """Forget the levels beyond the best `depth` of a side."""
        for prices in (self._bids, self._asks):
            while len(prices) > depth:
                del self._size_at[prices[0]]
                del prices[0]

    @property
    def best_bid(self) -> Level | None:
        """The highest bid; None if nobody bids."""
        if not self._bids:
            return None
        price = self._bids[-1]
        return price, self._size_at[price]

    @property
    def best_ask(self) -> Level | None:
        """The lowest ask; None if nobody asks."""
        if not self._asks:
            return None
        key = self._asks[-1]
        return -key, self._size_at[key]

    @property
    def usable(self) -> bool:
        """Whether both sides are there and do not cross or touch."""
        bids, asks = self._bids, self._asks
        if not bids or not asks:
            return False
        return bids[-1] < -asks[-1]

    def bids(self, depth: int) -> list[Level]:
        """The best `depth` bids, best first."""
        return [(price, self._size_at[price]) for price in self._bids[: -depth - 1 : -1]]

    def asks(self, depth: int) -> list[Level]:
        """The best `depth` asks, best first."""
        return [(-key, self._size_at[key]) for key in self._asks[: -depth - 1 : -1]]

    def by_turns(self, depth: int, price_decimals: int, size_decimals: int) -> bytes:
        """The best `depth` levels as text, bid and ask by turns: `price:size:price:size…`.

        Numbers are written with so many decimals. It is what some venues make checksums of.
        """
        words: list[str] = []
        bids, asks = self.bids(depth), self.asks(depth)
        for at in range(max(len(bids), len(asks))):
            for price, size in (*bids[at : at + 1], *asks[at : at + 1]):
                words += (f"{price:.{price_decimals}f}", f"{size:.{size_decimals}f}")
        return ":".join(words).encode()

    def average_price(self, side: Side, quantity: float) -> float | None:
        """Quote money a base unit that taking `quantity` would cost (VWAP); None if too thin."""
        prices = self._asks if side is Side.BUY else self._bids
        left, cost = quantity, 0.0
        for key in reversed(prices):
            take = min(left, self._size_at[key])
            cost += take * abs(key)
            left -= take
            if left <= 0:
                return cost / quantity
        return None


#: of `ClearBook`, with the part in C of the two that are asked for more
_COMPILED_NAMES = frozenset(name for name in vars(ClearBook) if not name.startswith("_")) - {
    "average_price", "by_turns",
} | {"_average", "_by_turns"}  # fmt: skip


def checked_book(module: ModuleType) -> type:
    """The compiled book of `module`; StaleExtension if it lacks what `ClearBook` has."""
    book: type = getattr(module, "CompiledBook", object)
    if missing := sorted(name for name in _COMPILED_NAMES if not hasattr(book, name)):
        raise StaleExtension(str(module.__file__), f"it lacks {', '.join(missing)}")
    return book


if TYPE_CHECKING:
    Book = ClearBook
else:
    try:
        import bowline.core.venue._book as compiled
    except ModuleNotFoundError:
        Book = ClearBook
    except ImportError as error:
        raise StaleExtension(str(error.path), error) from error
    else:
        CompiledBook = checked_book(compiled)

        class Book(CompiledBook):
            """A `ClearBook` in C."""

            __slots__ = ()

            def average_price(self, side: Side, quantity: float) -> float | None:
                """As `ClearBook.average_price`."""
                return self._average(side is Side.BUY, quantity)

            def by_turns(self, depth: int, price_decimals: int, size_decimals: int) -> bytes:
                """As `ClearBook.by_turns`, which is asked where a number is not certain."""
                text = self._by_turns(depth, price_decimals, size_decimals)
                if text is None:
                    return ClearBook.by_turns(self, depth, price_decimals, size_decimals)
                return text
