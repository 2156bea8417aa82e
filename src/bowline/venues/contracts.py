"""Listings by venue symbol, and sizes in contracts converted to base units.

Spot markets count base units; their contract size is 1, and numbers pass unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.venue import Level, Listing, Listings
from bowline.venues.decoding import as_float_ratio


class Contract(Struct, frozen=True):
    """An instrument, and its contract size in base units as a fraction."""

    instrument: InstrumentId
    up: float
    down: float

    def units(self, contracts: float) -> float:
        """A number of contracts in base units."""
        return contracts * self.up / self.down

    def levels(self, levels: list[Level]) -> list[Level]:
        """Levels with sizes in contracts, converted to base units."""
        up, down = self.up, self.down
        if up == down:
            return levels
        return [(price, size * up / down) for price, size in levels]


def contract_of(listing: Listing) -> Contract:
    """The contract of a listing."""
    return Contract(listing.instrument.id, *as_float_ratio(listing.instrument.contract_size))


def contracts_by_venue_symbol(listings: Listings) -> dict[str, Contract]:
    """The contracts by venue symbol."""
    return {each.venue_symbol: contract_of(each) for each in listings.all}


def best_first(bids: Iterable[Level], asks: Iterable[Level]) -> tuple[list[Level], list[Level]]:
    """Both sides of a whole book, best first; some venues send the worst first."""
    return sorted(bids, reverse=True), sorted(asks)
