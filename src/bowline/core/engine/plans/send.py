"""Sending: an order or a cancel goes out, and what has become of it is asked for in time.

Whatever gets no answer is looked up by a timer, again and again, until the venue has said what it
came to. An account whose executor answers at once needs none.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from bowline.core.engine.state import State
from bowline.core.model.command import CancelOrder, Command, LookUpOrder, PlaceOrder, SetTimer
from bowline.core.model.order import Order, OrderState
from bowline.core.model.values import SECOND_NS, AccountId, OrderId

Commands = Iterator[Command]
#: what has not left here by then is denied
DEADLINE_NS = 5 * SECOND_NS
#: after the deadline: a venue's window of 5 s, what clocks may differ by, and what a venue may take
#: to book what it was sent
FENCE_NS = 20 * SECOND_NS
#: when an order is looked up: after so long, and then again and again after the last of them
LOOK_UP_AFTER_NS = (SECOND_NS // 5, SECOND_NS, 3 * SECOND_NS, 10 * SECOND_NS)
#: states in which an order is asked for until the venue has said what became of it
_UNANSWERED = frozenset({OrderState.PENDING, OrderState.UNKNOWN, OrderState.CANCELLING})


def place(state: State, order: Order, now_ns: int) -> Commands:
    """Send an order, once, before its deadline; after its fence it can no longer arrive."""
    if not state.accounts[order.account].account.can.continuous:
        yield PlaceOrder(now_ns, order)
        return
    order = replace(order, fence_ns=now_ns + DEADLINE_NS + FENCE_NS)
    yield PlaceOrder(now_ns, order, now_ns + DEADLINE_NS)
    yield _timer(order.id, 0, now_ns)


def cancel(state: State, order_id: OrderId, now_ns: int) -> Commands:
    """Ask for an order's end."""
    account = state.orders[order_id].account
    yield CancelOrder(now_ns, account, order_id)
    yield from _look_up_later(state, account, order_id, now_ns)


def look_up_again(state: State, timer: str, now_ns: int) -> Commands:
    """A look-up timer has fired: ask, unless the venue has answered since, and set the next."""
    _, number, tries = timer.split("|")
    order = state.orders.get(OrderId(int(number)))
    if order is None or order.state not in _UNANSWERED:
        return
    if order.state is OrderState.CANCELLING:
        # the request may not have arrived; to ask twice for an end does no harm
        yield CancelOrder(now_ns, order.account, order.id)
    yield LookUpOrder(now_ns, order.account, order.id)
    yield _timer(order.id, min(int(tries) + 1, len(LOOK_UP_AFTER_NS) - 1), now_ns)


def look_up_soon(state: State, order: Order, now_ns: int) -> Commands:
    """An order has just come in doubt: the first look-up is due."""
    yield from _look_up_later(state, order.account, order.id, now_ns)


def _look_up_later(state: State, account: AccountId, order_id: OrderId, now_ns: int) -> Commands:
    if state.accounts[account].account.can.continuous:
        yield _timer(order_id, 0, now_ns)


def _timer(order_id: OrderId, tries: int, now_ns: int) -> SetTimer:
    return SetTimer(now_ns, f"look-up|{order_id}|{tries}", now_ns + LOOK_UP_AFTER_NS[tries])
