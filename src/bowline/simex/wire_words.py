"""Small conversions that more than one dialect needs: numbers and times as text, candles rolled up.

Nothing here belongs to one venue.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Context, Decimal

from msgspec import Struct

from bowline.core.model.values import MINUTE_NS
from bowline.core.sim.exchange import MinuteCandle

_MS_NS = 1_000_000


def plain(number: Decimal) -> str:
    """A decimal without exponent and without zeros at its end: 1E+2 is 100, 0.10 is 0.1."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain_or(number: Decimal | None, otherwise: str = "") -> str:
    """The same, where there may be none."""
    return otherwise if number is None else plain(number)


#: what the venues' own parsers read: ASCII digits, no spaces, no underscores, no words
_DECIMAL = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,2})?", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)
#: some ids are longer than 64 bits
_ID = re.compile(r"-?\d{1,40}", re.ASCII)
#: digits before the point and after it that an amount or a price may have
_BEFORE, _AFTER = 20, 24
_WIDE = Context(prec=100)

Fields = Mapping[str, str]
#: what a venue says of a field, by its name, that holds no number
Malformed = Callable[[str], Exception]


def exact(text: str) -> Decimal | None:
    """The number that a text is; None if it is none, or longer than any venue takes."""
    if not _DECIMAL.fullmatch(text):
        return None
    number = Decimal(text).normalize(_WIDE)
    if not number:
        return Decimal(0)
    fits = number.adjusted() < _BEFORE and int(number.as_tuple().exponent) >= -_AFTER
    return number if fits else None


class Span(Struct, frozen=True):
    """How much time one request may ask for, in the venue's unit; `too_long` is its refusal."""

    now: int
    length: int
    too_long: Exception


class Numbers:
    """Reads the numbers of requests, and refuses what is none in the words of one market."""

    def __init__(self, malformed: Malformed) -> None:
        self._malformed = malformed

    def decimal(self, fields: Fields, name: str) -> Decimal | None:
        """The number of a field; None if the field is not there or empty."""
        text = fields.get(name)
        if not text:
            return None
        number = exact(text)
        if number is None:
            raise self._malformed(name)
        return number

    def whole(self, fields: Fields, name: str, otherwise: int) -> int:
        """The whole number of a field; `otherwise` if the field is not there or empty."""
        text = fields.get(name)
        if not text:
            return otherwise
        if not _INTEGER.fullmatch(text):
            raise self._malformed(name)
        return int(text)

    def limit(self, fields: Fields, name: str, usual: int, most: int) -> int:
        """How long a list may be: 1 to `most`, `usual` if nothing is said."""
        return min(max(self.whole(fields, name, usual), 1), most)

    def window(self, fields: Fields, start: str, end: str) -> tuple[int, int]:
        """A start and an end, both included, in the venue's unit of time; all time by default."""
        return self.whole(fields, start, 0), self.whole(fields, end, 1 << 62)

    def bounded(self, fields: Fields, start: str, end: str, span: Span) -> tuple[int, int]:
        """The same where a venue looks no further than a span: by default the last one.

        With a start alone it is the span that begins there, with an end alone the one before it.
        """
        begin, until = self.whole(fields, start, -1), self.whole(fields, end, -1)
        if begin >= 0 and until >= 0:
            if until - begin > span.length:
                raise span.too_long
            return begin, until
        if begin >= 0:
            return begin, begin + span.length
        if until >= 0:
            return until - span.length, until
        return span.now - span.length, 1 << 62


def int_in(text: str | None, otherwise: int) -> int:
    """The whole number that a text is; `otherwise` if it is none: for stamps and ids."""
    return int(text) if text and _ID.fullmatch(text) else otherwise


def ms(ns: int) -> int:
    """Nanoseconds as whole milliseconds."""
    return ns // _MS_NS


def seconds(ns: int) -> int:
    """Nanoseconds as whole seconds."""
    return ns // (1_000 * _MS_NS)


def rolled(candles: Iterable[MinuteCandle], minutes: int) -> list[MinuteCandle]:
    """Minutes as candles of `minutes` each, oldest first; the first and last may be partial."""
    if minutes == 1:
        return list(candles)
    length_ns = minutes * MINUTE_NS
    buckets: dict[int, list[MinuteCandle]] = {}
    for candle in candles:
        buckets.setdefault(candle.open_ns - candle.open_ns % length_ns, []).append(candle)
    return [
        MinuteCandle(
            open_ns,
            parts[0].open,
            max(each.high for each in parts),
            min(each.low for each in parts),
            parts[-1].close,
            sum((each.volume for each in parts), Decimal(0)),
            sum((each.turnover for each in parts), Decimal(0)),
            sum(each.trades for each in parts),
        )
        for open_ns, parts in buckets.items()
    ]
