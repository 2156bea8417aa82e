"""A venue as the rest of the house sees it: one market (`venue:kind`) and at most one account.

Units at this door are base units and quote money, ids are ours. Every method may raise the three
errors of `venues/errors.py` and nothing else; no type of any client library passes this wall.
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
    """What an API key may do; None: the venue does not say, so the worst must be assumed."""

    trade: bool | None
    withdraw: bool | None
    ip_bound: bool | None


class UnreadableRow(Struct, frozen=True):
    """A row of a reply that is not what the venue documents; `row` is its beginning, as it came.

    What could be read of it all the same says what it is about: an instrument, an asset, the ids of
    an order. Nothing may be concluded from its absence.
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
    """The rows of a list that could be read, and those that could not: `unreadable`."""

    def __init__(self, rows: Iterable[Row] = (), unreadable: Iterable[UnreadableRow] = ()) -> None:
        super().__init__(rows)
        self.unreadable = tuple(unreadable)


def unreadable_rows(rows: Sequence[object]) -> tuple[UnreadableRow, ...]:
    """The rows that could not be read beside these."""
    return rows.unreadable if isinstance(rows, ParsedRows) else ()


class FillPage(Struct, frozen=True):
    """Fills after a cursor, oldest first, and the cursor to go on from.

    The cursor goes on behind what is `unreadable`, too.
    """

    fills: tuple[FillReport, ...]
    cursor: str
    complete: bool
    unreadable: tuple[UnreadableRow, ...] = ()


class Clock(Protocol):
    """The time at a venue beside ours."""

    def ahead_ns(self) -> int | None:
        """How far the local clock is ahead of the venue's; None before that was measured."""


class PublicVenue(Protocol):
    """What needs no key."""

    @property
    def clock(self) -> Clock:
        """The time at the venue."""

    @property
    def market(self) -> Market:
        """The market this is."""

    @property
    def candles_a_page(self) -> int:
        """How many minutes one request for candles covers at most."""

    async def server_time_ns(self) -> int:
        """The venue's clock, UTC."""

    async def listings(self) -> tuple[Listing, ...]:
        """Everything the venue lists in this market that can be read."""

    async def candles(self, listing: Listing, start_ns: int, end_ns: int) -> CandleFrame:
        """Closed one-minute candles that lie wholly within, oldest first; missing ones are missing.

        One request: at most the venue's page from `start_ns` on.
        """

    async def venue_now_ns(self) -> int:
        """The venue's time as it is known here, measured if that is due. Raises VenueError."""

    async def close(self) -> None:
        """Let go of every connection."""


class Venue(PublicVenue, Protocol):
    """What an account may do in this market."""

    async def place(self, order: OrderRequest) -> OrderReport:
        """Send an order once. That the venue took it is not that it works: see `order`."""

    async def cancel(self, instrument: InstrumentId, client_id: OrderId) -> None:
        """Ask for an order to be cancelled; Rejected if the venue no longer has it open."""

    async def order(self, instrument: InstrumentId, client_id: OrderId) -> OrderReport | None:
        """Look an order up by our id, among open and closed ones; None: the venue finds none."""

    async def open_orders(self, instrument: InstrumentId | None = None) -> Sequence[OrderReport]:
        """Every open order, ours or not; all pages.

        An order of which the ids can be read and not the rest is told in state UNKNOWN. Rows that
        say less are `unreadable_rows` the list: an order that is missing there may still be open.
        """

    async def fills(self, instrument: InstrumentId, cursor: str = "") -> FillPage:
        """Executions after `cursor`; without one, from the oldest the venue still tells."""

    async def balances(self) -> Sequence[Balance]:
        """What the account has, zero balances left out; see `unreadable_rows`."""

    async def positions(self) -> Sequence[PositionReport]:
        """Every open position; none on spot; see `unreadable_rows`."""

    async def set_leverage(
        self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode
    ) -> None:
        """Set leverage and margin mode; already set so is a success."""

    async def position_mode(self, instrument: InstrumentId) -> PositionMode:
        """Whether the account holds one position an instrument or two."""

    async def set_position_mode(self, instrument: InstrumentId, mode: PositionMode) -> None:
        """Change it; already so is a success."""

    async def cancel_all_after(self, seconds: int) -> None:
        """Arm the venue's dead-man switch; 0 disarms. Rejected where the venue has none."""

    async def key_rights(self) -> KeyRights:
        """What the key may do."""
