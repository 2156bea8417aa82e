"""The only functions that change the state of a simulated venue; each records its facts.

1. Money moves through `pay` and `transfer`, as double entries: the sum over accounts and contra
   accounts is exactly 0 for every asset.
2. An order changes through `update_order` and ends through `end_order`.
3. Balances, positions, books and forming minutes are recorded once, at the end of a call.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO, Direction, Side
from bowline.core.sim.exchange import margin
from bowline.core.sim.exchange.account import VenueAccount
from bowline.core.sim.exchange.facts import (
    BalanceReason,
    BalanceUpdated,
    BookUpdated,
    CandleUpdated,
    OrderUpdated,
    PositionUpdated,
    TradePublished,
)
from bowline.core.sim.exchange.orders import EndReason, VenueOrder
from bowline.core.sim.exchange.state import VenueState
from bowline.core.sim.exchange.transitions import ORDER_TRANSITIONS, OrderStep


def pay(
    state: VenueState,
    account: VenueAccount,
    asset: str,
    change: Decimal,
    contra: str,
    why: BalanceReason,
) -> None:
    """Credit `change` of an asset to an account from a contra account (negative: debit)."""
    account.totals[asset] = account.totals.get(asset, ZERO) + change
    state.contra_balances[contra, asset] = state.contra_balances.get((contra, asset), ZERO) - change
    mark_balance_changed(state, account, asset, why, change)


def transfer(state: VenueState, asset: str, amount: Decimal, source: str, target: str) -> None:
    """Move an amount from one contra account to another."""
    state.contra_balances[source, asset] = state.contra_balances.get((source, asset), ZERO) - amount
    state.contra_balances[target, asset] = state.contra_balances.get((target, asset), ZERO) + amount


def mark_balance_changed(
    state: VenueState, account: VenueAccount, asset: str, why: BalanceReason, change: Decimal = ZERO
) -> None:
    """Mark a balance as changed, so that `record_changes` records it."""
    key = (account.name, asset, why)
    state.changed_balances[key] = state.changed_balances.get(key, ZERO) + change


def mark_position_changed(
    state: VenueState, account: VenueAccount, instrument: InstrumentId, position_side: Direction
) -> None:
    """Mark a position as changed, so that `record_changes` records it."""
    account.position(instrument, position_side).updated_ns = state.now_ns
    state.changed_positions[account.name, instrument, position_side] = None


def lock(state: VenueState, order: VenueOrder, asset: str, amount: Decimal) -> None:
    """Lock `amount` of an asset for a spot order; this replaces its earlier lock."""
    account = state.accounts[order.account]
    if account.locks.get(order.order_id, (asset, ZERO))[1] != amount:
        account.lock(order.order_id, asset, amount)
        mark_balance_changed(state, account, asset, BalanceReason.ORDER)


def update_order(
    state: VenueState, order: VenueOrder, step: OrderStep | None = None, **changes: object
) -> VenueOrder:
    """Change an order: a transition of its state, other fields, or both."""
    now = order.state if step is None else ORDER_TRANSITIONS[order.state][step]
    moved = replace(order, state=now, updated_ns=state.now_ns, **changes)
    assert moved.filled <= moved.quantity, f"order {order.order_id} is filled beyond its quantity"
    state.accounts[order.account].store_order(moved)
    state.facts.append(OrderUpdated(state.now_ns, moved))
    if order.instrument in state.linear and order.price is not None and not order.waiting:
        account = state.accounts[order.account]
        quote = state.listings[order.instrument].quote
        mark_balance_changed(state, account, quote, BalanceReason.ORDER)
    return moved


def end_order(
    state: VenueState,
    order: VenueOrder,
    why: EndReason,
    step: OrderStep = OrderStep.CANCEL,
    **changes: object,
) -> VenueOrder:
    """End an order: remove it from the book and release its lock."""
    release(state, order)
    return update_order(state, order, step, ended=why, cancelling=False, **changes)


def release(state: VenueState, order: VenueOrder) -> None:
    """Remove an order from the book and the waiting stops, and release its lock."""
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
    """Record a public trade, `side` the taker's; returns its id."""
    trade = TradePublished(state.now_ns, instrument, state.next_trade_id, price, quantity, side)
    state.next_trade_id += 1
    state.trade_histories[instrument].add(trade)
    state.changed_minutes[instrument] = None
    state.facts.append(trade)
    return trade.trade_id


def record_changes(state: VenueState) -> None:
    """Record what this call changed: balances, positions, books, forming minutes."""
    facts, now_ns, touched = state.facts, state.now_ns, state.changed_balances
    paid = {key[:2] for key in touched if key[2] is not BalanceReason.ORDER}
    for (name, asset, why), change in touched.items():
        # a change of the lock is part of the balance that a change of the total records
        if why is not BalanceReason.ORDER or (name, asset) not in paid:
            holding = margin.holding(state, state.accounts[name], asset)
            facts.append(BalanceUpdated(now_ns, name, holding, change, why))
    for name, instrument, position_side in state.changed_positions:
        found = margin.position_snapshot(state, state.accounts[name], instrument, position_side)
        facts.append(PositionUpdated(now_ns, found))
    for instrument, book in state.books.items():
        changed = book.publish()
        if changed is not None:
            facts.append(BookUpdated(now_ns, instrument, book.sequence, *changed))
    for instrument in state.changed_minutes:
        candle = state.trade_histories[instrument].forming
        assert candle is not None, "a print makes a candle"
        facts.append(CandleUpdated(now_ns, instrument, candle, closed=False))
    touched.clear()
    state.changed_positions.clear()
    state.changed_minutes.clear()
