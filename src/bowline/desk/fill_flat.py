"""Minutes in which nothing traded, filled flat by choice: the last close, and a volume of 0.

Some venues (Kraken's dumps) leave such minutes out. A filled minute must never pass for a traded
one: it is stored under a source of its own, counted wherever candles are listed, exported with a
mark, and gives way to a candle that arrives later. It is never done unasked.

1. The minutes missing between stored candles of the span are found.
2. Holes longer than `longest` are left: nobody knows whether the venue stood still. So are holes
   with a row that was refused: there was a trade.
3. The others are written as one delivery.
"""

from __future__ import annotations

import time

import msgspec
import numpy as np
from numpy.typing import NDArray

from bowline.core.errors import NotFound
from bowline.core.model.instrument import Instrument, InstrumentId
from bowline.core.model.market import CandleFrame, IntColumn
from bowline.core.model.values import MINUTE_NS, Timeframe
from bowline.storage.candles import FOREVER_NS, CandleBatch, Candles

#: a day: a longer gap is a missing file rather than a market without trades
LONGEST_MINUTES = 1440


class FillResult(msgspec.Struct, frozen=True):
    """`minutes` were filled; `left` holes of `left_minutes` were too long or held refused rows."""

    minutes: int
    left: int
    left_minutes: int


def fill_flat(
    store: Candles,
    instrument: InstrumentId,
    start_ns: int = 0,
    end_ns: int = FOREVER_NS,
    *,
    longest: int = LONGEST_MINUTES,
    now_ns: int | None = None,
) -> FillResult:
    """Fill the minutes that are missing between stored candles; NotFound if none is stored."""
    frame = store.read(instrument, Timeframe.M1, start_ns, end_ns)
    if not len(frame):
        raise NotFound(
            f"no candles of {Instrument(instrument).key} are stored in that range",
            hint="see what is stored: bowline candles list",
        )
    steps = np.diff(frame.open_ns) // MINUTE_NS - 1
    refused = np.array([row.open_ns for row in store.quarantine(instrument)], dtype=np.int64)
    at = np.flatnonzero(steps)
    traded = _with_refused(frame, at, np.sort(refused))
    fill = (steps[at] <= longest) & ~traded
    flat = _flat(frame, at[fill], steps[at[fill]])
    if len(flat):
        moment = time.time_ns() if now_ns is None else now_ns
        store.write(CandleBatch(source="fill", ingested_ns=moment, filled=flat))
    left = steps[at[~fill]]
    return FillResult(len(flat), len(left), int(left.sum()))


def _with_refused(frame: CandleFrame, at: IntColumn, refused: IntColumn) -> NDArray[np.bool_]:
    """Whether a refused row lies in the hole after each of these candles."""
    first = refused.searchsorted(frame.open_ns[at], side="right")
    last = refused.searchsorted(frame.open_ns[at + 1], side="left")
    found: NDArray[np.bool_] = last > first
    return found


def _flat(frame: CandleFrame, at: IntColumn, counts: IntColumn) -> CandleFrame:
    """Flat candles behind each of these, so many of them."""
    before = np.repeat(at, counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    nth = np.arange(len(before)) - first + 1
    close = frame.close[before]
    return CandleFrame(
        frame.instrument,
        Timeframe.M1,
        frame.open_ns[before] + nth * MINUTE_NS,
        open=close,
        high=close,
        low=close,
        close=close,
        volume=np.zeros(len(before)),
    )
