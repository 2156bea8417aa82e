"""What has happened at the played venue, in order, and what one may see of it at a moment.

A fact carries the whole of what it is about, so that nobody has to ask after it. It must carry no
venue's wording: a dialect translates.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import Direction, Side
from bowline.core.sim.exchange.orders import VenueOrder
from bowline.core.venue import Listing, MarginMode, PositionMode

#: price and size of one level, quote money and base units; in a change a size of 0 takes it away
BookLevel = tuple[Decimal, Decimal]


class Holding(Struct, frozen=True):
    """What an account has of an asset. `locked` is held by spot orders; `margin` by perpetuals.

    `free` = what a new order may use: total - locked - margin + unrealised PnL in cross margin,
    and 0 if that is negative.
    """

    asset: str
    total: Decimal
    free: Decimal
    locked: Decimal
    margin: Decimal
    unrealised: Decimal


class OpenPosition(Struct, frozen=True):
    """A perpetual position; quantity 0 is flat. `direction` is NEUTRAL only for a flat one-way one.

    `cost` is the quote money it was entered for, `margin` what it holds (its own in isolated mode,
    the initial margin in cross mode). `mode` tells a hedge leg from a one-way position.
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
    """How an account trades an instrument."""

    leverage: Decimal
    margin_mode: MarginMode
    position_mode: PositionMode


class MinuteCandle(Struct, frozen=True):
    """A minute of prints. `volume` in base units, `turnover` in quote money."""

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
    """What a ticker shows; None where there is nothing yet. 24 h figures are over closed minutes.

    `high`, `low`, `volume` and `turnover` cover the remembered minutes of the last 24 h.
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
    """Why a balance moved."""

    DEPOSIT = "deposit"
    ORDER = "order"
    TRADE = "trade"
    FUNDING = "funding"
    LIQUIDATION = "liquidation"


class OrderMoved(Struct, frozen=True, tag=True):
    """An order is new or changed."""

    now_ns: int
    order: VenueOrder


class Executed(Struct, frozen=True, tag=True):
    """One side of a match. `fee` is in units of `fee_asset`, negative for a rebate.

    `position` is the hedge leg (NEUTRAL: one-way or spot), `realised` the PnL that it booked,
    before the fee. Both sides of a match between accounts have the `trade_id` of its print.
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
    position: Direction = Direction.NEUTRAL
    realised: Decimal = Decimal(0)
    liquidation: bool = False


class BalanceMoved(Struct, frozen=True, tag=True):
    """What an account has of an asset after a call; `change` is of the total, 0 for a lock.

    Balances and positions are told once, at the end of what moved them.
    """

    now_ns: int
    account: str
    holding: Holding
    change: Decimal
    reason: BalanceReason


class PositionMoved(Struct, frozen=True, tag=True):
    """A position after a change."""

    now_ns: int
    position: OpenPosition


class BookMoved(Struct, frozen=True, tag=True):
    """Levels of the public book that changed; `sequence` rises by one with each."""

    now_ns: int
    instrument: InstrumentId
    sequence: int
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]


class TradePrinted(Struct, frozen=True, tag=True):
    """A public trade; `side` is the taker's."""

    now_ns: int
    instrument: InstrumentId
    trade_id: int
    price: Decimal
    quantity: Decimal
    side: Side


class CandleMoved(Struct, frozen=True, tag=True):
    """A minute's candle as it is now; `closed` once the minute has passed."""

    now_ns: int
    instrument: InstrumentId
    candle: MinuteCandle
    closed: bool


class FundingPaid(Struct, frozen=True, tag=True):
    """`amount` of `asset` has left the account for funding; negative: it was received."""

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

    `average_price` is what it was closed at, `insured` what the insurance fund had to add.
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


class MarkMoved(Struct, frozen=True, tag=True):
    """A new mark price was shown."""

    now_ns: int
    instrument: InstrumentId
    mark: Decimal


class ListingChanged(Struct, frozen=True, tag=True):
    """The venue lists the instrument otherwise now."""

    now_ns: int
    listing: Listing


Fact = (
    OrderMoved
    | Executed
    | BalanceMoved
    | PositionMoved
    | BookMoved
    | TradePrinted
    | CandleMoved
    | FundingPaid
    | Liquidated
    | MarkMoved
    | ListingChanged
)
