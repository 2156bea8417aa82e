"""Rules that differ between venues: fees, limits, tiers, client ids. Data, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO
from bowline.core.venue import MarginMode, PositionMode

#: maxima that every simulated venue lists, in base units and in quote money: our choice
MAX_QUANTITY = Decimal(1_000_000_000)
MAX_PRICE = Decimal(1_000_000_000)


class ClientIds(Enum):
    """When a client id is refused as a duplicate."""

    NEVER = "never"
    OPEN = "among open orders"
    FOREVER = "for ever"


class FeeAsset(Enum):
    """The asset of a spot fee: the asset received (base for a buy), or always quote."""

    RECEIVED = "received"
    QUOTE = "quote"


class Fees(Struct, frozen=True):
    """Shares of the traded value; a negative rate is a rebate. Perpetuals pay in quote.

    `third_asset` (such as BNB) pays instead, at its set price, while the account has enough of it.
    """

    maker_rate: Decimal = Decimal("0.0002")
    taker_rate: Decimal = Decimal("0.0006")
    spot_asset: FeeAsset = FeeAsset.RECEIVED
    third_asset: str = ""


class TierUnit(Enum):
    """The unit of a tier's size."""

    VALUE = "quote money at mark"
    CONTRACTS = "contracts"


class Tier(Struct, frozen=True):
    """Maintenance margin and maximum leverage of perpetual positions of up to `most`.

    `most` is in the rules' `TierUnit`. Maintenance margin is `maintenance_rate` times the value at
    mark, less `deduction` in quote money.
    """

    most: Decimal
    maintenance_rate: Decimal
    max_leverage: Decimal
    deduction: Decimal = ZERO


def progressive_tiers(*rows: tuple[int, str, int]) -> tuple[Tier, ...]:
    """Tiers of `most`, rate and leverage whose rate applies only to the part inside the tier.

    The deductions have that effect: d' = d + most (r' - r), from one tier to the next.
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
    """The rules of one venue. `instrument_fees` overrides `fees`.

    `tiers` are by position size, smallest first; without them the maintenance margin of every
    position is `maintenance_rate` of its value at mark. With `spot_stops_lock` a waiting spot stop
    locks its cost; other stops lock nothing before they are triggered.
    `price_band` is how far a limit price may be from the market (a stop's from its trigger), as a
    share of it; None: no band. `max_quantity` (base units) and `max_price` bound every order. With
    `post_only_refuses` False a post-only order that would take is accepted and cancelled at once.
    `liquidation_rate` is charged for a liquidation in addition to the taker fee and goes to the
    insurance fund. `history` limits the stored closed orders and fills of an account and the
    stored public trades of an instrument.
    """

    fees: Fees = Fees()
    instrument_fees: Mapping[InstrumentId, Fees] = {}
    client_ids: ClientIds = ClientIds.OPEN
    post_only_refuses: bool = True
    max_open_orders: int = 500
    price_band: Decimal | None = None
    max_quantity: Decimal = MAX_QUANTITY
    max_price: Decimal = MAX_PRICE
    maintenance_rate: Decimal = Decimal("0.005")
    tiers: tuple[Tier, ...] = ()
    tier_unit: TierUnit = TierUnit.VALUE
    spot_stops_lock: bool = False
    liquidation_rate: Decimal = ZERO
    leverage: Decimal = Decimal(10)
    margin_mode: MarginMode = MarginMode.CROSS
    position_mode: PositionMode = PositionMode.ONE_WAY
    first_order_id: int = 1
    first_trade_id: int = 1
    history: int = 10_000
