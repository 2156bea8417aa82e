"""Risk tiers: larger perpetual positions have higher maintenance rates and lower leverage.

Look-ups and the liquidation price. It must never change the state.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO
from bowline.core.sim.exchange.account import VenuePosition
from bowline.core.sim.exchange.rules import Tier, VenueRules
from bowline.core.sim.exchange.state import VenueState

_ENDLESS = Decimal("Infinity")


def tier_at(rules: VenueRules, size: Decimal) -> Tier:
    """The tier of a position of this size; the last tier has no upper limit."""
    for tier in rules.tiers:
        if size <= tier.most:
            return tier
    return rules.tiers[-1] if rules.tiers else Tier(_ENDLESS, rules.maintenance_rate, _ENDLESS)


def max_position_size(rules: VenueRules, leverage: Decimal) -> Decimal:
    """The largest position at a leverage, in the unit of the tiers; infinite without tiers."""
    if not rules.tiers:
        return _ENDLESS
    return max((each.most for each in rules.tiers if each.max_leverage >= leverage), default=ZERO)


def price_at_zero(
    state: VenueState,
    instrument: InstrumentId,
    positions: Sequence[VenuePosition],
    backing: Decimal,
) -> Decimal | None:
    """The mark price at which `backing` and PnL of the positions equal their maintenance margin.

    None if there is none above 0. The tiers are those at that price.
    """
    quantity = sum((each.quantity for each in positions), ZERO)
    cost = sum((each.signed_cost for each in positions), ZERO)
    price = state.mark(instrument) or ZERO
    for _ in range(len(state.rules.tiers) + 1):
        slope, deducted = quantity, ZERO
        for position in positions:
            size = state.tier_size(instrument, abs(position.quantity), price)
            tier = tier_at(state.rules, size)
            slope -= abs(position.quantity) * tier.maintenance_rate
            deducted += tier.deduction
        found = (cost - backing - deducted) / slope if slope else ZERO
        if found <= ZERO:
            return None
        if found == price:
            break
        price = found
    return price
