"""Validation of an order before its funds are checked: fields, listing, steps, modes, ids, limits.

Each check returns a `Rejection` or None. A check must never change anything.
"""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO, Direction
from bowline.core.sim.exchange import margin
from bowline.core.sim.exchange.account import UNIT, WIDE_CONTEXT, VenueAccount
from bowline.core.sim.exchange.orders import NewOrder, Rejection, RejectReason
from bowline.core.sim.exchange.rules import ClientIds
from bowline.core.sim.exchange.state import VenueState
from bowline.core.sim.exchange.tiers import max_position_size
from bowline.core.venue import Listing, ListingStatus, OrderKind, PositionMode, TimeInForce

_R = RejectReason


def validate_order(
    state: VenueState, account: VenueAccount, requested: NewOrder
) -> Rejection | None:
    """The first reason to reject an order; None if it is valid."""
    listing = state.listings.get(requested.instrument)
    if listing is None:
        return Rejection(_R.UNKNOWN_INSTRUMENT, requested.instrument.symbol)
    if listing.status is not ListingStatus.TRADING:
        return Rejection(_R.HALTED, listing.status.value)
    return (
        _check_fields(requested, linear=requested.instrument in state.linear)
        or _check_position_mode(state, account, requested)
        or _check_client_id(state, account, requested)
        or check_steps(state, listing, requested, requested.quantity, requested.price)
        or _check_open_order_count(state, account)
        or _check_reducible(state, account, requested)
    )


def _check_fields(requested: NewOrder, *, linear: bool) -> Rejection | None:
    kind = requested.kind
    numbers = (requested.quantity, requested.price, requested.quote_cost, requested.trigger)
    wrong = (
        (any(each is not None and not each > ZERO for each in numbers), "a number is not above 0"),
        (requested.price is None and kind is OrderKind.LIMIT, "a limit order has a price"),
        (requested.price is not None and kind is OrderKind.MARKET, "a market order has no price"),
        ((requested.trigger is not None) != (kind is OrderKind.STOP), "a trigger is for a stop"),
        (
            (requested.quantity is None) == (requested.quote_cost is None),
            "a quantity or a cost, not both",
        ),
        (
            requested.quote_cost is not None
            and (linear or kind is not OrderKind.MARKET or requested.side.sign < 0),
            "a cost is for a spot market buy",
        ),
        (
            requested.time_in_force is TimeInForce.POST_ONLY and requested.price is None,
            "only a limit order can be post-only",
        ),
        (requested.reduce_only and not linear, "spot has no position to reduce"),
    )
    return next((Rejection(_R.BAD_ORDER, why) for found, why in wrong if found), None)


def _check_position_mode(
    state: VenueState, account: VenueAccount, requested: NewOrder
) -> Rejection | None:
    hedged = requested.instrument in state.linear and (
        account.settings_at(requested.instrument).position_mode is PositionMode.HEDGE
    )
    if hedged is (requested.position_side is Direction.NEUTRAL):
        return Rejection(_R.POSITION_MODE, "hedge" if hedged else "one-way")
    return None


def _check_client_id(
    state: VenueState, account: VenueAccount, requested: NewOrder
) -> Rejection | None:
    rule, known = state.rules.client_ids, account.client_order_ids.get(requested.client_id)
    if not requested.client_id or known is None or rule is ClientIds.NEVER:
        return None
    if rule is ClientIds.OPEN and known not in account.open:
        return None
    return Rejection(_R.DUPLICATE_ID, requested.client_id)


def _check_open_order_count(state: VenueState, account: VenueAccount) -> Rejection | None:
    most = state.rules.max_open_orders
    return Rejection(_R.TOO_MANY_OPEN_ORDERS, str(most)) if len(account.open) >= most else None


def _check_reducible(
    state: VenueState, account: VenueAccount, requested: NewOrder
) -> Rejection | None:
    linear = requested.instrument in state.linear
    waits = requested.kind is OrderKind.STOP
    if (
        linear
        and not waits
        and margin.may_only_reduce(requested)
        and not margin.closable_quantity(account, requested)
    ):
        return Rejection(_R.REDUCE_ONLY)
    return None


def check_position_limit(
    state: VenueState,
    account: VenueAccount,
    requested: NewOrder,
    quantity: Decimal,
    replaced_id: int = 0,
) -> Rejection | None:
    """Whether an order would make a position greater than the account's leverage allows."""
    if requested.instrument not in state.linear:
        return None
    most = max_position_size(state.rules, account.settings_at(requested.instrument).leverage)
    size = margin.position_size_after(state, account, requested, quantity, replaced_id)
    return Rejection(_R.POSITION_LIMIT, f"{size} of at most {most}") if size > most else None


def check_steps(
    state: VenueState,
    listing: Listing,
    requested: NewOrder,
    quantity: Decimal | None,
    price: Decimal | None,
) -> Rejection | None:
    """Reject prices and quantities that are off their step, out of bounds or outside the band."""
    rejection = _check_bounds(state, listing, requested, quantity, price)
    if rejection is not None:
        return rejection
    instrument, market = listing.instrument, state.mark(listing.instrument.id)
    # a position that has become small must still be closable
    if not margin.may_only_reduce(requested):
        at = price or requested.trigger or market
        value = requested.quote_cost or (quantity * at if quantity and at else None)
        if value is not None and value < instrument.min_notional:
            return Rejection(_R.BELOW_MIN_NOTIONAL, f"{value} < {instrument.min_notional}")
    band, near = state.rules.price_band, requested.trigger or market
    if None not in (band, price, near) and _is_outside_band(price, near, band):
        return Rejection(_R.PRICE_BAND, f"{price} from {near}")
    return None


def _check_bounds(
    state: VenueState,
    listing: Listing,
    requested: NewOrder,
    quantity: Decimal | None,
    price: Decimal | None,
) -> Rejection | None:
    """Reject a number above its maximum, off its step, or a quantity below the minimum."""
    rules, instrument = state.rules, listing.instrument
    tick, lot, least = instrument.tick_size, instrument.lot_step, listing.min_quantity
    wrong = []
    for number in (price, requested.trigger):
        if number is not None:
            most = rules.max_price
            wrong += [
                (number > most, _R.ABOVE_MAX_PRICE, f"{number} > {most}"),
                (_is_off_step(number, tick or UNIT), _R.TICK, f"{number} by {tick}"),
            ]
    if quantity is not None:
        most = rules.max_quantity
        wrong += [
            (quantity > most, _R.ABOVE_MAX_QUANTITY, f"{quantity} > {most}"),
            (_is_off_step(quantity, lot or UNIT), _R.LOT, f"{quantity} by {lot}"),
            (quantity < least, _R.BELOW_MIN_QUANTITY, f"{quantity} < {least}"),
        ]
    return next((Rejection(reason, words) for found, reason, words in wrong if found), None)


def _is_off_step(number: Decimal, step: Decimal) -> bool:
    return bool(WIDE_CONTEXT.remainder(number, step))


def _is_outside_band(price: Decimal | None, market: Decimal | None, band: Decimal | None) -> bool:
    assert price is not None
    assert market is not None
    assert band is not None
    return abs(price - market) > market * band


def is_in_use(account: VenueAccount, places: set[InstrumentId]) -> bool:
    """Whether a position or an order is open in one of these instruments."""
    return any(order.instrument in places for order in account.open.values()) or any(
        position.quantity and at in places for (at, _), position in account.positions.items()
    )
