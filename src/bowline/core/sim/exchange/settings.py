"""Leverage, margin mode and position mode of an account: changed, or refused.

Modes stay as they are while a position or an order is open where they would change.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ONE, ZERO, Direction
from bowline.core.sim.exchange import checks, margin
from bowline.core.sim.exchange.account import Account, money_up
from bowline.core.sim.exchange.facts import BalanceReason
from bowline.core.sim.exchange.moves import touch_balance, touch_leg
from bowline.core.sim.exchange.orders import RefusalReason, Refused
from bowline.core.sim.exchange.state import VenueState
from bowline.core.sim.exchange.tiers import most_size
from bowline.core.venue import MarginMode, PositionMode


def set_leverage(
    state: VenueState, account: Account, instrument: InstrumentId, leverage: Decimal
) -> Refused | None:
    """Set it, and the margin of what is open anew; refused if there is no money for that."""
    if instrument not in state.linear:
        return Refused(RefusalReason.UNKNOWN_INSTRUMENT, instrument.symbol)
    listing, before = state.listings[instrument], account.settings_at(instrument)
    most = listing.max_leverage
    if leverage < ONE or (most is not None and leverage > most):
        return Refused(RefusalReason.LEVERAGE_TOO_HIGH, f"{leverage} of at most {most}")
    if leverage == before.leverage:
        return Refused(RefusalReason.NOT_MODIFIED)
    if _greatest(state, account, instrument) > most_size(state.rules, leverage):
        return Refused(RefusalReason.POSITION_LIMIT, f"at a leverage of {leverage}")
    refused = _margin_anew(state, account, instrument, leverage)
    if refused is not None:
        return refused
    touch_balance(state, account, listing.quote, BalanceReason.ORDER)
    for way in Direction:
        leg = account.legs.get((instrument, way))
        if leg is not None and leg.quantity:
            touch_leg(state, account, instrument, way)
    return None


def _margin_anew(
    state: VenueState, account: Account, instrument: InstrumentId, leverage: Decimal
) -> Refused | None:
    """The margin of what is open at this leverage; all as it was if there is no money for it."""
    quote, before = state.listings[instrument].quote, account.settings_at(instrument)
    legs = {way: leg for way in Direction if (leg := account.legs.get((instrument, way)))}
    margins = {way: leg.margin for way, leg in legs.items()}
    free = margin.free(state, account, quote)
    account.settings[instrument] = replace(before, leverage=leverage)
    if before.margin_mode is MarginMode.ISOLATED:
        for leg in legs.values():
            leg.margin = money_up(leg.cost / leverage)
    if margin.free(state, account, quote) < min(ZERO, free):
        account.settings[instrument] = before
        for way, leg in legs.items():
            leg.margin = margins[way]
        return Refused(RefusalReason.INSUFFICIENT_FUNDS, f"at a leverage of {leverage}")
    return None


def _greatest(state: VenueState, account: Account, instrument: InstrumentId) -> Decimal:
    """The size of its greatest position there, as tiers count it."""
    mark = state.mark(instrument) or ZERO
    legs = (account.legs.get((instrument, way)) for way in Direction)
    sizes = (state.tier_size(instrument, abs(leg.quantity), mark) for leg in legs if leg)
    return max(sizes, default=ZERO)


def set_margin_mode(
    state: VenueState, account: Account, instrument: InstrumentId, mode: MarginMode
) -> Refused | None:
    """Cross or isolated."""
    if instrument not in state.linear:
        return Refused(RefusalReason.UNKNOWN_INSTRUMENT, instrument.symbol)
    before = account.settings_at(instrument)
    if before.margin_mode is mode:
        return Refused(RefusalReason.NOT_MODIFIED)
    if checks.in_use(account, {instrument}):
        return Refused(RefusalReason.MODE_IN_USE, instrument.symbol)
    account.settings[instrument] = replace(before, margin_mode=mode)
    return None


def set_position_mode(
    state: VenueState, account: Account, mode: PositionMode, instrument: InstrumentId | None
) -> Refused | None:
    """One-way or hedge, of one perpetual or of all there are and will be."""
    if instrument is not None and instrument not in state.linear:
        return Refused(RefusalReason.UNKNOWN_INSTRUMENT, instrument.symbol)
    places = state.linear if instrument is None else {instrument}
    known = {account.position_mode} if instrument is None else set()
    if known | {account.settings_at(each).position_mode for each in places} == {mode}:
        return Refused(RefusalReason.NOT_MODIFIED)
    if checks.in_use(account, places):
        return Refused(RefusalReason.MODE_IN_USE, "" if instrument is None else instrument.symbol)
    if instrument is None:
        account.position_mode = mode
    for each in places:
        account.settings[each] = replace(account.settings_at(each), position_mode=mode)
    return None
