"""How an order comes in: refused, or accepted, matched and rested; stops that wait and wake.

1. What `checks.py` refuses, and what the account has no money for, was never there.
2. An accepted order is told once as it came, then with each thing that happens to it.
3. A stop holds nothing back, but for a spot stop where the rules say so. When its price is reached
   it becomes a limit order if it has a price, else a market order; if there is no money for that
   any more, or the position would be too great, it is rejected then.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO, Side
from bowline.core.sim.exchange import checks, margin
from bowline.core.sim.exchange.account import Account
from bowline.core.sim.exchange.facts import BalanceReason, OrderMoved
from bowline.core.sim.exchange.life import OrderStep
from bowline.core.sim.exchange.matching import crosses, run
from bowline.core.sim.exchange.moves import end_order, move_order, release, touch_balance
from bowline.core.sim.exchange.orders import (
    EndReason,
    NewOrder,
    RefusalReason,
    Refused,
    TriggerPrice,
    VenueOrder,
)
from bowline.core.sim.exchange.settle import cost_to_quantity, hold, spot_need
from bowline.core.sim.exchange.state import Armed, VenueState
from bowline.core.venue import ListingStatus, OrderKind, TimeInForce


def place(state: VenueState, account: Account, asked: NewOrder) -> VenueOrder | Refused:
    """Take an order, match it, and say what became of it."""
    refused = checks.refusal(state, account, asked)
    if refused is not None:
        return refused
    if asked.kind is OrderKind.STOP:
        return _place_stop(state, account, asked)
    quantity = asked.quantity
    if quantity is None:
        # before the book is asked what a sum buys that nobody has
        refused = unaffordable(state, account, asked, ZERO)
        if refused is not None:
            return refused
        quantity = cost_to_quantity(state, asked)
    too_keen = _takes_against_its_will(state, asked)
    if not quantity:
        refused = Refused(RefusalReason.BELOW_MIN_QUANTITY, "the cost buys nothing")
    elif too_keen and state.rules.post_only_refuses:
        refused = Refused(RefusalReason.POST_ONLY)
    elif asked.price is None and state.books[asked.instrument].best(asked.side.opposite) is None:
        refused = Refused(RefusalReason.NO_LIQUIDITY)
    else:
        refused = _beyond_means(state, account, asked, quantity)
    if refused is not None:
        return refused
    order = accept(state, asked, quantity)
    if too_keen:
        return end_order(state, order, EndReason.POST_ONLY)
    return _carry_out(state, account, order)


def _place_stop(state: VenueState, account: Account, asked: NewOrder) -> VenueOrder | Refused:
    assert asked.quantity is not None, "a stop has a quantity"
    if _holds(state, asked):
        refused = unaffordable(state, account, asked, asked.quantity)
        if refused is not None:
            return refused
    order = accept(state, asked, asked.quantity)
    state.stops[asked.instrument][order.order_id] = account.name
    return order


def _takes_against_its_will(state: VenueState, asked: NewOrder) -> bool:
    """Whether it is post-only and would take."""
    post_only = asked.time_in_force is TimeInForce.POST_ONLY
    return post_only and crosses(state, asked.instrument, asked.side, asked.price)


def _beyond_means(
    state: VenueState, account: Account, asked: NewOrder, quantity: Decimal, without: int = 0
) -> Refused | None:
    """Whether there is no money for it, or the position would be greater than is allowed."""
    refused = unaffordable(state, account, asked, quantity, without)
    return refused or checks.position_limit(state, account, asked, quantity, without)


def accept(
    state: VenueState, asked: NewOrder, quantity: Decimal, *, by_venue: bool = False
) -> VenueOrder:
    """A new order with the next id, held for and told."""
    account = state.accounts[asked.account]
    order = VenueOrder(
        state.next_order_id, asked, OrderState.WORKING, quantity, state.now_ns, state.now_ns,
        asked.price, by_venue=by_venue,
    )  # fmt: skip
    state.next_order_id += 1
    if asked.client_id:
        account.clients[asked.client_id] = order.order_id
    account.keep(order)
    if not order.waiting or _holds(state, asked):
        _hold(state, account, order)
    state.facts.append(OrderMoved(state.now_ns, order))
    return order


def _holds(state: VenueState, asked: NewOrder) -> bool:
    """Whether an order of this kind holds something back while it waits for its trigger."""
    spot = asked.instrument not in state.linear
    # what a stop that buys at the market will cost nobody knows yet
    known = asked.side is Side.SELL or asked.price is not None
    return state.rules.spot_stops_hold and spot and known


def _hold(state: VenueState, account: Account, order: VenueOrder) -> None:
    if order.instrument not in state.linear:
        hold(state, order)
    elif order.price is not None:
        quote = state.listings[order.instrument].quote
        touch_balance(state, account, quote, BalanceReason.ORDER)


def unaffordable(
    state: VenueState, account: Account, asked: NewOrder, quantity: Decimal, without: int = 0
) -> Refused | None:
    """Whether the account lacks the money; order `without` is about to be replaced by this one."""
    price = asked.price
    if asked.instrument not in state.linear:
        asset, need = spot_need(state, asked, quantity, price)
        # who asks to spend it must have it, however little the book has to sell
        need = max(need, asked.quote_cost or ZERO)
        held = account.locks.get(without, (asset, ZERO))[1]
        left = margin.free(state, account, asset) + held
    else:
        price, quantity = _expected(state, asked, quantity)
        asset = state.listings[asked.instrument].quote
        more = (asked, quantity, price) if quantity else None
        need = margin.order_margin(state, account, asked.instrument, more=more, without=without)
        need -= margin.order_margin(state, account, asked.instrument)
        # what only closes is never short of money, however deep the account is under water
        left = max(ZERO, margin.free(state, account, asset))
    if need > left:
        return Refused(RefusalReason.INSUFFICIENT_FUNDS, f"{need} of {asset}, {left} is free")
    return None


def _expected(state: VenueState, asked: NewOrder, quantity: Decimal) -> tuple[Decimal, Decimal]:
    """Price and quantity at which margin is reckoned: the limit, or what the book would give."""
    against = asked.side.opposite
    book = state.books[asked.instrument]
    if asked.price is not None:
        best = book.best(against)
        dearer = asked.side is Side.SELL and best is not None and best > asked.price
        return (best if dearer and best else asked.price), quantity
    cost, left = ZERO, quantity
    for price, size in book.walk(against):
        take = min(left, size)
        cost, left = cost + take * price, left - take
        if not left:
            break
    taken = quantity - left
    return (cost / taken if taken else ZERO), taken


def _carry_out(state: VenueState, account: Account, order: VenueOrder) -> VenueOrder:
    armed = state.armed.get(account.name) or Armed()
    reason, ratio = armed.reject, armed.ratio
    if reason is not None:
        armed.reject = None
        return end_order(state, order, EndReason.SCRIPT, OrderStep.REJECT, refusal=reason)
    if ratio is None:
        return run(state, order)
    armed.ratio = None
    return run(state, order, most=part(state, order, ratio))


def open_order(account: Account, key: int | str) -> VenueOrder | Refused:
    """An open order by order id or client id."""
    order = account.find(key)
    if order is None:
        return Refused(RefusalReason.UNKNOWN_ORDER, str(key))
    return Refused(RefusalReason.ALREADY_DONE, order.state.value) if order.done else order


def cancel(state: VenueState, account: Account, key: int | str) -> VenueOrder | Refused:
    """Cancel an open order; if a script holds the cancel, the order stays as it is for now."""
    order = open_order(account, key)
    if isinstance(order, Refused) or order.cancelling:
        return order
    armed = state.armed.get(account.name)
    if armed is None or not armed.hold_cancel:
        return end_order(state, order, EndReason.ASKED)
    armed.hold_cancel = False
    held = replace(order, cancelling=True)
    account.keep(held)
    return held


def amend(
    state: VenueState,
    account: Account,
    order: VenueOrder,
    quantity: Decimal | None,
    price: Decimal | None,
) -> VenueOrder | Refused:
    """Another quantity or price of a resting limit order; less of it keeps its place."""
    if order.price is None:
        return Refused(RefusalReason.BAD_ORDER, "only a limit order can be amended")
    quantity = order.quantity if quantity is None else quantity
    price = order.price if price is None else price
    asked = replace(order.asked, quantity=quantity, price=price)
    refused = _unamendable(state, account, order, asked)
    if refused is not None:
        return refused
    if order.waiting:
        order = move_order(state, order, asked=asked, quantity=quantity, price=price)
        if _holds(state, asked):
            _hold(state, account, order)
        return order
    keeps_place = price == order.price and quantity < order.quantity
    if not keeps_place:
        release(state, order)
    order = move_order(state, order, asked=asked, quantity=quantity, price=price)
    _hold(state, account, order)
    if not keeps_place:
        return run(state, order)
    book = state.books[order.instrument]
    book.resize(order.order_id, min(book.shown(order.order_id), order.remaining))
    return order


def _unamendable(
    state: VenueState, account: Account, order: VenueOrder, asked: NewOrder
) -> Refused | None:
    quantity, price = asked.quantity, asked.price
    assert quantity is not None, "an amended order has a quantity"
    assert price is not None, "an amended order has a price"
    if (quantity, price) == (order.quantity, order.price):
        return Refused(RefusalReason.NOTHING_TO_AMEND)
    if not quantity > order.filled or not price > ZERO:
        return Refused(RefusalReason.BAD_ORDER, f"{quantity} at {price}, {order.filled} is filled")
    takes = crosses(state, asked.instrument, asked.side, price)
    if takes and asked.time_in_force is TimeInForce.POST_ONLY and not order.waiting:
        return Refused(RefusalReason.POST_ONLY)
    listing, left = state.listings[asked.instrument], quantity - order.filled
    refused = checks.steps(state, listing, asked, quantity, price)
    if refused is not None or (order.waiting and not _holds(state, asked)):
        return refused
    beyond = unaffordable if order.waiting else _beyond_means
    return beyond(state, account, asked, left, order.order_id)


def part(state: VenueState, order: VenueOrder, ratio: Decimal) -> Decimal:
    """A ratio of what remains of an order, in whole lots."""
    return state.whole_lots(order.instrument, order.remaining * ratio)


def wake_stops(state: VenueState, instrument: InstrumentId) -> bool:
    """Carry out the oldest stop whose price was reached; whether there was one."""
    if state.listings[instrument].status is not ListingStatus.TRADING:
        return False
    for order_id, name in state.stops[instrument].items():
        account = state.accounts[name]
        order = account.open[order_id]
        if _reached(state, order):
            _wake(state, account, order)
            return True
    return False


def _reached(state: VenueState, order: VenueOrder) -> bool:
    asked, tape = order.asked, state.tapes[order.instrument]
    assert asked.trigger is not None, "a stop has a trigger"
    prices = tape.swept or (tape.last, tape.last)
    if asked.trigger_by is TriggerPrice.MARK:
        prices = (state.mark(order.instrument),) * 2
    low, high = prices
    if low is None or high is None:
        return False
    rising = asked.side is Side.BUY if asked.trigger_rising is None else asked.trigger_rising
    return high >= asked.trigger if rising else low <= asked.trigger


def _wake(state: VenueState, account: Account, order: VenueOrder) -> None:
    del state.stops[order.instrument][order.order_id]
    order = move_order(state, order, triggered=True)
    asked, number = order.asked, order.order_id
    refused = _beyond_means(state, account, asked, order.quantity, number)
    if refused is not None:
        why = EndReason.INSUFFICIENT_FUNDS
        end_order(state, order, why, OrderStep.REJECT, refusal=refused.reason)
        return
    _hold(state, account, order)
    if _takes_against_its_will(state, asked):
        end_order(state, order, EndReason.POST_ONLY)
    else:
        run(state, order)
