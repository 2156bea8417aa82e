"""Small conversions that more than one dialect needs: numbers and times as text, candles rolled up.

Nothing here belongs to one venue.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

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


def decimal_in(text: str | None) -> Decimal | None:
    """The finite number that a client wrote; None if it wrote none or no number."""
    try:
        number = Decimal(text or "")
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def int_in(text: str | None, otherwise: int) -> int:
    """The whole number that a client wrote; `otherwise` if it wrote none or no number."""
    try:
        return int(text or "")
    except ValueError:
        return otherwise


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
