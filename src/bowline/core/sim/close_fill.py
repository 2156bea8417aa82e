"""The close-fill simulator: market orders fill at the last close, worse by slippage, for a fee.

It knows costs, closes and what rests, and nothing else; it must never refuse, delay or improve a
fill. It keeps a book for each run: two runs on one instrument do not net.

1. `play` takes the way of a candle before the candle is told: a resting stop is met where the way
   first reaches it, and fills there. Of a stop and a take profit that one stretch of the way both
   reaches, the one that loses is met: what lies between high and low is not known.
2. `close` moves the market to a close. Market orders fill there.
3. `fund` turns a funding that is due into money moved, for each run that pays it and holds some.

Trade ids are counted from the order, so the same order always fills the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from bowline.core.engine import State
from bowline.core.engine.levels import as_met
from bowline.core.facts import PathSegment
from bowline.core.model.account import Capabilities
from bowline.core.model.command import CancelOrder, Command, LookUpOrder, PlaceOrder
from bowline.core.model.event import (
    CancelRefused,
    CandleClosed,
    Event,
    FillReported,
    FundingFixed,
    MoneyKind,
    MoneyMoved,
    OrderReported,
    Run,
)
from bowline.core.model.instrument import InstrumentId
from bowline.core.model.order import Order, OrderKind, OrderState, Purpose
from bowline.core.model.trading import FillReport, OrderReport
from bowline.core.model.values import ONE, ZERO, OrderId, RunId, Side, Timeframe

#: what this executor can do: a stop and a take profit rest beside each other, and ruin is ours
BACKTEST_ACCOUNT_CAN = Capabilities(
    book_per_run=True, rests_stops=True, rests_take_profits=True, pairs_stops=True
)


class CloseFillSimulator:
    """An account at a venue that always has the other side."""

    def __init__(self, runs: Sequence[Run] = ()) -> None:
        self._runs: dict[RunId, Run] = {}
        self._watching: dict[tuple[InstrumentId, Timeframe], list[RunId]] = {}
        self._market: dict[InstrumentId, Decimal] = {}
        self._held: dict[RunId, Decimal] = {}
        self._resting: dict[RunId, dict[OrderId, Order]] = {}
        for run in runs:
            self.add(run)

    def add(self, run: Run) -> None:
        """A run whose orders will come."""
        self._runs[run.id] = run
        self._watching.setdefault((run.instrument.id, run.timeframe), []).append(run.id)

    def resume(self, state: State) -> None:
        """Take over what an engine knows: an account that fills at once has no other state."""
        for run_id, run in state.runs.items():
            if state.marks[run_id].candles:
                self._market[run.run.instrument.id] = state.marks[run_id].close
            if run.position is not None:
                self._held[run_id] = run.position.signed_quantity
            self._resting[run_id] = {order_id: state.orders[order_id] for order_id in run.resting}

    def play(self, candle: CandleClosed, legs: Sequence[PathSegment]) -> Iterator[Event]:
        """The fills inside a candle, before its close is told."""
        for run_id in self._watching.get((candle.instrument, candle.timeframe), ()):
            met = _met(tuple(self._resting.get(run_id, {}).values()), legs)
            if met is not None:
                order, price = met
                del self._resting[run_id][order.id]
                yield from self._fill(order, price, candle.seen_ns)

    def close(self, candle: CandleClosed) -> None:
        """The market has moved to this close."""
        self._market[candle.instrument] = candle.close

    def fund(self, due: FundingFixed) -> Iterator[Event]:
        """What each run that holds this perpetual pays or receives."""
        for run_id, quantity in self._held.items():
            run = self._runs[run_id]
            if quantity and run.policy.funding and run.instrument.id == due.instrument:
                paid = quantity * due.mark * due.rate
                yield MoneyMoved(
                    due.seen_ns, run.account, run.instrument.quote, -paid, MoneyKind.FUNDING,
                    f"{run_id}-{due.seen_ns}", due.instrument, due.rate, due.mark, run_id,
                )  # fmt: skip

    def execute(self, command: Command) -> Sequence[Event]:
        """What the venue answers to a command."""
        match command:
            case PlaceOrder(seen_ns=now_ns, order=order):
                if order.kind is OrderKind.STOP:
                    self._resting.setdefault(order.run_id, {})[order.id] = order
                    return (_report(order, OrderState.ARMED, now_ns),)
                return tuple(self._fill(order, self._market[order.instrument], now_ns))
            case CancelOrder(seen_ns=now_ns, account=account, order_id=order_id):
                for resting in self._resting.values():
                    if order_id in resting:
                        return (_report(resting.pop(order_id), OrderState.CANCELLED, now_ns),)
                return (CancelRefused(now_ns, account, order_id, "not resting"),)
            case LookUpOrder(seen_ns=now_ns):
                for resting in self._resting.values():
                    if command.order_id in resting:
                        found = resting[command.order_id]
                        return (_report(found, OrderState.ARMED, now_ns),)
        return ()

    def _fill(self, order: Order, market: Decimal, now_ns: int) -> Iterator[Event]:
        run = self._runs[order.run_id]
        costs = run.policy.costs
        price = market * (ONE + order.side.sign * costs.slippage_rate)
        fee = order.quantity * price * costs.fee_rate
        held = self._held.get(run.id, ZERO) + order.side.sign * order.quantity
        self._held[run.id] = held
        yield _report(order, OrderState.FILLED, now_ns)
        yield FillReported(
            now_ns,
            order.account,
            FillReport(
                order.instrument, f"{order.id}-1", str(order.id), order.id, order.side,
                order.quantity, price, fee, run.instrument.quote, now_ns,
            ),
        )  # fmt: skip


def _report(order: Order, state: OrderState, now_ns: int) -> OrderReported:
    filled = order.quantity if state is OrderState.FILLED else ZERO
    report = OrderReport(
        str(order.id), order.id, order.instrument, order.side, order.quantity, filled, state, now_ns
    )
    return OrderReported(now_ns, order.account, report)


def _met(resting: Sequence[Order], legs: Sequence[PathSegment]) -> tuple[Order, Decimal] | None:
    """Which resting order the way of a candle meets first, and where.

    A leg that begins at or beyond a trigger meets it at its open. A leg that reaches two meets the
    stop.
    """
    if not resting:
        return None
    ordered = sorted(resting, key=lambda each: each.purpose is not Purpose.STOP)
    for leg in legs:
        for order in ordered:
            if _reaches(order, leg.open, leg.open):
                return order, leg.open
        for order in ordered:
            if _reaches(order, leg.low, leg.high):
                assert order.trigger is not None
                return order, order.trigger
    return None


def _reaches(order: Order, low: Decimal, high: Decimal) -> bool:
    """Whether prices from `low` to `high` meet the trigger."""
    assert order.trigger is not None, "a resting order has a trigger"
    falling = (order.side is Side.SELL) == (order.purpose is Purpose.STOP)
    trigger = as_met(order.trigger)
    return low <= trigger if falling else high >= trigger
