"""The words that both ends of a venue's door use: ticks, books, orders and accounts.

Whoever speaks to a venue and whoever plays one translates at its own end. Pure: no I/O, no clock.
"""

from bowline.core.model.order import OrderKind, TimeInForce
from bowline.core.model.trading import (
    Balance,
    FillKind,
    FillReport,
    MarginMode,
    OrderReport,
    OrderRequest,
    PositionMode,
    PositionReport,
)
from bowline.core.venue.book import Book
from bowline.core.venue.listing import Listing, Listings, ListingStatus
from bowline.core.venue.ticks import (
    BookChanged,
    BookReplaced,
    CandleSeen,
    Level,
    QuoteChanged,
    QuotePart,
    Tick,
    TradePrinted,
)

__all__ = [
    "Balance",
    "Book",
    "BookChanged",
    "BookReplaced",
    "CandleSeen",
    "FillKind",
    "FillReport",
    "Level",
    "Listing",
    "ListingStatus",
    "Listings",
    "MarginMode",
    "OrderKind",
    "OrderReport",
    "OrderRequest",
    "PositionMode",
    "PositionReport",
    "QuoteChanged",
    "QuotePart",
    "Tick",
    "TimeInForce",
    "TradePrinted",
]
