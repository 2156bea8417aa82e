"""The simulated venue: every order fills at the last close, worse by slippage, for a fee.

An order that says where inside the candle its stop was touched fills there, worse in the same way.

It knows costs and the last close of each instrument and nothing else; it must never refuse, delay
or improve a fill. Trade ids are counted from the order, so the same order always fills the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from bowline.core.model.event import (
    CandleClosed,
    Command,
    Event,
    FundingPaid,
    OrderAccepted,
    OrderFilled,
    PlaceOrder,
    SettleFunding,
)
from bowline.core.model.instrument import InstrumentId
from bowline.core.model.order import Fill
from bowline.core.model.policy import Costs
from bowline.core.model.values import ONE


class SimVenue:
    """One account at a venue that always has the other side."""

    def __init__(self, costs: Mapping[InstrumentId, Costs]) -> None:
        self._costs = costs
        self._closes: dict[InstrumentId, Decimal] = {}

    def observe(self, candle: CandleClosed) -> None:
        """The market has moved to this close."""
        self._closes[candle.instrument] = candle.close

    def execute(self, command: Command) -> tuple[Event, ...]:
        """What the venue answers to a command."""
        if isinstance(command, SettleFunding):
            amount = command.quantity * command.mark * command.rate
            paid = (command.seen_ns, command.run_id, command.rate, command.mark, amount)
            return (FundingPaid(*paid),)
        if not isinstance(command, PlaceOrder):
            return ()
        order, now_ns = command.order, command.seen_ns
        costs = self._costs[order.instrument]
        market = self._closes[order.instrument] if command.touched is None else command.touched
        price = market * (ONE + order.side.sign * costs.slippage_rate)
        fee = order.quantity * price * costs.fee_rate
        fill = Fill(
            order.id,
            f"{order.id}-1",
            order.instrument,
            order.side,
            order.quantity,
            price,
            fee,
            now_ns,
        )
        return OrderAccepted(now_ns, order.id, str(order.id)), OrderFilled(now_ns, fill)
