"""Market data as facts for an engine: closed candles, and funding due before them.

It turns columns into events and decides nothing. A candle's path is for simulators alone: an engine
never sees it.
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


class PathSegment(Struct, frozen=True, gc=False):
    """A part of a candle's path: it began at `open` and stayed between `low` and `high`."""

    open: Decimal
    high: Decimal
    low: Decimal


class SimulatedCandle(Struct, frozen=True):
    """A candle, and its path to the close if the run fills within candles."""

    fact: CandleClosed
    path: tuple[PathSegment, ...] = ()

    @property
    def seen_ns(self) -> int:
        """The time at which it was complete."""
        return self.fact.seen_ns


def closed_candles(
    frame: CandleFrame, fills: Fills = Fills.CLOSE, minutes: CandleFrame | None = None
) -> Iterator[SimulatedCandle]:
    """The candles of a frame, one fact each, seen at the time the candle was complete.

    `Fills.MINUTES` requires `minutes`: every minute of every candle (else ValueError).
    """
    instrument, timeframe, opens = frame.instrument, frame.timeframe, frame.open_ns.tolist()
    prices = to_decimals(frame.close.tolist())
    times = zip(frame.close_ns.tolist(), opens, prices, strict=True)
    if fills is Fills.CLOSE:
        for close_ns, open_ns, close in times:
            yield SimulatedCandle(CandleClosed(close_ns, instrument, timeframe, open_ns, close))
        return
    paths = _paths(frame, frame if fills is Fills.INTRABAR else minutes)
    for (close_ns, open_ns, close), path in zip(times, paths, strict=True):
        fact = CandleClosed(close_ns, instrument, timeframe, open_ns, close)
        yield SimulatedCandle(fact, path)


def with_funding(
    candles: Iterable[SimulatedCandle], funding: Sequence[FundingFixed], after_ns: int
) -> Iterator[SimulatedCandle | FundingFixed]:
    """The candles, each after the part of `funding` (oldest first) that was due by its close.

    So a position pays what fell due while it was held, and a position entered at the very moment of
    a funding does not pay it. Funding due up to `after_ns` is left out.
    """
    at = bisect_right(funding, after_ns, key=lambda each: each.seen_ns)
    for candle in candles:
        while at < len(funding) and funding[at].seen_ns <= candle.seen_ns:
            yield funding[at]
            at += 1
        yield candle


def _paths(frame: CandleFrame, parts: CandleFrame | None) -> Iterator[tuple[PathSegment, ...]]:
    """The path of each candle through the `parts` that it consists of."""
    if parts is None:
        raise ValueError("fills by the minute need `minutes`")
    size = frame.timeframe.ns // parts.timeframe.ns
    first = parts.open_ns.searchsorted(frame.open_ns)
    last = parts.open_ns.searchsorted(frame.close_ns)
    missing = np.flatnonzero(last - first != size)
    if len(missing):
        at = int(frame.open_ns[missing[0]])
        raise ValueError(f"the candle that opens at {at} lacks a part")
    for start, stop in zip(first.tolist(), last.tolist(), strict=True):
        columns = (getattr(parts, name)[start:stop].tolist() for name in ("open", "high", "low"))
        yield tuple(map(PathSegment, *map(to_decimals, columns)))
