"""Made-up markets for the judge: one with nothing in it, one with something to find."""

from __future__ import annotations

from typing import Any

import numpy as np

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import Timeframe

HOUR_NS = 3_600_000_000_000

GRID: dict[str, Any] = {
    "version": 1,
    "timeframe": "1h",
    "direction": "long-short",
    "sizing": {"mode": "all_in"},
    "costs": {"fee_pct": 0, "slippage_pct": 0},
    "indicators": [
        {
            "id": "sma_cross",
            "params": {"fast": {"start": 5, "stop": 40, "step": 5}, "slow": [60, 80, 100, 120]},
        }
    ],
    "stops": {"sl_pct": ["off", 5], "tp_pct": ["off", 8]},
    "top": 5,
}


def hours_of(close: np.ndarray, start_ns: int = 0) -> CandleFrame:
    """Hourly candles with these closes."""
    open_ = np.concatenate((close[:1], close[:-1]))
    return CandleFrame(
        InstrumentId(MarketId(1), "BTCUSDT"),
        Timeframe.H1,
        open_ns=start_ns + HOUR_NS * np.arange(len(close), dtype=np.int64),
        open=open_,
        high=np.maximum(open_, close),
        low=np.minimum(open_, close),
        close=close,
        volume=np.ones(len(close)),
    )


def random_walk(seed: int, days: int = 120) -> CandleFrame:
    """Nothing to find: each step is independent of all before."""
    steps = np.random.default_rng(seed).normal(0, 0.006, 24 * days)
    return hours_of(np.round(30_000 * np.exp(np.cumsum(steps)), 2))


def trending(seed: int, days: int = 300) -> CandleFrame:
    """Trends of about six days, which crossing averages find."""
    rng = np.random.default_rng(seed)
    drift = np.repeat(rng.choice([-0.0022, 0.0022], days // 6), 144)
    return hours_of(
        np.round(30_000 * np.exp(np.cumsum(drift + rng.normal(0, 0.006, len(drift)))), 2)
    )
