"""How an order meets the book, and what becomes of what is left of it.

1. The best level first, inside it whoever stood there first, until the order is filled, its limit
   is reached or nobody is left. Every match is a public print and a fill of each account in it.
2. What is left of a limit order rests; of any other it is cancelled.
3. An order that may only reduce is filled for no more than the position is; when the position
   changes, what its resting orders show is cut to what is left, and the rest ends.
"""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO, Direction, Side
from bowline.core.sim.exchange import margin
from bowline.core.sim.exchange.account import Account, money
from bowline.core.sim.exchange.facts import Executed
from bowline.core.sim.exchange.life import OrderStep
from bowline.core.sim.exchange.moves import end_order, move_order, print_trade, release
from bowline.core.sim.exchange.orders import EndReason, VenueOrder
from bowline.core.sim.exchange.settle import settle_fill
from bowline.core.sim.exchange.state import VenueState
from bowline.core.venue import TimeInForce

_WHY_ENDED = {TimeInForce.IOC: EndReason.IOC, TimeInForce.FOK: EndReason.FOK}


def run(state: VenueState, order: VenueOrder, most: Decimal | None = None) -> VenueOrder:
    """Match an accepted order and rest or end it; `most` is all that it may take (a fault)."""
    if order.price is not None and order.asked.time_in_force is TimeInForce.FOK:
        firm = state.books[order.instrument].firm(order.side.opposite, order.price)
        account = state.accounts[order.account]
        if margin.closes(order.asked):
            firm = min(firm, margin.closable(account, order.asked))
        if firm < order.remaining:
            return end_order(state, order, EndReason.FOK)
    order = _match(state, order, most)
    if order.done:
        return order
    if most is not None:
        return end_order(state, order, EndReason.SCRIPT)
    if _nothing_left(state, order):
        return end_order(state, order, EndReason.REDUCE_ONLY)
    if order.price is None:
        return end_order(state, order, EndReason.NO_LIQUIDITY)
    why = _WHY_ENDED.get(order.asked.time_in_force)
    return end_order(state, order, why) if why else _rest(state, order)


def _nothing_left(state: VenueState, order: VenueOrder) -> bool:
    account = state.accounts[order.account]
    return margin.closes(order.asked) and not margin.closable(account, order.asked)


def _match(state: VenueState, order: VenueOrder, most: Decimal | None) -> VenueOrder:
    book, against = state.books[order.instrument], order.side.opposite
    account = state.accounts[order.account]
    left = order.remaining if most is None else min(most, order.remaining)
    while left:
        found = book.front(against)
        if found is None or (order.price is not None and _too_dear(order, found[0])):
            break
        price, maker_id, size = found
        quantity = min(left, size)
        if margin.closes(order.asked):
            quantity = min(quantity, margin.closable(account, order.asked))
            if not quantity:
                break
        maker = None if maker_id is None else order_at(state, maker_id)
        execute(state, order.instrument, price, quantity, order.side, order, maker)
        order, left = state.order(order), left - quantity
    return order


def _too_dear(order: VenueOrder, price: Decimal) -> bool:
    assert order.price is not None
    return price > order.price if order.side is Side.BUY else price < order.price


def close_out(state: VenueState, order: VenueOrder, price: Decimal) -> VenueOrder:
    """Match an order of the venue's own; what the book has no room for goes outside at `price`."""
    order = _match(state, order, None)
    if not order.done:
        rest, side = order.remaining, order.side
        trade_id = print_trade(state, order.instrument, price, rest, side)
        order = _fill(state, order, trade_id, price, rest, maker=False)
    return order


def crosses(state: VenueState, instrument: InstrumentId, side: Side, price: Decimal | None) -> bool:
    """Whether a limit order of this side and price would take."""
    best = state.books[instrument].best(side.opposite)
    if price is None or best is None:
        return False
    return best <= price if side is Side.BUY else best >= price


def order_at(state: VenueState, order_id: int) -> VenueOrder:
    """An open order by its id alone; KeyError if there is none."""
    for account in state.accounts.values():
        if order_id in account.open:
            return account.open[order_id]
    raise KeyError(f"no order {order_id} is open")


def execute(
    state: VenueState, instrument: InstrumentId, price: Decimal, quantity: Decimal, side: Side,
    taker: VenueOrder | None, maker: VenueOrder | None,
) -> None:  # fmt: skip
    """One match at the maker's price; `side` is the taker's, None stands for the outside."""
    book = state.books[instrument]
    if maker is None:
        book.eat(side.opposite, price, quantity)
    else:
        book.resize(maker.order_id, book.shown(maker.order_id) - quantity)
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
    realised, asset, fee = settle_fill(state, order, quantity, price, maker=maker)
    executed = Executed(
        state.now_ns, order.account, order.instrument, order.order_id, order.client_id, trade_id,
        order.side, price, quantity, fee, asset, maker, order.asked.position, realised,
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
    order = move_order(state, order, step, filled=filled, cost=cost, fees=tuple(paid.items()))
    if order.instrument in state.linear:
        _cut(state, account, order.instrument, order.asked.position)
    return order


def _cut(
    state: VenueState, account: Account, instrument: InstrumentId, position: Direction
) -> None:
    """Resting orders that may only reduce show no more than there is to reduce, oldest first."""
    book = state.books[instrument]
    shown = {Side.BUY: ZERO, Side.SELL: ZERO}
    for order in list(account.open.values()):
        asked = order.asked
        if asked.instrument != instrument or asked.position is not position:
            continue
        if not book.rests(order.order_id) or not margin.closes(asked):
            continue
        size = min(order.remaining, margin.closable(account, asked) - shown[asked.side])
        shown[asked.side] += size
        if not size:
            end_order(state, order, EndReason.REDUCE_ONLY)
        elif size != book.shown(order.order_id):
            book.resize(order.order_id, size)


def _rest(state: VenueState, order: VenueOrder) -> VenueOrder:
    assert order.price is not None, "only a limit order rests"
    soft = margin.closes(order.asked)
    book = state.books[order.instrument]
    book.rest(order.order_id, order.side, order.price, order.remaining, soft=soft)
    if soft:
        account = state.accounts[order.account]
        _cut(state, account, order.instrument, order.asked.position)
    return state.order(order)


def uncross(state: VenueState, instrument: InstrumentId) -> None:
    """Fill the resting orders that the outside has crossed, as makers at their own price."""
    book = state.books[instrument]
    while True:
        bid, ask = book.front(Side.BUY), book.front(Side.SELL)
        if bid is None or ask is None or bid[0] < ask[0]:
            return
        maker, outside, side = (bid, ask, Side.SELL) if ask[1] is None else (ask, bid, Side.BUY)
        assert maker[1] is not None, "the outside crosses itself"
        assert outside[1] is None, "two orders crossed and did not match"
        quantity = min(maker[2], outside[2])
        book.eat(side, outside[0], quantity)
        fill_resting(state, order_at(state, maker[1]), quantity)


def fill_resting(state: VenueState, maker: VenueOrder, quantity: Decimal) -> None:
    """Somebody outside takes `quantity` of a resting order at its price."""
    assert maker.price is not None, "only a limit order rests"
    side = maker.side.opposite
    execute(state, maker.instrument, maker.price, quantity, side, None, maker)
