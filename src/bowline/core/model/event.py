"""The facts that the engine is told: events, past tense, each with the time at which it was seen.

A fact is raw: what the market showed, what the venue reported, what a person asked for. It carries
no conclusion; what it means is derived in the engine, by tables. A fact about an account names it.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

from msgspec import Struct

from bowline.core.model.account import Account
from bowline.core.model.instrument import Instrument, InstrumentId
from bowline.core.model.intent import Signal
from bowline.core.model.policy import Policy
from bowline.core.model.trading import (
    Balance,
    FillReport,
    OrderReport,
    PositionReport,
    SettingsReport,
)
from bowline.core.model.values import (
    AccountId,
    Direction,
    OrderId,
    RunId,
    StrategyId,
    Timeframe,
)


class Run(Struct, frozen=True):
    """One strategy at work on one instrument and account.

    Signals are functions of the candles since `anchor_ns`; decisions begin with the candle that
    opens at `start_ns`. `tape_hash` names the candles that a replay must find.
    """

    id: RunId
    strategy_id: StrategyId
    account: AccountId
    instrument: Instrument
    timeframe: Timeframe
    policy: Policy
    initial_cash: Decimal
    anchor_ns: int
    start_ns: int
    tape_hash: str = ""


# --- the process ----------------------------------------------------------------------------------


class TraderStarted(Struct, frozen=True, tag=True):
    """A trader begins or goes on; its order ids are counted up from `first_order_id`."""

    seen_ns: int
    version: str
    first_order_id: OrderId


class TimerFired(Struct, frozen=True, tag=True):
    """A moment that was asked for by `SetTimer` has come."""

    seen_ns: int
    timer: str


# --- the market -----------------------------------------------------------------------------------


class CandleClosed(Struct, frozen=True, tag=True, omit_defaults=True, gc=False):
    """A candle is closed and full, as it was seen. `volume` is in base units.

    A simulated account over stored candles tells the close alone: the rest lies in the store.
    """

    seen_ns: int
    instrument: InstrumentId
    timeframe: Timeframe
    open_ns: int
    close: Decimal
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    volume: Decimal | None = None


class OpinionsFormed(Struct, frozen=True, tag=True):
    """What runs think at the close of the candle that opened at `open_ns`, computed elsewhere."""

    seen_ns: int
    instrument: InstrumentId
    timeframe: Timeframe
    open_ns: int
    opinions: tuple[tuple[RunId, Signal], ...]


class FundingFixed(Struct, frozen=True, tag=True):
    """Funding is due: every open position of this perpetual pays `rate` of its value at `mark`."""

    seen_ns: int
    instrument: InstrumentId
    rate: Decimal
    mark: Decimal


class PriceReached(Struct, frozen=True, tag=True):
    """A watched price was reached: the price, and how old it was when the watch fired."""

    seen_ns: int
    watch: int
    price: Decimal
    age_ns: int


class AssetPriced(Struct, frozen=True, tag=True):
    """One unit of `asset` is worth `price` units of `quote`."""

    seen_ns: int
    asset: str
    quote: str
    price: Decimal


# --- an account -----------------------------------------------------------------------------------


class AccountOpened(Struct, frozen=True, tag=True):
    """An account that this trader writes for, and what its executor can do."""

    seen_ns: int
    account: Account


class OrderReported(Struct, frozen=True, tag=True, omit_defaults=True):
    """An order as the venue tells it, by whatever way. `word` is an alien one of the venue's."""

    seen_ns: int
    account: AccountId
    report: OrderReport
    word: str = ""


class FillReported(Struct, frozen=True, tag=True):
    """An execution as the venue tells it, by whatever way; it counts once for ever."""

    seen_ns: int
    account: AccountId
    report: FillReport


class Endpoint(Enum):
    """Where the absence of an order is read; all of them must agree after the fence."""

    LOOK_UP = "look_up"
    OPEN_ORDERS = "open_orders"
    FILLS = "fills"
    POSITION = "position"


class OrderNotFound(Struct, frozen=True, tag=True):
    """A read of `endpoint` that `covered` the whole time since the order shows nothing of it."""

    seen_ns: int
    account: AccountId
    order_id: OrderId
    endpoint: Endpoint
    covered: bool
    asked_ns: int


class SendRefused(Struct, frozen=True, tag=True):
    """The venue refused the order, by a code of its own list of refusals."""

    seen_ns: int
    account: AccountId
    order_id: OrderId
    code: str
    message: str


class SendDenied(Struct, frozen=True, tag=True):
    """Nothing left here: the deadline had passed, the lease had ended, or a halt was seen."""

    seen_ns: int
    account: AccountId
    order_id: OrderId
    why: str


class SendLost(Struct, frozen=True, tag=True):
    """The request may have arrived: no reply, a reply that is no answer, or an unlisted code."""

    seen_ns: int
    account: AccountId
    order_id: OrderId
    why: str


class CancelRefused(Struct, frozen=True, tag=True):
    """The venue says that there is nothing to cancel: the order has ended, or was never there."""

    seen_ns: int
    account: AccountId
    order_id: OrderId
    code: str


class BalancesReported(Struct, frozen=True, tag=True):
    """All balances of an account, asked for when the journal was at `asked_seq`."""

    seen_ns: int
    account: AccountId
    balances: tuple[Balance, ...]
    asked_seq: int


class PositionsReported(Struct, frozen=True, tag=True):
    """All positions of an account, asked for when the journal was at `asked_seq`."""

    seen_ns: int
    account: AccountId
    positions: tuple[PositionReport, ...]
    asked_seq: int


class SettingsReported(Struct, frozen=True, tag=True):
    """Leverage, margin mode and position mode of an instrument, as verified at the venue."""

    seen_ns: int
    account: AccountId
    settings: SettingsReport


class MoneyKind(Enum):
    """Why money moved without a fill. `UNKNOWN` is quarantined and halts entries."""

    FUNDING = "funding"
    TRANSFER = "transfer"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    LIQUIDATION = "liquidation"
    ADL = "adl"
    INTEREST = "interest"
    CONVERSION = "conversion"
    FEE = "fee"
    UNKNOWN = "unknown"


class MoneyMoved(Struct, frozen=True, tag=True, omit_defaults=True):
    """`amount` of `asset` came to the account (negative: left it), once for ever by `(kind, id)`.

    Funding of a perpetual names its instrument, rate and mark. A simulated account that keeps a
    book for each run names the run.
    """

    seen_ns: int
    account: AccountId
    asset: str
    amount: Decimal
    kind: MoneyKind
    id: str
    instrument: InstrumentId | None = None
    rate: Decimal | None = None
    mark: Decimal | None = None
    run_id: RunId | None = None


# --- the desk -------------------------------------------------------------------------------------


class RunStarted(Struct, frozen=True, tag=True):
    """A run is opened; for a run that is known, it goes on."""

    seen_ns: int
    run: Run


class RunStopped(Struct, frozen=True, tag=True):
    """A run makes no more entries; its position, if any, stays managed unless it is to be left."""

    seen_ns: int
    run_id: RunId
    leave: bool


class Halted(Struct, frozen=True, tag=True):
    """No entries within `scope` until this reason is lifted by itself."""

    seen_ns: int
    scope: str
    reason: str
    who: str


class Resumed(Struct, frozen=True, tag=True):
    """A halt is lifted: that of this scope and reason alone."""

    seen_ns: int
    scope: str
    reason: str
    who: str


class FlattenRequested(Struct, frozen=True, tag=True):
    """Halt, cancel entries, leave every position within `scope`; the halt stays."""

    seen_ns: int
    scope: str
    who: str


class OrderRequested(Struct, frozen=True, tag=True, omit_defaults=True):
    """A person asks for an order of a run's instrument, by hand."""

    seen_ns: int
    run_id: RunId
    direction: Direction
    who: str
    key: str


class CancelRequested(Struct, frozen=True, tag=True):
    """A person asks for an order to be cancelled."""

    seen_ns: int
    account: AccountId
    order_id: OrderId
    who: str


MarketFact = CandleClosed | OpinionsFormed | FundingFixed | PriceReached | AssetPriced
AccountFact = (
    AccountOpened
    | OrderReported
    | FillReported
    | OrderNotFound
    | SendRefused
    | SendDenied
    | SendLost
    | CancelRefused
    | BalancesReported
    | PositionsReported
    | SettingsReported
    | MoneyMoved
)
DeskFact = (
    RunStarted | RunStopped | Halted | Resumed | FlattenRequested | OrderRequested | CancelRequested
)
ProcessFact = TraderStarted | TimerFired
Event = MarketFact | AccountFact | DeskFact | ProcessFact
