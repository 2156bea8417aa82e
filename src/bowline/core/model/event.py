"""What the engine is told (events, past tense) and what it says (commands, imperative).

An event is a fact with the time at which it was seen. It must carry no opinion.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from bowline.core.model.instrument import Instrument, InstrumentId
from bowline.core.model.intent import Refused
from bowline.core.model.order import Fill, Order
from bowline.core.model.policy import Policy
from bowline.core.model.values import OrderId, RunId, StrategyId, Timeframe


class Run(Struct, frozen=True):
    """One strategy at work on one instrument and account.

    Signals are functions of the candles since `anchor_ns`; decisions begin with the candle that
    opens at `start_ns`. `tape_hash` names the candles that a replay must find.
    """

    id: RunId
    strategy_id: StrategyId
    account: str
    instrument: Instrument
    timeframe: Timeframe
    policy: Policy
    initial_cash: Decimal
    anchor_ns: int
    start_ns: int
    tape_hash: str = ""


class RunStarted(Struct, frozen=True, tag=True):
    """A run was opened; order ids are counted from `first_order_id`."""

    seen_ns: int
    run: Run
    first_order_id: OrderId


class Leg(Struct, frozen=True, gc=False):
    """A stretch of a candle's way: it began at `open` and was between `low` and `high`."""

    open: Decimal
    high: Decimal
    low: Decimal


class CandleClosed(Struct, frozen=True, tag=True, omit_defaults=True, gc=False):
    """A candle is closed and full; the whole of it lies on the tape, a close decides.

    `legs` is its way to that close, in order: only there for runs that look inside the candle.
    """

    seen_ns: int
    instrument: InstrumentId
    timeframe: Timeframe
    open_ns: int
    close: Decimal
    legs: tuple[Leg, ...] = ()


class FundingFixed(Struct, frozen=True, tag=True):
    """Funding is due: every open position of this perpetual pays `rate` of its value at `mark`.

    A fact of the market, like a closed candle.
    """

    seen_ns: int
    instrument: InstrumentId
    rate: Decimal
    mark: Decimal


class FundingPaid(Struct, frozen=True, tag=True):
    """`amount` of quote money has left the run's cash for funding; negative: it was received."""

    seen_ns: int
    run_id: RunId
    rate: Decimal
    mark: Decimal
    amount: Decimal


class OrderAccepted(Struct, frozen=True, tag=True):
    """The venue has the order."""

    seen_ns: int
    order_id: OrderId
    venue_order_id: str


class OrderRejected(Struct, frozen=True, tag=True):
    """The venue refused the order, finally."""

    seen_ns: int
    order_id: OrderId
    message: str


class OrderCancelled(Struct, frozen=True, tag=True):
    """The order is gone; what was filled stays filled."""

    seen_ns: int
    order_id: OrderId


class OrderLost(Struct, frozen=True, tag=True):
    """Nobody knows whether the venue has the order."""

    seen_ns: int
    order_id: OrderId


class OrderFilled(Struct, frozen=True, tag=True):
    """The order was executed, in part or whole."""

    seen_ns: int
    fill: Fill


Event = (
    RunStarted
    | CandleClosed
    | FundingFixed
    | FundingPaid
    | OrderAccepted
    | OrderRejected
    | OrderCancelled
    | OrderLost
    | OrderFilled
)


class PlaceOrder(Struct, frozen=True, tag=True, omit_defaults=True):
    """Send this order to its venue.

    `touched` is the price inside the candle at which a stop was met: a simulated venue fills there.
    """

    seen_ns: int
    order: Order
    touched: Decimal | None = None


class RecordRefusal(Struct, frozen=True, tag=True):
    """Write down that an entry was not allowed, and why."""

    seen_ns: int
    refused: Refused


class SettleFunding(Struct, frozen=True, tag=True):
    """Pay or take the funding of a position; `quantity` is signed. A real venue does so unasked."""

    seen_ns: int
    run_id: RunId
    quantity: Decimal
    rate: Decimal
    mark: Decimal


Command = PlaceOrder | RecordRefusal | SettleFunding
MarketFact = CandleClosed | FundingFixed
