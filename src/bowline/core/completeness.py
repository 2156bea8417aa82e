"""How complete the candles of a span are: what was missing, and what was lost because of it.

A run over candles with holes must never look like a run over all of them. Everything that reads
candles measures them here and hands the one result on, to be said wherever its figures are shown.

1. The span begins at the first bucket that was asked for, or with the first candle of the warm-up
   before it, and ends with the last bucket that was asked for: what is not there at either end is
   missing too. Where nothing was asked for it is as far as the source goes.
2. Missing are the source candles (one-minute ones, or those of a file) of the span that are not
   there: its length less what is there.
3. Lost are the candles of the span's own timeframe that are not there: a bucket with one part
   missing is not published, so one missing minute loses an hour or a day.
4. A gap is a stretch between two neighbouring candles of that timeframe that lasts longer than
   `LONGEST_GAP_NS`.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from msgspec import Struct

from bowline.core.frames import source_of
from bowline.core.model.market import CandleFrame, SourceCandles
from bowline.core.model.values import DAY_NS, HUNDRED, Timeframe

#: Longer than the venues' own longest stops (Binance's of 8 February 2018 took 34 hours, and with
#: it two days of daily candles): what is longer is a hole in the record.
LONGEST_GAP_NS = 2 * DAY_NS


#: At one candle in two hundred, nine of ten values of a 20-candle indicator still see no hole. The
#: published archives that Bowline is tested on miss none.
MAX_LOST_PCT = Decimal("0.5")


class Hole(Struct, frozen=True):
    """From `from_ns` up to `to_ns` there is nothing."""

    from_ns: int
    to_ns: int

    @property
    def length_ns(self) -> int:
        """How long it lasts."""
        return self.to_ns - self.from_ns


class Across(Struct, frozen=True):
    """What of a run spans one of the gaps: it rests on prices that nobody saw.

    `round_trips` are counted from 1. `days` have no candle and count as days without a return;
    `fundings` fell due in a gap and were marked at the last close before it.
    """

    warmup: bool = False
    round_trips: tuple[int, ...] = ()
    open_position: bool = False
    days: int = 0
    fundings: int = 0


class Completeness(Struct, frozen=True):
    """How complete the candles of a span were. `missing` of `expected` candles of `source`.

    `lost` of `candles` are of `timeframe`. `longest` is the longest stretch of missing candles of
    the source; `gaps` are the stretches without a candle of the timeframe that are longer than
    `LONGEST_GAP_NS`. `allowed` says that a person chose to go on beyond the bounds. `filled` counts
    the minutes without a trade that are known to be filled flat.
    """

    timeframe: Timeframe
    source: Timeframe
    from_ns: int
    to_ns: int
    expected: int
    missing: int
    longest: Hole | None
    candles: int
    lost: int
    gaps: tuple[Hole, ...] = ()
    allowed: bool = False
    filled: int = 0
    across: Across | None = None

    @property
    def missing_pct(self) -> Decimal:
        """The share of the source that is missing."""
        return _share(self.missing, self.expected)

    @property
    def lost_pct(self) -> Decimal:
        """The share of candles that were lost."""
        return _share(self.lost, self.candles)

    def within(self, max_lost_pct: Decimal) -> bool:
        """Whether a run may rest on it unasked: few candles lost, and no gap."""
        return not self.gaps and self.lost_pct <= max_lost_pct


def measure(
    frame: CandleFrame, asked_from_ns: int | None = None, asked_to_ns: int | None = None
) -> Completeness:
    """How complete `frame` is over the span asked for; None is as far as its source goes."""
    size, source = frame.timeframe.ns, source_of(frame)
    step = frame.timeframe if source is None else source.timeframe
    nowhere = (asked_from_ns or asked_to_ns or 0,) * 2
    ends = nowhere if source is None else (source.from_ns, source.to_ns)
    begin = -(-(ends[0] if asked_from_ns is None else asked_from_ns) // size) * size
    end = (ends[1] if asked_to_ns is None else asked_to_ns) // size * size
    if asked_from_ns is not None and len(frame):
        begin = min(begin, int(frame.open_ns[0]))
    end = max(begin, end)
    starts, stops = _holes(frame, begin, end)
    lengths = stops - starts
    at = int(lengths.argmax()) if len(lengths) else -1
    inside = frame.open_ns.searchsorted((begin, end))
    candles = (end - begin) // size
    lost = candles - int(inside[1] - inside[0])
    return Completeness(
        timeframe=frame.timeframe,
        source=step,
        from_ns=begin,
        to_ns=end,
        expected=(end - begin) // step.ns,
        missing=int(lengths.sum()) // step.ns,
        longest=Hole(int(starts[at]), int(stops[at])) if at >= 0 else None,
        candles=candles,
        lost=lost,
        gaps=_gaps(frame) if lost else (),
        filled=_filled(source, begin, end),
    )


def _holes(frame: CandleFrame, begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the source has nothing between two moments: starts and ends, none of them empty."""
    source = source_of(frame)
    if source is None:
        starts, stops = np.array([begin]), np.array([end])
    else:
        starts = np.concatenate(([begin], source.hole_from_ns, [source.to_ns]))
        stops = np.concatenate(([source.from_ns], source.hole_to_ns, [end]))
    starts, stops = np.clip(starts, begin, end), np.clip(stops, begin, end)
    real = stops > starts
    return starts[real], stops[real]


def _filled(source: SourceCandles | None, begin: int, end: int) -> int:
    if source is None or source.filled_ns is None:
        return 0
    inside = source.filled_ns.searchsorted((begin, end))
    return int(inside[1] - inside[0])


def _gaps(frame: CandleFrame) -> tuple[Hole, ...]:
    """The stretches between neighbouring candles that are longer than the bound."""
    before = np.flatnonzero(np.diff(frame.open_ns) > LONGEST_GAP_NS + frame.timeframe.ns)
    closes = frame.open_ns[before] + frame.timeframe.ns
    opens = frame.open_ns[before + 1]
    return tuple(map(Hole, closes.tolist(), opens.tolist()))


def _share(part: int, whole: int) -> Decimal:
    return part * HUNDRED / whole if whole else Decimal(0)
