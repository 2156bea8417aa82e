"""An order and its whole life as one table. An illegal step is a bug and must crash, not pass.

`UNKNOWN` means that it may have happened: it blocks its run until the venue has been asked.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.intent import Reason
from bowline.core.model.values import ZERO, OrderId, RunId, Side


class OrderState(Enum):
    """Where an order is."""

    PENDING = "pending"
    WORKING = "working"
    PARTLY_FILLED = "partly_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class Step(Enum):
    """What can happen to it."""

    ACCEPT = "accept"
    FILL_PART = "fill_part"
    FILL_ALL = "fill_all"
    CANCEL = "cancel"
    REJECT = "reject"
    LOSE = "lose"


_S, _E = OrderState, Step
# fmt: off
TRANSITIONS: dict[OrderState, dict[Step, OrderState]] = {
    _S.PENDING: {
        _E.ACCEPT: _S.WORKING,      _E.FILL_PART: _S.PARTLY_FILLED, _E.FILL_ALL: _S.FILLED,
        _E.CANCEL: _S.CANCELLED,    _E.REJECT: _S.REJECTED,         _E.LOSE: _S.UNKNOWN,
    },
    _S.WORKING: {
        _E.FILL_PART: _S.PARTLY_FILLED, _E.FILL_ALL: _S.FILLED,
        _E.CANCEL: _S.CANCELLED,        _E.REJECT: _S.REJECTED,
    },
    _S.PARTLY_FILLED: {
        _E.FILL_PART: _S.PARTLY_FILLED, _E.FILL_ALL: _S.FILLED, _E.CANCEL: _S.CANCELLED,
    },
    _S.UNKNOWN: {
        _E.ACCEPT: _S.WORKING,      _E.FILL_PART: _S.PARTLY_FILLED, _E.FILL_ALL: _S.FILLED,
        _E.CANCEL: _S.CANCELLED,    _E.REJECT: _S.REJECTED,
    },
    _S.FILLED: {}, _S.CANCELLED: {}, _S.REJECTED: {},
}
# fmt: on


class Fill(Struct, frozen=True):
    """One execution: `quantity` in base units, `price` and `fee` in quote money."""

    order_id: OrderId
    trade_id: str
    instrument: InstrumentId
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    event_ns: int


class Order(Struct, frozen=True):
    """A market order of a run; `id` is also the client order id at the venue."""

    id: OrderId
    run_id: RunId
    instrument: InstrumentId
    side: Side
    quantity: Decimal
    reduce_only: bool
    reason: Reason
    state: OrderState = OrderState.PENDING
    filled_quantity: Decimal = ZERO

    @property
    def done(self) -> bool:
        """Whether nothing more can happen to it."""
        return not TRANSITIONS[self.state]

    def after(self, step: Step) -> Order:
        """The order after this step; ValueError if its life does not allow it."""
        try:
            return replace(self, state=TRANSITIONS[self.state][step])
        except KeyError:
            raise ValueError(
                f"order {self.id} is {self.state.value}: cannot {step.value}"
            ) from None

    def after_fill(self, fill: Fill) -> Order:
        """The order after this fill; ValueError if it is another's, or more than was ordered."""
        filled = self.filled_quantity + fill.quantity
        if (fill.order_id, fill.side) != (self.id, self.side) or not fill.quantity > ZERO:
            raise ValueError(f"fill {fill.trade_id} does not belong to order {self.id}")
        if filled > self.quantity:
            raise ValueError(f"order {self.id} of {self.quantity} cannot have {filled} filled")
        step = Step.FILL_ALL if filled == self.quantity else Step.FILL_PART
        return replace(self.after(step), filled_quantity=filled)
