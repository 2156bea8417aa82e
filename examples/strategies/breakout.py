"""A strategy plugin: long after a close above the highest high of the last candles, short below.

Copy it into the strategies folder, read it, and run `bowline strategy trust breakout.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bowline.core.model.market import CandleFrame
from bowline.core.signals import Kind, Parameter, Strategy, Value


class Breakout(Strategy):
    """LONG from a breakout upwards until one downwards, SHORT the other way round."""

    id = "breakout"
    version = 1
    title = "Breakout of the highest high or the lowest low"
    parameters = (Parameter("period", Kind.INT, 48, minimum=2, maximum=1000, step=1),)

    def warmup(self, params: Mapping[str, Value]) -> int:
        return int(params["period"])

    def signals(self, candles: CandleFrame, params: Mapping[str, Value]) -> NDArray[np.int8]:
        period = int(params["period"])
        direction = np.zeros(len(candles), dtype=np.int8)
        if len(candles) <= period:
            return direction
        # the channel of the `period` candles before each candle, its own not among them
        highest = np.lib.stride_tricks.sliding_window_view(candles.high[:-1], period).max(axis=1)
        lowest = np.lib.stride_tricks.sliding_window_view(candles.low[:-1], period).min(axis=1)
        close = candles.close[period:]
        broken = np.where(close > highest, 1, np.where(close < lowest, -1, 0)).astype(np.int8)
        # a breakout holds until the opposite one: carry the last one forward
        last = np.maximum.accumulate(np.where(broken != 0, np.arange(len(broken)), 0))
        direction[period:] = broken[last]
        return direction
