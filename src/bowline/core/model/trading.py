"""What can be asked of a venue and what it says of an account, in this house's own units.

Quantities are base units, prices and costs quote money, never contracts. Nothing of one venue's
wording may appear here: whoever speaks to a venue, or plays one, translates at its own door.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.order import OrderKind, OrderState, TimeInForce
from bowline.core.model.values import ZERO, Direction, OrderId, Side


class MarginMode(Enum):
    """What answers for a loss: the whole account, or the position's own margin."""

    CROSS = "cross"
    ISOLATED = "isolated"


class PositionMode(Enum):
    """One position an instrument, or a long and a short beside each other."""

    ONE_WAY = "one_way"
    HEDGE = "hedge"


class OrderRequest(Struct, frozen=True, omit_defaults=True):
    """An order to place. `client_id` is ours: a key to look it up by, and no idempotency.

    A market order has no `price`, a stop has a `trigger` price. `position` says, in hedge mode
    alone, which of the two positions is meant.
    """

    client_id: OrderId
    instrument: InstrumentId
    side: Side
    quantity: Decimal
    kind: OrderKind = OrderKind.LIMIT
    price: Decimal | None = None
    trigger: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    position: Direction = Direction.NEUTRAL

    def __post_init__(self) -> None:
        if not self.quantity > ZERO:
            raise ValueError(f"quantity {self.quantity} of order {self.client_id} is not above 0")
        if (self.price is not None) != (self.kind is OrderKind.LIMIT):
            raise ValueError(f"a {self.kind.value} order with price {self.price}")
        if (self.trigger is not None) != (self.kind is OrderKind.STOP):
            raise ValueError(f"a {self.kind.value} order with trigger {self.trigger}")


class OrderReport(Struct, frozen=True):
    """An order as the venue tells it. `client_id` is None for an order that is not ours.

    `state` UNKNOWN: the venue used a word that nobody here knows. `average_price` is None until
    something filled.
    """

    venue_order_id: str
    client_id: OrderId | None
    instrument: InstrumentId
    side: Side
    quantity: Decimal
    filled: Decimal
    state: OrderState
    event_ns: int
    price: Decimal | None = None
    average_price: Decimal | None = None
    reduce_only: bool = False


class FillKind(Enum):
    """Who wanted an execution: the account, or the venue that liquidated or deleveraged it.

    Where a venue does not say, it is a `TRADE`.
    """

    TRADE = "trade"
    LIQUIDATION = "liquidation"
    DELEVERAGING = "deleveraging"


class FillReport(Struct, frozen=True):
    """An execution as the venue tells it; `(instrument, trade_id)` names it for ever.

    `fee` is in units of `fee_asset`, negative for a rebate.
    """

    instrument: InstrumentId
    trade_id: str
    venue_order_id: str
    client_id: OrderId | None
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    event_ns: int
    maker: bool = False
    kind: FillKind = FillKind.TRADE


class Balance(Struct, frozen=True):
    """What an account has of an asset; `free` is the part that an order may use."""

    asset: str
    total: Decimal
    free: Decimal


class PositionReport(Struct, frozen=True):
    """A position as the venue tells it; a quantity of 0 is flat. `entry_price` is an average.

    `hedged`: another of the other direction may stand beside it.
    """

    instrument: InstrumentId
    direction: Direction
    quantity: Decimal
    entry_price: Decimal
    event_ns: int
    leverage: Decimal | None = None
    margin_mode: MarginMode | None = None
    liquidation_price: Decimal | None = None
    unrealised_pnl: Decimal | None = None
    hedged: bool = False


class SettingsReport(Struct, frozen=True):
    """What an account has set for an instrument, as the venue tells it; None: it does not say."""

    instrument: InstrumentId
    leverage: Decimal | None
    margin_mode: MarginMode | None
    position_mode: PositionMode | None
