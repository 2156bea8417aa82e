"""What a venue lists: an instrument with the venue's own name for it, and whether it trades.

Nothing is derived from how a symbol is spelled: base, quote and spelling are as the venue says.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import Enum

from msgspec import Struct

from bowline.core.model.instrument import Instrument, InstrumentId
from bowline.core.model.values import ZERO


class ListingStatus(Enum):
    """Whether orders are taken. `UNKNOWN`: the venue used a word that nobody here knows."""

    TRADING = "trading"
    HALTED = "halted"
    PRELAUNCH = "prelaunch"
    DELISTED = "delisted"
    UNKNOWN = "unknown"


class Listing(Struct, frozen=True):
    """`venue_symbol` is the market's id in the venue's own words: `BTC-USDT-SWAP`.

    `min_quantity` is in base units, 0 if none is known; `max_leverage` None where there is none.
    """

    instrument: Instrument
    venue_symbol: str
    base: str
    quote: str
    status: ListingStatus = ListingStatus.TRADING
    min_quantity: Decimal = ZERO
    max_leverage: Decimal | None = None

    @property
    def tradable(self) -> bool:
        """Whether an entry may be sent."""
        return self.status is ListingStatus.TRADING


class Listings:
    """The listings of one market, by our id and by the venue's word. KeyError if not listed."""

    def __init__(self, listings: Iterable[Listing]) -> None:
        self.all = tuple(listings)
        self._of = {each.instrument.id: each for each in self.all}
        self._by_word = {each.venue_symbol: each for each in self.all}
        if not len(self._of) == len(self._by_word) == len(self.all):
            raise ValueError("two listings of one market have the same id or the same venue symbol")

    def of(self, instrument: InstrumentId) -> Listing:
        """The listing of this instrument."""
        return self._of[instrument]

    def word(self, instrument: InstrumentId) -> str:
        """The venue's word for this instrument."""
        return self._of[instrument].venue_symbol

    def at(self, venue_symbol: str) -> Listing:
        """What the venue calls so."""
        return self._by_word[venue_symbol]
