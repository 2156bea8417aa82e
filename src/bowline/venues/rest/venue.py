"""One account in one market of a venue over REST; the quirk table holds the differences.

It must never send an order twice, take a missing reply for a refusal, or return types or values of
ccxt or the venue. Its only state is the listings and the margin mode that was set last.

An operation:
1. Signed requests need the venue's time, which is measured when due. An entry is refused while the
   time is uncertain; an exit is not.
2. The table says what to send, `request` fills in the variables, ccxt signs, the transport sends
   and classifies.
3. ccxt makes rows of the reply, `parse` makes records. An unreadable reply is `Unknown` for an
   order and `Retryable` for a read.
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
from bowline.venues.protocol import FillPage, KeyRights, ParsedRows, UnreadableRow
from bowline.venues.rate_limits import Priority, RateLimiter
from bowline.venues.rest import parse, request, rows
from bowline.venues.rest.classify import ReplyMeaning, value_at
from bowline.venues.rest.client import Credentials, parse_errors
from bowline.venues.rest.fills import FillCursor, FillRequests, fetch_fill_page
from bowline.venues.rest.quirks import RestCall, VenueQuirks
from bowline.venues.rest.row_parser import RowParser
from bowline.venues.rest.session import RestSession
from bowline.venues.rest.transport import TIMEOUT_S

_MS_NS = 1_000_000
_log = logging.getLogger(__name__)


class RestVenue:
    """A `Venue` of the protocol. All markets of a venue share `rate_limiter` and `clock`."""

    def __init__(
        self,
        market: Market,
        quirks: VenueQuirks,
        *,
        rate_limiter: RateLimiter,
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
        self._session = RestSession(
            market,
            quirks,
            rate_limiter=rate_limiter,
            clock=clock,
            account=account,
            credentials=credentials,
            url=url,
            timeout_s=timeout_s,
        )
        self._row_parser = RowParser(market, quirks, self._session, clock)
        self._listings: Listings | None = None
        self._loading, self._measuring = asyncio.Lock(), asyncio.Lock()
        #: margin mode and leverage set last, by instrument; None: the default
        self._margin: dict[InstrumentId | None, tuple[MarginMode, int | None]] = {
            None: (margin_mode, None)
        }
        self._ordered: set[InstrumentId] = set()
        self._account: str | None = None

    # --- public ---------------------------------------------------------------------------------

    @property
    def candles_per_page(self) -> int:
        """How many minutes one request for candles covers at most."""
        return self._quirks.candles.page_size

    async def server_time_ns(self) -> int:
        """The venue's clock, ns UTC."""
        async with self._session.operation("time"):
            time_ms = await self._session.client.fetch_time()
            return int(str(time_ms)) * _MS_NS

    async def listings(self) -> tuple[Listing, ...]:
        """All readable listings of this market, requested again."""
        async with self._session.operation("listings"):
            (listed, nameless), lost = await self._session.skip_unreadable_rows(
                self._session.load_markets
            )
            found = self._row_parser.listings(listed, [*nameless, *lost])
        self._listings = Listings(_without_duplicates(found))
        return self._listings.all

    async def candles(self, listing: Listing, start_ns: int, end_ns: int) -> CandleFrame:
        """Closed one-minute candles within the window, at most one page from its start.

        Closed by the venue's time: with a fast local clock a forming candle would count as closed.
        Raises TooOld for candles that the venue does not serve any more.
        """
        rules = self._quirks.candles
        await self._loaded_listings()
        now_ns = await self.venue_now_ns() - (self.clock.error_ns() or 0)
        start_ns = -(-start_ns // MINUTE_NS) * MINUTE_NS
        end_ns = min(end_ns, start_ns + rules.page_size * MINUTE_NS, now_ns)
        if end_ns - start_ns < MINUTE_NS:
            return empty_frame(listing.instrument.id, Timeframe.M1)
        oldest_ns = now_ns - (rules.retained - 1) * MINUTE_NS if rules.retained else 0
        if start_ns < oldest_ns:
            raise TooOld(f"{self.market.name} serves only its newest {rules.retained} candles")
        async with self._session.operation("candles"):
            rows = await self._session.client.fetch_ohlcv(
                self._session.market(listing)["symbol"],
                "1m",
                since=start_ns // _MS_NS,
                limit=rules.page_size if rules.sends_limit else None,
                params={"until": end_ns // _MS_NS - 1},
            )
            unit = listing.instrument.contract_size if rules.in_contracts else ONE
            return parse.parse_candles(rows, listing, (start_ns, end_ns), unit)

    async def venue_now_ns(self) -> int:
        """The estimated venue time, ns UTC. Raises VenueError if it was never measured."""
        try:
            await self._measure()
        except (Retryable, Rejected):
            if self.clock.measured is None:
                raise
        return self.clock.now_ns()

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    # --- orders ---------------------------------------------------------------------------------

    async def place(self, order: OrderRequest) -> OrderReport:
        """Send an order once. Acceptance does not mean that it works: see `order`."""
        placing = self._quirks.placing
        request.check_order(placing, order)
        variables = request.order_variables(order, await self._listing(order.instrument))
        variables |= await self._variables(order.instrument)
        params = request.order_params(self._quirks, order, variables)
        await self._check_clock(entering=not order.reduce_only)
        self._ordered.add(order.instrument)
        priority = Priority.EXIT if order.reduce_only else Priority.ENTRY
        async with self._session.operation("place", priority, order=True, moves_money=True):
            reply = await self._session.send(placing.call, params)
            venue_order_id = value_at(value_at(reply, placing.call.rows), placing.order_id)
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
        """Request the cancellation of an order; Rejected if the venue no longer has it open."""
        variables = await self._variables(instrument) | request.id_variables(client_id)
        await self._check_clock()
        async with self._session.operation("cancel", Priority.EXIT, order=True, moves_money=True):
            await self._session.call(self._quirks.cancel, variables)

    async def order(self, instrument: InstrumentId, client_id: OrderId) -> OrderReport | None:
        """Look up an order by our id, open or closed; None if the venue finds none."""
        variables = await self._variables(instrument) | request.id_variables(client_id)
        listing = await self._listing(instrument)
        await self._check_clock()
        for call in self._quirks.lookup:
            async with self._session.operation("look-up", Priority.EXIT) as operation:
                try:
                    reply = await self._session.call(call, variables)
                except Rejected:
                    if (
                        operation.classified is None
                        or operation.classified.meaning is not ReplyMeaning.NOT_FOUND
                    ):
                        raise
                    continue
                found = parse.found_orders(reply, call.rows)
                reports = [await self._parse_order(row, listing) for row in found]
                for report in reports:
                    if report.client_id == client_id:
                        return report
                if reports:
                    raise ValueError("the reply has another order than the one requested")
        return None

    async def open_orders(self, instrument: InstrumentId | None = None) -> ParsedRows[OrderReport]:
        """Every open order, ours or not; all pages. See `Venue`."""
        listings = await self._loaded_listings()
        variables = await self._variables(instrument)
        call, pages = self._quirks.open_orders, self._quirks.open_pages
        if instrument is None and self._quirks.open_orders_per_instrument:
            raise self._unsupported("listing open orders of all instruments")
        await self._check_clock()
        async with self._session.operation("open orders" if instrument else "all open orders"):
            found = await self._session.rows(call, variables, pages)
            listed = await self._with_listings(found, listings)
            wanted = [each for each in listed if instrument in {None, each[1].instrument.id}]
            return await self._parse_orders(wanted)

    async def fills(self, instrument: InstrumentId, cursor: str = "") -> FillPage:
        """Fills after `cursor`; without one, from the oldest that the venue serves."""
        rules, beginning = self._quirks.fills, FillCursor.parse(cursor)
        listing = await self._listing(instrument)
        variables = await self._variables(instrument)
        await self._check_clock()

        async def page(window: dict[str, object]) -> list[Any]:
            return await self._session.rows(rules.call, variables | window)

        async def pages(window: dict[str, object]) -> list[Any]:
            return await self._session.rows(rules.call, variables | window, rules.pages)

        def read(found: list[Any]) -> ParsedRows[FillReport]:
            name = f"{self.market.name} fills"
            named = ((row, instrument) for row in found)
            return rows.parse_rows(name, named, lambda row: self._row_parser.fill(row, listing))

        async with self._session.operation("fills"):
            requests = FillRequests(page, pages, read)
            return await fetch_fill_page(rules, beginning, self.clock.now_ms(), requests)

    # --- the account ----------------------------------------------------------------------------

    async def balances(self) -> ParsedRows[Balance]:
        """The account's balances without zero balances. See `Venue`."""
        await self._loaded_listings()
        await self._check_clock()
        name = f"{self.market.name} balances"
        async with self._session.operation("balances"):
            found, lost = await self._session.skip_unreadable_rows(
                lambda: self._session.client.fetch_balance(dict(self._quirks.balance))
            )
            return rows.balances(name, found, lost, self._quirks.balance_extra)

    async def positions(self) -> ParsedRows[PositionReport]:
        """Every open position; none on spot. See `Venue`."""
        call = self._quirks.positions
        if call is None:
            return ParsedRows()
        listings = await self._loaded_listings()
        await self._check_clock()
        async with self._session.operation("positions"):
            variables, pages = await self._variables(None), self._quirks.position_pages
            listed = await self._with_listings(
                await self._session.rows(call, variables, pages), listings
            )
            return rows.mark_hedged(rows.parse_rows(
                f"{self.market.name} positions",
                ((each, each[1].instrument.id) for each in listed),
                lambda each: self._row_parser.position(*each),
            ))  # fmt: skip

    async def set_leverage(
        self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode
    ) -> None:
        """Set leverage and margin mode; a success if already set so."""
        if not self._quirks.leverage or mode not in self._quirks.margin_modes:
            raise self._unsupported(f"margin mode {mode.value} with leverage {leverage}")
        variables = await self._variables(instrument)
        variables |= request.leverage_variables(self._venue, leverage, mode)
        await self._check_clock()
        for call in await self._leverage_calls(instrument):
            try:
                async with self._session.operation("set leverage"):
                    await self._session.call(call, variables)
            except Rejected as refused:
                if not (self._in_use(refused) and await self._margin_is(instrument, mode)):
                    raise
        self._margin[instrument] = (mode, int(leverage))

    async def _leverage_calls(self, instrument: InstrumentId) -> tuple[RestCall, ...]:
        hedged = self._quirks.leverage_hedged
        if hedged and await self.position_mode(instrument) is PositionMode.HEDGE:
            return hedged
        return self._quirks.leverage

    async def position_mode(self, instrument: InstrumentId) -> PositionMode:
        """Whether the account holds one position per instrument or two."""
        call = self._quirks.position_mode
        if call is None:
            raise self._unsupported("position modes")
        variables = await self._variables(instrument)
        await self._check_clock()
        async with self._session.operation("position mode"):
            reply = value_at(await self._session.call(call, variables), call.rows)
            said = parse.flag_values(value_at(reply, self._quirks.position_mode_path))
            if not said:
                raise ValueError("no position mode")
        hedged = said & set(self._quirks.hedge_values)
        return PositionMode.HEDGE if hedged else PositionMode.ONE_WAY

    async def set_position_mode(self, instrument: InstrumentId, mode: PositionMode) -> None:
        """Change the position mode; a success if already set so."""
        call = self._quirks.set_position_mode
        if call is None:
            raise self._unsupported("position modes")
        variables = await self._variables(instrument) | request.mode_variables(self._venue, mode)
        await self._check_clock()
        try:
            async with self._session.operation("set position mode"):
                await self._session.call(call, variables)
        except Rejected as refused:
            if not (self._in_use(refused) and await self.position_mode(instrument) is mode):
                raise

    def _in_use(self, refused: Rejected) -> bool:
        """Whether it was refused only because something is open."""
        return refused.code in self._venue.codes.in_use

    async def _margin_is(self, instrument: InstrumentId, mode: MarginMode) -> bool:
        """Whether the open position has this margin mode."""
        modes = {p.margin_mode for p in await self.positions() if p.instrument == instrument}
        return modes == {mode}

    async def cancel_all_after(self, seconds: int) -> None:
        """Arm the venue's dead-man switch; 0 disarms it. Rejected if the venue has none."""
        switch = self._quirks.deadman
        if switch is None:
            raise self._unsupported("a dead-man switch")
        in_reach = switch.least_s <= seconds <= switch.most_s
        if not (in_reach if seconds else switch.can_disarm):
            raise self._unsupported(f"a dead-man switch of {seconds} s")
        instruments: Sequence[InstrumentId | None] = [None]
        if switch.per_symbol:
            open_now = [order.instrument for order in await self.open_orders()]
            instruments = sorted({*self._ordered, *open_now})
        await self._check_clock()
        for instrument in instruments:
            variables = await self._variables(instrument) | request.deadman_variables(seconds)
            async with self._session.operation("dead-man switch", Priority.EXIT):
                await self._session.call(switch.call, variables)

    async def key_rights(self) -> KeyRights:
        """The rights of the API key."""
        rights = self._quirks.rights
        if rights is None:
            return KeyRights(trade=None, withdraw=None, ip_bound=None)
        await self._check_clock()
        async with self._session.operation("key rights"):
            reply = await self._session.call(rights.call, await self._variables(None))
            return parse.parse_key_rights(value_at(reply, rights.call.rows), rights)

    async def stream_key(self, kept: str = "") -> str:
        """The listen key or account id for the private stream; empty if the venue needs none.

        With `kept` the given key is kept alive instead.
        """
        if not kept:
            return await self._value("stream key", self._quirks.stream_key)
        await self._value("stream key", self._quirks.stream_keep_alive, {"$stream_key": kept})
        return kept

    # --- what an operation needs ----------------------------------------------------------------

    async def _loaded_listings(self) -> Listings:
        async with self._loading:
            if self._listings is None:
                await self.listings()
            assert self._listings is not None
            return self._listings

    async def _listing(self, instrument: InstrumentId) -> Listing:
        try:
            return (await self._loaded_listings()).of(instrument)
        except KeyError:
            raise Rejected(f"{self.market.name} does not list {instrument.symbol}") from None

    async def _measure(self) -> None:
        """Measure the venue's time if it is due."""
        async with self._measuring:
            if self.clock.measurement_due():
                await self.clock.measure(self.server_time_ns)

    async def _check_clock(self, *, entering: bool = False) -> None:
        """Measure the time if due. Raises Retryable if an entry must not be sent now."""
        try:
            await self._measure()
        except (Retryable, Rejected):
            # an exit is tried with the time known so far; an entry is refused below
            if entering:
                raise
        if entering and (problem := self.clock.problem()):
            raise Retryable(f"{self.market.name}: {problem}", after_s=1.0, code="clock")

    async def _value(
        self, name: str, call: RestCall | None, variables: Mapping[str, object] | None = None
    ) -> str:
        """A value of a reply; ValueError, which becomes Retryable, if it is missing."""
        if call is None:
            return ""
        await self._check_clock()
        async with self._session.operation(name, no_content=call.no_content):
            reply = await self._session.call(call, variables or {})
            if not call.rows:
                return ""
            found = value_at(reply, call.rows)
            if found in {None, ""}:
                raise ValueError(f"no {name}")
            return str(found)

    async def _variables(self, instrument: InstrumentId | None) -> dict[str, object]:
        listing = None if instrument is None else await self._listing(instrument)
        mode, leverage = self._margin.get(instrument, self._margin[None])
        margin = {"$mode": self._venue.margin_mode_values.get(mode), "$leverage_int": leverage}
        if self._quirks.needs_account and self._account is None:
            await self._check_clock()
            self._account = await self._session.account_id()
        return request.instrument_variables(listing) | margin | {"$account": self._account}

    async def _with_listings(
        self, found: list[Any], listings: Listings
    ) -> list[tuple[Any, Listing]]:
        """Each row with its listing, without rows of other markets in the same reply.

        For an unknown symbol the listings are requested again before its row is left out.
        """
        named = [(row, str(value_at(row, self._quirks.symbol_path))) for row in found]
        by_word = {each.venue_symbol: each for each in listings.all}
        if not {word for _, word in named} <= by_word.keys():
            by_word = {each.venue_symbol: each for each in await self.listings()}
        return [(row, by_word[word]) for row, word in named if word in by_word]

    async def _parse_orders(self, listed: list[tuple[Any, Listing]]) -> ParsedRows[OrderReport]:
        """Each order; of an unreadable one what can be read."""
        found: list[OrderReport] = []
        lost: list[UnreadableRow] = []
        for row, listing in listed:
            try:
                found.append(await self._parse_order(row, listing))
            except parse_errors() as error:
                prefix, now_ns = self._venue.client_id_prefix, self.clock.now_ns()
                name = f"{self.market.name} open orders"
                lost.append(rows.unreadable_order(name, row, error, listing, prefix))
                unknown = rows.unknown_order(row, listing, prefix, now_ns, self._quirks.sides)
                found += [unknown] if unknown is not None else []
        return ParsedRows(found, lost)

    async def _parse_order(self, row: Any, listing: Listing) -> OrderReport:  # noqa: ANN401 - JSON
        """An order. One that closes a whole position gets the side opposite to the position."""
        quirks, side = self._quirks, None
        if any(value_at(row, path) is True for path in quirks.close_paths) and not int(row["size"]):
            side = rows.closing_side(str(value_at(row, quirks.close_side_path)))
            if side is None:
                side = rows.closing_side_of_position(await self.positions(), listing.instrument.id)
        return self._row_parser.order(row, listing, side)

    def _unsupported(self, what: str) -> Rejected:
        return Rejected(f"{self.market.name} does not support {what}")


def _without_duplicates(listings: list[Listing]) -> list[Listing]:
    """One listing for each id and each venue symbol; ambiguous ones are left out."""
    by_id: dict[InstrumentId, Listing] = {}
    venue_symbols: set[str] = set()
    for each in listings:
        twin = by_id.setdefault(each.instrument.id, each)
        if twin is not each or each.venue_symbol in venue_symbols:
            _log.warning("ambiguous listing left out", extra={"venue_symbol": each.venue_symbol})
            continue
        venue_symbols.add(each.venue_symbol)
    return [each for each in by_id.values() if each.venue_symbol in venue_symbols]
