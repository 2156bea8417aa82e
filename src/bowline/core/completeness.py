"""How complete the candles of a span are: what is missing, and which longer candles it costs.

A run over candles with gaps must never look like a run over all of them. Everything that reads
candles measures them here and passes the one result on to be shown with its figures.

1. The span begins at the first bucket requested, or with the first candle of the warm-up before it,
   and ends with the last bucket requested; candles missing at either end count. Without a request
   the span is that of the source.
2. Missing are the source candles (one-minute ones, or those of a file) of the span that do not
   exist.
3. Lost are the candles of the span's own timeframe that do not exist: a bucket with one part
   missing is not published, so one missing minute loses an hour or a day.
4. Unused are the source candles at either end of the span that fill no candle of the timeframe: of
   the source where it ends, of the request where that begins or ends within a bucket.
5. A gap is a span between two neighbouring candles of that timeframe longer than `LONGEST_GAP_NS`.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from msgspec import Struct

from bowline.core.frames import source_of
from bowline.core.model.market import CandleFrame, SourceCandles
from bowline.core.model.values import DAY_NS, HUNDRED, Timeframe

#: Longer than the venues' own longest outages (Binance's of 8 February 2018 took 34 hours, which
#: costs two daily candles): a longer span is a gap in the recording.
LONGEST_GAP_NS = 2 * DAY_NS


#: At one candle in two hundred, nine of ten values of a 20-candle indicator are unaffected. The
#: published archives that Bowline is tested on have no missing candle.
MAX_LOST_PCT = Decimal("0.5")


class MissingSpan(Struct, frozen=True):
    """A time span without candles, from `from_ns` up to `to_ns`."""

    from_ns: int
    to_ns: int

    @property
    def length_ns(self) -> int:
        """Its length."""
        return self.to_ns - self.from_ns


class GapEffects(Struct, frozen=True):
    """What of a run spans a gap, and so depends on prices that were not recorded.

    `round_trips` are numbered from 1. `days` have no candle and count as days without a return;
    `fundings` fell due in a gap and were marked at the last close before it.
    """

    warmup: bool = False
    round_trips: tuple[int, ...] = ()
    open_position: bool = False
    days: int = 0
    fundings: int = 0


class Completeness(Struct, frozen=True):
    """How complete the candles of a span are: `missing` of `expected` candles of `source`.

    `lost` of `candles` are of `timeframe`. `longest` is the longest span of missing source candles;
    `gaps` are the spans without a candle of the timeframe longer than `LONGEST_GAP_NS`. `allowed`
    is set if a person chose to continue beyond the bounds. `filled` counts the minutes without a
    trade that are known to be filled flat. `unused_before` and `unused_after` count the source
    candles before `from_ns` and after `to_ns` that fill no candle of the timeframe.
    """

    timeframe: Timeframe
    source: Timeframe
    from_ns: int
    to_ns: int
    expected: int
    missing: int
    longest: MissingSpan | None
    candles: int
    lost: int
    gaps: tuple[MissingSpan, ...] = ()
    allowed: bool = False
    filled: int = 0
    across: GapEffects | None = None
    unused_before: int = 0
    unused_after: int = 0

    @property
    def unused(self) -> int:
        """The source candles at both ends that fill no candle of the timeframe."""
        return self.unused_before + self.unused_after

    @property
    def missing_pct(self) -> Decimal:
        """The share of the source candles that is missing, in percent."""
        return _share(self.missing, self.expected)

    @property
    def lost_pct(self) -> Decimal:
        """The share of the candles that is lost, in percent."""
        return _share(self.lost, self.candles)

    def within(self, max_lost_pct: Decimal) -> bool:
        """Whether a run may use them without confirmation: few candles lost, and no gap."""
        return not self.gaps and self.lost_pct <= max_lost_pct


def measure(
    frame: CandleFrame, asked_from_ns: int | None = None, asked_to_ns: int | None = None
) -> Completeness:
    """How complete `frame` is over the requested span; None is as far as its source goes."""
    size, source = frame.timeframe.ns, source_of(frame)
    step = frame.timeframe if source is None else source.timeframe
    nowhere = (asked_from_ns or asked_to_ns or 0,) * 2
    ends = nowhere if source is None else (source.from_ns, source.to_ns)
    first = ends[0] if asked_from_ns is None else asked_from_ns
    last = ends[1] if asked_to_ns is None else asked_to_ns
    begin, end = -(-first // size) * size, last // size * size
    if asked_from_ns is not None and len(frame):
        begin = min(begin, int(frame.open_ns[0]))
    end = max(begin, end)
    starts, stops = _missing_spans(frame, begin, end)
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
        longest=MissingSpan(int(starts[at]), int(stops[at])) if at >= 0 else None,
        candles=candles,
        lost=lost,
        gaps=_gaps(frame) if lost else (),
        filled=_filled(source, begin, end),
        unused_before=_unused(frame, first, min(begin, last), asked=asked_from_ns) // step.ns,
        unused_after=_unused(frame, max(end, first), last, asked=asked_to_ns) // step.ns,
    )


def _unused(frame: CandleFrame, begin: int, end: int, *, asked: int | None) -> int:
    """The length of an end of the span that no candle of the timeframe covers.

    Of one that was asked for it is the whole length: a store does not read what lies there.
    """
    length = max(0, end - begin)
    if asked is not None or not length:
        return length
    starts, stops = _missing_spans(frame, begin, end)
    return length - int((stops - starts).sum())


def _missing_spans(frame: CandleFrame, begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of the non-empty spans without source candles between two moments."""
    source = source_of(frame)
    if source is None:
        starts, stops = np.array([begin]), np.array([end])
    else:
        starts = np.concatenate(([begin], source.missing_from_ns, [source.to_ns]))
        stops = np.concatenate(([source.from_ns], source.missing_to_ns, [end]))
    starts, stops = np.clip(starts, begin, end), np.clip(stops, begin, end)
    real = stops > starts
    return starts[real], stops[real]


def _filled(source: SourceCandles | None, begin: int, end: int) -> int:
    if source is None or source.filled_ns is None:
        return 0
    inside = source.filled_ns.searchsorted((begin, end))
    return int(inside[1] - inside[0])


def _gaps(frame: CandleFrame) -> tuple[MissingSpan, ...]:
    """The spans between neighbouring candles that are longer than `LONGEST_GAP_NS`."""
    before = np.flatnonzero(np.diff(frame.open_ns) > LONGEST_GAP_NS + frame.timeframe.ns)
    closes = frame.open_ns[before] + frame.timeframe.ns
    opens = frame.open_ns[before + 1]
    return tuple(map(MissingSpan, closes.tolist(), opens.tolist()))


def _share(part: int, whole: int) -> Decimal:
    return part * HUNDRED / whole if whole else Decimal(0)
