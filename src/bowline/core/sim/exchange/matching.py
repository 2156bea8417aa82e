"""Matching: an order against the book by price-time priority, and its remaining quantity.

1. The best level first, within it the oldest order, until the order is filled, its limit is reached
   or the book is empty. Every match is a public trade and a fill for each account in it.
2. The remaining quantity of a limit order rests in the book; of any other order it is cancelled.
3. A reducing order is filled for at most the position. When the position changes, the displayed
   size of its resting reducing orders is cut to the position, oldest first, the excess cancelled.
"""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO, Direction, Side
from bowline.core.sim.exchange import margin
from bowline.core.sim.exchange.account import VenueAccount, money
from bowline.core.sim.exchange.facts import Executed
from bowline.core.sim.exchange.fill_accounting import apply_fill
from bowline.core.sim.exchange.mutations import end_order, print_trade, release, update_order
from bowline.core.sim.exchange.orders import EndReason, VenueOrder
from bowline.core.sim.exchange.state import VenueState
from bowline.core.sim.exchange.transitions import OrderStep
from bowline.core.venue import TimeInForce

_END_REASONS = {TimeInForce.IOC: EndReason.IOC, TimeInForce.FOK: EndReason.FOK}


def match_order(state: VenueState, order: VenueOrder, most: Decimal | None = None) -> VenueOrder:
    """Match an accepted order, then rest or end it; `most` limits what it may take (a fault)."""
    if order.price is not None and order.requested.time_in_force is TimeInForce.FOK:
        guaranteed_size = state.books[order.instrument].guaranteed_size(
            order.side.opposite, order.price
        )
        account = state.accounts[order.account]
        if margin.may_only_reduce(order.requested):
            guaranteed_size = min(
                guaranteed_size, margin.closable_quantity(account, order.requested)
            )
        if guaranteed_size < order.remaining:
            return end_order(state, order, EndReason.FOK)
    order = _match_against_book(state, order, most)
    if order.done:
        return order
    if most is not None:
        return end_order(state, order, EndReason.SCRIPT)
    if _nothing_to_reduce(state, order):
        return end_order(state, order, EndReason.REDUCE_ONLY)
    if order.price is None:
        return end_order(state, order, EndReason.NO_LIQUIDITY)
    why = _END_REASONS.get(order.requested.time_in_force)
    return end_order(state, order, why) if why else _rest(state, order)


def _nothing_to_reduce(state: VenueState, order: VenueOrder) -> bool:
    account = state.accounts[order.account]
    return margin.may_only_reduce(order.requested) and not margin.closable_quantity(
        account, order.requested
    )


def _match_against_book(state: VenueState, order: VenueOrder, most: Decimal | None) -> VenueOrder:
    book, against = state.books[order.instrument], order.side.opposite
    account = state.accounts[order.account]
    left = order.remaining if most is None else min(most, order.remaining)
    while left:
        found = book.first_in_queue(against)
        if found is None or (order.price is not None and _beyond_limit(order, found[0])):
            break
        price, maker_id, size = found
        quantity = min(left, size)
        if margin.may_only_reduce(order.requested):
            quantity = min(quantity, margin.closable_quantity(account, order.requested))
            if not quantity:
                break
        maker = None if maker_id is None else find_open_order(state, maker_id)
        execute(state, order.instrument, price, quantity, order.side, order, maker)
        order, left = state.order(order), left - quantity
    return order


def _beyond_limit(order: VenueOrder, price: Decimal) -> bool:
    assert order.price is not None
    return price > order.price if order.side is Side.BUY else price < order.price


def close_out(state: VenueState, order: VenueOrder, price: Decimal) -> VenueOrder:
    """Match a liquidation order; what exceeds the depth of the book is filled at `price`."""
    order = _match_against_book(state, order, None)
    if not order.done:
        rest, side = order.remaining, order.side
        trade_id = print_trade(state, order.instrument, price, rest, side)
        order = _fill(state, order, trade_id, price, rest, maker=False)
    return order


def crosses(state: VenueState, instrument: InstrumentId, side: Side, price: Decimal | None) -> bool:
    """Whether a limit order of this side and price would match at once."""
    best = state.books[instrument].best(side.opposite)
    if price is None or best is None:
        return False
    return best <= price if side is Side.BUY else best >= price


def find_open_order(state: VenueState, order_id: int) -> VenueOrder:
    """An open order of any account; KeyError if there is none."""
    for account in state.accounts.values():
        if order_id in account.open:
            return account.open[order_id]
    raise KeyError(f"no order {order_id} is open")


def execute(
    state: VenueState, instrument: InstrumentId, price: Decimal, quantity: Decimal, side: Side,
    taker: VenueOrder | None, maker: VenueOrder | None,
) -> None:  # fmt: skip
    """One match at the maker's price; `side` is the taker's. None is the external market."""
    book = state.books[instrument]
    if maker is None:
        book.take_external(side.opposite, price, quantity)
    else:
        book.resize(maker.order_id, book.displayed(maker.order_id) - quantity)
    trade_id = print_trade(state, instrument, price, quantity, side)
    if taker is not None:
        _fill(state, taker, trade_id, price, quantity, maker=False)
    if maker is not None:
        maker = _fill(state, state.order(maker), trade_id, price, quantity, maker=True)
        if not maker.done and not book.rests(maker.order_id):
            end_order(state, maker, EndReason.REDUCE_ONLY)


def _fill(
    state: VenueState, order: VenueOrder, trade_id: int, price: Decimal, quantity: Decimal,
    *, maker: bool,
) -> VenueOrder:  # fmt: skip
    account = state.accounts[order.account]
    realised, asset, fee = apply_fill(state, order, quantity, price, maker=maker)
    executed = Executed(
        state.now_ns, order.account, order.instrument, order.order_id, order.client_id, trade_id,
        order.side, price, quantity, fee, asset, maker, order.requested.position_side, realised,
        order.by_venue,
    )  # fmt: skip
    account.fills.append(executed)
    state.facts.append(executed)
    filled = order.filled + quantity
    step = OrderStep.FILL_ALL if filled == order.quantity else OrderStep.FILL_PART
    paid = dict(order.fees)
    paid[asset] = paid.get(asset, ZERO) + fee
    if step is OrderStep.FILL_ALL:
        release(state, order)
    cost = order.cost + money(quantity * price)
    order = update_order(state, order, step, filled=filled, cost=cost, fees=tuple(paid.items()))
    if order.instrument in state.linear:
        _shrink_reducing_orders(state, account, order.instrument, order.requested.position_side)
    return order


def _shrink_reducing_orders(
    state: VenueState, account: VenueAccount, instrument: InstrumentId, position_side: Direction
) -> None:
    """Cut the displayed size of resting reducing orders to the position, oldest first."""
    book = state.books[instrument]
    displayed = {Side.BUY: ZERO, Side.SELL: ZERO}
    for order in list(account.open.values()):
        requested = order.requested
        if requested.instrument != instrument or requested.position_side is not position_side:
            continue
        if not book.rests(order.order_id) or not margin.may_only_reduce(requested):
            continue
        size = min(
            order.remaining,
            margin.closable_quantity(account, requested) - displayed[requested.side],
        )
        displayed[requested.side] += size
        if not size:
            end_order(state, order, EndReason.REDUCE_ONLY)
        elif size != book.displayed(order.order_id):
            book.resize(order.order_id, size)


def _rest(state: VenueState, order: VenueOrder) -> VenueOrder:
    assert order.price is not None, "only a limit order rests"
    reducing = margin.may_only_reduce(order.requested)
    book = state.books[order.instrument]
    book.rest(order.order_id, order.side, order.price, order.remaining, reducing=reducing)
    if reducing:
        account = state.accounts[order.account]
        _shrink_reducing_orders(state, account, order.instrument, order.requested.position_side)
    return state.order(order)


def uncross(state: VenueState, instrument: InstrumentId) -> None:
    """Fill resting orders that external levels cross, as makers at their own price."""
    book = state.books[instrument]
    while True:
        bid, ask = book.first_in_queue(Side.BUY), book.first_in_queue(Side.SELL)
        if bid is None or ask is None or bid[0] < ask[0]:
            return
        maker, external, side = (bid, ask, Side.SELL) if ask[1] is None else (ask, bid, Side.BUY)
        assert maker[1] is not None, "the external book crosses itself"
        assert external[1] is None, "two orders crossed and did not match"
        quantity = min(maker[2], external[2])
        book.take_external(side, external[0], quantity)
        fill_resting(state, find_open_order(state, maker[1]), quantity)


def fill_resting(state: VenueState, maker: VenueOrder, quantity: Decimal) -> None:
    """Fill `quantity` of a resting order at its price against the external market."""
    assert maker.price is not None, "only a limit order rests"
    side = maker.side.opposite
    execute(state, maker.instrument, maker.price, quantity, side, None, maker)
