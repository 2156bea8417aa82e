"""The `Venue` protocol: one market (`venue:kind`) and at most one account.

Quantities are base units and money is in quote currency, ids are ours. Every method may raise the
three errors of `venues/errors.py` and nothing else; no type of a client library appears here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Protocol, TypeVar

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId, Market
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import OrderId
from bowline.core.venue import (
    Balance,
    FillReport,
    Listing,
    MarginMode,
    OrderReport,
    OrderRequest,
    PositionMode,
    PositionReport,
)


class KeyRights(Struct, frozen=True):
    """The rights of an API key; None: the venue does not say, so the worst must be assumed."""

    trade: bool | None
    withdraw: bool | None
    ip_bound: bool | None


class UnreadableRow(Struct, frozen=True):
    """A row of a reply that does not match the venue's documentation; `row` is its beginning.

    The other fields are what could be read of it: an instrument, an asset, the ids of an order.
    What it may concern must not be taken for absent.
    """

    what: str
    why: str
    row: str
    instrument: InstrumentId | None = None
    asset: str = ""
    venue_order_id: str = ""
    client_id: OrderId | None = None


Row = TypeVar("Row")


class ParsedRows(list[Row]):
    """The records of a list, and in `unreadable` the rows that could not be parsed."""

    def __init__(self, rows: Iterable[Row] = (), unreadable: Iterable[UnreadableRow] = ()) -> None:
        super().__init__(rows)
        self.unreadable = tuple(unreadable)


def unreadable_rows(rows: Sequence[object]) -> tuple[UnreadableRow, ...]:
    """The unreadable rows of the same reply."""
    return rows.unreadable if isinstance(rows, ParsedRows) else ()


class FillPage(Struct, frozen=True):
    """Fills after a cursor, oldest first, and the cursor of the next page.

    The next page follows the `unreadable` rows, too.
    """

    fills: tuple[FillReport, ...]
    cursor: str
    complete: bool
    unreadable: tuple[UnreadableRow, ...] = ()


class ClockSkew(Protocol):
    """The difference between the local clock and a venue's."""

    def ahead_ns(self) -> int | None:
        """How far the local clock is ahead of the venue's; None before that was measured."""


class PublicVenue(Protocol):
    """Requests without a key."""

    @property
    def clock(self) -> ClockSkew:
        """The local clock compared with the venue's."""

    @property
    def market(self) -> Market:
        """The market of this object."""

    @property
    def candles_per_page(self) -> int:
        """The most minutes that one request for candles covers."""

    async def server_time_ns(self) -> int:
        """The venue's clock, UTC."""

    async def listings(self) -> tuple[Listing, ...]:
        """Every readable listing of this market."""

    async def candles(self, listing: Listing, start_ns: int, end_ns: int) -> CandleFrame:
        """Closed one-minute candles wholly within the window, oldest first; gaps stay gaps.

        One request: at most one page of the venue from `start_ns` on.
        """

    async def venue_now_ns(self) -> int:
        """The estimated venue time, measured if that is due. Raises VenueError."""

    async def close(self) -> None:
        """Close every connection."""


class Venue(PublicVenue, Protocol):
    """Requests of an account in this market."""

    async def place(self, order: OrderRequest) -> OrderReport:
        """Send an order once. An accepted order may still be refused later: see `order`."""

    async def cancel(self, instrument: InstrumentId, client_id: OrderId) -> None:
        """Request the cancellation of an order; Rejected if it is no longer open at the venue."""

    async def order(self, instrument: InstrumentId, client_id: OrderId) -> OrderReport | None:
        """Look up an order by our id, open or closed; None if the venue finds none."""

    async def open_orders(self, instrument: InstrumentId | None = None) -> Sequence[OrderReport]:
        """Every open order, ours or not; all pages.

        An unreadable order whose ids and side can be read is in the list, in state UNKNOWN. If the
        list has `unreadable_rows`, an order that is missing from it may still be open.
        """

    async def fills(self, instrument: InstrumentId, cursor: str = "") -> FillPage:
        """Fills after `cursor`; without one, from the oldest that the venue serves."""

    async def balances(self) -> Sequence[Balance]:
        """Balances other than zero; see `unreadable_rows`."""

    async def positions(self) -> Sequence[PositionReport]:
        """Every open position; none on spot; see `unreadable_rows`."""

    async def set_leverage(
        self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode
    ) -> None:
        """Set leverage and margin mode; a success if already set so."""

    async def position_mode(self, instrument: InstrumentId) -> PositionMode:
        """Whether the account holds one position per instrument or two."""

    async def set_position_mode(self, instrument: InstrumentId, mode: PositionMode) -> None:
        """Change the position mode; a success if already set so."""

    async def cancel_all_after(self, seconds: int) -> None:
        """Arm the venue's dead-man switch; 0 disarms it. Rejected if the venue has none."""

    async def key_rights(self) -> KeyRights:
        """The rights of the API key."""
