"""Listings as a codec looks them up: by the venue's word, with contracts turned into base units.

Spot counts base units itself; its contract size is 1, and numbers pass unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.venue import Level, Listing, Listings
from bowline.venues.reading import ratio_of


class Contract(Struct, frozen=True):
    """An instrument, and its contract's size in base units as a fraction."""

    instrument: InstrumentId
    up: float
    down: float

    def units(self, contracts: float) -> float:
        """So many contracts in base units."""
        return contracts * self.up / self.down

    def levels(self, levels: list[Level]) -> list[Level]:
        """Levels with sizes in base units."""
        up, down = self.up, self.down
        if up == down:
            return levels
        return [(price, size * up / down) for price, size in levels]


def contract_of(listing: Listing) -> Contract:
    """What a codec needs of a listing."""
    return Contract(listing.instrument.id, *ratio_of(listing.instrument.contract_size))


def contracts_by_word(listings: Listings) -> dict[str, Contract]:
    """The listings by the venue's word."""
    return {each.venue_symbol: contract_of(each) for each in listings.all}


def best_first(bids: Iterable[Level], asks: Iterable[Level]) -> tuple[list[Level], list[Level]]:
    """Both sides of a whole book, in order; some venues send the worst first."""
    return sorted(bids, reverse=True), sorted(asks)
