"""How far and how long the equity was below its highest close. Depth is a positive percentage.

The initial cash is the first peak: a run that only ever loses must show its whole loss.

1. peak[t] = highest of the initial cash and equity[0..t]; depth[t] = 1 - equity[t] / peak[t].
2. An episode begins at the last close on the peak (or at the start of the run) and ends at the
   first close that is back on it, or at the last candle.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from bowline.core.model.market import FloatColumn, IntColumn

#: A dip of less than this share of the peak is the rounding of a float, not a loss of money.
ROUNDING = 1e-12


class Drawdown(Struct, frozen=True):
    """One episode below a peak. `depth_pct` is its deepest close, more than 0 and in percent.

    `end_ns` is the recovery, or the last close if it never came.
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
    """Percent below the highest equity so far, 0 or more; above 100 where equity is below zero."""
    peak = np.maximum(np.maximum.accumulate(equity), initial_cash)
    depth = 1.0 - equity / peak
    depth[depth <= ROUNDING] = 0.0
    return 100.0 * depth


def find_drawdowns(
    depth_pct: FloatColumn, close_ns: IntColumn, start_ns: int
) -> tuple[Drawdown, ...]:
    """The episodes of a curve of `drawdown_curve`; the initial cash was there at `start_ns`."""
    under = depth_pct > 0
    edges = np.diff(under.astype(np.int8), prepend=0, append=0)
    episodes = []
    # plain ints: indexing NumPy arrays one by one is what would cost
    for begin, stop in zip(
        np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True
    ):
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
