"""Depth and duration of drawdowns. Depth is a positive percentage.

The initial cash is the first peak: a run that only ever loses must show its whole loss.

1. peak[t] = highest of the initial cash and equity[0..t]; depth[t] = 1 - equity[t] / peak[t].
2. An episode begins at the last close at the peak (or at the start of the run) and ends at the
   first close that is back at it, or at the last candle.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from bowline.core.model.market import FloatColumn, IntColumn
from bowline.core.rounding import ROUNDING


class Drawdown(Struct, frozen=True):
    """One episode below a peak. `depth_pct` is its deepest close, above 0, in percent.

    `end_ns` is the recovery, or the last close without one.
    """

    peak_ns: int
    trough_ns: int
    end_ns: int
    depth_pct: float
    recovered: bool

    @property
    def duration_ns(self) -> int:
        """From the peak to the recovery or the end."""
        return self.end_ns - self.peak_ns


def drawdown_curve(equity: FloatColumn, initial_cash: float) -> FloatColumn:
    """Percent below the highest equity so far, 0 or more; above 100 if equity is below zero."""
    # in place: a year of minutes has half a million closes
    column = np.maximum.accumulate(equity)
    np.maximum(column, initial_cash, out=column)
    np.divide(equity, column, out=column)
    np.subtract(1.0, column, out=column)
    column[column <= ROUNDING] = 0.0
    column *= 100.0
    return column


def find_drawdowns(
    depth_pct: FloatColumn, close_ns: IntColumn, start_ns: int
) -> tuple[Drawdown, ...]:
    """The episodes of a curve of `drawdown_curve`; the initial cash was held at `start_ns`."""
    under = np.zeros(len(depth_pct) + 2, dtype=np.bool_)
    np.greater(depth_pct, 0, out=under[1:-1])
    # plain ints, because indexing NumPy arrays element by element is slow
    edges = np.flatnonzero(under[1:] != under[:-1]).tolist()
    episodes = []
    for begin, stop in zip(edges[::2], edges[1::2], strict=True):
        trough = begin + int(np.argmax(depth_pct[begin:stop]))
        recovered = stop < len(depth_pct)
        episodes.append(
            Drawdown(
                peak_ns=int(close_ns[begin - 1]) if begin else start_ns,
                trough_ns=int(close_ns[trough]),
                end_ns=int(close_ns[stop if recovered else -1]),
                depth_pct=float(depth_pct[trough]),
                recovered=recovered,
            )
        )
    return tuple(episodes)
