"""Operations on whole candle frames: joining them, and the candles they were rolled up from.

Nothing here may change a candle.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bowline.core.model.market import VALUE_COLUMNS, CandleFrame, SourceCandles


def source_of(frame: CandleFrame) -> SourceCandles | None:
    """The candles that a frame was rolled up from, or itself.

    None for an empty frame without a source.
    """
    if frame.source is not None or not len(frame):
        return frame.source
    step, opens = frame.timeframe.ns, frame.open_ns
    last = int(opens[-1]) + step
    at = np.empty(0, dtype=np.int64)
    if last - opens[0] != step * len(opens):
        at = np.flatnonzero(np.diff(opens) != step)
    return SourceCandles(frame.timeframe, int(opens[0]), last, opens[at] + step, opens[at + 1])


def join_frames(first: CandleFrame, second: CandleFrame) -> CandleFrame:
    """`second` appended to `first`; ValueError unless of one instrument and timeframe."""
    if (first.instrument, first.timeframe) != (second.instrument, second.timeframe):
        raise ValueError("frames of different instruments or timeframes cannot be joined")
    columns: dict[str, Any] = {
        name: np.concatenate((getattr(first, name), getattr(second, name)))
        for name in ("open_ns", *VALUE_COLUMNS)
    }
    return CandleFrame(first.instrument, first.timeframe, **columns)
