"""Feeds: how candles of a run's timeframe arrive. Every feed gives closed, full candles in order.

A feed knows how fast the market comes; it must never know what a run makes of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from bowline.core.frames import join_frames
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import SECOND_NS, Timeframe
from bowline.core.rollup import rollup

#: how many minutes a replay that need not wait hands over at once: a week
_FULL_SPEED_MINUTES = 7 * 1440


class Feed(Protocol):
    """Candles as they arrive, from a given moment on."""

    def candles(self, from_ns: int, past_ns: int) -> AsyncIterator[CandleFrame]:
        """Frames of one or more candles that open at `from_ns` or later; ends with the market.

        Those that have closed by `past_ns` were lived through before: they come at once.
        """


class RollingRollup:
    """One-minute candles in, candles of a timeframe out, as soon as their bucket is full.

    The minutes of the bucket that is still forming wait here. A bucket that a later minute finds
    incomplete is dropped: it was never full.
    """

    def __init__(self, timeframe: Timeframe) -> None:
        self._timeframe = timeframe
        self._waiting: CandleFrame | None = None

    def add(self, minutes: CandleFrame) -> CandleFrame:
        """The candles that are complete once these minutes have closed."""
        known = minutes if self._waiting is None else join_frames(self._waiting, minutes)
        if not len(known):
            return rollup(known, self._timeframe)
        end_ns = int(known.close_ns[-1])
        complete = int(known.open_ns.searchsorted(end_ns - end_ns % self._timeframe.ns))
        self._waiting = known.slice(complete, len(known))
        return rollup(known.slice(0, complete), self._timeframe)


class ReplayFeed:
    """Recorded one-minute candles, as fast as they are read or at a multiple of their own time."""

    def __init__(self, minutes: CandleFrame, timeframe: Timeframe, speed: float | None) -> None:
        """`speed` is market seconds a second; None is as fast as possible."""
        self._minutes = minutes
        self._timeframe = timeframe
        self._speed = speed

    async def candles(self, from_ns: int, past_ns: int) -> AsyncIterator[CandleFrame]:
        """Complete candles of the timeframe, those known at one moment together."""
        rolling = RollingRollup(self._timeframe)
        opens, total = self._minutes.open_ns, len(self._minutes)
        start = int(opens.searchsorted(from_ns))
        paced = int(self._minutes.close_ns.searchsorted(past_ns, side="right"))
        paced = total if self._speed is None else max(start, paced)
        for at in (*range(start, paced, _FULL_SPEED_MINUTES), *range(paced, total)):
            stop = min(at + _FULL_SPEED_MINUTES, paced) if at < paced else at + 1
            if self._speed is not None and paced <= at and at > start:
                passed_ns = int(opens[at] - opens[at - 1])
                await asyncio.sleep(passed_ns / SECOND_NS / self._speed)
            frame = rolling.add(self._minutes.slice(at, stop))
            if len(frame):
                yield frame
