"""What differs from venue to venue in how it matches, charges and refuses. Data, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO
from bowline.core.venue import MarginMode, PositionMode

#: what every played venue lists as the most, in base units and in quote money
MAX_QUANTITY = Decimal(1_000_000_000)
MAX_PRICE = Decimal(1_000_000_000)


class ClientIds(Enum):
    """When a client id is refused as a duplicate."""

    NEVER = "never"
    OPEN = "among open orders"
    FOREVER = "for ever"


class FeeAsset(Enum):
    """In what a spot trade is charged: what is received (base for a buy), or always quote."""

    RECEIVED = "received"
    QUOTE = "quote"


class Fees(Struct, frozen=True):
    """Shares of the traded value; a negative rate is a rebate. Perpetuals pay in quote.

    `third_asset` (BNB) pays instead, at the price shown for it, while the account has enough of it.
    """

    maker_rate: Decimal = Decimal("0.0002")
    taker_rate: Decimal = Decimal("0.0006")
    spot_asset: FeeAsset = FeeAsset.RECEIVED
    third_asset: str = ""


class VenueRules(Struct, frozen=True):
    """The policies of one venue. `fees_of` and `maintenance_of` go before the defaults.

    `maintenance_rate` is a share of the position's value at mark. `price_band` is how far a limit
    price may be from the market, as a share of it; None: no band. `max_quantity` (base units) and
    `max_price` bound every order. With `post_only_refuses` False a
    post-only order that would take is accepted and cancelled at once. `liquidation_rate` is what a
    liquidation costs beside the taker fee, paid into the insurance fund. `history` is how many
    closed orders and fills of an account, and prints of an instrument, are remembered.
    """

    fees: Fees = Fees()
    fees_of: Mapping[InstrumentId, Fees] = {}
    client_ids: ClientIds = ClientIds.OPEN
    post_only_refuses: bool = True
    max_open_orders: int = 500
    price_band: Decimal | None = None
    max_quantity: Decimal = MAX_QUANTITY
    max_price: Decimal = MAX_PRICE
    maintenance_rate: Decimal = Decimal("0.005")
    maintenance_of: Mapping[InstrumentId, Decimal] = {}
    liquidation_rate: Decimal = ZERO
    leverage: Decimal = Decimal(10)
    margin_mode: MarginMode = MarginMode.CROSS
    position_mode: PositionMode = PositionMode.ONE_WAY
    first_order_id: int = 1
    first_trade_id: int = 1
    history: int = 10_000
