"""Grid requests and candles that several tests of the grid engine use."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.market import CandleFrame
from bowline.research.grid import GridRequest, parse_grid
from bowline.research.synthetic import synthetic_minutes
from tests.generators import catalogue

START_NS = 1_704_067_200 * 10**9
CROSS = {"id": "sma_cross", "params": {"fast": [5, 10, 40], "slow": [30, 60, 250]}}
MIDDLE = {"id": "rsi_middle", "params": {"period": [7, 14]}}


def minutes(count: int, seed: int = 1) -> CandleFrame:
    """A made-up market."""
    return synthetic_minutes(
        InstrumentId(MarketId(1), "MADEUP"), seed=seed, minutes=count, start_ns=START_NS
    )


def raw_grid(**changes: Any) -> dict[str, Any]:
    """A small grid as a person would write it: subsets, a constraint, stops."""
    return {
        "version": 1,
        "timeframe": "1m",
        "direction": "long-short",
        "sizing": {"mode": "all_in"},
        "indicators": [CROSS, MIDDLE],
        "choose": "1..2",
        "stops": {"sl_pct": ["off", Decimal("0.5")], "tp_pct": ["off", Decimal("0.7")]},
        "top": 10,
        **changes,
    }


def request(**changes: Any) -> GridRequest:
    """The same, read."""
    return parse_grid(raw_grid(**changes), catalogue())
