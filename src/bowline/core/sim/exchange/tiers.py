"""Tiers: a greater perpetual position keeps a greater share of its value, at less leverage.

It looks up and solves; nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO
from bowline.core.sim.exchange.account import Leg
from bowline.core.sim.exchange.rules import Tier, VenueRules
from bowline.core.sim.exchange.state import VenueState

_ENDLESS = Decimal("Infinity")


def tier_at(rules: VenueRules, size: Decimal) -> Tier:
    """The tier of a position of this size; the last one for all beyond it."""
    for tier in rules.tiers:
        if size <= tier.most:
            return tier
    return rules.tiers[-1] if rules.tiers else Tier(_ENDLESS, rules.maintenance_rate, _ENDLESS)


def most_size(rules: VenueRules, leverage: Decimal) -> Decimal:
    """How large a position may be at a leverage, as tiers count it; endless without tiers."""
    if not rules.tiers:
        return _ENDLESS
    return max((each.most for each in rules.tiers if each.max_leverage >= leverage), default=ZERO)


def price_at_zero(
    state: VenueState, instrument: InstrumentId, legs: Sequence[Leg], backing: Decimal
) -> Decimal | None:
    """The mark price at which `backing` and the PnL of these legs are what they must keep.

    None if there is none above 0. The tiers are those of the price that comes out.
    """
    quantity = sum((each.quantity for each in legs), ZERO)
    cost = sum((each.signed_cost for each in legs), ZERO)
    price = state.mark(instrument) or ZERO
    for _ in range(len(state.rules.tiers) + 1):
        slope, deducted = quantity, ZERO
        for leg in legs:
            size = state.tier_size(instrument, abs(leg.quantity), price)
            tier = tier_at(state.rules, size)
            slope -= abs(leg.quantity) * tier.maintenance_rate
            deducted += tier.deduction
        found = (cost - backing - deducted) / slope if slope else ZERO
        if found <= ZERO:
            return None
        if found == price:
            break
        price = found
    return price
