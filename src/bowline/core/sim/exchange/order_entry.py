"""Order entry: place, cancel and amend orders, and trigger stops.

1. An order that `checks.py` rejects or that the account cannot afford leaves no trace.
2. An accepted order is recorded as new, then after each change.
3. A stop locks no funds, except a spot stop where the rules say so. When its trigger is reached it
   becomes a limit order if it has a price, else a market order. It is rejected then if the funds
   are missing or the position would exceed its limit.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO, Side
from bowline.core.sim.exchange import checks, margin
from bowline.core.sim.exchange.account import VenueAccount
from bowline.core.sim.exchange.facts import BalanceReason, OrderUpdated
from bowline.core.sim.exchange.fill_accounting import cost_to_quantity, lock_funds, required_funds
from bowline.core.sim.exchange.matching import crosses, match_order
from bowline.core.sim.exchange.mutations import (
    end_order,
    mark_balance_changed,
    release,
    update_order,
)
from bowline.core.sim.exchange.orders import (
    EndReason,
    NewOrder,
    Rejection,
    RejectReason,
    TriggerPrice,
    VenueOrder,
)
from bowline.core.sim.exchange.state import ArmedFaults, VenueState
from bowline.core.sim.exchange.transitions import OrderStep
from bowline.core.venue import ListingStatus, OrderKind, TimeInForce


def place(state: VenueState, account: VenueAccount, requested: NewOrder) -> VenueOrder | Rejection:
    """Accept an order and match it, or reject it."""
    rejection = checks.validate_order(state, account, requested)
    if rejection is not None:
        return rejection
    if requested.kind is OrderKind.STOP:
        return _place_stop(state, account, requested)
    quantity = requested.quantity
    if quantity is None:
        # the funds first: the book is not searched for an amount that the account does not have
        rejection = check_funds(state, account, requested, ZERO)
        if rejection is not None:
            return rejection
        quantity = cost_to_quantity(state, requested)
    would_take = _post_only_would_take(state, requested)
    if not quantity:
        rejection = Rejection(RejectReason.BELOW_MIN_QUANTITY, "the cost buys nothing")
    elif would_take and state.rules.post_only_refuses:
        rejection = Rejection(RejectReason.POST_ONLY)
    elif (
        requested.price is None
        and state.books[requested.instrument].best(requested.side.opposite) is None
    ):
        rejection = Rejection(RejectReason.NO_LIQUIDITY)
    else:
        rejection = _check_funds_and_position(state, account, requested, quantity)
    if rejection is not None:
        return rejection
    order = accept(state, requested, quantity)
    if would_take:
        return end_order(state, order, EndReason.POST_ONLY)
    return _match_with_faults(state, account, order)


def _place_stop(
    state: VenueState, account: VenueAccount, requested: NewOrder
) -> VenueOrder | Rejection:
    assert requested.quantity is not None, "a stop has a quantity"
    if _locks_while_waiting(state, requested):
        rejection = check_funds(state, account, requested, requested.quantity)
        if rejection is not None:
            return rejection
    order = accept(state, requested, requested.quantity)
    state.stops[requested.instrument][order.order_id] = account.name
    return order


def _post_only_would_take(state: VenueState, requested: NewOrder) -> bool:
    """Whether the order is post-only and would match at once."""
    post_only = requested.time_in_force is TimeInForce.POST_ONLY
    return post_only and crosses(state, requested.instrument, requested.side, requested.price)


def _check_funds_and_position(
    state: VenueState,
    account: VenueAccount,
    requested: NewOrder,
    quantity: Decimal,
    replaced_id: int = 0,
) -> Rejection | None:
    """Reject an order without funds, or whose position would exceed its limit."""
    rejection = check_funds(state, account, requested, quantity, replaced_id)
    return rejection or checks.check_position_limit(
        state, account, requested, quantity, replaced_id
    )


def accept(
    state: VenueState, requested: NewOrder, quantity: Decimal, *, by_venue: bool = False
) -> VenueOrder:
    """Create an order with the next id, lock its funds and record it."""
    account = state.accounts[requested.account]
    order = VenueOrder(
        state.next_order_id, requested, OrderState.WORKING, quantity, state.now_ns, state.now_ns,
        requested.price, by_venue=by_venue,
    )  # fmt: skip
    state.next_order_id += 1
    if requested.client_id:
        account.client_order_ids[requested.client_id] = order.order_id
    account.store_order(order)
    if not order.waiting or _locks_while_waiting(state, requested):
        _lock_funds(state, account, order)
    state.facts.append(OrderUpdated(state.now_ns, order))
    return order


def _locks_while_waiting(state: VenueState, requested: NewOrder) -> bool:
    """Whether an order of this kind locks funds while it waits for its trigger."""
    spot = requested.instrument not in state.linear
    # the cost of a market buy is not known before its trigger
    known = requested.side is Side.SELL or requested.price is not None
    return state.rules.spot_stops_lock and spot and known


def _lock_funds(state: VenueState, account: VenueAccount, order: VenueOrder) -> None:
    if order.instrument not in state.linear:
        lock_funds(state, order)
    elif order.price is not None:
        quote = state.listings[order.instrument].quote
        mark_balance_changed(state, account, quote, BalanceReason.ORDER)


def check_funds(
    state: VenueState,
    account: VenueAccount,
    requested: NewOrder,
    quantity: Decimal,
    replaced_id: int = 0,
) -> Rejection | None:
    """Reject an order without funds; it replaces the order with the id `replaced_id`."""
    price = requested.price
    if requested.instrument not in state.linear:
        asset, need = required_funds(state, requested, quantity, price)
        # the whole cost must be there, also where the book offers less
        need = max(need, requested.quote_cost or ZERO)
        held = account.locks.get(replaced_id, (asset, ZERO))[1]
        left = margin.free_balance(state, account, asset) + held
    else:
        price, quantity = _expected_execution(state, requested, quantity)
        asset = state.listings[requested.instrument].quote
        more = (requested, quantity, price) if quantity else None
        need = margin.order_margin(
            state, account, requested.instrument, more=more, replaced_id=replaced_id
        )
        need -= margin.order_margin(state, account, requested.instrument)
        # a closing order needs no margin, also when the free balance is negative
        left = max(ZERO, margin.free_balance(state, account, asset))
    if need > left:
        return Rejection(RejectReason.INSUFFICIENT_FUNDS, f"{need} of {asset}, {left} is free")
    return None


def _expected_execution(
    state: VenueState, requested: NewOrder, quantity: Decimal
) -> tuple[Decimal, Decimal]:
    """Price and quantity that margin is calculated with: the limit, or what the book offers."""
    against = requested.side.opposite
    book = state.books[requested.instrument]
    if requested.price is not None:
        best = book.best(against)
        dearer = requested.side is Side.SELL and best is not None and best > requested.price
        return (best if dearer and best else requested.price), quantity
    cost, left = ZERO, quantity
    for price, size in book.walk(against):
        take = min(left, size)
        cost, left = cost + take * price, left - take
        if not left:
            break
    taken = quantity - left
    return (cost / taken if taken else ZERO), taken


def _match_with_faults(state: VenueState, account: VenueAccount, order: VenueOrder) -> VenueOrder:
    armed = state.armed.get(account.name) or ArmedFaults()
    reason, ratio = armed.reject, armed.ratio
    if reason is not None:
        armed.reject = None
        return end_order(state, order, EndReason.SCRIPT, OrderStep.REJECT, reject_reason=reason)
    if ratio is None:
        return match_order(state, order)
    armed.ratio = None
    return match_order(state, order, most=ratio_in_lots(state, order, ratio))


def open_order(account: VenueAccount, key: int | str) -> VenueOrder | Rejection:
    """An open order by order id or client id."""
    order = account.find(key)
    if order is None:
        return Rejection(RejectReason.UNKNOWN_ORDER, str(key))
    return Rejection(RejectReason.ALREADY_DONE, order.state.value) if order.done else order


def cancel(state: VenueState, account: VenueAccount, key: int | str) -> VenueOrder | Rejection:
    """Cancel an open order; if a fault holds the cancel, the order stays open for now."""
    order = open_order(account, key)
    if isinstance(order, Rejection) or order.cancelling:
        return order
    armed = state.armed.get(account.name)
    if armed is None or not armed.hold_cancel:
        return end_order(state, order, EndReason.REQUESTED)
    armed.hold_cancel = False
    held = replace(order, cancelling=True)
    account.store_order(held)
    return held


def amend(
    state: VenueState,
    account: VenueAccount,
    order: VenueOrder,
    quantity: Decimal | None,
    price: Decimal | None,
) -> VenueOrder | Rejection:
    """Change quantity or price of a limit order; a smaller quantity keeps its priority."""
    if order.price is None:
        return Rejection(RejectReason.BAD_ORDER, "only a limit order can be amended")
    quantity = order.quantity if quantity is None else quantity
    price = order.price if price is None else price
    requested = replace(order.requested, quantity=quantity, price=price)
    rejection = _check_amendment(state, account, order, requested)
    if rejection is not None:
        return rejection
    if order.waiting:
        order = update_order(state, order, requested=requested, quantity=quantity, price=price)
        if _locks_while_waiting(state, requested):
            _lock_funds(state, account, order)
        return order
    keeps_priority = price == order.price and quantity < order.quantity
    if not keeps_priority:
        release(state, order)
    order = update_order(state, order, requested=requested, quantity=quantity, price=price)
    _lock_funds(state, account, order)
    if not keeps_priority:
        return match_order(state, order)
    book = state.books[order.instrument]
    book.resize(order.order_id, min(book.displayed(order.order_id), order.remaining))
    return order


def _check_amendment(
    state: VenueState, account: VenueAccount, order: VenueOrder, requested: NewOrder
) -> Rejection | None:
    quantity, price = requested.quantity, requested.price
    assert quantity is not None, "an amended order has a quantity"
    assert price is not None, "an amended order has a price"
    if (quantity, price) == (order.quantity, order.price):
        return Rejection(RejectReason.NOTHING_TO_AMEND)
    if not quantity > order.filled or not price > ZERO:
        return Rejection(RejectReason.BAD_ORDER, f"{quantity} at {price}, {order.filled} is filled")
    takes = crosses(state, requested.instrument, requested.side, price)
    if takes and requested.time_in_force is TimeInForce.POST_ONLY and not order.waiting:
        return Rejection(RejectReason.POST_ONLY)
    listing, left = state.listings[requested.instrument], quantity - order.filled
    rejection = checks.check_steps(state, listing, requested, quantity, price)
    if rejection is not None or (order.waiting and not _locks_while_waiting(state, requested)):
        return rejection
    beyond = check_funds if order.waiting else _check_funds_and_position
    return beyond(state, account, requested, left, order.order_id)


def ratio_in_lots(state: VenueState, order: VenueOrder, ratio: Decimal) -> Decimal:
    """A ratio of the remaining quantity of an order, in whole lots."""
    return state.whole_lots(order.instrument, order.remaining * ratio)


def trigger_stop(state: VenueState, instrument: InstrumentId) -> bool:
    """Trigger the oldest stop whose price was reached; returns whether there was one."""
    if state.listings[instrument].status is not ListingStatus.TRADING:
        return False
    for order_id, name in state.stops[instrument].items():
        account = state.accounts[name]
        order = account.open[order_id]
        if _trigger_reached(state, order):
            _trigger(state, account, order)
            return True
    return False


def _trigger_reached(state: VenueState, order: VenueOrder) -> bool:
    requested, trade_history = order.requested, state.trade_histories[order.instrument]
    assert requested.trigger is not None, "a stop has a trigger"
    prices = trade_history.trigger_range or (trade_history.last, trade_history.last)
    if requested.trigger_by is TriggerPrice.MARK:
        prices = (state.mark(order.instrument),) * 2
    low, high = prices
    if low is None or high is None:
        return False
    rising = (
        requested.side is Side.BUY if requested.trigger_rising is None else requested.trigger_rising
    )
    return high >= requested.trigger if rising else low <= requested.trigger


def _trigger(state: VenueState, account: VenueAccount, order: VenueOrder) -> None:
    del state.stops[order.instrument][order.order_id]
    order = update_order(state, order, triggered=True)
    requested, number = order.requested, order.order_id
    rejection = _check_funds_and_position(state, account, requested, order.quantity, number)
    if rejection is not None:
        why = EndReason.INSUFFICIENT_FUNDS
        end_order(state, order, why, OrderStep.REJECT, reject_reason=rejection.reason)
        return
    _lock_funds(state, account, order)
    if _post_only_would_take(state, requested):
        end_order(state, order, EndReason.POST_ONLY)
    else:
        match_order(state, order)
