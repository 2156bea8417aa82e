"""REST polling beside an account stream: it reports what the stream did not deliver.

A poll requests everything: open orders, positions, fills since the end of the last poll, balances.
What is known already is not reported. It must never undo what the stream delivered meanwhile: of a
reply only that counts which the stream has not reported on since the request.

1. Open orders. An order that is open here and not in the reply is looked up. An unreadable row is
   reported, and what it may concern is taken neither for closed nor flat nor zero; one order that
   cannot be read is in doubt and delays nothing else.
2. Positions, then fills of every instrument that this account is known to have traded. An order of
   ours that is known only by its fills is looked up.
3. Balances.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO, OrderId
from bowline.core.venue import Balance, FillReport, OrderReport, PositionReport
from bowline.venues.account_codec import AccountReport
from bowline.venues.errors import Rejected, UnreadableReply
from bowline.venues.protocol import ParsedRows, UnreadableRow, Venue, unreadable_rows
from bowline.venues.rest.fills import FillCursor
from bowline.venues.stream.account_state import AccountHoldings, AccountOrders, order_key

_MS_NS = 1_000_000
#: pages of fills per instrument and poll; the rest follows in the next poll
MAX_PAGES = 50
#: instruments that are requested one by one: fills, and open orders where the venue wants that
MAX_INSTRUMENTS = 200

#: the asset or the instrument that a report concerns
Subject = str | InstrumentId


class StreamUpdates(Protocol):
    """When the stream last reported on each subject, as a counter that only increases."""

    def count(self) -> int:
        """The counter now."""

    def since(self, subject: Subject, count: int) -> bool:
        """Whether it reported on the subject after that count."""


class RestPoller:
    """Polls one account; `report` gets every report, `report_unreadable` what cannot be read.

    Fills before `since_ns` are remembered and not reported, except for instruments with a cursor:
    there everything after the cursor is reported.
    """

    def __init__(
        self,
        venue: Venue,
        orders: AccountOrders,
        holdings: AccountHoldings,
        stream_updates: StreamUpdates,
        report: Callable[[AccountReport], None],
        report_unreadable: Callable[[UnreadableRow | OrderReport], None],
        *,
        instruments: Iterable[InstrumentId] = (),
        cursors: Mapping[InstrumentId, str] | None = None,
        since_ns: int,
    ) -> None:
        self._venue = venue
        self._orders = orders
        self._holdings = holdings
        self._stream_updates = stream_updates
        self._report = report
        self._report_unreadable = report_unreadable
        #: in the order in which they were first seen
        self._instruments = dict.fromkeys(instruments)
        #: the start of the next page of fills; the caller keeps it for a restart
        self.cursors = dict(cursors or {})
        self._since_ns = since_ns
        self._resumed = frozenset(self.cursors)

    def add_instrument(self, instrument: InstrumentId) -> None:
        """From now on the fills of this instrument are polled."""
        if len(self._instruments) < MAX_INSTRUMENTS:
            self._instruments.setdefault(instrument)

    async def poll(self) -> None:
        """Request everything once. Raises VenueError."""
        await self._poll_orders()
        await self._poll_positions()
        for instrument in tuple(self._instruments):
            await self._poll_fills(instrument)
        for fill in self._orders.fills_without_order:
            if fill.client_id is not None:
                await self._look_up(fill.instrument, fill.client_id)
        await self._poll_balances()

    async def _poll_orders(self) -> None:
        before = {order_key(each): each for each in self._orders.open_orders}
        rows = await self._fetch_open_orders()
        self._report_all_unreadable(rows)
        found = {order_key(each): each for each in rows}
        for each in found.values():
            self._report(each)
        for key, order in before.items():
            known = self._orders.find(key)
            if any(_may_concern(row, order) for row in unreadable_rows(rows)):
                self._report_unreadable(order)
                continue
            if key in found or known is None or known.client_id is None:
                continue
            if known.state is not order.state or known.filled != order.filled:
                continue  # the stream reported on it meanwhile
            await self._look_up(known.instrument, known.client_id)

    async def _look_up(self, instrument: InstrumentId, client_id: OrderId) -> None:
        try:
            order = await self._venue.order(instrument, client_id)
        except UnreadableReply as error:
            row = UnreadableRow("look-up", error.message, "", instrument, client_id=client_id)
            self._report_unreadable(row)
            for known in self._orders.open_orders:
                if known.client_id == client_id:
                    self._report_unreadable(known)
            return
        if order is not None:
            self._report(order)

    async def _fetch_open_orders(self) -> Sequence[OrderReport]:
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

    def _report_all_unreadable(self, rows: Sequence[object]) -> None:
        for row in unreadable_rows(rows):
            self._report_unreadable(row)

    async def _poll_positions(self) -> None:
        count = self._stream_updates.count()
        rows = await self._venue.positions()
        self._report_all_unreadable(rows)
        unread = {row.instrument for row in unreadable_rows(rows)}
        found = [self._holdings.with_known_mode(each) for each in rows]
        closed = [
            _closed(each)
            for each in self._holdings.missing_positions(found)
            if not unread & {None, each.instrument}
        ]
        for each in (*found, *closed):
            if not self._stream_updates.since(each.instrument, count):
                self._report(each)

    async def _poll_fills(self, instrument: InstrumentId) -> None:
        start = FillCursor(since_ms=self._since_ns // _MS_NS)
        cursor = self.cursors.get(instrument, str(start))
        for _ in range(MAX_PAGES):
            page = await self._venue.fills(instrument, cursor)
            for row in page.unreadable:
                self._report_unreadable(row)
            for fill in page.fills:
                if fill.event_ns < self._since_ns and instrument not in self._resumed:
                    self._orders.record(fill)
                else:
                    self._report(fill)
            cursor = self.cursors[instrument] = page.cursor
            if page.complete:
                break

    async def _poll_balances(self) -> None:
        count = self._stream_updates.count()
        rows = await self._venue.balances()
        self._report_all_unreadable(rows)
        unread = {row.asset for row in unreadable_rows(rows)}
        there = {each.asset for each in rows} | unread
        zeroed = [
            Balance(each.asset, ZERO, ZERO)
            for each in self._holdings.balances
            if each.asset not in there and "" not in unread
        ]
        for each in (*rows, *zeroed):
            if not self._stream_updates.since(each.asset, count):
                self._report(each)


def _may_concern(row: UnreadableRow, order: OrderReport) -> bool:
    """Whether an unreadable row may be about this order."""
    if row.venue_order_id:
        return row.venue_order_id == order.venue_order_id
    if row.client_id is not None:
        return row.client_id == order.client_id
    return row.instrument in {None, order.instrument}


def _closed(position: PositionReport) -> PositionReport:
    """The same position closed, just after its last report."""
    return replace(
        position,
        quantity=ZERO,
        entry_price=ZERO,
        liquidation_price=None,
        unrealised_pnl=None,
        event_ns=position.event_ns + 1,
    )


def subject_of(report: AccountReport) -> Subject | None:
    """The asset or instrument of a balance or position; None for orders and fills.

    Stream and REST are ordered in time by subject; orders and fills order themselves.
    """
    match report:
        case Balance():
            return report.asset
        case PositionReport():
            return report.instrument
        case OrderReport() | FillReport():
            return None
