"""Volume, volatility and statistics."""

from __future__ import annotations

import math

import numpy as np

from bowline.core.rounding import is_negligible, largest_so_far, without_rounding
from bowline.core.signals.formulas.averages import by_volume
from bowline.core.signals.formulas.parts import (
    Series,
    highest,
    lowest,
    shifted,
    ta,
    typical,
    window_sum,
)
from bowline.core.signals.formulas.undefined import no_changes


def rolling_vwap(
    high: Series, low: Series, close: Series, volume: Series, period: int
) -> tuple[Series]:
    """Typical price weighted by volume over the last `period` candles; NaN without volume."""
    return by_volume(typical(high, low, close), volume, period)


def anchored_vwap(high: Series, low: Series, close: Series, volume: Series) -> tuple[Series]:
    """Typical price weighted by volume since the first candle; NaN before volume has traded."""
    average = ta("VWAP", high, low, close, volume)
    return (np.where(np.cumsum(volume) > 0, average, np.nan),)


def ease_of_movement(high: Series, low: Series, volume: Series, period: int) -> tuple[Series]:
    """Average of (change of the middle) * (high - low) / volume.

    A candle without volume counts as 0.
    """
    middle = ta("MEDPRICE", high, low)
    ease = (middle - shifted(middle)) * (high - low) / volume
    ease = np.where((volume > 0) | ~np.isfinite(shifted(middle)), ease, 0.0)
    return (window_sum(ease, period) / period,)


def money_flow(
    high: Series, low: Series, close: Series, volume: Series, period: int
) -> tuple[Series]:
    """100 * rising / (rising + falling) sums of typical price * volume over `period` changes.

    A candle whose typical price is that of the one before counts for neither.
    """
    price = typical(high, low, close)
    change, flow = price - shifted(price), price * volume
    change = without_rounding(change, price)
    rising = window_sum(np.where(np.isnan(change), np.nan, np.where(change > 0, flow, 0.0)), period)
    falling = window_sum(
        np.where(np.isnan(change), np.nan, np.where(change < 0, flow, 0.0)), period
    )
    return (100 * rising / (rising + falling),)


def chaikin_flow(
    high: Series, low: Series, close: Series, volume: Series, period: int
) -> tuple[Series]:
    """Sum of volume * ((close - low) - (high - close)) / (high - low) over the sum of volume.

    A candle without a range counts as 0.
    """
    reach = high - low
    place = np.where(reach > 0, ((close - low) - (high - close)) / reach, 0.0)
    return (window_sum(place * volume, period) / window_sum(volume, period),)


def relative_volume(volume: Series, period: int) -> tuple[Series]:
    """Volume over the mean of the `period` volumes before it."""
    return (volume / (shifted(window_sum(volume, period)) / period),)


def klinger(
    high: Series, low: Series, close: Series, volume: Series, fast: int, slow: int, signal: int
) -> tuple[Series, Series]:
    """Klinger's volume oscillator: fast less slow EMA of the volume force, and its signal.

    Volume force = volume * abs(2 * (range / accumulated range) - 1) * trend * 100. The trend is the
    sign of the change of high + low + close; the range accumulates while it lasts. A candle without
    a range and without a change has no force, nor has any candle before the first change.
    """
    price = high + low + close
    moved = price - shifted(price)
    still = is_negligible(moved, price)
    change = np.where(still, 0.0, np.sign(moved)).tolist()
    reach = (high - low).tolist()
    forces = [math.nan] * min(len(change), 1)
    trend, total = 0.0, 0.0
    for at in range(1, len(change)):
        turn = change[at] or trend
        total = (total if turn == trend else reach[at - 1]) + reach[at]
        trend = turn
        share = reach[at] / total if total > 0 else 0.0
        nothing = change[at] == 0 and reach[at] == 0
        forces.append(0.0 if nothing else abs(2 * share - 1) * trend * 100)
    force = volume * np.asarray(forces, dtype=np.float64)
    line = ta("EMA", force, fast) - ta("EMA", force, slow)
    return line, ta("EMA", line, signal)


def historical_volatility(close: Series, period: int) -> tuple[Series]:
    """Population standard deviation of log returns over `period` of them, in percent per candle."""
    returns = np.log(close / shifted(close))
    deviation = 100 * ta("STDDEV", returns, period, 1.0)
    # a return is the logarithm of a growth near 1, whose rounding it has
    equal = is_negligible(highest(returns, period) - lowest(returns, period), 1.0)
    return (np.where(equal, 0.0, deviation),)


def parkinson(high: Series, low: Series, period: int) -> tuple[Series]:
    """Parkinson's volatility from high and low, in percent per candle."""
    square = np.log(high / low) ** 2
    return (100 * _root(ta("SMA", square, period) / (4 * math.log(2))),)


def garman_klass(
    open_: Series, high: Series, low: Series, close: Series, period: int
) -> tuple[Series]:
    """Garman and Klass's volatility from the whole candle, in percent per candle."""
    reach, body = np.log(high / low), np.log(close / open_)
    square = 0.5 * reach * reach - (2 * math.log(2) - 1) * body * body
    return (100 * _root(ta("SMA", square, period)),)


def rogers_satchell(
    open_: Series, high: Series, low: Series, close: Series, period: int
) -> tuple[Series]:
    """Rogers and Satchell's volatility, independent of drift, in percent per candle."""
    square = np.log(high / close) * np.log(high / open_) + np.log(low / close) * np.log(low / open_)
    return (100 * _root(ta("SMA", square, period)),)


def z_score(close: Series, period: int) -> tuple[Series]:
    """(close - SMA) / population standard deviation."""
    distance = without_rounding(close - ta("SMA", close, period), largest_so_far(close))
    return (distance / ta("STDDEV", close, period, 1.0),)


def r_squared(close: Series, period: int) -> tuple[Series]:
    """The share of the variance of close explained by a line over `period` candles, 0 to 1."""
    line = ta("CORREL", close, np.arange(len(close), dtype=np.float64), period)
    return (line * line,)


def volume_correlation(close: Series, volume: Series, period: int) -> tuple[Series]:
    """Correlation of the changes of close and of volume over `period` changes."""
    correlation = ta("CORREL", close - shifted(close), volume - shifted(volume), period)
    nothing = no_changes(close, period)[0] | no_changes(volume, period)[0]
    return (np.where(nothing, np.nan, correlation),)


def _root(series: Series) -> Series:
    """The square root; a running sum of squares may end slightly below 0."""
    return np.sqrt(np.maximum(series, 0.0))
