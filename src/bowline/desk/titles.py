"""One line of text for an entry of a journal, by its kind; the same in every interface.

A title may round what it shows; the exact numbers are in the entry.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

from bowline.core.model import command as c
from bowline.core.model import event as e
from bowline.core.model.instrument import InstrumentId
from bowline.core.model.order import Order, OrderKind
from bowline.storage.journal import Payload

#: digits a person is shown at least; what stands before the point is always shown whole
SIGNIFICANT = 8
_WIDE = Context(prec=200)

#: kinds that are written at every candle or order and are not listed by default
ROUTINE = (
    e.CandleClosed, e.OpinionsFormed, e.AssetPriced, e.TimerFired, e.OrderReported,
    c.ChangePlan, c.SetTimer, c.RecordIntent,
)  # fmt: skip


def title(payload: Payload) -> str:
    """One line about it, without its time."""
    return _TITLES[type(payload)](payload)


def amount(value: Decimal) -> str:
    """A number for reading: thousands apart, eight significant digits, no trailing zeros."""
    places = max(0, SIGNIFICANT - 1 - value.adjusted()) if value else 0
    shown = f"{value.quantize(Decimal(1).scaleb(-places), context=_WIDE):,f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _run_started(event: e.RunStarted) -> str:
    run = event.run
    return (
        f"Run started: strategy {run.strategy_id[:12]} on {run.instrument.key} "
        f"{run.timeframe.value} with {amount(run.initial_cash)}"
    )


def _candle_closed(event: e.CandleClosed) -> str:
    return (
        f"Candle closed: {event.instrument.symbol} {event.timeframe.value} at {amount(event.close)}"
    )


def _opinions(event: e.OpinionsFormed) -> str:
    said = ", ".join(f"run {run_id} {signal.edge.name}" for run_id, signal in event.opinions)
    return f"Opinions on {event.instrument.symbol} {event.timeframe.value}: {said}"


def _money_moved(event: e.MoneyMoved) -> str:
    if event.kind is e.MoneyKind.FUNDING and event.rate is not None and event.mark is not None:
        verb = "received" if event.amount > 0 else "paid"
        return (
            f"Funding {verb}: {amount(abs(event.amount))} "
            f"({_pct(event.rate)} at {amount(event.mark)})"
        )
    return f"Money moved: {amount(event.amount)} {event.asset} ({event.kind.value})"


def _pct(rate: Decimal) -> str:
    return f"{amount(rate * 100)} %"


def _order_placed(command: c.PlaceOrder) -> str:
    order = command.order
    at = f" at {amount(order.trigger)}" if order.kind is OrderKind.STOP and order.trigger else ""
    return f"Order placed: {_order(order)}{at} ({_because(order)})"


def _filled(event: e.FillReported) -> str:
    fill = event.report
    fee = f"{amount(fill.fee)} {fill.fee_asset}".rstrip()
    return (
        f"Order filled: {fill.side.name} {amount(fill.quantity)} {fill.instrument.symbol} "
        f"at {amount(fill.price)} (fee {fee})"
    )


def _reported(event: e.OrderReported) -> str:
    report = event.report
    return (
        f"Order {report.client_id or report.venue_order_id}: {report.state.value}, "
        f"{amount(report.filled)} of {amount(report.quantity)} filled"
    )


def _refused(command: c.RecordRefusal) -> str:
    refused = command.refused
    return f"Entry refused: {refused.intent.direction.name}, {refused.reason.value}"


def _watching(command: c.WatchPrice) -> str:
    bounds = [
        f"{word} {amount(bound)}"
        for word, bound in (("below", command.below), ("above", command.above))
        if bound is not None
    ]
    symbol = command.instrument.symbol
    return f"Watching {symbol}: {' or '.join(bounds)}" if bounds else f"No longer watching {symbol}"


def _plan(command: c.ChangePlan) -> str:
    return f"Plan {command.plan.id} of run {command.plan.run_id}: {command.plan.state.value}"


def _order(order: Order) -> str:
    return f"{order.side.name} {amount(order.quantity)} {order.instrument.symbol}"


def _because(order: Order) -> str:
    reason = order.reason.value.replace("_", " ")
    return f"{reason}, reduce only" if order.reduce_only else reason


def _name(instrument: InstrumentId | None) -> str:
    return "" if instrument is None else instrument.symbol


_TITLES: dict[type, Callable[[Any], str]] = {
    e.TraderStarted: lambda event: f"Trader started: version {event.version}",
    e.TimerFired: lambda event: f"Timer: {event.timer}",
    e.CandleClosed: _candle_closed,
    e.OpinionsFormed: _opinions,
    e.FundingFixed: lambda event: f"Funding fixed: {_pct(event.rate)} at {amount(event.mark)}",
    e.PriceReached: lambda event: f"Watched price reached: {amount(event.price)}",
    e.AssetPriced: lambda event: f"{event.asset} is worth {amount(event.price)} {event.quote}",
    e.AccountOpened: lambda event: (
        f"Account opened: {event.account.id} ({event.account.life.value})"
    ),
    e.OrderReported: _reported,
    e.FillReported: _filled,
    e.OrderNotFound: lambda event: f"Order {event.order_id} not found ({event.endpoint.value})",
    e.SendRefused: lambda event: f"Order rejected: {event.order_id}, {event.message}",
    e.SendDenied: lambda event: f"Order not sent: {event.order_id}, {event.why}",
    e.SendLost: lambda event: f"Order in doubt: {event.order_id}, {event.why}",
    e.CancelRefused: lambda event: f"Cancel refused: order {event.order_id}, {event.code}",
    e.BalancesReported: lambda event: f"Balances of {event.account}: {len(event.balances)} assets",
    e.PositionsReported: lambda event: f"Positions of {event.account}: {len(event.positions)}",
    e.SettingsReported: lambda event: f"Settings of {_name(event.settings.instrument)} verified",
    e.MoneyMoved: _money_moved,
    e.RunStarted: _run_started,
    e.RunStopped: lambda event: f"Run {event.run_id} stopped",
    e.Halted: lambda event: f"Halted: {event.scope}, {event.reason} ({event.who})",
    e.Resumed: lambda event: f"Resumed: {event.scope}, {event.reason} ({event.who})",
    e.FlattenRequested: lambda event: f"Flatten requested: {event.scope} ({event.who})",
    e.OrderRequested: lambda event: f"Order requested: run {event.run_id}, {event.direction.name}",
    e.CancelRequested: lambda event: f"Cancel requested: order {event.order_id}",
    c.PlaceOrder: _order_placed,
    c.CancelOrder: lambda command: f"Cancel order {command.order_id}",
    c.LookUpOrder: lambda command: f"Look up order {command.order_id}",
    c.SetTimer: lambda command: f"Timer set: {command.timer}",
    c.WatchPrice: _watching,
    c.RecordRefusal: _refused,
    c.RecordAnomaly: lambda command: f"Anomaly: order {command.order_id} {command.what}",
    c.RecordIntent: lambda command: f"Run {command.run_id}: an intent is pending or done",
    c.ChangePlan: _plan,
    c.EnterHalt: lambda command: f"Halted by a rule: {command.scope}, {command.reason}",
    c.LiftHalt: lambda command: f"Halt lifted: {command.scope}, {command.reason}",
}
