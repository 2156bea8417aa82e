"""What the engine says: commands, imperative. Each names its account where it has one.

Every change of state that is not a fact is a command, so that a journal can be folded without
deciding anything again.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.intent import Intent, Refused
from bowline.core.model.order import Order, PriceSource
from bowline.core.model.plan import Plan
from bowline.core.model.values import AccountId, OrderId, RunId


class PlaceOrder(Struct, frozen=True, tag=True):
    """Send this order to its account's executor, once, before its deadline (0: none)."""

    seen_ns: int
    order: Order
    deadline_ns: int = 0


class CancelOrder(Struct, frozen=True, tag=True):
    """Ask for this order to be cancelled."""

    seen_ns: int
    account: AccountId
    order_id: OrderId


class LookUpOrder(Struct, frozen=True, tag=True):
    """Ask what has become of this order, at every endpoint that can prove something."""

    seen_ns: int
    account: AccountId
    order_id: OrderId


class SetTimer(Struct, frozen=True, tag=True):
    """Say `TimerFired` at `at_ns`; the same name again replaces it."""

    seen_ns: int
    timer: str
    at_ns: int


class WatchPrice(Struct, frozen=True, tag=True, omit_defaults=True):
    """Say `PriceReached` once when the price is at or beyond a bound; None watches that side not.

    A watch that is set while its bound is already passed fires at once. Its number is new each time
    it is set; both bounds None: the run's watch is off.
    """

    seen_ns: int
    watch: int
    run_id: RunId
    instrument: InstrumentId
    below: Decimal | None = None
    above: Decimal | None = None
    source: PriceSource = PriceSource.LAST


class RecordRefusal(Struct, frozen=True, tag=True):
    """Write down that an entry was not allowed, and why."""

    seen_ns: int
    refused: Refused


class RecordAnomaly(Struct, frozen=True, tag=True, omit_defaults=True):
    """Write down what should not happen and was borne: a late fill, an order that lives again."""

    seen_ns: int
    account: AccountId
    what: str
    order_id: OrderId = OrderId(0)


class RecordIntent(Struct, frozen=True, tag=True):
    """A wish that waits until the run's plan has ended; None: nothing waits."""

    seen_ns: int
    run_id: RunId
    intent: Intent | None


class ChangePlan(Struct, frozen=True, tag=True):
    """A plan is this now; one that has ended is dropped."""

    seen_ns: int
    plan: Plan


class EnterHalt(Struct, frozen=True, tag=True):
    """The engine's own halt: no entries within `scope` for this reason."""

    seen_ns: int
    scope: str
    reason: str


class LiftHalt(Struct, frozen=True, tag=True):
    """A halt of the engine's own that its rule lifts."""

    seen_ns: int
    scope: str
    reason: str


Command = (
    PlaceOrder
    | CancelOrder
    | LookUpOrder
    | SetTimer
    | WatchPrice
    | RecordRefusal
    | RecordAnomaly
    | RecordIntent
    | ChangePlan
    | EnterHalt
    | LiftHalt
)
