"""What a row must be to become a candle. A row that fails here must never reach a strategy.

Works on whole columns (float64 values, int64 ns), in any order and with any content:

1. Each row alone: finite, 0 < low <= open, close <= high, volume >= 0, start on a bucket
   boundary, closed at the moment of the check.
2. Rows that passed are put in time order. Equal rows of one bucket are one candle; unequal rows
   of one bucket contradict each other, and none of them is believed.
3. Between candles next to each other (a gap of up to a day between them changes nothing), and
   within one, a price that moves by more than the jump factor is not believed.
4. Beside what is stored of the instrument already, the same holds.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame, FloatColumn, IntColumn
from bowline.core.model.values import DAY_NS, Timeframe

_JUMP_FACTOR = 3
_DAILY_JUMP_FACTOR = 10


class Fault(IntEnum):
    """Why a row is no candle."""

    NONE = 0
    NOT_A_NUMBER = 1
    NOT_POSITIVE = 2
    HIGH_BELOW_LOW = 3
    LOW_TOO_HIGH = 4
    HIGH_TOO_LOW = 5
    BAD_VOLUME = 6
    MISALIGNED = 7
    NOT_CLOSED = 8
    CONFLICT = 9
    JUMP = 10
    STRANGER = 11

    @property
    def reason(self) -> str:
        """The fault in words."""
        return _REASONS[self]


_REASONS = {
    Fault.NONE: "",
    Fault.NOT_A_NUMBER: "a price or the volume is missing or not a finite number",
    Fault.NOT_POSITIVE: "a price is zero or negative",
    Fault.HIGH_BELOW_LOW: "high is below low",
    Fault.LOW_TOO_HIGH: "low is above open or close",
    Fault.HIGH_TOO_LOW: "high is below open or close",
    Fault.BAD_VOLUME: "volume is negative",
    Fault.MISALIGNED: "open time is not the start of a candle",
    Fault.NOT_CLOSED: "candle was not closed yet at the moment of the check",
    Fault.CONFLICT: "another row for the same open time has other values",
    Fault.JUMP: "price jumps beyond what is plausible for one candle",
    Fault.STRANGER: "price is far from what is stored of the same time",
}


class Columns(msgspec.Struct, frozen=True):
    """Rows as they came, of one length, in any order: nothing about them is known yet."""

    open_ns: IntColumn
    open: FloatColumn
    high: FloatColumn
    low: FloatColumn
    close: FloatColumn
    volume: FloatColumn

    def __len__(self) -> int:
        return len(self.open_ns)

    def take(self, rows: IntColumn) -> Columns:
        """These rows, in this order."""
        return Columns(self.open_ns[rows], *(getattr(self, name)[rows] for name in VALUE_COLUMNS))


class Inspection(msgspec.Struct, frozen=True):
    """`faults` holds a Fault per row; `good` the rows that are candles, oldest first, each once."""

    faults: NDArray[np.uint8]
    good: IntColumn

    @property
    def bad(self) -> IntColumn:
        """The rows that are no candles, in the order they came."""
        return np.flatnonzero(self.faults)


def jump_factor(timeframe: Timeframe) -> int:
    """The largest believable factor between neighbouring closes of this timeframe."""
    return _DAILY_JUMP_FACTOR if timeframe is Timeframe.D1 else _JUMP_FACTOR


def inspect(
    rows: Columns, timeframe: Timeframe, now_ns: int, *, allow_jumps: bool = False
) -> Inspection:
    """Judge every row; `now_ns` is the moment by which a candle must have closed."""
    faults = _row_faults(rows, timeframe, now_ns)
    good = np.flatnonzero(faults == 0)
    good = _one_row_a_bucket(rows, good, faults)
    if not allow_jumps:
        jumped = _jumps(rows, good, timeframe)
        faults[good[jumped]] = Fault.JUMP
        good = good[~jumped]
    return Inspection(faults, good)


def inspect_beside(rows: Columns, inspection: Inspection, stored: CandleFrame) -> Inspection:
    """The verdict once more, beside candles of the same instrument and timeframe.

    A row whose close is beyond the jump factor from a stored neighbour (at most a day away) is
    another market's: a file under a wrong symbol would otherwise replace what is right.
    """
    good = inspection.good
    if not len(stored) or not len(good):
        return inspection
    factor = jump_factor(stored.timeframe)
    open_ns, close = rows.open_ns[good], rows.close[good]
    strange = np.zeros(len(good), dtype=np.bool_)
    for place in (
        np.searchsorted(stored.open_ns, open_ns, side="right") - 1,
        np.searchsorted(stored.open_ns, open_ns, side="left"),
    ):
        at = np.clip(place, 0, len(stored) - 1)
        near = np.abs(stored.open_ns[at] - open_ns) <= DAY_NS
        known = stored.close[at]
        strange |= near & ((close > factor * known) | (known > factor * close))
    faults = inspection.faults.copy()
    faults[good[strange]] = Fault.STRANGER
    return Inspection(faults, good[~strange])


def to_frame(
    rows: Columns, inspection: Inspection, instrument: InstrumentId, timeframe: Timeframe
) -> CandleFrame:
    """The good rows as a frame."""
    everything = len(inspection.good) == len(rows) and bool((np.diff(inspection.good) == 1).all())
    kept = rows if everything else rows.take(inspection.good)
    values = {name: getattr(kept, name) for name in VALUE_COLUMNS}
    # -0.0 and 0.0 are one volume: equal candles must have equal bits
    values["volume"] = values["volume"] + 0
    return CandleFrame(instrument, timeframe, kept.open_ns, **values)


def _row_faults(rows: Columns, timeframe: Timeframe, now_ns: int) -> NDArray[np.uint8]:
    body_low = np.minimum(rows.open, rows.close)
    body_high = np.maximum(rows.open, rows.close)
    # NaN compares false, so a row with one fails here
    sound = (rows.low > 0) & (rows.low <= body_low) & (body_high <= rows.high)
    sound &= (rows.high < np.inf) & (rows.volume >= 0) & (rows.volume < np.inf)
    sound &= rows.open_ns % timeframe.ns == 0
    sound &= rows.open_ns <= now_ns - timeframe.ns
    faults = np.zeros(len(rows), dtype=np.uint8)
    unsound = np.flatnonzero(~sound)
    if len(unsound):
        faults[unsound] = _name_faults(rows.take(unsound), timeframe, now_ns)
    return faults


def _name_faults(rows: Columns, timeframe: Timeframe, now_ns: int) -> NDArray[np.uint8]:
    values = np.stack([getattr(rows, name) for name in VALUE_COLUMNS])
    prices = values[:4]
    tests = {
        Fault.NOT_A_NUMBER: ~np.isfinite(values).all(axis=0),
        Fault.NOT_POSITIVE: (prices <= 0).any(axis=0),
        Fault.HIGH_BELOW_LOW: rows.high < rows.low,
        Fault.LOW_TOO_HIGH: rows.low > np.minimum(rows.open, rows.close),
        Fault.HIGH_TOO_LOW: rows.high < np.maximum(rows.open, rows.close),
        Fault.BAD_VOLUME: rows.volume < 0,
        Fault.MISALIGNED: rows.open_ns % timeframe.ns != 0,
        Fault.NOT_CLOSED: rows.open_ns > now_ns - timeframe.ns,
    }
    named = np.select(list(tests.values()), [int(fault) for fault in tests], default=0)
    if not named.all():
        raise AssertionError("a row was found unsound, and no fault names why")
    return named.astype(np.uint8)


def _one_row_a_bucket(rows: Columns, good: IntColumn, faults: NDArray[np.uint8]) -> IntColumn:
    if bool((np.diff(rows.open_ns[good]) > 0).all()):
        return good
    ordered = good[np.argsort(rows.open_ns[good], kind="stable")]
    first, second = ordered[:-1], ordered[1:]
    repeated = rows.open_ns[first] == rows.open_ns[second]
    unequal = np.zeros(len(repeated), dtype=np.bool_)
    for name in VALUE_COLUMNS:
        column = getattr(rows, name)
        unequal |= column[first] != column[second]
    bucket = np.concatenate(([0], np.cumsum(~repeated)))
    contradicted = np.isin(bucket, bucket[1:][repeated & unequal])
    faults[ordered[contradicted]] = Fault.CONFLICT
    leads = np.concatenate(([True], ~repeated))
    return ordered[leads & ~contradicted]


def _jumps(rows: Columns, good: IntColumn, timeframe: Timeframe) -> NDArray[np.bool_]:
    factor = jump_factor(timeframe)
    close, open_ns = rows.close[good], rows.open_ns[good]
    jumped = rows.high[good] > factor * rows.low[good]
    before, after = close[:-1], close[1:]
    beyond = (after > factor * before) | (before > factor * after)
    jumped[1:] |= beyond & (np.diff(open_ns) <= DAY_NS)
    return jumped
