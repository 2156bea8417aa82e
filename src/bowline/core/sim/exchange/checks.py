"""What is refused before money is looked at: form, listing, steps, modes, ids, limits.

Each check answers with the `Refused` or None; none changes anything.
"""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO, Direction
from bowline.core.sim.exchange import margin
from bowline.core.sim.exchange.account import UNIT, WIDE, Account
from bowline.core.sim.exchange.orders import NewOrder, RefusalReason, Refused
from bowline.core.sim.exchange.rules import ClientIds
from bowline.core.sim.exchange.state import VenueState
from bowline.core.sim.exchange.tiers import most_size
from bowline.core.venue import Listing, ListingStatus, OrderKind, PositionMode, TimeInForce

_R = RefusalReason


def refusal(state: VenueState, account: Account, asked: NewOrder) -> Refused | None:
    """Why an order cannot be taken, if it cannot."""
    listing = state.listings.get(asked.instrument)
    if listing is None:
        return Refused(_R.UNKNOWN_INSTRUMENT, asked.instrument.symbol)
    if listing.status is not ListingStatus.TRADING:
        return Refused(_R.HALTED, listing.status.value)
    return (
        _form(asked, linear=asked.instrument in state.linear)
        or _mode(state, account, asked)
        or _client_id(state, account, asked)
        or steps(state, listing, asked, asked.quantity, asked.price)
        or _room(state, account)
        or _reduces(state, account, asked)
    )


def _form(asked: NewOrder, *, linear: bool) -> Refused | None:
    kind = asked.kind
    numbers = (asked.quantity, asked.price, asked.quote_cost, asked.trigger)
    wrong = (
        (any(each is not None and not each > ZERO for each in numbers), "a number is not above 0"),
        (asked.price is None and kind is OrderKind.LIMIT, "a limit order has a price"),
        (asked.price is not None and kind is OrderKind.MARKET, "a market order has no price"),
        ((asked.trigger is not None) != (kind is OrderKind.STOP), "a trigger is for a stop"),
        ((asked.quantity is None) == (asked.quote_cost is None), "a quantity or a cost, not both"),
        (
            asked.quote_cost is not None
            and (linear or kind is not OrderKind.MARKET or asked.side.sign < 0),
            "a cost is for a spot market buy",
        ),
        (
            asked.time_in_force is TimeInForce.POST_ONLY and asked.price is None,
            "only a limit order can be post-only",
        ),
        (asked.reduce_only and not linear, "spot has no position to reduce"),
    )
    return next((Refused(_R.BAD_ORDER, why) for found, why in wrong if found), None)


def _mode(state: VenueState, account: Account, asked: NewOrder) -> Refused | None:
    hedged = asked.instrument in state.linear and (
        account.settings_at(asked.instrument).position_mode is PositionMode.HEDGE
    )
    if hedged is (asked.position is Direction.NEUTRAL):
        return Refused(_R.POSITION_MODE, "hedge" if hedged else "one-way")
    return None


def _client_id(state: VenueState, account: Account, asked: NewOrder) -> Refused | None:
    rule, known = state.rules.client_ids, account.clients.get(asked.client_id)
    if not asked.client_id or known is None or rule is ClientIds.NEVER:
        return None
    if rule is ClientIds.OPEN and known not in account.open:
        return None
    return Refused(_R.DUPLICATE_ID, asked.client_id)


def _room(state: VenueState, account: Account) -> Refused | None:
    most = state.rules.max_open_orders
    return Refused(_R.TOO_MANY_OPEN_ORDERS, str(most)) if len(account.open) >= most else None


def _reduces(state: VenueState, account: Account, asked: NewOrder) -> Refused | None:
    linear = asked.instrument in state.linear
    waits = asked.kind is OrderKind.STOP
    if linear and not waits and margin.closes(asked) and not margin.closable(account, asked):
        return Refused(_R.REDUCE_ONLY)
    return None


def position_limit(
    state: VenueState,
    account: Account,
    asked: NewOrder,
    quantity: Decimal,
    without: int = 0,
) -> Refused | None:
    """Whether an order would make a position greater than the account's leverage allows."""
    if asked.instrument not in state.linear:
        return None
    most = most_size(state.rules, account.settings_at(asked.instrument).leverage)
    size = margin.size_after(state, account, asked, quantity, without)
    return Refused(_R.POSITION_LIMIT, f"{size} of at most {most}") if size > most else None


def steps(
    state: VenueState,
    listing: Listing,
    asked: NewOrder,
    quantity: Decimal | None,
    price: Decimal | None,
) -> Refused | None:
    """Whether prices and quantities are in steps, inside the bounds and inside the band."""
    refused = _bounds(state, listing, asked, quantity, price)
    if refused is not None:
        return refused
    instrument, market = listing.instrument, state.mark(listing.instrument.id)
    # a position that has become small must still be closable
    if not margin.closes(asked):
        at = price or asked.trigger or market
        value = asked.quote_cost or (quantity * at if quantity and at else None)
        if value is not None and value < instrument.min_notional:
            return Refused(_R.BELOW_MIN_NOTIONAL, f"{value} < {instrument.min_notional}")
    band, near = state.rules.price_band, asked.trigger or market
    if None not in (band, price, near) and _far(price, near, band):
        return Refused(_R.PRICE_BAND, f"{price} from {near}")
    return None


def _bounds(
    state: VenueState,
    listing: Listing,
    asked: NewOrder,
    quantity: Decimal | None,
    price: Decimal | None,
) -> Refused | None:
    """Each number by itself: not too large, in steps, and a quantity not too small."""
    rules, instrument = state.rules, listing.instrument
    tick, lot, least = instrument.tick_size, instrument.lot_step, listing.min_quantity
    wrong = []
    for number in (price, asked.trigger):
        if number is not None:
            most = rules.max_price
            wrong += [
                (number > most, _R.ABOVE_MAX_PRICE, f"{number} > {most}"),
                (_uneven(number, tick or UNIT), _R.TICK, f"{number} by {tick}"),
            ]
    if quantity is not None:
        most = rules.max_quantity
        wrong += [
            (quantity > most, _R.ABOVE_MAX_QUANTITY, f"{quantity} > {most}"),
            (_uneven(quantity, lot or UNIT), _R.LOT, f"{quantity} by {lot}"),
            (quantity < least, _R.BELOW_MIN_QUANTITY, f"{quantity} < {least}"),
        ]
    return next((Refused(reason, words) for found, reason, words in wrong if found), None)


def _uneven(number: Decimal, step: Decimal) -> bool:
    return bool(WIDE.remainder(number, step))


def _far(price: Decimal | None, market: Decimal | None, band: Decimal | None) -> bool:
    assert price is not None
    assert market is not None
    assert band is not None
    return abs(price - market) > market * band


def in_use(account: Account, places: set[InstrumentId]) -> bool:
    """Whether a position or an order is open in one of these."""
    return any(order.instrument in places for order in account.open.values()) or any(
        leg.quantity and at in places for (at, _), leg in account.legs.items()
    )
