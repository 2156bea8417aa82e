"""What is left of a result when trading costs twice as much.

Fees change, and slippage is a guess: an edge that lives on the guess is none. It must run the same
variants on the same candles again; only the costs may differ.
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
    """Put the two runs side by side."""
    return CostStress(int(COST_MULTIPLE), return_pct, stressed_return_pct)
