"""The result at twice the trading costs.

Fees change and slippage is an estimate: an edge that depends on the estimate is none. It must run
the same variants on the same candles; only the costs may differ.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from bowline.core.model.policy import Costs

COST_MULTIPLE = Decimal(2)


class CostStress(Struct, frozen=True):
    """Total return of one variant under its own costs and under `multiple` times them."""

    multiple: int
    return_pct: float
    stressed_return_pct: float


def stressed(costs: Costs) -> Costs:
    """Twice the fee and twice the slippage."""
    return Costs(costs.fee_pct * COST_MULTIPLE, costs.slippage_pct * COST_MULTIPLE)


def measure_stress(return_pct: float, stressed_return_pct: float) -> CostStress:
    """The comparison of the two runs."""
    return CostStress(int(COST_MULTIPLE), return_pct, stressed_return_pct)
