"""Values as they stand on the wire: decimals, integers, times and ids read and written as text.

What more than one dialect needs is here. Nothing here may belong to one venue.
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
    """A decimal without exponent and without trailing zeros: 1E+2 is 100, 0.10 is 0.1."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain_or(number: Decimal | None, default: str = "") -> str:
    """The same for an optional number."""
    return default if number is None else plain(number)


#: what the venues' own parsers take: ASCII digits, no spaces, no underscores, no NaN
_DECIMAL = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,2})?", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)
#: some ids are longer than 64 bits
_ID = re.compile(r"-?\d{1,40}", re.ASCII)
#: of an amount or a price
_MAX_INTEGER_DIGITS, _MAX_FRACTION_DIGITS = 20, 24
_PRECISE = Context(prec=100)

Fields = Mapping[str, str]
#: makes the venue's error for a field, given its name, that is not a number
Malformed = Callable[[str], Exception]


def parse_decimal(text: str) -> Decimal | None:
    """The number; None if the text is none, or one with more digits than any venue takes."""
    if not _DECIMAL.fullmatch(text):
        return None
    number = Decimal(text).normalize(_PRECISE)
    if not number:
        return Decimal(0)
    fits = (
        number.adjusted() < _MAX_INTEGER_DIGITS
        and int(number.as_tuple().exponent) >= -_MAX_FRACTION_DIGITS
    )
    return number if fits else None


class QuerySpan(Struct, frozen=True):
    """The longest time range of one query, in the venue's unit; `too_long` is its error."""

    now: int
    length: int
    too_long: Exception


class FieldReader:
    """Reads numeric fields of requests; raises the error of one market for what is not a number."""

    def __init__(self, malformed: Malformed) -> None:
        self._malformed = malformed

    def decimal(self, fields: Fields, name: str) -> Decimal | None:
        """The number in a field; None if the field is missing or empty."""
        text = fields.get(name)
        if not text:
            return None
        number = parse_decimal(text)
        if number is None:
            raise self._malformed(name)
        return number

    def integer(self, fields: Fields, name: str, default: int) -> int:
        """The whole number in a field; `default` if the field is missing or empty."""
        text = fields.get(name)
        if not text:
            return default
        if not _INTEGER.fullmatch(text):
            raise self._malformed(name)
        return int(text)

    def limit(self, fields: Fields, name: str, default: int, maximum: int) -> int:
        """The length of a list: 1 to `maximum`, `default` if the field is missing."""
        return min(max(self.integer(fields, name, default), 1), maximum)

    def window(self, fields: Fields, start: str, end: str) -> tuple[int, int]:
        """Start and end, both inclusive, in the venue's unit of time; all time by default."""
        return self.integer(fields, start, 0), self.integer(fields, end, 1 << 62)

    def bounded_window(
        self, fields: Fields, start: str, end: str, span: QuerySpan
    ) -> tuple[int, int]:
        """The same where a venue limits the time range: by default the last `span`.

        With a start alone it is the span from there on, with an end alone the span before it.
        """
        begin, until = self.integer(fields, start, -1), self.integer(fields, end, -1)
        if begin >= 0 and until >= 0:
            if until - begin > span.length:
                raise span.too_long
            return begin, until
        if begin >= 0:
            return begin, begin + span.length
        if until >= 0:
            return until - span.length, until
        return span.now - span.length, 1 << 62


def parse_int(text: str | None, default: int) -> int:
    """The whole number; `default` if the text is none: for timestamps and ids."""
    return int(text) if text and _ID.fullmatch(text) else default


def ms(ns: int) -> int:
    """Nanoseconds as whole milliseconds."""
    return ns // _MS_NS


def seconds(ns: int) -> int:
    """Nanoseconds as whole seconds."""
    return ns // (1_000 * _MS_NS)


def aggregate_candles(candles: Iterable[MinuteCandle], minutes: int) -> list[MinuteCandle]:
    """Candles of `minutes` each, oldest first; the first and last may be partial."""
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
