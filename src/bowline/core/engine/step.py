"""The engine: `step(event) -> commands`. It decides; it never acts, waits or reads a clock.

At the close of a candle, in this order, at that close's price:
 1. the final signal of the run (a frame that ends at this candle),
 2. stops of the open position: stop loss first, then take profit; a run that looks inside its
    candles is left at the price at which a stop was met,
 3. exit: a stop, or a fresh opposite signal,
 4. entry: flat (or just left) and a fresh signal in an allowed direction that the gate approves.
A signal is fresh on the candle at which it takes its direction, so a stopped position waits for
the next one. The first signal after the warm-up is fresh only if the policy says so. A flip is an
exit whose fill is followed by an entry at the same close.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from bowline.core.engine.ledger import Ledger, Touch, open_ledger
from bowline.core.engine.plans import FlipPlan, Single
from bowline.core.engine.risk import check
from bowline.core.engine.sizing import entry_quantity
from bowline.core.engine.wallet import Wallet
from bowline.core.model.event import (
    CandleClosed,
    Command,
    Event,
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
from bowline.core.model.instrument import InstrumentId
from bowline.core.model.intent import Enter, Exit, Flip, Intent, Reason, Refused, Signal
from bowline.core.model.order import Order, Step
from bowline.core.model.policy import FirstSignal
from bowline.core.model.values import Direction, OrderId, RunId, Side
from bowline.core.signals.frame import History

_NOTHING: tuple[Command, ...] = ()
_STEPS = {
    OrderAccepted: Step.ACCEPT,
    OrderRejected: Step.REJECT,
    OrderCancelled: Step.CANCEL,
    OrderLost: Step.LOSE,
}


class Engine:
    """All runs of one journal. `histories` gives each run its view of the candles so far."""

    def __init__(self, histories: Mapping[RunId, History]) -> None:
        self._histories = histories
        self._ledgers: dict[RunId, Ledger] = {}
        self._watching: dict[InstrumentId, list[tuple[Ledger, History]]] = {}
        self._wallets: dict[str, Wallet] = {}
        self._next_order_id = 0

    def step(self, event: Event) -> tuple[Command, ...]:
        """What follows from one fact."""
        match event:
            case CandleClosed():
                return self._close_candle(event)
            case OrderFilled(seen_ns, fill):
                ledger = self._ledger_of(fill.order_id)
                ledger.book(fill)
                return self._after_order(ledger, seen_ns)
            case RunStarted(run=run):
                self._next_order_id = max(self._next_order_id, event.first_order_id)
                self._open(open_ledger(run, self._wallets))
                return _NOTHING
            case FundingFixed():
                return self._settle_funding(event)
            case FundingPaid():
                self._ledgers[event.run_id].pay_funding(event)
                return _NOTHING
            case OrderAccepted() | OrderLost() | OrderRejected() | OrderCancelled():
                return self._advance(event.order_id, _STEPS[type(event)], event.seen_ns)

    def ledger(self, run_id: RunId) -> Ledger:
        """The present state of a run, to read and not to change."""
        return self._ledgers[run_id]

    def snapshot(self) -> bytes:
        """The whole state; `restore` of it continues as if nothing had happened."""
        return msgspec.json.encode((self._next_order_id, list(self._ledgers.values())))

    def restore(self, state: bytes) -> None:
        """Take over a snapshot's state."""
        self._next_order_id, ledgers = msgspec.json.decode(state, type=tuple[int, list[Ledger]])
        for ledger in ledgers:
            if ledger.run.policy.sharing is not None:
                ledger.wallet = self._wallets.setdefault(ledger.wallet.account, ledger.wallet)
            self._open(ledger)

    def _open(self, ledger: Ledger) -> None:
        run = ledger.run
        self._ledgers[run.id] = ledger
        watching = self._watching.setdefault(run.instrument.id, [])
        watching.append((ledger, self._histories[run.id]))

    def _close_candle(self, event: CandleClosed) -> tuple[Command, ...]:
        commands = _NOTHING
        watching = self._watching.get(event.instrument, ())
        # runs that share a wallet decide when all that they hold is marked
        for ledger, _ in watching:
            if ledger.run.timeframe is event.timeframe:
                ledger.see_close(event)
        for ledger, history in watching:
            if ledger.run.timeframe is not event.timeframe:
                continue
            signal = history.close(event.open_ns)
            if (signal.edge or ledger.levels is not None) and ledger.plan is None:
                touch = ledger.meet(event)
                # on most candles there is nothing to wish for
                if touch is None and not signal.edge and ledger.overdue_exit is None:
                    continue
                intent = wish(ledger, signal, touch)
                if intent is not None:
                    touched = touch.price if touch else None
                    commands += self._carry_out(ledger, intent, event.seen_ns, touched)
        return commands

    def _settle_funding(self, due: FundingFixed) -> tuple[Command, ...]:
        return tuple(
            SettleFunding(
                due.seen_ns, ledger.run.id, ledger.position.signed_quantity, due.rate, due.mark
            )
            for ledger, _ in self._watching.get(due.instrument, ())
            if ledger.position is not None and ledger.run.policy.funding
        )

    def _carry_out(
        self, ledger: Ledger, intent: Intent, now_ns: int, touched: Decimal | None
    ) -> tuple[Command, ...]:
        match intent:
            case Enter():
                return self._enter(ledger, intent, now_ns)
            case Exit():
                ledger.plan = Single()
                return self._leave(ledger, intent.reason, now_ns, touched)
            case Flip():
                ledger.plan = FlipPlan(intent.direction)
                return self._leave(ledger, intent.reason, now_ns, touched)

    def _enter(self, ledger: Ledger, intent: Enter, now_ns: int) -> tuple[Command, ...]:
        verdict = check(ledger, intent)
        if isinstance(verdict, Refused):
            return (RecordRefusal(now_ns, verdict),)
        quantity = entry_quantity(ledger, verdict)
        if isinstance(quantity, Refused):
            return (RecordRefusal(now_ns, quantity),)
        ledger.plan = Single()
        ledger.reserve(quantity)
        order = self._new_order(ledger, Side.entering(intent.direction), Reason.SIGNAL, quantity)
        return (PlaceOrder(now_ns, order),)

    def _leave(
        self, ledger: Ledger, reason: Reason, now_ns: int, touched: Decimal | None
    ) -> tuple[Command, ...]:
        position = ledger.position
        assert position is not None, "an exit without a position"
        side = Side.entering(position.direction).opposite
        order = self._new_order(ledger, side, reason, position.quantity, reduce_only=True)
        return (PlaceOrder(now_ns, order, touched),)

    def _new_order(
        self,
        ledger: Ledger,
        side: Side,
        reason: Reason,
        quantity: Decimal,
        *,
        reduce_only: bool = False,
    ) -> Order:
        assert ledger.order is None, "a second order while one is working"
        run = ledger.run
        order_id = OrderId(self._next_order_id)
        self._next_order_id += 1
        ledger.order = Order(
            order_id, run.id, run.instrument.id, side, quantity, reduce_only, reason
        )
        return ledger.order

    def _advance(self, order_id: OrderId, step: Step, now_ns: int) -> tuple[Command, ...]:
        ledger = self._ledger_of(order_id)
        assert ledger.order is not None
        ledger.order = ledger.order.after(step)
        return self._after_order(ledger, now_ns)

    def _after_order(self, ledger: Ledger, now_ns: int) -> tuple[Command, ...]:
        order, plan = ledger.order, ledger.plan
        if order is None or not order.done:
            return _NOTHING
        ledger.order = ledger.plan = None
        ledger.mark()
        if order.reduce_only and ledger.position is not None:
            ledger.overdue_exit = order.reason
        elif isinstance(plan, FlipPlan):
            return self._enter(ledger, Enter(ledger.run.id, plan.then), now_ns)
        return _NOTHING

    def _ledger_of(self, order_id: OrderId) -> Ledger:
        for ledger in self._ledgers.values():
            if ledger.order is not None and ledger.order.id == order_id:
                return ledger
        raise ValueError(f"no run has a working order {order_id}")


def wish(ledger: Ledger, signal: Signal, touch: Touch | None) -> Intent | None:
    """What a run wants at a close: rules 2 to 4 above, before any gate or size."""
    run, position, edge = ledger.run, ledger.position, signal.edge
    if signal.first and run.policy.first_signal is FirstSignal.WAIT:
        edge = Direction.NEUTRAL
    allowed = edge is not Direction.NEUTRAL and run.policy.direction.allows(edge)
    if position is None:
        return Enter(run.id, edge) if allowed else None
    reason = touch.reason if touch else ledger.overdue_exit
    if reason is None and edge == -position.direction:
        reason = Reason.SIGNAL
    if reason is None:
        return None
    return Flip(run.id, reason, edge) if allowed else Exit(run.id, reason)
