"""The matching and accounts engine of a played venue: pure, synchronous, deterministic.

It knows no wire and no venue's words; `simex` speaks them over it.
"""

from bowline.core.sim.exchange.engine import VenueEngine
from bowline.core.sim.exchange.facts import (
    BalanceMoved,
    BalanceReason,
    BookLevel,
    BookMoved,
    BookSnapshot,
    CandleMoved,
    Executed,
    Fact,
    FundingPaid,
    Holding,
    Liquidated,
    ListingChanged,
    MarkMoved,
    MinuteCandle,
    OpenPosition,
    OrderMoved,
    PositionMoved,
    Ticker,
    TradePrinted,
    TradingSettings,
)
from bowline.core.sim.exchange.faults import Faults
from bowline.core.sim.exchange.orders import (
    EndReason,
    NewOrder,
    RefusalReason,
    Refused,
    TriggerPrice,
    VenueOrder,
)
from bowline.core.sim.exchange.rules import (
    MAX_PRICE,
    MAX_QUANTITY,
    ClientIds,
    FeeAsset,
    Fees,
    VenueRules,
)
from bowline.core.sim.exchange.view import View

__all__ = [
    "MAX_PRICE",
    "MAX_QUANTITY",
    "BalanceMoved",
    "BalanceReason",
    "BookLevel",
    "BookMoved",
    "BookSnapshot",
    "CandleMoved",
    "ClientIds",
    "EndReason",
    "Executed",
    "Fact",
    "Faults",
    "FeeAsset",
    "Fees",
    "FundingPaid",
    "Holding",
    "Liquidated",
    "ListingChanged",
    "MarkMoved",
    "MinuteCandle",
    "NewOrder",
    "OpenPosition",
    "OrderMoved",
    "PositionMoved",
    "RefusalReason",
    "Refused",
    "Ticker",
    "TradePrinted",
    "TradingSettings",
    "TriggerPrice",
    "VenueEngine",
    "VenueOrder",
    "VenueRules",
    "View",
]
