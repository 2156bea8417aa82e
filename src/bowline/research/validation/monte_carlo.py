"""Monte Carlo: round trips resampled, and candles rearranged in blocks.

Both show how widely the result may vary; neither can make a bad strategy good. Every path is a
function of (seed, number of the path): the same seed gives the same paths, and a larger number of
paths begins with those of a smaller one.

Round trips (bootstrap): draw as many as there were, with replacement, and compound them.

Candles (circular block bootstrap, Politis and Romano 1992):
1. Write each candle relative to the close before it.
2. Draw blocks of `block` consecutive candles, with replacement, until there are enough.
3. Chain them from the first candle's close. Behaviour within a block remains; anything that lasts
   longer than a block is lost. A strategy that earns as much there uses short-term behaviour; one
   that earns only in the true order uses something longer, or was fitted to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from bowline.core.model.market import CandleFrame, FloatColumn
from bowline.core.model.position import RoundTrip
from bowline.core.report import drawdown_curve

_TAILS = (5, 50, 95)
#: a run over candles: total return and max drawdown, both in percent
RunOverCandles = Callable[[CandleFrame], tuple[float, float]]


class Percentiles(Struct, frozen=True):
    """The 5th, 50th and 95th percentile."""

    low: float
    middle: float
    high: float


class ResampledPaths(Struct, frozen=True):
    """The results of all paths, in percent.

    `worse_pct` is the share that returned less than `observed_return_pct`, `losing_pct` the share
    that lost money.
    """

    paths: int
    seed: int
    observed_return_pct: float
    return_pct: Percentiles
    max_drawdown_pct: Percentiles
    losing_pct: float
    worse_pct: float
    returns: FloatColumn
    drawdowns: FloatColumn


def growth_of(trips: Sequence[RoundTrip], initial_cash: float) -> FloatColumn:
    """The factor by which each round trip changed the money, in order; 0 once it is gone."""
    profit = np.array([float(trip.pnl) for trip in trips])
    after = initial_cash + np.cumsum(profit)
    before = np.concatenate(([initial_cash], after[:-1]))[: len(after)]
    alive = np.minimum.accumulate(before) > 0
    growth = np.divide(after, before, out=np.zeros(len(after)), where=alive)
    return np.maximum(growth, 0.0)


def resample_round_trips(growth: FloatColumn, *, paths: int, seed: int) -> ResampledPaths:
    """Paths of as many round trips as `growth` has; ValueError if it has none.

    Drawdowns are measured at the ends of round trips, not inside them.
    """
    if not len(growth) or paths < 1:
        raise ValueError("at least one round trip and one path are needed")
    returns, drawdowns = np.empty(paths), np.empty(paths)
    for path in range(paths):
        drawn = growth[_draw(seed, path).integers(len(growth), size=len(growth))]
        returns[path], drawdowns[path] = _outcome(drawn)
    return _summarize(returns, drawdowns, _outcome(growth)[0], seed)


def resample_candles(
    candles: CandleFrame, play: RunOverCandles, *, paths: int, block: int, seed: int
) -> ResampledPaths:
    """Run `play` on `paths` markets made of blocks of `candles`, and on the candles themselves."""
    if paths < 1:
        raise ValueError("at least one path is needed")
    outcomes = [play(shuffle_blocks(candles, block, _draw(seed, path))) for path in range(paths)]
    returns, drawdowns = np.array(outcomes).T
    return _summarize(returns, drawdowns, play(candles)[0], seed)


def shuffle_blocks(candles: CandleFrame, block: int, draw: np.random.Generator) -> CandleFrame:
    """A market of the same length at the same times, made of blocks of `candles`.

    ValueError for under two candles, or for a block length below 1.
    """
    steps = len(candles) - 1
    if steps < 1 or block < 1:
        raise ValueError(f"{len(candles)} candles cannot be cut into blocks of {block}")
    starts = draw.integers(steps, size=-(-steps // block))
    rows = ((starts[:, np.newaxis] + np.arange(block)) % steps).ravel()[:steps] + 1
    ratio = candles.close[rows] / candles.close[rows - 1]
    close = np.cumprod(np.concatenate((candles.close[:1], ratio)))
    made = {"close": close, "volume": _after_first(candles.volume, candles.volume[rows])}
    for name in ("open", "high", "low"):
        column = getattr(candles, name)
        made[name] = _after_first(column, close[:-1] * (column[rows] / candles.close[rows - 1]))
    # one factor rounds all four in one direction, but the close comes from another product
    made["high"] = np.maximum(made["high"], np.maximum(made["open"], close))
    made["low"] = np.minimum(made["low"], np.minimum(made["open"], close))
    return replace(candles, **made)


def _after_first(column: FloatColumn, rest: FloatColumn) -> FloatColumn:
    return np.concatenate((column[:1], rest))


def _draw(seed: int, path: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, path]))


def _outcome(growth: FloatColumn) -> tuple[float, float]:
    """Total return and max drawdown, in percent, of money multiplied by each factor in turn."""
    equity = np.cumprod(growth, dtype=np.float64)
    return 100 * (float(equity[-1]) - 1), float(drawdown_curve(equity, 1.0).max())


def _summarize(
    returns: FloatColumn, drawdowns: FloatColumn, observed: float, seed: int
) -> ResampledPaths:
    return ResampledPaths(
        paths=len(returns),
        seed=seed,
        observed_return_pct=observed,
        return_pct=_spread(returns),
        max_drawdown_pct=_spread(drawdowns),
        losing_pct=100 * float(np.mean(returns < 0)),
        worse_pct=100 * float(np.mean(returns < observed)),
        returns=returns,
        drawdowns=drawdowns,
    )


def _spread(values: FloatColumn) -> Percentiles:
    low, middle, high = np.percentile(values, _TAILS).tolist()
    return Percentiles(low, middle, high)
