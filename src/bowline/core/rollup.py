"""The one rollup rule: longer candles from shorter ones, complete buckets only.

A bucket with a single part missing must never be published: it would be a candle that nobody
traded. Stored candles are one-minute candles; a file used directly may have others.

1. A candle belongs to the bucket that starts at the last whole multiple of the timeframe (UTC).
2. A bucket is published when every one of its parts is present.
3. Open of the first, highest high, lowest low, close of the last, volumes added in time order.
4. The frame records the candles it was rolled up from and which of them were missing.
"""

from __future__ import annotations

import numpy as np

from bowline.core.frames import source_of
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import Timeframe


def rollup(parts: CandleFrame, timeframe: Timeframe) -> CandleFrame:
    """Complete candles of `timeframe` from shorter candles; ValueError unless they divide it."""
    if timeframe.ns % parts.timeframe.ns:
        raise ValueError(f"{parts.timeframe.value} candles do not divide {timeframe.value}")
    size = timeframe.ns // parts.timeframe.ns
    if size == 1 or not len(parts):
        return CandleFrame(parts.instrument, timeframe, **_columns(parts), source=parts.source)
    bucket = parts.open_ns - parts.open_ns % timeframe.ns
    first = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1))
    full = np.diff(first, append=len(bucket)) == size
    starts = first[full]
    rows = starts[:, None] + np.arange(size)
    return CandleFrame(
        parts.instrument,
        timeframe,
        open_ns=bucket[starts],
        open=parts.open[starts],
        high=parts.high[rows].max(axis=1),
        low=parts.low[rows].min(axis=1),
        close=parts.close[starts + size - 1],
        # cumulative, so that volumes are added one after another, as a live feed does
        volume=np.cumsum(parts.volume[rows], axis=1)[:, -1],
        source=source_of(parts),
    )


def _columns(frame: CandleFrame) -> dict[str, np.ndarray]:
    names = ("open_ns", "open", "high", "low", "close", "volume")
    return {name: getattr(frame, name) for name in names}
