"""Oscillators that TA-Lib lacks or defines differently."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bowline.core.rounding import is_negligible, largest_so_far, without_rounding
from bowline.core.signals.formulas.parts import (
    Series,
    first_valid,
    shifted,
    ta,
    true_range,
    typical,
    weighted,
)
from bowline.core.signals.formulas.undefined import no_changes, no_moves, no_ranges

#: the Fisher transform is infinite at 1: Ehlers limits its input to this value
_FISHER_LIMIT = 0.999


def stochastic_rsi(
    close: Series, period: int, window: int, smooth_k: int, smooth_d: int
) -> tuple[Series, Series]:
    """The position of the RSI in the range of its last `window` values, 0 to 100, smoothed.

    Its signal. For a constant RSI it is 0/0 and set to 0 here: a NaN would stay in the running sum
    of the average for ever. The entry states where there is no value.
    """
    rsi = ta("RSI", close, period)
    least, most = ta("MIN", rsi, window), ta("MAX", rsi, window)
    place = 100 * (rsi - least) / (most - least)
    line = ta("SMA", np.where(is_negligible(most - least, 100.0), 0.0, place), smooth_k)
    return line, ta("SMA", line, smooth_d)


def fisher(high: Series, low: Series, period: int) -> tuple[Series, Series]:
    """Ehlers' Fisher transform of the position of (high + low) / 2 in its range.

    Its previous value.
    """
    middle = ta("MEDPRICE", high, low)
    least, most = ta("MIN", middle, period), ta("MAX", middle, period)
    place = np.where(is_negligible(most - least, most), 0.5, (middle - least) / (most - least))
    result = np.full(len(high), np.nan)
    start = period - 1
    level = line = 0.0
    lines = []
    for each in place[start:].tolist():
        level = 0.66 * (each - 0.5) + 0.67 * level
        level = min(max(level, -_FISHER_LIMIT), _FISHER_LIMIT)
        line = 0.5 * math.log((1 + level) / (1 - level)) + 0.5 * line
        lines.append(line)
    result[start:] = lines
    return result, shifted(result)


def kst(close: Series, rate: int, smooth: int, signal: int) -> tuple[Series, Series]:
    """Pring's Know Sure Thing: four smoothed rates of change weighted 1 to 4, and its average.

    Periods derive from `rate`: rate, 1.5 rate, 2 rate and 3 rate, all smoothed by `smooth` but the
    longest, which is smoothed by 1.5 smooth (10, 15, 20, 30 and 10, 10, 10, 15).
    """
    periods = (rate, rate * 3 // 2, rate * 2, rate * 3)
    smoothing = (smooth, smooth, smooth, smooth * 3 // 2)
    line = np.zeros(len(close))
    for weight, (period, window) in enumerate(zip(periods, smoothing, strict=True), start=1):
        line = line + weight * ta("SMA", ta("ROC", close, period), window)
    return line, ta("SMA", line, signal)


def schaff(close: Series, fast: int, slow: int, cycle: int, factor: float) -> tuple[Series]:
    """Schaff's trend cycle: the stochastic of the stochastic of the MACD line, 0 to 100.

    A stochastic that is 0/0 keeps its previous value, as a lasting trend keeps the first one at its
    limit. NaN where the MACD line itself is constant.
    """
    macd = ta("EMA", close, fast) - ta("EMA", close, slow)
    place, still = _smoothed_place(macd, largest_so_far(close), cycle, factor)
    result, _ = _smoothed_place(place, np.full(len(close), 100.0), cycle, factor)
    return (np.where(still, np.nan, result),)


def _smoothed_place(
    series: Series, scale: Series, window: int, factor: float
) -> tuple[Series, NDArray[np.bool_]]:
    """The position of the series in its range, 0 to 100, smoothed by `factor`.

    And where that is 0/0. There it keeps its previous value, 50 at first.
    """
    least, most = ta("MIN", series, window), ta("MAX", series, window)
    start = first_valid(least, most)
    result = np.full(len(series), np.nan)
    still = is_negligible(most - least, scale)
    place = level = 50.0
    levels = []
    rows = zip(*(each[start:].tolist() for each in (series, least, most, still)), strict=True)
    for at, (value, low, high, stands) in enumerate(rows):
        place = place if stands else 100 * (value - low) / (high - low)
        level = place if at == 0 else level + factor * (place - level)
        levels.append(level)
    result[start:] = levels
    return result, still


def connors_rsi(close: Series, period: int, streak_period: int, rank_period: int) -> tuple[Series]:
    """Mean of the RSI, the RSI of the up or down streak, and the rank of the last change.

    NaN where one of them is 0/0: where neither price nor streak has moved within its memory, or all
    changes to rank are 0.
    """
    change = np.sign(close - shifted(close)).tolist()
    streak, streaks = 0.0, []
    for sign in change:
        # the first change is NaN: there is no streak
        if sign == 0 or math.isnan(sign):
            streak = 0.0
        else:
            streak = streak + sign if streak * sign > 0 else sign
        streaks.append(streak)
    lengths = np.asarray(streaks)
    streak_rsi = ta("RSI", lengths, streak_period)
    rank = ta("PERCENTRANK", ta("ROC", close, 1), rank_period)
    moves = ta("RMA", np.abs(lengths - shifted(lengths)), streak_period)
    nothing = no_moves(close, period)[0] | no_changes(close, rank_period + 1)[0]
    nothing |= is_negligible(moves, 1.0)
    return (np.where(nothing, np.nan, (ta("RSI", close, period) + streak_rsi + rank) / 3),)


def choppiness(high: Series, low: Series, close: Series, period: int) -> tuple[Series]:
    """100 * log10(sum of true ranges / range of them all) / log10(period): 100 is no trend."""
    before = shifted(close)
    # the true range is NaN for the first candle, so its extremes must be NaN too
    top, bottom = np.maximum(high, before), np.minimum(low, before)
    path = ta("SUM", true_range(high, low, close), period)
    reach = ta("MAX", top, period) - ta("MIN", bottom, period)
    return (100 * np.log10(path / reach) / math.log10(period),)


def relative_vigor(
    open_: Series, high: Series, low: Series, close: Series, period: int
) -> tuple[Series, Series]:
    """Ehlers' relative vigor: smoothed (close - open) over smoothed (high - low); its signal.

    NaN where none of the candles in the window had a range.
    """
    weights = (1 / 6, 2 / 6, 2 / 6, 1 / 6)
    body = ta("SMA", weighted(close - open_, weights), period)
    reach = ta("SMA", weighted(high - low, weights), period)
    nothing = no_ranges(high, low, period + len(weights) - 1)[0]
    line = np.where(nothing, np.nan, body / reach)
    return line, weighted(line, weights)


def pretty_good(high: Series, low: Series, close: Series, period: int) -> tuple[Series]:
    """Johnson's pretty good oscillator: (close - SMA) / EMA of the true range; NaN for 0/0."""
    reach = ta("EMA", true_range(high, low, close), period)
    nothing = is_negligible(reach, close)
    distance = without_rounding(close - ta("SMA", close, period), largest_so_far(close))
    return (np.where(nothing, np.nan, distance / reach),)


def psychological(close: Series, period: int) -> tuple[Series]:
    """Percentage of the last `period` candles that closed above the previous close."""
    before = shifted(close)
    rose = np.where(np.isfinite(before), close > before, np.nan).astype(np.float64)
    return (100 * ta("SMA", rose, period),)


def wave_trend(
    high: Series, low: Series, close: Series, channel: int, average: int, signal: int
) -> tuple[Series, Series]:
    """LazyBear's wave trend: an EMA of the distance from an EMA in mean distances; its signal."""
    price = typical(high, low, close)
    centre = ta("EMA", price, channel)
    distance = price - centre
    mean = ta("EMA", np.abs(distance), channel)
    # a constant price has distance 0 on both sides
    still = is_negligible(mean, price)
    line = ta("EMA", np.where(still, 0.0, distance / (0.015 * mean)), average)
    return line, ta("SMA", line, signal)


def ulcer(close: Series, period: int) -> tuple[Series]:
    """Martin's ulcer index: root mean square of the percentage below the highest close so far.

    The highest close is that of the `period` candles up to each candle.
    """
    below = 100 * (close / ta("MAX", close, period) - 1)
    return (np.sqrt(np.maximum(ta("SMA", below * below, period), 0.0)),)


def momentum_rate(close: Series, first: int, second: int, signal: int) -> tuple[Series, Series]:
    """Swenlin's price momentum oscillator: the one-candle change smoothed twice, and its signal.

    Swenlin's smoothing weights the newest value by 2 / period.
    """
    once = _custom_ema(ta("ROC", close, 1), first)
    line = _custom_ema(10 * once, second)
    return line, ta("EMA", line, signal)


def _custom_ema(series: Series, period: int) -> Series:
    average = ta("SMA", series, period)
    start = first_valid(average)
    result = np.full(len(series), np.nan)
    if start == len(series):
        return result
    level = float(average[start])
    levels = [level]
    for value in series[start + 1 :].tolist():
        level += (value - level) * 2 / period
        levels.append(level)
    result[start:] = levels
    return result
