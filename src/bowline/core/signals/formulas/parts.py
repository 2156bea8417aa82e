"""Functions shared by the formulas. A value may depend on candles up to its own only.

Sums over a window must be computed by TA-Lib, by `window_sum` or term by term: NumPy's sum adds in
blocks whose boundaries depend on the length of the array, which changes the last bits. TA-Lib's
running sums keep the rounding of what has left the window, which of volumes (a million times
smaller from one day to the next) is a large part of the rest: those are added by `window_sum`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowline.core.signals import ta_lib

Series = NDArray[np.float64]


def ta(function: str, *arguments: Any) -> Series:  # noqa: ANN401 - inputs and options of any function
    """The one output of a TA-Lib function as float64."""
    return ta_lib.run(function, *arguments)[0].astype(np.float64, copy=False)


def shifted(series: Series, by: int = 1) -> Series:
    """The value `by` candles earlier, NaN if there was none."""
    earlier = np.full(len(series), np.nan)
    if by < len(series):
        earlier[by:] = series[: len(series) - by]
    return earlier


def highest(series: Series, window: int) -> Series:
    """The largest of the last `window` values; NaN until there are that many."""
    # TA-Lib takes windows from 2 on
    return series if window == 1 else ta("MAX", series, window)


def lowest(series: Series, window: int) -> Series:
    """The smallest of the last `window` values; NaN until there are that many."""
    return series if window == 1 else ta("MIN", series, window)


def window_sum(series: Series, window: int) -> Series:
    """The sum of the last `window` values, and of no others; NaN until there are that many.

    The series is cut into blocks of `window` values, counted from its first: a window is the end
    of one block and the beginning of the next, and each is a cumulative sum within its block.
    """
    length = len(series)
    blocks = np.zeros(-(-length // window) * window)
    blocks[:length] = series
    rows = blocks.reshape(-1, window)
    begun = np.cumsum(rows, axis=1).ravel()[:length]
    ended = np.cumsum(rows[:, ::-1], axis=1)[:, ::-1].ravel()
    total = np.full(length, np.nan)
    first = np.arange(length - window + 1)
    if len(first):
        total[window - 1 :] = begun[window - 1 :] + np.where(first % window, ended[first], 0.0)
    return total


def weighted(series: Series, weights: Iterable[float]) -> Series:
    """sum(weights[i] * series[t - i]), added term by term from the current candle backwards."""
    total = np.zeros(len(series))
    for back, weight in enumerate(weights):
        total = total + weight * shifted(series, back)
    return total


def true_range(high: Series, low: Series, close: Series) -> Series:
    """max(high, previous close) - min(low, previous close); NaN for the first candle."""
    return ta("TRANGE", high, low, close)


def typical(high: Series, low: Series, close: Series) -> Series:
    """(high + low + close) / 3."""
    return ta("TYPPRICE", high, low, close)


def first_valid(*series: Series) -> int:
    """The first index at which all series have a value; the length if there is none."""
    known = np.logical_and.reduce([np.isfinite(each) for each in series])
    return int(np.argmax(known)) if known.any() else len(known)
