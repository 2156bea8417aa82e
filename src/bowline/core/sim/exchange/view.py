"""What may be asked of a played venue. It must never change anything."""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.sim.exchange.facts import (
    BookSnapshot,
    Executed,
    Holding,
    MinuteCandle,
    OpenPosition,
    Ticker,
    TradePrinted,
    TradingSettings,
)
from bowline.core.sim.exchange.orders import VenueOrder
from bowline.core.venue import Listing


class View:
    """Queries of a `VenueEngine`, as of its last call. KeyError: unknown account or instrument."""

    def listings(self) -> tuple[Listing, ...]:
        """All that is listed now, in the order of listing."""
        raise NotImplementedError

    def listing(self, instrument: InstrumentId) -> Listing:
        """How this instrument is listed now."""
        raise NotImplementedError

    def book(self, instrument: InstrumentId, depth: int | None = None) -> BookSnapshot:
        """The public book, all of it or the best `depth` levels of a side."""
        raise NotImplementedError

    def ticker(self, instrument: InstrumentId) -> Ticker:
        """Best, last, mark and the last 24 hours."""
        raise NotImplementedError

    def trades(self, instrument: InstrumentId, limit: int = 100) -> list[TradePrinted]:
        """The last prints, oldest first."""
        raise NotImplementedError

    def candles(
        self, instrument: InstrumentId, from_ns: int = 0, limit: int = 1_000
    ) -> list[MinuteCandle]:
        """Minutes from `from_ns` on, oldest first, the forming one last: the latest `limit`."""
        raise NotImplementedError

    def order(self, account: str, order: int | str) -> VenueOrder | None:
        """By order id (int) or client id (str): the newest that has it, open or closed."""
        raise NotImplementedError

    def open_orders(self, account: str, instrument: InstrumentId | None = None) -> list[VenueOrder]:
        """Orders that are not done, oldest first; waiting stops too."""
        raise NotImplementedError

    def closed_orders(
        self, account: str, instrument: InstrumentId | None = None
    ) -> list[VenueOrder]:
        """Orders that are done, in the order in which they ended."""
        raise NotImplementedError

    def fills(
        self, account: str, instrument: InstrumentId | None = None, after_trade_id: int = 0
    ) -> list[Executed]:
        """Executions with a later trade id, oldest first."""
        raise NotImplementedError

    def holdings(self, account: str) -> list[Holding]:
        """Every asset that the account ever had, by name."""
        raise NotImplementedError

    def holding(self, account: str, asset: str) -> Holding:
        """What the account has of an asset; zeros if it never had any."""
        raise NotImplementedError

    def positions(self, account: str, instrument: InstrumentId | None = None) -> list[OpenPosition]:
        """Positions that are not flat, by instrument, long before short."""
        raise NotImplementedError

    def settings(self, account: str, instrument: InstrumentId) -> TradingSettings:
        """Leverage and modes of the account at an instrument."""
        raise NotImplementedError

    def pots(self, asset: str) -> dict[str, Decimal]:
        """Where all of an asset is; the sum is 0.

        `accounts` (less what positions were entered for), `outside` (who traded against them),
        `fees`, `funding`, `insurance`, and `deposits` as a negative.
        """
        raise NotImplementedError
