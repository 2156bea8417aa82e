"""The facts that a simulated venue records, in order, and the snapshots that its queries return.

A fact carries the whole new state of its subject, so that no query has to follow. It must never
carry a venue's wording: a dialect translates.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import Direction, Side
from bowline.core.sim.exchange.orders import VenueOrder
from bowline.core.venue import Listing, MarginMode, PositionMode

#: price and size of one level, quote money and base units; a size of 0 removes it
BookLevel = tuple[Decimal, Decimal]


class Holding(Struct, frozen=True):
    """An account's balance of an asset. `locked` is held by spot orders; `margin` by perpetuals.

    `free`, which a new order may use, is total - locked - margin + unrealised PnL in cross margin,
    and 0 if that is negative.
    """

    asset: str
    total: Decimal
    free: Decimal
    locked: Decimal
    margin: Decimal
    unrealised: Decimal


class PositionSnapshot(Struct, frozen=True):
    """A perpetual position; quantity 0 is flat. `direction` is NEUTRAL only for a flat one-way one.

    `cost` is the entry value in quote money, `margin` the isolated margin, or the initial margin
    in cross mode. `mode` says whether it is one side of a hedge or a one-way position.
    """

    account: str
    instrument: InstrumentId
    mode: PositionMode
    direction: Direction
    quantity: Decimal
    cost: Decimal
    margin: Decimal
    margin_mode: MarginMode
    leverage: Decimal
    realised: Decimal
    updated_ns: int
    mark: Decimal | None = None
    unrealised: Decimal = Decimal(0)
    maintenance: Decimal = Decimal(0)
    liquidation_price: Decimal | None = None

    @property
    def entry_price(self) -> Decimal:
        """Average entry, quote money a base unit; 0 when flat."""
        return self.cost / self.quantity if self.quantity else Decimal(0)


class TradingSettings(Struct, frozen=True):
    """Leverage and modes of an account at an instrument."""

    leverage: Decimal
    margin_mode: MarginMode
    position_mode: PositionMode


class MinuteCandle(Struct, frozen=True):
    """A one-minute candle of public trades. `volume` in base units, `turnover` in quote money."""

    open_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal
    trades: int


class BookSnapshot(Struct, frozen=True):
    """The public book after change number `sequence`; levels best first."""

    instrument: InstrumentId
    event_ns: int
    sequence: int
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]


class Ticker(Struct, frozen=True):
    """A 24 h ticker; None where there is no value yet. 24 h figures are over closed minutes.

    `high`, `low`, `volume` and `turnover` cover the stored minutes of the last 24 h.
    """

    instrument: InstrumentId
    event_ns: int
    bid: BookLevel | None
    ask: BookLevel | None
    last: Decimal | None
    mark: Decimal | None
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    volume: Decimal
    turnover: Decimal


class BalanceReason(Enum):
    """Why a balance changed."""

    DEPOSIT = "deposit"
    ORDER = "order"
    TRADE = "trade"
    FUNDING = "funding"
    LIQUIDATION = "liquidation"


class OrderUpdated(Struct, frozen=True, tag=True):
    """An order is new or changed."""

    now_ns: int
    order: VenueOrder


class Executed(Struct, frozen=True, tag=True):
    """One side of a match. `fee` is in units of `fee_asset`, negative for a rebate.

    `position_side` is NEUTRAL for one-way positions and spot, `realised` the PnL before the fee.
    Both sides of a match between accounts have the `trade_id` of its public trade.
    """

    now_ns: int
    account: str
    instrument: InstrumentId
    order_id: int
    client_id: str
    trade_id: int
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    position_side: Direction = Direction.NEUTRAL
    realised: Decimal = Decimal(0)
    liquidation: bool = False


class BalanceUpdated(Struct, frozen=True, tag=True):
    """An account's balance of an asset after a call; `change` is of the total, 0 for a lock.

    Balances and positions are recorded once, at the end of the call that changed them.
    """

    now_ns: int
    account: str
    holding: Holding
    change: Decimal
    reason: BalanceReason


class PositionUpdated(Struct, frozen=True, tag=True):
    """A position after a change."""

    now_ns: int
    position: PositionSnapshot


class BookUpdated(Struct, frozen=True, tag=True):
    """Levels of the public book that changed; `sequence` increases by one with each fact."""

    now_ns: int
    instrument: InstrumentId
    sequence: int
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]


class TradePublished(Struct, frozen=True, tag=True):
    """A public trade; `side` is the taker's."""

    now_ns: int
    instrument: InstrumentId
    trade_id: int
    price: Decimal
    quantity: Decimal
    side: Side


class CandleUpdated(Struct, frozen=True, tag=True):
    """The current candle of a minute; `closed` once the minute has passed."""

    now_ns: int
    instrument: InstrumentId
    candle: MinuteCandle
    closed: bool


class FundingPaid(Struct, frozen=True, tag=True):
    """The account paid `amount` of `asset` as funding; a negative amount was received."""

    now_ns: int
    account: str
    instrument: InstrumentId
    direction: Direction
    quantity: Decimal
    rate: Decimal
    mark: Decimal
    asset: str
    amount: Decimal


class Liquidated(Struct, frozen=True, tag=True):
    """A position fell to its maintenance margin and was closed by the venue with `order_id`.

    `average_price` is the closing price, `insured` the amount that the insurance fund paid.
    """

    now_ns: int
    account: str
    instrument: InstrumentId
    direction: Direction
    quantity: Decimal
    mark: Decimal
    margin_mode: MarginMode
    order_id: int
    average_price: Decimal
    insured: Decimal


class MarkUpdated(Struct, frozen=True, tag=True):
    """The mark price was set."""

    now_ns: int
    instrument: InstrumentId
    mark: Decimal


class ListingChanged(Struct, frozen=True, tag=True):
    """The instrument was listed, or its listing changed."""

    now_ns: int
    listing: Listing


Fact = (
    OrderUpdated
    | Executed
    | BalanceUpdated
    | PositionUpdated
    | BookUpdated
    | TradePublished
    | CandleUpdated
    | FundingPaid
    | Liquidated
    | MarkUpdated
    | ListingChanged
)
