"""The one rollup rule: longer candles from one-minute candles, closed and full buckets only.

A bucket with a single minute missing must never be published: it would be a candle nobody traded.

1. A minute belongs to the bucket that starts at the last whole multiple of the timeframe (UTC).
2. A bucket is published when every one of its minutes is present.
3. Open of the first, highest high, lowest low, close of the last, volumes added in time order.
"""

from __future__ import annotations

import numpy as np

from bowline.core.model.market import CandleFrame
from bowline.core.model.values import Timeframe


def rollup(minutes: CandleFrame, timeframe: Timeframe) -> CandleFrame:
    """Full candles of `timeframe` from a frame of one-minute candles.

    Raises ValueError if `minutes` is not a one-minute frame.
    """
    if minutes.timeframe is not Timeframe.M1:
        raise ValueError(f"rollup starts from 1m candles, got {minutes.timeframe.value}")
    if timeframe is Timeframe.M1 or not len(minutes):
        return CandleFrame(minutes.instrument, timeframe, **_columns(minutes))
    bucket = minutes.open_ns - minutes.open_ns % timeframe.ns
    first = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1))
    full = np.diff(first, append=len(bucket)) == timeframe.minutes
    starts = first[full]
    rows = starts[:, None] + np.arange(timeframe.minutes)
    return CandleFrame(
        minutes.instrument,
        timeframe,
        open_ns=bucket[starts],
        open=minutes.open[starts],
        high=minutes.high[rows].max(axis=1),
        low=minutes.low[rows].min(axis=1),
        close=minutes.close[starts + timeframe.minutes - 1],
        # cumulative, so that minutes are added one after another like a live feed would
        volume=np.cumsum(minutes.volume[rows], axis=1)[:, -1],
    )


def _columns(frame: CandleFrame) -> dict[str, np.ndarray]:
    names = ("open_ns", "open", "high", "low", "close", "volume")
    return {name: getattr(frame, name) for name in names}
