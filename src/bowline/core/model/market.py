"""Candles and funding rates of an instrument, as columns.

A candle here is always closed and complete. A forming, partial or repaired one must never be built.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import Timeframe

FloatColumn = NDArray[np.float64]
IntColumn = NDArray[np.int64]

PRICE_COLUMNS = ("open", "high", "low", "close")
VALUE_COLUMNS = (*PRICE_COLUMNS, "volume")


class SourceCandles(msgspec.Struct, frozen=True):
    """The shorter candles that a frame was rolled up from: their span, and what is missing of it.

    From `missing_from_ns[i]` up to `missing_to_ns[i]` (int64, ascending, within `from_ns` to
    `to_ns`) there is no candle of `timeframe`. `filled_ns` are the open times of candles that were
    filled flat because nothing traded; None if unknown.
    """

    timeframe: Timeframe
    from_ns: int
    to_ns: int
    missing_from_ns: IntColumn
    missing_to_ns: IntColumn
    filled_ns: IntColumn | None = None


class CandleFrame(msgspec.Struct, frozen=True):
    """Consecutive closed candles of one instrument as columns of one length, oldest first.

    `open_ns` is int64 and strictly ascending (gaps are allowed), the others are float64. `source`
    is set on candles rolled up from shorter ones: a bucket with a part missing is not in the frame.
    """

    instrument: InstrumentId
    timeframe: Timeframe
    open_ns: IntColumn
    open: FloatColumn
    high: FloatColumn
    low: FloatColumn
    close: FloatColumn
    volume: FloatColumn
    source: SourceCandles | None = None

    def __post_init__(self) -> None:
        for name in VALUE_COLUMNS:
            if len(getattr(self, name)) != len(self.open_ns):
                raise ValueError(f"column {name} and open_ns differ in length")
        if len(self.open_ns) > 1 and not bool((np.diff(self.open_ns) > 0).all()):
            raise ValueError("open_ns must rise strictly: sort and deduplicate the candles first")

    def __len__(self) -> int:
        return len(self.open_ns)

    @property
    def close_ns(self) -> IntColumn:
        """The time at which each candle was complete."""
        return self.open_ns + self.timeframe.ns

    def slice(self, start: int, stop: int) -> CandleFrame:
        """Candles `start` to `stop` (exclusive), sharing memory with this frame."""
        columns = {name: getattr(self, name)[start:stop] for name in ("open_ns", *VALUE_COLUMNS)}
        return msgspec.structs.replace(self, **columns)

    def take(self, rows: IntColumn) -> CandleFrame:
        """These candles, which must be in order of time."""
        columns = {name: getattr(self, name)[rows] for name in ("open_ns", *VALUE_COLUMNS)}
        return msgspec.structs.replace(self, **columns, source=None)

    def content_hash(self) -> str:
        """SHA-256 over instrument, timeframe and every value: equal only for equal candles."""
        digest = hashlib.sha256()
        digest.update(f"{self.instrument.market_id}:{self.instrument.symbol}:".encode())
        digest.update(f"{self.timeframe.value}:{len(self)}:".encode())
        for name in ("open_ns", *VALUE_COLUMNS):
            column = getattr(self, name)
            digest.update(column.astype(column.dtype.newbyteorder("<")).tobytes())
        return digest.hexdigest()


class FundingFrame(msgspec.Struct, frozen=True):
    """Funding rates of one perpetual as columns of one length, oldest first.

    At `event_ns` (int64, strictly rising) longs pay `rate` (float64, a fraction of the notional) to
    shorts, or receive it where it is negative. Each rate is for the `interval_ns` (int64) before.
    """

    instrument: InstrumentId
    event_ns: IntColumn
    interval_ns: IntColumn
    rate: FloatColumn

    def __post_init__(self) -> None:
        if not len(self.event_ns) == len(self.interval_ns) == len(self.rate):
            raise ValueError("columns of funding rates differ in length")
        if len(self.event_ns) > 1 and not bool((np.diff(self.event_ns) > 0).all()):
            raise ValueError("event_ns must rise strictly: sort and deduplicate the rates first")

    def __len__(self) -> int:
        return len(self.event_ns)


def empty_frame(instrument: InstrumentId, timeframe: Timeframe) -> CandleFrame:
    """A frame with no candle in it."""
    floats: dict[str, Any] = {name: np.empty(0, dtype=np.float64) for name in VALUE_COLUMNS}
    return CandleFrame(instrument, timeframe, np.empty(0, dtype=np.int64), **floats)
