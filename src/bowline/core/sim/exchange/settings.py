"""Leverage, margin mode and position mode of an account.

A mode cannot change while a position or an order of that instrument is open.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ONE, ZERO, Direction
from bowline.core.sim.exchange import checks, margin
from bowline.core.sim.exchange.account import VenueAccount, money_up
from bowline.core.sim.exchange.facts import BalanceReason
from bowline.core.sim.exchange.mutations import mark_balance_changed, mark_position_changed
from bowline.core.sim.exchange.orders import Rejection, RejectReason
from bowline.core.sim.exchange.state import VenueState
from bowline.core.sim.exchange.tiers import max_position_size
from bowline.core.venue import MarginMode, PositionMode


def set_leverage(
    state: VenueState, account: VenueAccount, instrument: InstrumentId, leverage: Decimal
) -> Rejection | None:
    """Set leverage and recompute margins; rejected if the funds are missing."""
    if instrument not in state.linear:
        return Rejection(RejectReason.UNKNOWN_INSTRUMENT, instrument.symbol)
    listing, before = state.listings[instrument], account.settings_at(instrument)
    most = listing.max_leverage
    if leverage < ONE or (most is not None and leverage > most):
        return Rejection(RejectReason.LEVERAGE_TOO_HIGH, f"{leverage} of at most {most}")
    if leverage == before.leverage:
        return Rejection(RejectReason.NOT_MODIFIED)
    if _largest_position_size(state, account, instrument) > max_position_size(
        state.rules, leverage
    ):
        return Rejection(RejectReason.POSITION_LIMIT, f"at a leverage of {leverage}")
    rejection = _recompute_margin(state, account, instrument, leverage)
    if rejection is not None:
        return rejection
    mark_balance_changed(state, account, listing.quote, BalanceReason.ORDER)
    for way in Direction:
        position = account.positions.get((instrument, way))
        if position is not None and position.quantity:
            mark_position_changed(state, account, instrument, way)
    return None


def _recompute_margin(
    state: VenueState, account: VenueAccount, instrument: InstrumentId, leverage: Decimal
) -> Rejection | None:
    """Recompute margins at a leverage; unchanged and rejected if the funds are missing."""
    quote, before = state.listings[instrument].quote, account.settings_at(instrument)
    positions = {
        way: position for way in Direction if (position := account.positions.get((instrument, way)))
    }
    margins = {way: position.margin for way, position in positions.items()}
    free = margin.free_balance(state, account, quote)
    account.settings[instrument] = replace(before, leverage=leverage)
    if before.margin_mode is MarginMode.ISOLATED:
        for position in positions.values():
            position.margin = money_up(position.cost / leverage)
    if margin.free_balance(state, account, quote) < min(ZERO, free):
        account.settings[instrument] = before
        for way, position in positions.items():
            position.margin = margins[way]
        return Rejection(RejectReason.INSUFFICIENT_FUNDS, f"at a leverage of {leverage}")
    return None


def _largest_position_size(
    state: VenueState, account: VenueAccount, instrument: InstrumentId
) -> Decimal:
    """The size of its largest position at the instrument, in the unit of the tiers."""
    mark = state.mark(instrument) or ZERO
    positions = (account.positions.get((instrument, way)) for way in Direction)
    sizes = (
        state.tier_size(instrument, abs(position.quantity), mark)
        for position in positions
        if position
    )
    return max(sizes, default=ZERO)


def set_margin_mode(
    state: VenueState, account: VenueAccount, instrument: InstrumentId, mode: MarginMode
) -> Rejection | None:
    """Set cross or isolated margin."""
    if instrument not in state.linear:
        return Rejection(RejectReason.UNKNOWN_INSTRUMENT, instrument.symbol)
    before = account.settings_at(instrument)
    if before.margin_mode is mode:
        return Rejection(RejectReason.NOT_MODIFIED)
    if checks.is_in_use(account, {instrument}):
        return Rejection(RejectReason.MODE_IN_USE, instrument.symbol)
    account.settings[instrument] = replace(before, margin_mode=mode)
    return None


def set_position_mode(
    state: VenueState, account: VenueAccount, mode: PositionMode, instrument: InstrumentId | None
) -> Rejection | None:
    """Set one-way or hedge mode, of one perpetual or of all present and future ones."""
    if instrument is not None and instrument not in state.linear:
        return Rejection(RejectReason.UNKNOWN_INSTRUMENT, instrument.symbol)
    places = state.linear if instrument is None else {instrument}
    known = {account.position_mode} if instrument is None else set()
    if known | {account.settings_at(each).position_mode for each in places} == {mode}:
        return Rejection(RejectReason.NOT_MODIFIED)
    if checks.is_in_use(account, places):
        return Rejection(RejectReason.MODE_IN_USE, "" if instrument is None else instrument.symbol)
    if instrument is None:
        account.position_mode = mode
    for each in places:
        account.settings[each] = replace(account.settings_at(each), position_mode=mode)
    return None
