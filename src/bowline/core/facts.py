"""A market as the facts an engine is told: closed candles, and funding that was due before them.

It turns columns into events and decides nothing. The way of a candle to its close is for simulators
alone: an engine is never told it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import numpy as np
from msgspec import Struct

from bowline.core.model.event import CandleClosed, FundingFixed
from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import Fills
from bowline.core.model.values import to_decimals


class Leg(Struct, frozen=True, gc=False):
    """A stretch of a candle's way: it began at `open` and was between `low` and `high`."""

    open: Decimal
    high: Decimal
    low: Decimal


class PlayedCandle(Struct, frozen=True):
    """A candle, and its way to its close where somebody looks inside it."""

    fact: CandleClosed
    legs: tuple[Leg, ...] = ()

    @property
    def seen_ns(self) -> int:
        """When it was complete."""
        return self.fact.seen_ns


def closed_candles(
    frame: CandleFrame, fills: Fills = Fills.CLOSE, minutes: CandleFrame | None = None
) -> Iterator[PlayedCandle]:
    """The candles of a frame, one a fact, each seen at the moment its candle was complete.

    `minutes` is needed for `Fills.MINUTES`: every minute of every candle (else ValueError).
    """
    instrument, timeframe, opens = frame.instrument, frame.timeframe, frame.open_ns.tolist()
    prices = to_decimals(frame.close.tolist())
    times = zip(frame.close_ns.tolist(), opens, prices, strict=True)
    if fills is Fills.CLOSE:
        for close_ns, open_ns, close in times:
            yield PlayedCandle(CandleClosed(close_ns, instrument, timeframe, open_ns, close))
        return
    ways = _legs(frame, frame if fills is Fills.INTRABAR else minutes)
    for (close_ns, open_ns, close), legs in zip(times, ways, strict=True):
        fact = CandleClosed(close_ns, instrument, timeframe, open_ns, close)
        yield PlayedCandle(fact, legs)


def with_funding(
    candles: Iterable[PlayedCandle], funding: Sequence[FundingFixed], after_ns: int
) -> Iterator[PlayedCandle | FundingFixed]:
    """The candles, each after what of `funding` (oldest first) was due by its close.

    So a position pays what was due while it was held, and one that is entered at the very moment
    of a funding does not. What was due up to `after_ns` is left out.
    """
    at = bisect_right(funding, after_ns, key=lambda each: each.seen_ns)
    for candle in candles:
        while at < len(funding) and funding[at].seen_ns <= candle.seen_ns:
            yield funding[at]
            at += 1
        yield candle


def _legs(frame: CandleFrame, parts: CandleFrame | None) -> Iterator[tuple[Leg, ...]]:
    """Each candle's way through the `parts` that it is made of."""
    if parts is None:
        raise ValueError("fills by the minute need the minutes")
    size = frame.timeframe.ns // parts.timeframe.ns
    first = parts.open_ns.searchsorted(frame.open_ns)
    last = parts.open_ns.searchsorted(frame.close_ns)
    missing = np.flatnonzero(last - first != size)
    if len(missing):
        at = int(frame.open_ns[missing[0]])
        raise ValueError(f"of the candle that opens at {at} not every part is known")
    for start, stop in zip(first.tolist(), last.tolist(), strict=True):
        columns = (getattr(parts, name)[start:stop].tolist() for name in ("open", "high", "low"))
        yield tuple(map(Leg, *map(to_decimals, columns)))
