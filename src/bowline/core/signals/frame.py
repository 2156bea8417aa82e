"""Signals as columns, and the view of them that a run is given.

A `SignalFrame` is computed over many candles at once; a `History` returns it candle by candle. It
must never show a run anything after the candle that has just closed: look-ahead is impossible,
because there is no call that reads ahead of the cursor.

1. The signals are computed over every known candle since the anchor.
2. `close` moves the cursor by one candle and returns that candle's signal.
3. When more candles arrive, the signals are computed again over all of them. A signal of an earlier
   candle must not have changed: a strategy that changes its past is refused.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bowline.core.errors import BadInput
from bowline.core.frames import join_frames
from bowline.core.model.intent import Signal
from bowline.core.model.market import CandleFrame, IntColumn
from bowline.core.model.values import Direction

DirectionColumn = NDArray[np.int8]

#: every possible signal, by `first`, `direction + 1` and `edge + 1`
_SIGNALS = tuple(
    tuple(tuple(Signal(direction, edge, first) for edge in Direction) for direction in Direction)
    for first in (False, True)
)


class SignalFrame(Struct, frozen=True):
    """One row per candle: the final signal and whether it is new.

    `direction` holds values of `Direction`; `edge` is the direction where it is LONG or SHORT and
    differs from the candle before (NEUTRAL before the first), else 0. `conflicting_signals` counts
    the candles on which all long sides and all short sides hold; those are NEUTRAL. `first` is the
    row of the first signal: the first row after the warm-up of every rule, or `len` or more if
    there is none.
    """

    direction: DirectionColumn
    edge: DirectionColumn
    conflicting_signals: int = 0
    first: int = 0

    def __len__(self) -> int:
        return len(self.direction)

    def signal(self, at: int) -> Signal:
        """The signal of one row."""
        return _SIGNALS[at <= self.first][int(self.direction[at]) + 1][int(self.edge[at]) + 1]


def frame_of(
    direction: DirectionColumn, conflicting_signals: int = 0, first: int = 0
) -> SignalFrame:
    """The frame of a direction column with its edges.

    ValueError for values other than -1, 0 and 1.
    """
    if direction.ndim != 1 or direction.dtype != np.int8:
        raise ValueError(
            f"a direction column is one int8 a candle, got {direction.dtype} {direction.shape}"
        )
    if len(direction) and not {int(direction.min()), int(direction.max())} <= {-1, 0, 1}:
        raise ValueError("a direction must be -1 (SHORT), 0 (NEUTRAL) or 1 (LONG)")
    before = np.concatenate((np.zeros(1, dtype=np.int8), direction[:-1]))
    edge = np.where(direction != before, direction, np.int8(0)).astype(np.int8, copy=False)
    return SignalFrame(direction, edge[: len(direction)], conflicting_signals, first)


def changed_rows(before: SignalFrame, after: SignalFrame) -> IntColumn:
    """The rows in which `after`, over the same candles and later ones, differs from `before`."""
    known = len(before)
    changed = after.direction[:known] != before.direction
    firsts = sorted(min(each.first, known) for each in (before, after))
    changed[firsts[0] : firsts[1]] = True
    return np.flatnonzero(changed)


class Opinion(Protocol):
    """A strategy's signals: a pure, causal function of the candles since its anchor."""

    @property
    def warmup(self) -> int:
        """How many candles it needs before the first decision."""

    def signals(self, candles: CandleFrame) -> SignalFrame:
        """One row per candle; row t may depend on candles 0 to t only."""


class History:
    """What a run may see: signals up to the candle that has just closed."""

    def __init__(self, opinion: Opinion, candles: CandleFrame) -> None:
        """`candles` are the known ones since the anchor; the run has closed none of them."""
        self._opinion = opinion
        self._candles = candles
        self._frame = _opinion_of(opinion, candles)
        self._open_ns: list[int] = candles.open_ns.tolist()
        self._signals = _signals_of(self._frame, 0)
        self._cursor = 0

    def extend(self, candles: CandleFrame) -> None:
        """Add candles, all of them later than the known ones.

        BadInput if the signal of an earlier candle has changed.
        """
        known = len(self._open_ns)
        joined = join_frames(self._candles, candles)
        frame = _opinion_of(self._opinion, joined)
        changed = changed_rows(self._frame, frame)
        if len(changed):
            raise BadInput(
                f"the strategy changed its signal of the candle that opened at "
                f"{self._open_ns[changed[0]]} ns after later candles arrived",
                hint="a signal may depend on its own and earlier candles only",
            )
        self._candles, self._frame = joined, frame
        self._open_ns += candles.open_ns.tolist()
        self._signals += _signals_of(frame, known)

    def close(self, open_ns: int) -> Signal:
        """Move to the next candle, which must open at `open_ns` (else ValueError).

        And return its signal.
        """
        cursor = self._cursor
        try:
            expected = self._open_ns[cursor]
        except IndexError:
            raise ValueError(f"no candle is known at {open_ns}: extend the history first") from None
        if expected != open_ns:
            raise ValueError(f"the next candle opens at {expected}, not at {open_ns}")
        self._cursor = cursor + 1
        return self._signals[cursor]

    def skip_to(self, open_ns: int) -> None:
        """Move past the candles that open before `open_ns` (warm-up, restart)."""
        self._cursor = bisect_left(self._open_ns, open_ns, lo=self._cursor)

    @property
    def conflicting_signals(self) -> int:
        """Candles since the anchor on which all long sides and all short sides hold."""
        return self._frame.conflicting_signals

    @property
    def closed(self) -> int:
        """The number of candles behind the cursor."""
        return self._cursor


def _opinion_of(opinion: Opinion, candles: CandleFrame) -> SignalFrame:
    frame = opinion.signals(candles)
    if len(frame) != len(candles):
        raise ValueError(f"{len(frame)} signals for {len(candles)} candles")
    return frame


def _signals_of(frame: SignalFrame, start: int) -> list[Signal]:
    rows = zip(frame.direction[start:].tolist(), frame.edge[start:].tolist(), strict=True)
    return [
        _SIGNALS[at <= frame.first][direction + 1][edge + 1]
        for at, (direction, edge) in enumerate(rows, start)
    ]
