"""Where a quotient is 0/0: for each candle, whether the divisor of an entry is zero.

One rule holds for the whole catalogue: 0/0 has no value, so the output is NaN and a rule that uses
it is NEUTRAL. None of these functions may look ahead or test a rounded float for exact equality
with 0.

1. The divisor of a window (a range, a sum of sizes) is zero where its largest term is: the largest
   value of a window is exact, while a running sum keeps the rounding of terms that left it.
2. The divisor of an infinite average (Wilder's, an EMA) is zero once the remainder of the last
   change is rounding relative to the price. Until then the quotient is that of the last changes.
3. `smoothings` are the periods of averages over the quotient: while one of them contains a candle
   without a value, its result has none either.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bowline.core.rounding import is_negligible, largest_so_far
from bowline.core.signals.formulas.parts import (
    Series,
    highest,
    lowest,
    shifted,
    ta,
    true_range,
    typical,
)

Mask = NDArray[np.bool_]


def lasting(mask: Mask, *smoothings: int) -> Mask:
    """Where the mask holds.

    And on as many further candles as averages of these periods include it.
    """
    further = sum(smoothings) - len(smoothings)
    at = np.flatnonzero(mask)
    result = np.zeros(len(mask) + further + 1, dtype=np.int64)
    np.add.at(result, at, 1)
    np.add.at(result, at + further + 1, -1)
    held: Mask = (np.cumsum(result) > 0)[: len(mask)]
    return held


def no_range(high: Series, low: Series, window: int, *smoothings: int) -> tuple[Mask]:
    """The highest and lowest price of the last `window` candles are equal."""
    top = highest(high, window)
    return (lasting(is_negligible(top - lowest(low, window), top), *smoothings),)


def no_typical_range(high: Series, low: Series, close: Series, window: int) -> tuple[Mask]:
    """The typical price was constant for `window` candles."""
    price = typical(high, low, close)
    return no_range(price, price, window)


def no_ranges(high: Series, low: Series, period: int) -> tuple[Mask]:
    """Each of the last `period` candles has high equal to low."""
    return (is_negligible(highest(high - low, period), highest(high, period)),)


def no_bodies(open_: Series, close: Series, period: int) -> tuple[Mask]:
    """Each of the last `period` candles closed at its open."""
    return (is_negligible(highest(np.abs(close - open_), period), highest(close, period)),)


def no_changes(column: Series, period: int) -> tuple[Mask]:
    """The last `period` changes from candle to candle were 0."""
    changes = np.abs(column - shifted(column))
    return (is_negligible(highest(changes, period), highest(np.abs(column), period)),)


def no_true_ranges(high: Series, low: Series, close: Series, period: int) -> tuple[Mask]:
    """The last `period` true ranges were 0."""
    return (is_negligible(highest(true_range(high, low, close), period), highest(high, period)),)


def no_flows(high: Series, low: Series, close: Series, volume: Series, period: int) -> tuple[Mask]:
    """None of the last `period` candles changed the typical price with any volume."""
    price = typical(high, low, close)
    moved = ~is_negligible(price - shifted(price), price) & (volume > 0)
    known = np.where(np.isfinite(shifted(price)), moved, np.nan).astype(np.float64)
    return (highest(known, period) == 0,)


def no_volume(volume: Series, period: int) -> tuple[Mask]:
    """The last `period` candles had no volume."""
    return (is_negligible(highest(volume, period), largest_so_far(volume)),)


def no_volume_before(volume: Series, period: int) -> tuple[Mask]:
    """The `period` candles before the current one had no volume."""
    return (is_negligible(shifted(highest(volume, period)), largest_so_far(volume)),)


def no_moves(close: Series, period: int) -> tuple[Mask]:
    """Wilder's average of the changes of close is zero."""
    return (is_negligible(ta("RMA", np.abs(close - shifted(close)), period), close),)


def no_smoothed_moves(close: Series, first: int, second: int) -> tuple[Mask]:
    """The EMA of the EMA of the changes of close is zero."""
    moves = ta("EMA", np.abs(close - shifted(close)), first)
    return (is_negligible(ta("EMA", moves, second), close),)


def no_true_range(high: Series, low: Series, close: Series, period: int) -> tuple[Mask]:
    """Wilder's average of the true range is zero."""
    return (is_negligible(ta("RMA", true_range(high, low, close), period), high),)


def no_smoothed_range(
    high: Series, low: Series, window: int, first: int, second: int
) -> tuple[Mask]:
    """The EMA of the EMA of the range of `window` candles is zero."""
    reach = ta("EMA", highest(high, window) - lowest(low, window), first)
    return (is_negligible(ta("EMA", reach, second), high),)


def no_average_range(high: Series, low: Series, period: int, *smoothings: int) -> tuple[Mask]:
    """The EMA of the candles' ranges is zero."""
    return (lasting(is_negligible(ta("EMA", high - low, period), high), *smoothings),)


def no_average_range_before(high: Series, low: Series, period: int, before: int) -> tuple[Mask]:
    """The EMA of the candles' ranges was zero `before` candles ago."""
    return (is_negligible(shifted(ta("EMA", high - low, period), before), high),)


def no_rsi_range(close: Series, period: int, window: int, *smoothings: int) -> tuple[Mask]:
    """The RSI is 0/0, or was constant for `window` candles."""
    rsi = ta("RSI", close, period)
    still = is_negligible(highest(rsi, window) - lowest(rsi, window), 100.0)
    (nothing,) = no_moves(close, period)
    return (lasting(still | nothing, *smoothings),)


def no_variation(one: Series, other: Series, period: int) -> tuple[Mask]:
    """One of the two was constant for `period` candles.

    A correlation divides by both deviations.
    """
    return (no_range(one, one, period)[0] | no_range(other, other, period)[0],)


def never_moved(high: Series, low: Series) -> tuple[Mask]:
    """The price has not changed since the first candle: there is no trend yet."""
    top = np.maximum.accumulate(high)
    return (is_negligible(top - np.minimum.accumulate(low), top),)


GUARDS: dict[str, Callable[..., tuple[Mask]]] = {
    guard.__name__: guard
    for guard in (
        never_moved,
        no_average_range,
        no_average_range_before,
        no_bodies,
        no_changes,
        no_flows,
        no_moves,
        no_range,
        no_ranges,
        no_rsi_range,
        no_smoothed_moves,
        no_smoothed_range,
        no_true_range,
        no_true_ranges,
        no_typical_range,
        no_variation,
        no_volume,
        no_volume_before,
    )
}
