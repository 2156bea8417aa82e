"""Moving averages that TA-Lib lacks."""

from __future__ import annotations

import math

import numpy as np

from bowline.core.rounding import is_negligible, largest_so_far
from bowline.core.signals.formulas.parts import Series, shifted, ta, weighted, window_sum
from bowline.core.signals.formulas.undefined import no_changes, no_range, no_volume


def alma(close: Series, period: int, offset: float, sigma: float) -> tuple[Series]:
    """Arnaud Legoux moving average: Gaussian weights with their peak at `offset` of the window."""
    peak, width = offset * (period - 1), period / sigma
    weights = [math.exp(-((at - peak) ** 2) / (2 * width * width)) for at in range(period)]
    total = math.fsum(weights)
    return (weighted(close, [each / total for each in reversed(weights)]),)


def mcginley(close: Series, period: int, factor: float) -> tuple[Series]:
    """McGinley's dynamic: value += (close - value) / (factor * period * (close / value)^4).

    Started with the simple average of the first `period` closes; it never moves past the close.
    """
    result = np.full(len(close), np.nan)
    seed = ta("SMA", close, period)
    if period > len(close):
        return (result,)
    value = float(seed[period - 1])
    values = [value]
    for price in close[period:].tolist():
        square = (price / value) * (price / value)
        value += (price - value) / max(1.0, factor * period * square * square)
        values.append(value)
    result[period - 1 :] = values
    return (result,)


def vidya(close: Series, period: int, momentum: int) -> tuple[Series]:
    """Chande's variable average: an EMA whose weight is scaled by abs(CMO) / 100.

    Started at the close of the first candle with a CMO.
    """
    result = np.full(len(close), np.nan)
    if momentum >= len(close):
        return (result,)
    (still,) = no_changes(close, momentum)
    momentum_share = np.where(still, 0.0, np.abs(ta("CMOU", close, momentum)) / 100)
    strength = momentum_share * (2 / (period + 1))
    value = float(close[momentum])
    values = []
    for price, weight in zip(close[momentum:].tolist(), strength[momentum:].tolist(), strict=True):
        value += weight * (price - value)
        values.append(value)
    result[momentum:] = values
    return (result,)


def super_smoother(close: Series, period: int) -> tuple[Series]:
    """Ehlers' two-pole filter, started with the first two closes."""
    decay = math.exp(-math.sqrt(2) * math.pi / period)
    second = 2 * decay * math.cos(math.sqrt(2) * math.pi / period)
    third = -decay * decay
    first = 1 - second - third
    prices = close.tolist()
    values = prices[:2]
    for at in range(2, len(prices)):
        mean = (prices[at] + prices[at - 1]) / 2
        values.append(first * mean + second * values[-1] + third * values[-2])
    result = np.full(len(close), np.nan)
    result[period - 1 :] = values[period - 1 :]
    return (result,)


def triangular(close: Series, period: int) -> tuple[Series]:
    """TA-Lib's TRIMA, or the close itself where it was constant over the whole window.

    TRIMA's running sums drift by up to 3e-16 per candle, always in one direction on a constant
    price.
    """
    return (_still_or(ta("TRIMA", close, period), close, period),)


def line_end(close: Series, period: int) -> tuple[Series]:
    """TA-Lib's LINEARREG, or the close itself where it was constant over the whole window.

    Its sums of price times index are quadratic in `period`, and so is their rounding error.
    """
    return (_still_or(ta("LINEARREG", close, period), close, period),)


def line_next(close: Series, period: int) -> tuple[Series]:
    """TA-Lib's TSF, or the close itself where it was constant over the whole window."""
    return (_still_or(ta("TSF", close, period), close, period),)


def vwma(close: Series, volume: Series, period: int) -> tuple[Series]:
    """Close weighted by volume; NaN without volume, and close itself where that stood still."""
    return by_volume(close, volume, period)


def by_volume(price: Series, volume: Series, period: int) -> tuple[Series]:
    """`price` weighted by volume: NaN without volume, and a price that stood still is its own."""
    average = window_sum(price * volume, period) / window_sum(volume, period)
    still = _still_or(average, price, period)
    return (np.where(no_volume(volume, period)[0], np.nan, still),)


def simple(column: Series, period: int) -> tuple[Series]:
    """The mean of the last values, and the value itself where that stood still for the window."""
    return (_still_or(window_sum(column, period) / period, column, period),)


def _still_or(average: Series, column: Series, period: int) -> Series:
    return np.where(no_range(column, column, period)[0], column, average)


def vwema(close: Series, volume: Series, period: int) -> tuple[Series]:
    """Volume-weighted exponential average: EMA(close * volume) / EMA(volume).

    NaN without volume, and where EMA(volume) is rounding relative to its largest value.
    """
    total = ta("EMA", volume, period)
    average = ta("EMA", close * volume, period) / total
    return (np.where(is_negligible(total, largest_so_far(volume)), np.nan, average),)


def alligator(
    high: Series, low: Series, jaw: int, teeth: int, lips: int
) -> tuple[Series, Series, Series]:
    """Williams' alligator: three Wilder averages of (high + low) / 2, each at the current candle.

    A line drawn n candles ahead shows at this candle the value of n candles ago: n is 8, 5 and 3
    for periods of 13, 8 and 5, in general (period + 1) // 2 + 1, (period + 2) // 2, (period + 1) //
    2.
    """
    middle = ta("MEDPRICE", high, low)
    return (
        shifted(ta("RMA", middle, jaw), (jaw + 1) // 2 + 1),
        shifted(ta("RMA", middle, teeth), (teeth + 2) // 2),
        shifted(ta("RMA", middle, lips), (lips + 1) // 2),
    )
