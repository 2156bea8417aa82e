"""What a venue publishes to its sessions: its engines' facts, with books and tickers per topic."""

from __future__ import annotations

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.sim.exchange import (
    BalanceUpdated,
    CandleUpdated,
    Executed,
    FundingPaid,
    Liquidated,
    ListingChanged,
    MarkUpdated,
    OrderUpdated,
    PositionUpdated,
    TradePublished,
)
from bowline.simex.depth_view import DepthChange, DepthView


class DepthUpdated(Struct, frozen=True):
    """The part of a book that a depth shows changed; `view` is after the change."""

    view: DepthView
    change: DepthChange


class TickerUpdated(Struct, frozen=True):
    """The best prices, the last price or the mark changed: the venue has the ticker."""

    instrument: InstrumentId
    event_ns: int


VenueUpdate = (
    DepthUpdated
    | TickerUpdated
    | TradePublished
    | CandleUpdated
    | MarkUpdated
    | OrderUpdated
    | Executed
    | PositionUpdated
    | BalanceUpdated
    | FundingPaid
    | Liquidated
    | ListingChanged
)
