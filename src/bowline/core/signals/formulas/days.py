"""Formulas that depend on the UTC day of a candle.

A day whose first candle is missing has no value: it would depend on where the candles begin.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bowline.core.model.values import DAY_NS
from bowline.core.signals.formulas.parts import Series, typical

#: fractions of the previous day's range, added to its close
_CAMARILLA = (1.1 / 12, 1.1 / 6, 1.1 / 4)
_FIBONACCI = (0.382, 0.618, 1.0)


def session_vwap(
    open_ns: NDArray[np.int64], high: Series, low: Series, close: Series, volume: Series
) -> tuple[Series]:
    """Typical price weighted by volume since 00:00 UTC; NaN until volume has traded."""
    result = np.full(len(close), np.nan)
    traded = typical(high, low, close) * volume
    for start, stop in _days(open_ns):
        total = np.cumsum(volume[start:stop])
        value = np.cumsum(traded[start:stop])
        result[start:stop] = np.where(total > 0, value / total, np.nan)
    return (result,)


def pivot_points(
    open_ns: NDArray[np.int64], high: Series, low: Series, close: Series, kind: str
) -> tuple[Series, ...]:
    """Pivot, three resistances and three supports from the UTC day before, constant all day."""
    levels = np.full((7, len(close)), np.nan)
    days = _days(open_ns)
    for (start, stop), (today, end) in pairwise(days):
        if open_ns[today] // DAY_NS - open_ns[start] // DAY_NS == 1:
            top, bottom = float(high[start:stop].max()), float(low[start:stop].min())
            levels[:, today:end] = np.array(_levels(kind, top, bottom, float(close[stop - 1])))[
                :, None
            ]
    return tuple(levels)


def _levels(kind: str, top: float, bottom: float, close: float) -> tuple[float, ...]:
    reach = top - bottom
    pivot = (top + bottom + 2 * close) / 4 if kind == "woodie" else (top + bottom + close) / 3
    if kind == "camarilla":
        up = tuple(close + share * reach for share in _CAMARILLA)
        down = tuple(close - share * reach for share in _CAMARILLA)
    elif kind == "fibonacci":
        up = tuple(pivot + share * reach for share in _FIBONACCI)
        down = tuple(pivot - share * reach for share in _FIBONACCI)
    else:
        up = (2 * pivot - bottom, pivot + reach, top + 2 * (pivot - bottom))
        down = (2 * pivot - top, pivot - reach, bottom - 2 * (top - pivot))
    return (pivot, *up, *down)


def _days(open_ns: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Start and stop of each UTC day's candles, without an incomplete first day."""
    if not len(open_ns):
        return []
    day = open_ns // DAY_NS
    starts = [0, *(np.flatnonzero(np.diff(day)) + 1).tolist()]
    spans = list(zip(starts, [*starts[1:], len(day)], strict=True))
    return spans if open_ns[0] % DAY_NS == 0 else spans[1:]
