"""Price channels and trailing stops."""

from __future__ import annotations

import numpy as np

from bowline.core.rounding import largest_so_far, without_rounding
from bowline.core.signals.formulas.averages import line_end
from bowline.core.signals.formulas.parts import Series, first_valid, shifted, ta, typical

Band = tuple[Series, Series, Series]


def keltner(
    high: Series, low: Series, close: Series, period: int, atr_period: int, multiplier: float
) -> Band:
    """EMA of close ± multiplier * ATR."""
    middle = ta("EMA", close, period)
    half = multiplier * ta("ATR", high, low, close, atr_period)
    return middle + half, middle, middle - half


def keltner_typical(
    high: Series, low: Series, close: Series, period: int, atr_period: int, multiplier: float
) -> Band:
    """EMA of the typical price ± multiplier * ATR."""
    middle = ta("EMA", typical(high, low, close), period)
    half = multiplier * ta("ATR", high, low, close, atr_period)
    return middle + half, middle, middle - half


def starc(
    high: Series, low: Series, close: Series, period: int, atr_period: int, multiplier: float
) -> Band:
    """Stoller's channel: SMA of close ± multiplier * ATR."""
    middle = ta("SMA", close, period)
    half = multiplier * ta("ATR", high, low, close, atr_period)
    return middle + half, middle, middle - half


def donchian(high: Series, low: Series, period: int) -> Band:
    """Highest high and lowest low of the `period` candles before the current one."""
    upper = shifted(ta("MAX", high, period))
    lower = shifted(ta("MIN", low, period))
    return upper, (upper + lower) / 2, lower


def envelope(close: Series, period: int, percent: float) -> Band:
    """SMA of close ± percent of it."""
    middle = ta("SMA", close, period)
    return middle * (1 + percent / 100), middle, middle * (1 - percent / 100)


def deviation_channel(close: Series, period: int, deviations: float) -> Band:
    """End of the regression line over `period` closes ± population standard deviations of them."""
    (middle,) = line_end(close, period)
    half = deviations * ta("STDDEV", close, period, 1.0)
    return middle + half, middle, middle - half


def bollinger_position(close: Series, period: int, deviations: float) -> tuple[Series, Series]:
    """Where close lies between the Bollinger bands (0 lower, 1 upper), and their width / middle."""
    middle = ta("SMA", close, period)
    half = deviations * ta("STDDEV", close, period, 1.0)
    above = without_rounding(close - (middle - half), largest_so_far(close))
    return above / (2 * half), 2 * half / middle


def ichimoku(
    high: Series, low: Series, conversion: int, base: int, span: int
) -> tuple[Series, Series, Series, Series]:
    """Conversion and base line, and the cloud at the current candle.

    The cloud is drawn `base` candles ahead, so the cloud at this candle was known `base` candles
    ago. The lagging span is the current close drawn back and contains no information: it is left
    out.
    """
    fast = ta("MIDPRICE", high, low, conversion)
    slow = ta("MIDPRICE", high, low, base)
    wide = ta("MIDPRICE", high, low, span)
    return fast, slow, shifted((fast + slow) / 2, base), shifted(wide, base)


def chandelier(
    high: Series, low: Series, close: Series, period: int, multiplier: float
) -> tuple[Series, Series]:
    """Stop of a long (highest high - multiplier * ATR) and of a short (lowest low + …)."""
    reach = multiplier * ta("ATR", high, low, close, period)
    return ta("MAX", high, period) - reach, ta("MIN", low, period) + reach


def chande_kroll(
    high: Series, low: Series, close: Series, period: int, multiplier: float, smoothing: int
) -> tuple[Series, Series]:
    """Stop of a long and of a short: the furthest of the last `smoothing` chandelier stops."""
    long_stop, short_stop = chandelier(high, low, close, period, multiplier)
    return ta("MAX", long_stop, smoothing), ta("MIN", short_stop, smoothing)


def atr_stop(
    high: Series, low: Series, close: Series, period: int, multiplier: float
) -> tuple[Series, Series]:
    """The trailing stop and its trend: 1 while the stop is below the price, else -1.

    1. A stop lies multiplier * ATR from the close and moves only towards the price, or anywhere
       once the previous close was beyond it.
    2. The trend turns when the close reaches the current stop.
    """
    reach = multiplier * ta("ATR", high, low, close, period)
    stop, trend = np.full(len(close), np.nan), np.full(len(close), np.nan)
    start = first_valid(reach)
    if not 0 < start < len(close):
        return stop, trend
    prices, reaches = close.tolist(), reach.tolist()
    up = prices[start] >= prices[start - 1]
    above, below = prices[start] + reaches[start], prices[start] - reaches[start]
    for at in range(start, len(prices)):
        price, before = prices[at], prices[at - 1]
        if price + reaches[at] < above or before > above:
            above = price + reaches[at]
        if price - reaches[at] > below or before < below:
            below = price - reaches[at]
        up = price > (below if up else above)
        stop[at], trend[at] = (below, 1.0) if up else (above, -1.0)
    return stop, trend


def squeeze(
    high: Series, low: Series, close: Series, period: int, deviations: float, multiplier: float
) -> tuple[Series, Series]:
    """Momentum, and 1 while the Bollinger bands lie inside the Keltner channel (else 0).

    Momentum is the end of the regression line over `period` distances of close from the mean of the
    middle of its range and its average.
    """
    average = ta("SMA", close, period)
    half = deviations * ta("STDDEV", close, period, 1.0)
    width = multiplier * ta("SMA", ta("TRANGE", high, low, close), period)
    centre = (ta("MIDPRICE", high, low, period) + average) / 2
    inside = np.where(np.isfinite(half) & np.isfinite(width), half < width, np.nan)
    return ta("LINEARREG", close - centre, period), inside.astype(np.float64)
