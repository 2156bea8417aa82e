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


class TierUnit(Enum):
    """What a tier's size is counted in."""

    VALUE = "quote money at mark"
    CONTRACTS = "contracts"


class Tier(Struct, frozen=True):
    """What a perpetual position of up to `most` must keep, and how far it may be leveraged.

    `most` is in the rules' `TierUnit`. The position keeps `maintenance_rate` of its value at mark
    less `deduction`, quote money.
    """

    most: Decimal
    maintenance_rate: Decimal
    max_leverage: Decimal
    deduction: Decimal = ZERO


def progressive(*rows: tuple[int, str, int]) -> tuple[Tier, ...]:
    """Tiers of `most`, rate and leverage in which a rate counts for what is beyond the tier before.

    That is what the deductions make: d' = d + most (r' - r), from one tier to the next.
    """
    tiers: list[Tier] = []
    for most, rate, leverage in rows:
        deduction = ZERO
        if tiers:
            before = tiers[-1]
            rise = Decimal(rate) - before.maintenance_rate
            deduction = before.deduction + before.most * rise
        tiers.append(Tier(Decimal(most), Decimal(rate), Decimal(leverage), deduction))
    return tuple(tiers)


class VenueRules(Struct, frozen=True):
    """The policies of one venue. `fees_of` goes before the default.

    `tiers`, if there are any, go by the size of a position, the least first; without them every
    position keeps `maintenance_rate` of its value at mark. With `spot_stops_hold` a spot stop that
    waits holds back what it may cost, with the others nothing does before it is triggered.
    `price_band` is how far a limit price may be from the market (a stop's from its trigger), as a
    share of it; None: no band. `max_quantity` (base units) and `max_price` bound every order. With
    `post_only_refuses` False a post-only order that would take is accepted and cancelled at once.
    `liquidation_rate` is what a liquidation costs beside the taker fee, paid into the insurance
    fund. `history` is how many closed orders and fills of an account, and prints of an instrument,
    are remembered.
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
    tiers: tuple[Tier, ...] = ()
    tiers_count: TierUnit = TierUnit.VALUE
    spot_stops_hold: bool = False
    liquidation_rate: Decimal = ZERO
    leverage: Decimal = Decimal(10)
    margin_mode: MarginMode = MarginMode.CROSS
    position_mode: PositionMode = PositionMode.ONE_WAY
    first_order_id: int = 1
    first_trade_id: int = 1
    history: int = 10_000
