"""The only ways in which a played venue changes, each of which is told.

1. Money moves through `pay` and `shift`: what an account or a pot gets, a pot gives, so that the
   sum over accounts and pots is 0 for every asset, to the last digit.
2. An order changes through `move_order`, and ends through `end_order`.
3. Balances, positions, books and forming minutes are told once, at the end of a call.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO, Direction, Side
from bowline.core.sim.exchange import margin
from bowline.core.sim.exchange.account import Account
from bowline.core.sim.exchange.facts import (
    BalanceMoved,
    BalanceReason,
    BookMoved,
    CandleMoved,
    OrderMoved,
    PositionMoved,
    TradePrinted,
)
from bowline.core.sim.exchange.life import ORDER_LIFE, OrderStep
from bowline.core.sim.exchange.orders import EndReason, VenueOrder
from bowline.core.sim.exchange.state import VenueState


def pay(
    state: VenueState, account: Account, asset: str, change: Decimal, pot: str, why: BalanceReason
) -> None:
    """Give an account `change` of an asset out of a pot (negative: take it)."""
    account.totals[asset] = account.totals.get(asset, ZERO) + change
    state.pots[pot, asset] = state.pots.get((pot, asset), ZERO) - change
    touch_balance(state, account, asset, why, change)


def shift(state: VenueState, asset: str, amount: Decimal, giver: str, taker: str) -> None:
    """Move an amount from one pot to another."""
    state.pots[giver, asset] = state.pots.get((giver, asset), ZERO) - amount
    state.pots[taker, asset] = state.pots.get((taker, asset), ZERO) + amount


def touch_balance(
    state: VenueState, account: Account, asset: str, why: BalanceReason, change: Decimal = ZERO
) -> None:
    """The balance is to be told."""
    key = (account.name, asset, why)
    state.touched_balances[key] = state.touched_balances.get(key, ZERO) + change


def touch_leg(
    state: VenueState, account: Account, instrument: InstrumentId, position: Direction
) -> None:
    """The position is to be told."""
    account.leg(instrument, position).updated_ns = state.now_ns
    state.touched_legs[account.name, instrument, position] = None


def lock(state: VenueState, order: VenueOrder, asset: str, amount: Decimal) -> None:
    """Hold back `amount` of an asset for a spot order, instead of what was held before."""
    account = state.accounts[order.account]
    if account.locks.get(order.order_id, (asset, ZERO))[1] != amount:
        account.lock(order.order_id, asset, amount)
        touch_balance(state, account, asset, BalanceReason.ORDER)


def move_order(
    state: VenueState, order: VenueOrder, step: OrderStep | None = None, **changes: object
) -> VenueOrder:
    """The order after a step of its life and other changes."""
    now = order.state if step is None else ORDER_LIFE[order.state][step]
    moved = replace(order, state=now, updated_ns=state.now_ns, **changes)
    assert moved.filled <= moved.quantity, f"order {order.order_id} is filled beyond its quantity"
    state.accounts[order.account].keep(moved)
    state.facts.append(OrderMoved(state.now_ns, moved))
    if order.instrument in state.linear and order.price is not None and not order.waiting:
        account = state.accounts[order.account]
        quote = state.listings[order.instrument].quote
        touch_balance(state, account, quote, BalanceReason.ORDER)
    return moved


def end_order(
    state: VenueState,
    order: VenueOrder,
    why: EndReason,
    step: OrderStep = OrderStep.CANCEL,
    **changes: object,
) -> VenueOrder:
    """Take an order out of the world: out of the book, nothing held back for it."""
    release(state, order)
    return move_order(state, order, step, ended=why, cancelling=False, **changes)


def release(state: VenueState, order: VenueOrder) -> None:
    """Take an order out of its book and its queue of stops, and free what is held for it."""
    state.stops[order.instrument].pop(order.order_id, None)
    book = state.books[order.instrument]
    if book.rests(order.order_id):
        book.resize(order.order_id, ZERO)
    held = state.accounts[order.account].locks.get(order.order_id)
    if held is not None:
        lock(state, order, held[0], ZERO)


def print_trade(
    state: VenueState, instrument: InstrumentId, price: Decimal, quantity: Decimal, side: Side
) -> int:
    """A public trade, `side` the taker's; its id."""
    trade = TradePrinted(state.now_ns, instrument, state.next_trade_id, price, quantity, side)
    state.next_trade_id += 1
    state.tapes[instrument].add(trade)
    state.touched_minutes[instrument] = None
    state.facts.append(trade)
    return trade.trade_id


def tell_rest(state: VenueState) -> None:
    """Tell what this call has touched: balances, positions, books, forming minutes."""
    facts, now_ns, touched = state.facts, state.now_ns, state.touched_balances
    paid = {key[:2] for key in touched if key[2] is not BalanceReason.ORDER}
    for (name, asset, why), change in touched.items():
        # a lock that moved beside the total is in the same balance
        if why is not BalanceReason.ORDER or (name, asset) not in paid:
            holding = margin.holding(state, state.accounts[name], asset)
            facts.append(BalanceMoved(now_ns, name, holding, change, why))
    for name, instrument, position in state.touched_legs:
        found = margin.position(state, state.accounts[name], instrument, position)
        facts.append(PositionMoved(now_ns, found))
    for instrument, book in state.books.items():
        changed = book.publish()
        if changed is not None:
            facts.append(BookMoved(now_ns, instrument, book.sequence, *changed))
    for instrument in state.touched_minutes:
        candle = state.tapes[instrument].forming
        assert candle is not None, "a print makes a candle"
        facts.append(CandleMoved(now_ns, instrument, candle, closed=False))
    touched.clear()
    state.touched_legs.clear()
    state.touched_minutes.clear()
