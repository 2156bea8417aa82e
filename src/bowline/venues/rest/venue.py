"""One account in one market of a venue, over REST: the same for all, told by a quirk table.

It must never send an order twice, take silence for a refusal, or let a word of ccxt or of the
venue out. It keeps no truth of its own: only what the venue listed, and the margin mode it was
last told to use.

An operation:
1. Whoever signs needs the time: it is measured when it is due. An entry is refused while the
   time is in doubt; a way out is not.
2. The table says what to ask, `asking` gives the words their values, ccxt signs, the transport
   sends and judges.
3. ccxt makes rows of the reply, `reading` makes records of them. A reply that cannot be read is
   `Unknown` for an order and `Retryable` for a read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from bowline.core.model.instrument import InstrumentId, Market
from bowline.core.model.market import CandleFrame, empty_frame
from bowline.core.model.order import OrderState
from bowline.core.model.values import MINUTE_NS, ONE, ZERO, OrderId, Timeframe
from bowline.core.venue import (
    Balance,
    FillReport,
    Listing,
    Listings,
    MarginMode,
    OrderReport,
    OrderRequest,
    PositionMode,
    PositionReport,
)
from bowline.venues.clock import VenueClock
from bowline.venues.errors import Rejected, Retryable, TooOld
from bowline.venues.limits import Lane, Limits
from bowline.venues.protocol import FillPage, KeyRights, Told, UnreadableRow
from bowline.venues.rest import asking, reading, rows
from bowline.venues.rest.client import Credentials, trips
from bowline.venues.rest.fills import Asking, Cursor, read_page
from bowline.venues.rest.judging import Meaning, at
from bowline.venues.rest.line import Line
from bowline.venues.rest.quirks import Call, Quirks
from bowline.venues.rest.row_reader import RowReader
from bowline.venues.rest.transport import TIMEOUT_S

_MS_NS = 1_000_000
_log = logging.getLogger(__name__)


class RestVenue:
    """A `Venue` of the protocol. `limits` and `clock` are shared by all markets of the venue."""

    def __init__(
        self,
        market: Market,
        quirks: Quirks,
        *,
        limits: Limits,
        clock: VenueClock,
        account: str = "",
        credentials: Credentials | None = None,
        url: str = "",
        margin_mode: MarginMode = MarginMode.CROSS,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.market = market
        self._venue, self._quirks = quirks, quirks.markets[market.kind]
        self.clock = clock
        self._line = Line(
            market,
            quirks,
            limits=limits,
            clock=clock,
            account=account,
            credentials=credentials,
            url=url,
            timeout_s=timeout_s,
        )
        self._reader = RowReader(market, quirks, self._line, clock)
        self._listings: Listings | None = None
        self._loading, self._measuring = asyncio.Lock(), asyncio.Lock()
        #: by instrument what it was last told; the others have the first, and no leverage known
        self._margin: dict[InstrumentId | None, tuple[MarginMode, int | None]] = {
            None: (margin_mode, None)
        }
        self._ordered: set[InstrumentId] = set()
        self._account: str | None = None

    # --- public ---------------------------------------------------------------------------------

    @property
    def candles_a_page(self) -> int:
        """How many minutes one request for candles covers at most."""
        return self._quirks.candles.page

    async def server_time_ns(self) -> int:
        """The venue's clock, UTC."""
        async with self._line.asking("time"):
            time_ms = await self._line.client.fetch_time()
            return int(str(time_ms)) * _MS_NS

    async def listings(self) -> tuple[Listing, ...]:
        """Everything the venue lists in this market that can be read, asked anew."""
        async with self._line.asking("listings"):
            listed, lost = await self._line.salvaged(
                lambda: self._line.client.load_markets(reload=True)
            )
            found = self._reader.listings(listed, lost)
        self._listings = Listings(_without_twins(found))
        return self._listings.all

    async def candles(self, listing: Listing, start_ns: int, end_ns: int) -> CandleFrame:
        """Closed one-minute candles within the window, at most the venue's page from its start.

        Closed by the venue's time: by a local clock that is ahead a forming candle would count.
        Raises TooOld for what is older than the venue tells.
        """
        rules = self._quirks.candles
        await self._known()
        now_ns = await self.venue_now_ns() - (self.clock.error_ns() or 0)
        start_ns = -(-start_ns // MINUTE_NS) * MINUTE_NS
        end_ns = min(end_ns, start_ns + rules.page * MINUTE_NS, now_ns)
        if end_ns - start_ns < MINUTE_NS:
            return empty_frame(listing.instrument.id, Timeframe.M1)
        oldest_ns = now_ns - (rules.keeps - 1) * MINUTE_NS if rules.keeps else 0
        if start_ns < oldest_ns:
            raise TooOld(f"{self.market.name} tells its newest {rules.keeps} candles alone")
        async with self._line.asking("candles"):
            rows = await self._line.client.fetch_ohlcv(
                self._line.market(listing)["symbol"],
                "1m",
                since=start_ns // _MS_NS,
                limit=rules.page if rules.sends_limit else None,
                params={"until": end_ns // _MS_NS - 1},
            )
            unit = listing.instrument.contract_size if rules.in_contracts else ONE
            return reading.read_candles(rows, listing, (start_ns, end_ns), unit)

    async def venue_now_ns(self) -> int:
        """The venue's time as it is known here. Raises VenueError before it was ever measured."""
        try:
            await self._measure()
        except (Retryable, Rejected):
            if self.clock.measured is None:
                raise
        return self.clock.now_ns()

    async def close(self) -> None:
        """Let go of every connection."""
        await self._line.close()

    # --- orders ---------------------------------------------------------------------------------

    async def place(self, order: OrderRequest) -> OrderReport:
        """Send an order once. That the venue took it is not that it works: see `order`."""
        placing = self._quirks.placing
        asking.check_order(placing, order)
        words = asking.order_words(order, await self._listing(order.instrument))
        words |= await self._words(order.instrument)
        params = asking.order_params(self._quirks, order, words)
        await self._ready(entering=not order.reduce_only)
        self._ordered.add(order.instrument)
        lane = Lane.EXIT if order.reduce_only else Lane.ENTRY
        async with self._line.asking("place", lane, order=True, moves_money=True):
            reply = await self._line.send(placing.call, params)
            venue_order_id = at(at(reply, placing.call.rows), placing.order_id)
            if venue_order_id in {None, ""}:
                raise ValueError("no order id")
        return OrderReport(
            venue_order_id=str(venue_order_id),
            client_id=order.client_id,
            instrument=order.instrument,
            side=order.side,
            quantity=order.quantity,
            filled=ZERO,
            state=OrderState.PENDING,
            event_ns=self.clock.now_ns(),
            price=order.price,
            reduce_only=order.reduce_only,
        )

    async def cancel(self, instrument: InstrumentId, client_id: OrderId) -> None:
        """Ask for an order to be cancelled; Rejected if the venue no longer has it open."""
        words = await self._words(instrument) | asking.id_words(client_id)
        await self._ready()
        async with self._line.asking("cancel", Lane.EXIT, order=True, moves_money=True):
            await self._line.call(self._quirks.cancel, words)

    async def order(self, instrument: InstrumentId, client_id: OrderId) -> OrderReport | None:
        """Look an order up by our id, among open and closed ones; None: the venue finds none."""
        words = await self._words(instrument) | asking.id_words(client_id)
        listing = await self._listing(instrument)
        await self._ready()
        for call in self._quirks.lookup:
            async with self._line.asking("look-up", Lane.EXIT) as sending:
                try:
                    reply = await self._line.call(call, words)
                except Rejected:
                    if sending.verdict is None or sending.verdict.meaning is not Meaning.NOT_FOUND:
                        raise
                    continue
                found = reading.looked_up(reply, call.rows)
                reports = [await self._order_of(row, listing) for row in found]
                for report in reports:
                    if report.client_id == client_id:
                        return report
                if reports:
                    raise ValueError("another order than the one that was asked for")
        return None

    async def open_orders(self, instrument: InstrumentId | None = None) -> Told[OrderReport]:
        """Every open order, ours or not; all pages. See `Venue`."""
        listings = await self._known()
        words = await self._words(instrument)
        call, pages = self._quirks.open_orders, self._quirks.open_pages
        if instrument is None and self._quirks.open_by_instrument:
            raise self._cannot("list of open orders but one for each instrument")
        await self._ready()
        async with self._line.asking("open orders" if instrument else "all open orders"):
            found = await self._line.rows(call, words, pages)
            listed = await self._listed(found, listings)
            wanted = [each for each in listed if instrument in {None, each[1].instrument.id}]
            return await self._orders_of(wanted)

    async def fills(self, instrument: InstrumentId, cursor: str = "") -> FillPage:
        """Executions after `cursor`; without one, from the oldest the venue still tells."""
        rules, beginning = self._quirks.fills, Cursor.parse(cursor)
        listing = await self._listing(instrument)
        words = await self._words(instrument)
        await self._ready()

        async def page(window: dict[str, object]) -> list[Any]:
            return await self._line.rows(rules.call, words | window)

        async def pages(window: dict[str, object]) -> list[Any]:
            return await self._line.rows(rules.call, words | window, rules.pages)

        def read(found: list[Any]) -> Told[FillReport]:
            name = f"{self.market.name} fills"
            named = ((row, instrument) for row in found)
            return rows.each(name, named, lambda row: self._reader.fill(row, listing))

        async with self._line.asking("fills"):
            asked = Asking(page, pages, read)
            return await read_page(rules, beginning, self.clock.now_ms(), asked)

    # --- the account ----------------------------------------------------------------------------

    async def balances(self) -> Told[Balance]:
        """What the account has, zero balances left out. See `Venue`."""
        await self._known()
        await self._ready()
        name = f"{self.market.name} balances"
        async with self._line.asking("balances"):
            found, lost = await self._line.salvaged(
                lambda: self._line.client.fetch_balance(dict(self._quirks.balance))
            )
            return rows.balances(name, found, lost, self._quirks.balance_left_out)

    async def positions(self) -> Told[PositionReport]:
        """Every open position; none on spot. See `Venue`."""
        call = self._quirks.positions
        if call is None:
            return Told()
        listings = await self._known()
        await self._ready()
        async with self._line.asking("positions"):
            words, pages = await self._words(None), self._quirks.position_pages
            listed = await self._listed(await self._line.rows(call, words, pages), listings)
            return rows.each(
                f"{self.market.name} positions",
                ((each, each[1].instrument.id) for each in listed),
                lambda each: self._reader.position(*each),
            )

    async def set_leverage(
        self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode
    ) -> None:
        """Set leverage and margin mode; already set so is a success."""
        if not self._quirks.leverage or mode not in self._quirks.margin_modes:
            raise self._cannot(f"margin mode {mode.value} with leverage {leverage}")
        words = await self._words(instrument)
        words |= asking.leverage_words(self._venue, leverage, mode)
        await self._ready()
        for call in await self._leverage_calls(instrument):
            try:
                async with self._line.asking("set leverage"):
                    await self._line.call(call, words)
            except Rejected as refused:
                if not (self._in_use(refused) and await self._margin_is(instrument, mode)):
                    raise
        self._margin[instrument] = (mode, int(leverage))

    async def _leverage_calls(self, instrument: InstrumentId) -> tuple[Call, ...]:
        hedged = self._quirks.leverage_hedged
        if hedged and await self.position_mode(instrument) is PositionMode.HEDGE:
            return hedged
        return self._quirks.leverage

    async def position_mode(self, instrument: InstrumentId) -> PositionMode:
        """Whether the account holds one position an instrument or two."""
        call = self._quirks.position_mode
        if call is None:
            raise self._cannot("position mode")
        words = await self._words(instrument)
        await self._ready()
        async with self._line.asking("position mode"):
            reply = at(await self._line.call(call, words), call.rows)
            said = reading.texts(at(reply, self._quirks.position_mode_at))
            if not said:
                raise ValueError("no position mode")
        hedged = said & set(self._quirks.hedge_when)
        return PositionMode.HEDGE if hedged else PositionMode.ONE_WAY

    async def set_position_mode(self, instrument: InstrumentId, mode: PositionMode) -> None:
        """Change it; already so is a success."""
        call = self._quirks.set_position_mode
        if call is None:
            raise self._cannot("position mode")
        words = await self._words(instrument) | asking.mode_words(self._venue, mode)
        await self._ready()
        try:
            async with self._line.asking("set position mode"):
                await self._line.call(call, words)
        except Rejected as refused:
            if not (self._in_use(refused) and await self.position_mode(instrument) is mode):
                raise

    def _in_use(self, refused: Rejected) -> bool:
        """Whether it was refused only because something is open."""
        return refused.code in self._venue.codes.in_use

    async def _margin_is(self, instrument: InstrumentId, mode: MarginMode) -> bool:
        """Whether what is open there is margined so."""
        modes = {p.margin_mode for p in await self.positions() if p.instrument == instrument}
        return modes == {mode}

    async def cancel_all_after(self, seconds: int) -> None:
        """Arm the venue's dead-man switch; 0 disarms. Rejected where the venue has none."""
        switch = self._quirks.deadman
        if switch is None:
            raise self._cannot("dead-man switch")
        in_reach = switch.least_s <= seconds <= switch.most_s
        if not (in_reach if seconds else switch.can_disarm):
            raise self._cannot(f"dead-man switch of {seconds} s")
        instruments: Sequence[InstrumentId | None] = [None]
        if switch.per_symbol:
            open_now = [order.instrument for order in await self.open_orders()]
            instruments = sorted({*self._ordered, *open_now})
        await self._ready()
        for instrument in instruments:
            words = await self._words(instrument) | asking.deadman_words(seconds)
            async with self._line.asking("dead-man switch", Lane.EXIT):
                await self._line.call(switch.call, words)

    async def key_rights(self) -> KeyRights:
        """What the key may do."""
        rights = self._quirks.rights
        if rights is None:
            return KeyRights(trade=None, withdraw=None, ip_bound=None)
        await self._ready()
        async with self._line.asking("key rights"):
            reply = await self._line.call(rights.call, await self._words(None))
            return reading.read_rights(at(reply, rights.call.rows), rights)

    async def stream_key(self, kept: str = "") -> str:
        """What the private stream is opened with, empty where it needs nothing; `kept`: keep it.

        A listen key, or the account's number.
        """
        if not kept:
            return await self._told("stream key", self._quirks.stream_key)
        await self._told("stream key", self._quirks.stream_keep, {"$stream_key": kept})
        return kept

    # --- what an operation needs ----------------------------------------------------------------

    async def _known(self) -> Listings:
        async with self._loading:
            if self._listings is None:
                await self.listings()
            assert self._listings is not None
            return self._listings

    async def _listing(self, instrument: InstrumentId) -> Listing:
        try:
            return (await self._known()).of(instrument)
        except KeyError:
            raise self._cannot(f"instrument {instrument.symbol}") from None

    async def _measure(self) -> None:
        """Measure the venue's time, if it is due."""
        async with self._measuring:
            if self.clock.due():
                await self.clock.measure(self.server_time_ns)

    async def _ready(self, *, entering: bool = False) -> None:
        """Measure the time if that is due. Raises Retryable if an entry may not go out now."""
        try:
            await self._measure()
        except (Retryable, Rejected):
            # a way out is tried with the time we have; an entry is refused just below
            if entering:
                raise
        if entering and (trouble := self.clock.trouble()):
            raise Retryable(f"{self.market.name}: {trouble}", after_s=1.0, code="clock")

    async def _told(
        self, name: str, call: Call | None, words: Mapping[str, object] | None = None
    ) -> str:
        """A word of a reply; ValueError, which is `Retryable`, where it should be and is not."""
        if call is None:
            return ""
        await self._ready()
        async with self._line.asking(name):
            reply = await self._line.call(call, words or {})
            if not call.rows:
                return ""
            found = at(reply, call.rows)
            if found in {None, ""}:
                raise ValueError(f"no {name}")
            return str(found)

    async def _words(self, instrument: InstrumentId | None) -> dict[str, object]:
        listing = None if instrument is None else await self._listing(instrument)
        mode, leverage = self._margin.get(instrument, self._margin[None])
        margin = {"$mode": self._venue.margin_words.get(mode), "$leverage_int": leverage}
        if self._quirks.needs_account and self._account is None:
            await self._ready()
            self._account = await self._line.account()
        return asking.instrument_words(listing) | margin | {"$account": self._account}

    async def _listed(self, found: list[Any], listings: Listings) -> list[tuple[Any, Listing]]:
        """Each row with its listing; without the rows of other markets that share the reply.

        A symbol nobody knows may be new: the venue is asked what it lists before it is left out.
        """
        named = [(row, str(at(row, self._quirks.symbol_at))) for row in found]
        by_word = {each.venue_symbol: each for each in listings.all}
        if not {word for _, word in named} <= by_word.keys():
            by_word = {each.venue_symbol: each for each in await self.listings()}
        return [(row, by_word[word]) for row, word in named if word in by_word]

    async def _orders_of(self, listed: list[tuple[Any, Listing]]) -> Told[OrderReport]:
        """Each order; of one that cannot be read what says that it is there."""
        found: list[OrderReport] = []
        lost: list[UnreadableRow] = []
        for row, listing in listed:
            try:
                found.append(await self._order_of(row, listing))
            except trips() as error:
                prefix, now_ns = self._venue.id_prefix, self.clock.now_ns()
                name = f"{self.market.name} open orders"
                lost.append(rows.unreadable_order(name, row, error, listing, prefix))
                doubtful = rows.order_in_doubt(row, listing, prefix, now_ns)
                found += [doubtful] if doubtful is not None else []
        return Told(found, lost)

    async def _order_of(self, row: Any, listing: Listing) -> OrderReport:  # noqa: ANN401 - JSON
        """An order. One that closes whatever there is has the side that the position lacks."""
        quirks, side = self._quirks, None
        if any(at(row, path) is True for path in quirks.closes_at) and not int(row["size"]):
            side = rows.closing_side(str(at(row, quirks.closes_which)))
            if side is None:
                side = rows.against(await self.positions(), listing.instrument.id)
        return self._reader.order(row, listing, side)

    def _cannot(self, what: str) -> Rejected:
        return Rejected(f"{self.market.name} has no {what}")


def _without_twins(listings: list[Listing]) -> list[Listing]:
    """One listing for each id and each venue symbol: what reads like another cannot be meant."""
    by_id: dict[InstrumentId, Listing] = {}
    words: set[str] = set()
    for each in listings:
        twin = by_id.setdefault(each.instrument.id, each)
        if twin is not each or each.venue_symbol in words:
            _log.warning("two listings read alike", extra={"left_out": each.venue_symbol})
            continue
        words.add(each.venue_symbol)
    return [each for each in by_id.values() if each.venue_symbol in words]
