"""A synthetic market for demonstrations: seeded and the same on every machine.

It must never be mistaken for a recording: its trends last longer than real ones, so that a trend
rule has something to find.

1. A regime (up, down, flat) lasts for some hours, then another is drawn.
2. Each minute's return is the regime's drift plus noise; noise is the sum of twelve uniform draws.
3. Highs and lows reach a little beyond open and close; all prices are whole cents.
"""

from __future__ import annotations

import numpy as np

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.market import CandleFrame, FloatColumn
from bowline.core.model.values import MINUTE_NS, Timeframe

_FIRST_PRICE = 30_000.0
_DRIFTS = (0.000014, -0.000014, 0.0)
_NOISE = 0.0006
_REGIME_MINUTES = (180, 2_400)


def synthetic_minutes(
    instrument: InstrumentId, *, seed: int, minutes: int, start_ns: int
) -> CandleFrame:
    """`minutes` one-minute candles from `start_ns` on, a function of the seed alone."""
    draw = np.random.Generator(np.random.PCG64(seed))
    returns = _drift(draw, minutes) + _NOISE * (draw.random((minutes, 12)).sum(axis=1) - 6)
    close = _cents(_FIRST_PRICE * np.exp(np.cumsum(returns)))
    open_ = np.concatenate(([_FIRST_PRICE], close[:-1]))
    reach = draw.random((2, minutes)) * _NOISE * close
    return CandleFrame(
        instrument,
        Timeframe.M1,
        open_ns=start_ns + np.arange(minutes, dtype=np.int64) * MINUTE_NS,
        open=open_,
        high=np.maximum(_cents(np.maximum(open_, close) + reach[0]), np.maximum(open_, close)),
        low=np.minimum(_cents(np.minimum(open_, close) - reach[1]), np.minimum(open_, close)),
        close=close,
        volume=np.round(1 + 20 * draw.random(minutes), 3),
    )


def _drift(draw: np.random.Generator, minutes: int) -> FloatColumn:
    drift = np.zeros(minutes)
    at = 0
    while at < minutes:
        until = at + int(draw.integers(*_REGIME_MINUTES))
        drift[at:until] = _DRIFTS[int(draw.integers(len(_DRIFTS)))]
        at = until
    return drift


def _cents(price: FloatColumn) -> FloatColumn:
    return np.round(price, 2)
