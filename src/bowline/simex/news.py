"""What a floor tells its sessions: the facts of its exchange, and what it made of them."""

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
from bowline.simex.depth import DepthChange, DepthView


class DepthMoved(Struct, frozen=True):
    """The shown part of a book changed; `view` is after the change."""

    view: DepthView
    change: DepthChange


class TickerMoved(Struct, frozen=True):
    """The best prices, the last price or the mark changed: ask the floor for the ticker."""

    instrument: InstrumentId
    event_ns: int


News = (
    DepthMoved
    | TickerMoved
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
