"""Where a quotient is 0/0: each says for every candle whether what an entry divides by is nothing.

One rule holds for the whole catalogue: 0/0 has no value, so the output is NaN and a rule that uses
it has no opinion. None of these may look ahead, and none may ask a float whether it is exactly 0.

1. The divisor of a window (a range, a sum of sizes) is nothing where its largest term is: the
   largest of a window is exact, while a running sum keeps the rounding of what has left it.
2. The divisor of an average without end (Wilder's, an EMA) is nothing once what is left of the last
   move is rounding beside the price. Until then the quotient is that of the last moves.
3. `smoothings` are the periods of averages over the quotient: as long as one of these holds a
   candle without a value, their result has none either.
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
    """Where it holds, and on as many further candles as averages of these periods hold it."""
    further = sum(smoothings) - len(smoothings)
    at = np.flatnonzero(mask)
    result = np.zeros(len(mask) + further + 1, dtype=np.int64)
    np.add.at(result, at, 1)
    np.add.at(result, at + further + 1, -1)
    held: Mask = (np.cumsum(result) > 0)[: len(mask)]
    return held


def no_range(high: Series, low: Series, window: int, *smoothings: int) -> tuple[Mask]:
    """Highest and lowest of the last `window` candles are one price."""
    top = highest(high, window)
    return (lasting(is_negligible(top - lowest(low, window), top), *smoothings),)


def no_typical_range(high: Series, low: Series, close: Series, window: int) -> tuple[Mask]:
    """The typical price stood still for `window` candles."""
    price = typical(high, low, close)
    return no_range(price, price, window)


def no_ranges(high: Series, low: Series, period: int) -> tuple[Mask]:
    """None of the last `period` candles had a range of its own."""
    return (is_negligible(highest(high - low, period), highest(high, period)),)


def no_bodies(open_: Series, close: Series, period: int) -> tuple[Mask]:
    """All of the last `period` candles closed where they opened."""
    return (is_negligible(highest(np.abs(close - open_), period), highest(close, period)),)


def no_changes(column: Series, period: int) -> tuple[Mask]:
    """The last `period` changes from candle to candle were none."""
    changes = np.abs(column - shifted(column))
    return (is_negligible(highest(changes, period), highest(np.abs(column), period)),)


def no_true_ranges(high: Series, low: Series, close: Series, period: int) -> tuple[Mask]:
    """The last `period` true ranges were none."""
    return (is_negligible(highest(true_range(high, low, close), period), highest(high, period)),)


def no_flows(high: Series, low: Series, close: Series, volume: Series, period: int) -> tuple[Mask]:
    """None of the last `period` candles moved the typical price on any volume."""
    price = typical(high, low, close)
    moved = ~is_negligible(price - shifted(price), price) & (volume > 0)
    known = np.where(np.isfinite(shifted(price)), moved, np.nan).astype(np.float64)
    return (highest(known, period) == 0,)


def no_volume(volume: Series, period: int) -> tuple[Mask]:
    """Nothing was traded on the last `period` candles."""
    return (is_negligible(highest(volume, period), largest_so_far(volume)),)


def no_volume_before(volume: Series, period: int) -> tuple[Mask]:
    """Nothing was traded on the `period` candles before the current one."""
    return (is_negligible(shifted(highest(volume, period)), largest_so_far(volume)),)


def no_moves(close: Series, period: int) -> tuple[Mask]:
    """Wilder's average of the changes of close has come to nothing."""
    return (is_negligible(ta("RMA", np.abs(close - shifted(close)), period), close),)


def no_smoothed_moves(close: Series, first: int, second: int) -> tuple[Mask]:
    """The EMA of the EMA of the changes of close has come to nothing."""
    moves = ta("EMA", np.abs(close - shifted(close)), first)
    return (is_negligible(ta("EMA", moves, second), close),)


def no_true_range(high: Series, low: Series, close: Series, period: int) -> tuple[Mask]:
    """Wilder's average of the true range has come to nothing."""
    return (is_negligible(ta("RMA", true_range(high, low, close), period), high),)


def no_smoothed_range(
    high: Series, low: Series, window: int, first: int, second: int
) -> tuple[Mask]:
    """The EMA of the EMA of the range of `window` candles has come to nothing."""
    reach = ta("EMA", highest(high, window) - lowest(low, window), first)
    return (is_negligible(ta("EMA", reach, second), high),)


def no_average_range(high: Series, low: Series, period: int, *smoothings: int) -> tuple[Mask]:
    """The EMA of the candles' ranges has come to nothing."""
    return (lasting(is_negligible(ta("EMA", high - low, period), high), *smoothings),)


def no_average_range_before(high: Series, low: Series, period: int, before: int) -> tuple[Mask]:
    """The EMA of the candles' ranges had come to nothing `before` candles ago."""
    return (is_negligible(shifted(ta("EMA", high - low, period), before), high),)


def no_rsi_range(close: Series, period: int, window: int, *smoothings: int) -> tuple[Mask]:
    """The RSI itself is 0/0, or stood still for `window` candles."""
    rsi = ta("RSI", close, period)
    still = is_negligible(highest(rsi, window) - lowest(rsi, window), 100.0)
    (nothing,) = no_moves(close, period)
    return (lasting(still | nothing, *smoothings),)


def no_variation(one: Series, other: Series, period: int) -> tuple[Mask]:
    """One of the two stood still for `period` candles: a correlation divides by both."""
    return (no_range(one, one, period)[0] | no_range(other, other, period)[0],)


def never_moved(high: Series, low: Series) -> tuple[Mask]:
    """No candle since the first has had another price: there is no trend yet."""
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
