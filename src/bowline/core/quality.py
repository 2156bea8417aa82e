"""The checks that a row must pass to become a candle. A row that fails must never reach a strategy.

Works on whole columns (float64 values, int64 ns), in any order and with any content:
1. Each row alone: finite, 0 < low <= open, close <= high, volume >= 0, start on a bucket boundary,
   closed at the time of the check.
2. Rows that passed are sorted by time. Equal rows of one bucket are one candle; unequal rows of one
   bucket contradict each other, and all of them are refused.
3. Between neighbouring candles (gaps of up to a day included), and within one candle, a price that
   moves by more than the jump factor is refused.
4. The same applies between a row and the stored candles of its instrument.
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


class RowDefect(IntEnum):
    """Why a row is not a candle."""

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
    FAR_FROM_STORED = 11

    @property
    def reason(self) -> str:
        """A description for a person."""
        return _DESCRIPTIONS[self]


_DESCRIPTIONS = {
    RowDefect.NONE: "",
    RowDefect.NOT_A_NUMBER: "a price or the volume is missing or not a finite number",
    RowDefect.NOT_POSITIVE: "a price is zero or negative",
    RowDefect.HIGH_BELOW_LOW: "high is below low",
    RowDefect.LOW_TOO_HIGH: "low is above open or close",
    RowDefect.HIGH_TOO_LOW: "high is below open or close",
    RowDefect.BAD_VOLUME: "volume is negative",
    RowDefect.MISALIGNED: "open time is not the start of a candle",
    RowDefect.NOT_CLOSED: "candle was not closed yet at the moment of the check",
    RowDefect.CONFLICT: "another row for the same open time has other values",
    RowDefect.JUMP: "price jumps beyond what is plausible for one candle",
    RowDefect.FAR_FROM_STORED: "price is far from what is stored of the same time",
}


class Columns(msgspec.Struct, frozen=True):
    """Rows as they came, as columns of one length, unchecked and in any order."""

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
    """The outcome of the checks: a RowDefect per row, and the good rows.

    `good` are the rows that are candles, oldest first, each once.
    """

    defects: NDArray[np.uint8]
    good: IntColumn

    @property
    def bad(self) -> IntColumn:
        """The rows that are not candles, in their original order."""
        return np.flatnonzero(self.defects)


def jump_factor(timeframe: Timeframe) -> int:
    """The largest plausible factor between neighbouring closes of this timeframe."""
    return _DAILY_JUMP_FACTOR if timeframe is Timeframe.D1 else _JUMP_FACTOR


def inspect(
    rows: Columns, timeframe: Timeframe, now_ns: int, *, allow_jumps: bool = False
) -> Inspection:
    """Check every row; `now_ns` is the time by which a candle must have closed."""
    defects = _has_defect(rows, timeframe, now_ns)
    good = np.flatnonzero(defects == 0)
    good = _resolve_duplicates(rows, good, defects)
    if not allow_jumps:
        jumped = _jumps(rows, good, timeframe)
        defects[good[jumped]] = RowDefect.JUMP
        good = good[~jumped]
    return Inspection(defects, good)


def inspect_against(rows: Columns, inspection: Inspection, stored: CandleFrame) -> Inspection:
    """The same inspection, with the rows also compared with stored candles.

    A row whose close differs by more than the jump factor from a stored neighbour (at most a day
    away) belongs to another market: a file imported under a wrong symbol would otherwise replace
    good data.
    """
    good = inspection.good
    if not len(stored) or not len(good):
        return inspection
    factor = jump_factor(stored.timeframe)
    open_ns, close = rows.open_ns[good], rows.close[good]
    implausible = np.zeros(len(good), dtype=np.bool_)
    for place in (
        np.searchsorted(stored.open_ns, open_ns, side="right") - 1,
        np.searchsorted(stored.open_ns, open_ns, side="left"),
    ):
        at = np.clip(place, 0, len(stored) - 1)
        near = np.abs(stored.open_ns[at] - open_ns) <= DAY_NS
        known = stored.close[at]
        implausible |= near & ((close > factor * known) | (known > factor * close))
    defects = inspection.defects.copy()
    defects[good[implausible]] = RowDefect.FAR_FROM_STORED
    return Inspection(defects, good[~implausible])


def to_frame(
    rows: Columns, inspection: Inspection, instrument: InstrumentId, timeframe: Timeframe
) -> CandleFrame:
    """The good rows as a frame."""
    everything = len(inspection.good) == len(rows) and bool((np.diff(inspection.good) == 1).all())
    kept = rows if everything else rows.take(inspection.good)
    values = {name: getattr(kept, name) for name in VALUE_COLUMNS}
    # -0.0 becomes 0.0: equal candles must have equal bits
    values["volume"] = values["volume"] + 0
    return CandleFrame(instrument, timeframe, kept.open_ns, **values)


def _has_defect(rows: Columns, timeframe: Timeframe, now_ns: int) -> NDArray[np.uint8]:
    body_low = np.minimum(rows.open, rows.close)
    body_high = np.maximum(rows.open, rows.close)
    # comparisons with NaN are false, so a row with NaN fails
    sound = (rows.low > 0) & (rows.low <= body_low) & (body_high <= rows.high)
    sound &= (rows.high < np.inf) & (rows.volume >= 0) & (rows.volume < np.inf)
    sound &= rows.open_ns % timeframe.ns == 0
    sound &= rows.open_ns <= now_ns - timeframe.ns
    defects = np.zeros(len(rows), dtype=np.uint8)
    unsound = np.flatnonzero(~sound)
    if len(unsound):
        defects[unsound] = _find_defects(rows.take(unsound), timeframe, now_ns)
    return defects


def _find_defects(rows: Columns, timeframe: Timeframe, now_ns: int) -> NDArray[np.uint8]:
    values = np.stack([getattr(rows, name) for name in VALUE_COLUMNS])
    prices = values[:4]
    tests = {
        RowDefect.NOT_A_NUMBER: ~np.isfinite(values).all(axis=0),
        RowDefect.NOT_POSITIVE: (prices <= 0).any(axis=0),
        RowDefect.HIGH_BELOW_LOW: rows.high < rows.low,
        RowDefect.LOW_TOO_HIGH: rows.low > np.minimum(rows.open, rows.close),
        RowDefect.HIGH_TOO_LOW: rows.high < np.maximum(rows.open, rows.close),
        RowDefect.BAD_VOLUME: rows.volume < 0,
        RowDefect.MISALIGNED: rows.open_ns % timeframe.ns != 0,
        RowDefect.NOT_CLOSED: rows.open_ns > now_ns - timeframe.ns,
    }
    named = np.select(list(tests.values()), [int(fault) for fault in tests], default=0)
    if not named.all():
        raise AssertionError("a row failed the checks without a matching defect")
    return named.astype(np.uint8)


def _resolve_duplicates(rows: Columns, good: IntColumn, defects: NDArray[np.uint8]) -> IntColumn:
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
    defects[ordered[contradicted]] = RowDefect.CONFLICT
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
