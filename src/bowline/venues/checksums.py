"""Checksums of books: CRC-32 over the best levels as text, as OKX and Bitget define it.

The venue's text is not kept: the float nearest to a text gives it back, if it is known how the
venue writes numbers (a fixed number of decimals, or no trailing zeros). So a book without checks
costs nothing, and one that is checked at every n-th change costs at every n-th. The text of a level
is cached until the next check.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from zlib import crc32

from bowline.core.venue import Book, Level

#: writes a number as the venue does
FormatNumber = Callable[[float], str]

_LEVELS = 25
_SIGN = 1 << 31
_REMEMBERED = 2_000


class BookCrc32:
    """Bids and asks in turns, best first, 25 of each: `price:size:price:size…`, as a signed int.

    One object per book: it caches the text of its levels.
    """

    __slots__ = ("_price", "_size", "_written")

    def __init__(self, price: FormatNumber, size: FormatNumber) -> None:
        self._price = price
        self._size = size
        self._written: dict[Level, str] = {}

    def __call__(self, book: Book) -> int:
        """The checksum of this book."""
        bids, asks = self._texts(book.bids(_LEVELS)), self._texts(book.asks(_LEVELS))
        both = min(len(bids), len(asks))
        words = [*bids[:both], *asks[:both]]
        words[::2], words[1::2] = bids[:both], asks[:both]
        words += bids[both:] or asks[both:]
        return _signed(crc32(":".join(words).encode()))

    def _texts(self, levels: list[Level]) -> list[str]:
        written = self._written
        if len(written) > _REMEMBERED:
            written.clear()
        texts = []
        for level in levels:
            text = written.get(level)
            if text is None:
                text = written[level] = f"{self._price(level[0])}:{self._size(level[1])}"
            texts.append(text)
        return texts


def fixed_decimals_checksum(price_step: Decimal, size_step: Decimal) -> Callable[[Book], int]:
    """The same for a venue that always writes as many decimals as its steps have: 0.5420."""
    decimals = [max(0, -int(s.normalize().as_tuple().exponent)) for s in (price_step, size_step)]
    return lambda book: _signed(crc32(book.by_turns(_LEVELS, *decimals)))


def _signed(value: int) -> int:
    return value - 2 * _SIGN if value >= _SIGN else value


def format_shortest(value: float) -> str:
    """A number without trailing zeros and exponent: 30243, 0.4112, 0.00000074."""
    text = repr(value)
    if "e" in text:
        return format(Decimal(text), "f")
    return text.removesuffix(".0")
