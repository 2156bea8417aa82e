"""The timeframe of a file's candles, told by all its steps, never by the commonest alone.

1. It is the longest known timeframe that nine in ten of the steps are whole multiples of.
2. It is believed if at least half of the steps are that long, or if many rows lie on it and some of
   the steps are that long: a thin market leaves most minutes out. Otherwise the person must say.
3. A file whose steps change to another length for many rows is two files in one, and refused.
"""

from __future__ import annotations

import numpy as np

from bowline.core.errors import BadInput
from bowline.core.model.market import IntColumn
from bowline.core.model.values import SECOND_NS, Timeframe
from bowline.storage.files.table import CandleFile

#: so many steps in a row of another length are no gaps
_MANY_STEPS = 20
#: rows from which on nobody is asked about a thin market: by chance alone one in 5^20 files of
#: minutes would have nothing but every fifth
_MANY_ROWS = 20
_ON_IT = 0.9
_KNOWN = ", ".join(timeframe.value for timeframe in Timeframe)


def find_timeframe(
    file: CandleFile, said: Timeframe | None, *, fallback: Timeframe | None = None
) -> Timeframe:
    """The timeframe, as `said` where the rows allow it; BadInput where they do not tell.

    `fallback` is taken where the rows leave it open: what they are wanted as.
    """
    stamps = file.columns.open_ns
    if not bool((np.diff(stamps) > 0).all()):
        stamps = np.unique(stamps)
    steps = np.diff(stamps)
    found, sure = _told_by(steps)
    if not len(steps):
        found = said or fallback
        if found is None:
            raise BadInput(
                f"{file.name}: a single candle does not say its timeframe",
                hint="Say it: --timeframe 1m.",
            )
        return found
    if said is not None:
        found = found if said is found else _as_said(file, steps, said, found if sure else None)
    elif found is None:
        raise _unknown(file, steps)
    elif not sure and fallback is not None and bool((steps == fallback.ns).any()):
        found = found if fallback is found else _as_said(file, steps, fallback, None)
    elif not sure:
        raise BadInput(
            f"{file.name}: {len(stamps)} rows, {_usual_s(steps)} s apart, may be {found.value}"
            f" candles{'' if found is Timeframe.M1 else ' or shorter ones'} with gaps",
            hint="Say it: --timeframe 1m."
            if found is Timeframe.M1
            else f"Say which: --timeframe {found.value}, or 1m.",
        )
    _refuse_change_of_step(file, stamps, found)
    return found


def _told_by(steps: IntColumn) -> tuple[Timeframe | None, bool]:
    """The timeframe that the steps lie on, and whether they leave no doubt."""
    for timeframe in reversed(Timeframe):
        on_it = np.count_nonzero(steps % timeframe.ns == 0)
        if not len(steps) or on_it < _ON_IT * len(steps):
            continue
        exact = np.count_nonzero(steps == timeframe.ns)
        if exact * 2 >= len(steps):
            return timeframe, True
        if not exact and len(steps) >= _MANY_ROWS:
            return None, False
        # the step itself must be there: months are whole days, and no daily candles with gaps
        return timeframe, bool(len(steps) >= _MANY_ROWS and exact * 100 >= len(steps))
    return None, False


def _as_said(
    file: CandleFile, steps: IntColumn, said: Timeframe, sure: Timeframe | None
) -> Timeframe:
    if sure is not None and len(steps) >= _MANY_ROWS:
        raise BadInput(
            f"{file.name}: holds {sure.value} candles, not {said.value}:"
            f" {len(steps) + 1:,} rows are {_usual_s(steps)} s apart",
            hint=f"Use it with --timeframe {sure.value}, or leave --timeframe out.",
        )
    if np.count_nonzero(steps % said.ns == 0) < _ON_IT * len(steps):
        raise BadInput(
            f"{file.name}: rows {_usual_s(steps)} s apart are no {said.value} candles",
            hint="Leave --timeframe out to see what the file holds.",
        )
    return said


def _unknown(file: CandleFile, steps: IntColumn) -> BadInput:
    return BadInput(
        f"{file.name}, row 2: candles are usually {_usual_s(steps)} s apart, which is no known"
        " timeframe",
        hint=f"Known timeframes: {_KNOWN}. If most candles are missing (a thin market), say"
        " which: --timeframe 1m.",
    )


def _usual_s(steps: IntColumn) -> int:
    return int(np.median(steps)) // SECOND_NS


def _refuse_change_of_step(file: CandleFile, stamps: IntColumn, timeframe: Timeframe) -> None:
    steps = np.diff(stamps)
    if bool((steps == timeframe.ns).all()):
        return
    other = (steps[1:] == steps[:-1]) & (steps[1:] != timeframe.ns)
    seen = np.concatenate(([0], np.cumsum(other)))
    runs = np.flatnonzero(seen[_MANY_STEPS:] - seen[:-_MANY_STEPS] == _MANY_STEPS)
    if not len(runs):
        return
    start = int(runs[0])
    name, row = file.place(int(np.argmax(file.columns.open_ns == stamps[start])))
    raise BadInput(
        f"{name}, row {row}: from here on candles are {steps[start] // SECOND_NS} s apart,"
        f" elsewhere {timeframe.ns // SECOND_NS} s",
        hint="Split the file: all candles of one file must have one timeframe.",
    )
