"""What an entry of a journal says to a person, by its kind; every face reads it here.

A title may round what it shows and never what is kept: the exact numbers stand in the entry.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

from bowline.core.model.event import (
    CandleClosed,
    FundingFixed,
    FundingPaid,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderLost,
    OrderRejected,
    PlaceOrder,
    RecordRefusal,
    RunStarted,
    SettleFunding,
)
from bowline.core.model.order import Order
from bowline.storage.journal import Payload

#: digits a person is shown at least; what stands before the point is always shown whole
SIGNIFICANT = 8
_WIDE = Context(prec=200)

#: kinds that tell a person nothing new
NOISE = (CandleClosed, FundingFixed, OrderAccepted, SettleFunding)


def title(payload: Payload) -> str:
    """One line about it, without its time."""
    return _TITLES[type(payload)](payload)


def amount(value: Decimal) -> str:
    """A number for reading: thousands apart, eight significant digits, no trailing zeros."""
    places = max(0, SIGNIFICANT - 1 - value.adjusted()) if value else 0
    shown = f"{value.quantize(Decimal(1).scaleb(-places), context=_WIDE):,f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _run_started(event: RunStarted) -> str:
    run = event.run
    return (
        f"Run started: strategy {run.strategy_id[:12]} on {run.instrument.key} "
        f"{run.timeframe.value} with {amount(run.initial_cash)}"
    )


def _candle_closed(event: CandleClosed) -> str:
    return (
        f"Candle closed: {event.instrument.symbol} {event.timeframe.value} at {amount(event.close)}"
    )


def _funding_paid(event: FundingPaid) -> str:
    verb = "paid" if event.amount >= 0 else "received"
    return (
        f"Funding {verb}: {amount(abs(event.amount))} ({_pct(event.rate)} at {amount(event.mark)})"
    )


def _pct(rate: Decimal) -> str:
    return f"{amount(rate * 100)} %"


def _order_placed(command: PlaceOrder) -> str:
    touched = "" if command.touched is None else f", touched at {amount(command.touched)}"
    return f"Order placed: {_order(command.order)} ({_because(command.order)}{touched})"


def _order_filled(event: OrderFilled) -> str:
    fill = event.fill
    return (
        f"Order filled: {fill.side.name} {amount(fill.quantity)} {fill.instrument.symbol} "
        f"at {amount(fill.price)} (fee {amount(fill.fee)})"
    )


def _refused(command: RecordRefusal) -> str:
    refused = command.refused
    return f"Entry refused: {refused.intent.direction.name}, {refused.reason.value}"


def _order(order: Order) -> str:
    return f"{order.side.name} {amount(order.quantity)} {order.instrument.symbol}"


def _because(order: Order) -> str:
    reason = order.reason.value.replace("_", " ")
    return f"{reason}, reduce only" if order.reduce_only else reason


_TITLES: dict[type, Callable[[Any], str]] = {
    RunStarted: _run_started,
    CandleClosed: _candle_closed,
    FundingFixed: lambda event: f"Funding fixed: {_pct(event.rate)} at {amount(event.mark)}",
    FundingPaid: _funding_paid,
    SettleFunding: lambda command: f"Funding due: {_pct(command.rate)} at {amount(command.mark)}",
    PlaceOrder: _order_placed,
    RecordRefusal: _refused,
    OrderAccepted: lambda event: f"Order accepted: {event.order_id}",
    OrderRejected: lambda event: f"Order rejected: {event.order_id}, {event.message}",
    OrderCancelled: lambda event: f"Order cancelled: {event.order_id}",
    OrderLost: lambda event: f"Order lost: {event.order_id}, nobody knows whether the venue has it",
    OrderFilled: _order_filled,
}
