"""REST as the second source of an account: what the stream did not say, it must.

A round asks for everything: open orders, positions, fills since where the last round ended,
balances. What is known already is no news. It must never undo what the stream said meanwhile: of
an answer only that counts which the stream has not spoken of since the question.

1. Open orders. One that is open here and not there is looked up. A row that cannot be read is told,
   and what it may be about is neither gone nor flat nor spent; one order that cannot be read is in
   doubt and holds up nothing else.
2. Positions, then fills of every instrument that this account is known to have touched. An order
   of ours that is known by its fills alone is looked up.
3. Balances.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO, OrderId
from bowline.core.venue import Balance, FillReport, OrderReport, PositionReport
from bowline.venues.errors import Rejected, UnreadableReply
from bowline.venues.private import Report
from bowline.venues.protocol import ParsedRows, UnreadableRow, Venue, unreadable_rows
from bowline.venues.rest.fills import FillCursor
from bowline.venues.stream.account_book import FillBook, Holdings, order_key

_MS_NS = 1_000_000
#: more pages of fills at once than this are left to the next round
MOST_PAGES = 50
#: with a venue that lists open orders by instrument, and for fills: so many are asked about
MOST_INSTRUMENTS = 200

#: the asset, or the position, that a report is about
Subject = str | InstrumentId


class Touched(Protocol):
    """When the stream last spoke of something, as a count that only rises."""

    def count(self) -> int:
        """Now."""

    def since(self, subject: Subject, count: int) -> bool:
        """Whether it spoke of this after that count."""


class SecondSource:
    """`tell` is given every report, `doubt` what could not be read.

    What filled before `since_ns` is known and no news. But where `cursors` say how far an
    instrument was read, all that follows is told.
    """

    def __init__(
        self,
        venue: Venue,
        fills: FillBook,
        holdings: Holdings,
        touched: Touched,
        tell: Callable[[Report], None],
        doubt: Callable[[UnreadableRow | OrderReport], None],
        *,
        instruments: Iterable[InstrumentId] = (),
        cursors: Mapping[InstrumentId, str] | None = None,
        since_ns: int,
    ) -> None:
        self._venue = venue
        self._fills = fills
        self._holdings = holdings
        self._touched = touched
        self._tell = tell
        self._doubt = doubt
        #: in the order in which they were first heard of
        self._instruments = dict.fromkeys(instruments)
        #: where the next page of fills begins; to be kept by whoever starts again
        self.cursors = dict(cursors or {})
        self._since_ns = since_ns
        self._read_on = frozenset(self.cursors)

    def touch(self, instrument: InstrumentId) -> None:
        """Something happened to this instrument: its fills are asked for from now on."""
        if len(self._instruments) < MOST_INSTRUMENTS:
            self._instruments.setdefault(instrument)

    async def ask(self) -> None:
        """One round. Raises VenueError."""
        await self._orders()
        await self._positions()
        for instrument in tuple(self._instruments):
            await self._fills_of(instrument)
        for fill in self._fills.waiting:
            if fill.client_id is not None:
                await self._look_up(fill.instrument, fill.client_id)
        await self._balances()

    async def _orders(self) -> None:
        before = {order_key(each): each for each in self._fills.open_orders}
        told = await self._open_orders()
        self._doubt_all(told)
        found = {order_key(each): each for each in told}
        for each in found.values():
            self._tell(each)
        for key, order in before.items():
            known = self._fills.find(key)
            if any(_may_be(row, order) for row in unreadable_rows(told)):
                self._doubt(order)
                continue
            if key in found or known is None or known.client_id is None:
                continue
            if known.state is not order.state or known.filled != order.filled:
                continue  # the stream said more meanwhile
            await self._look_up(known.instrument, known.client_id)

    async def _look_up(self, instrument: InstrumentId, client_id: OrderId) -> None:
        try:
            order = await self._venue.order(instrument, client_id)
        except UnreadableReply as error:
            why = UnreadableRow("look-up", error.message, "", instrument, client_id=client_id)
            self._doubt(why)
            for known in self._fills.open_orders:
                if known.client_id == client_id:
                    self._doubt(known)
            return
        if order is not None:
            self._tell(order)

    async def _open_orders(self) -> Sequence[OrderReport]:
        try:
            return await self._venue.open_orders()
        except Rejected:
            if not self._instruments:
                return []
        lists = [await self._venue.open_orders(each) for each in tuple(self._instruments)]
        return ParsedRows(
            (order for each in lists for order in each),
            (row for each in lists for row in unreadable_rows(each)),
        )

    def _doubt_all(self, rows: Sequence[object]) -> None:
        for row in unreadable_rows(rows):
            self._doubt(row)

    async def _positions(self) -> None:
        count = self._touched.count()
        rows = await self._venue.positions()
        self._doubt_all(rows)
        unread = {row.instrument for row in unreadable_rows(rows)}
        found = [self._holdings.as_known(each) for each in rows]
        gone = [
            _flat(each)
            for each in self._holdings.missing_positions(found)
            if not unread & {None, each.instrument}
        ]
        for each in (*found, *gone):
            if not self._touched.since(each.instrument, count):
                self._tell(each)

    async def _fills_of(self, instrument: InstrumentId) -> None:
        start = FillCursor(since_ms=self._since_ns // _MS_NS)
        cursor = self.cursors.get(instrument, str(start))
        for _ in range(MOST_PAGES):
            page = await self._venue.fills(instrument, cursor)
            for row in page.unreadable:
                self._doubt(row)
            for fill in page.fills:
                if fill.event_ns < self._since_ns and instrument not in self._read_on:
                    self._fills.note(fill)
                else:
                    self._tell(fill)
            cursor = self.cursors[instrument] = page.cursor
            if page.complete:
                break

    async def _balances(self) -> None:
        count = self._touched.count()
        rows = await self._venue.balances()
        self._doubt_all(rows)
        unread = {row.asset for row in unreadable_rows(rows)}
        there = {each.asset for each in rows} | unread
        spent = [
            Balance(each.asset, ZERO, ZERO)
            for each in self._holdings.balances
            if each.asset not in there and "" not in unread
        ]
        for each in (*rows, *spent):
            if not self._touched.since(each.asset, count):
                self._tell(each)


def _may_be(row: UnreadableRow, order: OrderReport) -> bool:
    """Whether a row that cannot be read may be of this order."""
    if row.venue_order_id:
        return row.venue_order_id == order.venue_order_id
    if row.client_id is not None:
        return row.client_id == order.client_id
    return row.instrument in {None, order.instrument}


def _flat(position: PositionReport) -> PositionReport:
    """The same, gone; of the moment at which it was last heard of."""
    return replace(
        position,
        quantity=ZERO,
        entry_price=ZERO,
        liquidation_price=None,
        unrealised_pnl=None,
        event_ns=position.event_ns + 1,
    )


def subject_of(report: Report) -> Subject | None:
    """What an order of time between two sources is kept of: assets and positions."""
    match report:
        case Balance():
            return report.asset
        case PositionReport():
            return report.instrument
        case OrderReport() | FillReport():
            return None
