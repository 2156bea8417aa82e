"""How many hours each funding rate of a series is for, told by the steps between its rows.

Venues change the interval of a perpetual (8 h, 4 h, 1 h and back), so none is taken for all of
history. What is really missing must stay a hole: a longer step is one unless others like it follow.

1. A run of at least three equal steps of 1, 2, 4 or 8 hours is an interval that held then. A run of
   two is one if its rows lie on the interval's own grid (multiples of it since 00:00 UTC) and it
   would otherwise lack at least three rows, or if the series ends or begins with it and had the
   interval before or after.
2. A step of an interval that holds before or after it is one of those; a shorter step between two
   full multiples of itself is a payment in between.
3. A step that is a whole multiple of the interval around it is a hole.
4. Any other step belongs to a rate that is off the grid.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bowline.core.model.market import IntColumn
from bowline.core.model.values import MINUTE_NS

HOUR_NS = 60 * MINUTE_NS
#: hours between two fundings that venues use
GRIDS = (1, 2, 4, 8)
#: steps in a row that make an interval: two alone may be two single rates that are missing
_LEAST_RUN = 3
#: rows that two steps must lack by the interval around them: as many as three steps would at least
_LEAST_LACKED = 3


class Intervals(NamedTuple):
    """Of every row: the hours its rate is for (int64 ns), and whether it is off the grid."""

    interval_ns: IntColumn
    off_grid: NDArray[np.bool_]


def intervals_of(event_ns: IntColumn, said_hours: IntColumn | None = None) -> Intervals | None:
    """The intervals of rates on full hours, rising; None if no interval that venues use is there.

    `said_hours` is what the file itself says of each row.
    """
    hours = np.diff(event_ns) // HOUR_NS
    if said_hours is not None:
        return _as_said(hours, said_hours)
    around = _around(hours, event_ns)
    if around is None:
        return None
    before, after = around
    least = np.minimum(before, after)
    known = np.isin(hours, GRIDS)
    aligned = event_ns[1:] % (np.maximum(hours, 1) * HOUR_NS) == 0
    regular = (hours == before) | (hours == after)
    between = known & (hours < least) & aligned
    hole = ~regular & ~between & (hours % least == 0)
    late = ~(regular | between | hole)
    interval = np.where(hole | (late & (hours >= 2 * least)), least, hours)
    return Intervals(_with_first(interval) * HOUR_NS, np.concatenate(([False], late)))


def _around(hours: IntColumn, event_ns: IntColumn) -> tuple[IntColumn, IntColumn] | None:
    """The interval that held before each step and the one that held after it."""
    if not len(hours):
        return None
    starts = np.flatnonzero(np.diff(hours, prepend=-1))
    lengths = np.diff(starts, append=len(hours))
    sound = np.isin(hours[starts], GRIDS)
    runs = np.flatnonzero(sound & (lengths >= _LEAST_RUN))
    if not len(runs):
        # too short a series for runs: the commonest step, the shorter of two as common
        steps, counts = np.unique(hours[np.isin(hours, GRIDS)], return_counts=True)
        if not len(steps) or counts.max() * 2 < len(hours):
            return None
        before = np.full(len(hours), steps[np.argmax(counts)])
        after = before.copy()
    else:
        at = np.searchsorted(starts[runs], np.arange(len(hours)), side="right")
        values = hours[starts[runs]]
        before = values[np.maximum(at - 1, 0)]
        inside = np.arange(len(hours)) < (starts[runs] + lengths[runs])[np.maximum(at - 1, 0)]
        after = np.where(inside & (at > 0), before, values[np.minimum(at, len(runs) - 1)])
    known = frozenset(hours[starts[runs]].tolist())
    for run in np.flatnonzero(sound & (lengths == _LEAST_RUN - 1)).tolist():
        first, step = int(starts[run]), int(hours[starts[run]])
        at_an_end = run in {0, len(starts) - 1} and step in known
        lacked = lengths[run] * (step // min(before[first], after[first]) - 1)
        if event_ns[first] % (step * HOUR_NS) == 0 and (at_an_end or lacked >= _LEAST_LACKED):
            before[first : first + 2] = after[first : first + 2] = step
    return before, after


def _as_said(hours: IntColumn, said: IntColumn) -> Intervals:
    """As the file says: a row may tell the interval that ends with it, or the one that begins."""
    ends, begins = said[1:], said[:-1]
    told = (hours == ends) | (hours == begins)
    interval = np.where(told, hours, np.minimum(ends, begins))
    late = ~told & (hours % interval != 0)
    return Intervals(_with_first(interval, said) * HOUR_NS, np.concatenate(([False], late)))


def _with_first(interval: IntColumn, said: IntColumn | None = None) -> IntColumn:
    first = said[:1] if said is not None else interval[:1]
    return np.concatenate((first, interval)).astype(np.int64)
