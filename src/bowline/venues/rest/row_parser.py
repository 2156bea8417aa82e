"""Parsing the rows of one market: ccxt's parser, corrected by the venue's quirk table.

It must never send a request; its errors concern one row only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bowline.core.model.instrument import Market
from bowline.core.model.values import Side
from bowline.core.venue import FillReport, Listing, OrderReport, PositionReport
from bowline.venues.clock import VenueClock
from bowline.venues.protocol import ParsedRows
from bowline.venues.rest import parse, rows
from bowline.venues.rest.classify import value_at
from bowline.venues.rest.quirks import VenueQuirks
from bowline.venues.rest.session import RestSession


class RowParser:
    """Parses the rows of one market."""

    def __init__(
        self, market: Market, quirks: VenueQuirks, session: RestSession, clock: VenueClock
    ) -> None:
        self._market = market
        self._venue, self._quirks = quirks, quirks.markets[market.kind]
        self._session = session
        self._clock = clock

    def listings(
        self, listed: Mapping[str, Any], lost: list[tuple[object, Exception]]
    ) -> ParsedRows[Listing]:
        """The supported listings among ccxt's markets. ValueError if none can be parsed."""
        name = f"{self._market.name} listings"
        found = rows.parse_rows(
            name,
            ((row, None) for row in listed.values()),
            lambda row: parse.parse_listing(row, self._market, self._quirks),
        )
        if found.unreadable and not found:
            raise ValueError("no readable listing")
        more = [rows.unreadable_row(name, row, why) for row, why in lost]
        return ParsedRows(found, [*found.unreadable, *more])

    def order(
        self,
        row: Any,  # noqa: ANN401 - JSON
        listing: Listing,
        side: Side | None = None,
    ) -> OrderReport:
        """An order; `side` where the row does not have it."""
        parsed = self._session.client.parse_order(row, self._session.market(listing))
        if self._quirks.sides is not None:
            parsed["side"] = parse.parse_side(self._quirks.sides, row).value
        if side is not None:
            # an order that closes a whole position may have no amount
            parsed |= {"side": side.value, "amount": parsed.get("amount") or "0"}
        if key := self._quirks.client_id_path:
            parsed["clientOrderId"] = value_at(row, key)
        if key := self._quirks.order_id_path:
            parsed["id"] = value_at(row, key)
        word = parsed.get("status")
        parsed["status"] = self._quirks.order_statuses.get(str(word), word)
        return parse.parse_order(
            parsed, listing, self._venue.client_id_prefix, self._clock.now_ns()
        )

    def fill(self, row: Any, listing: Listing) -> FillReport | None:  # noqa: ANN401 - JSON
        """A fill; None for a row of another type."""
        rules = self._quirks.fills
        kind = rows.fill_kind(rules, row)
        if kind is None:
            return None
        ours = value_at(row, rules.client_id) if rules.client_id else None
        parsed = self._session.client.parse_trade(row, self._session.market(listing))
        if rules.trade_id:
            parsed["id"] = value_at(row, rules.trade_id)
        if self._quirks.sides is not None:
            parsed["side"] = parse.parse_side(self._quirks.sides, row).value
        return parse.parse_fill(
            parsed,
            listing,
            parse.parse_client_id(ours, self._venue.client_id_prefix),
            rows.parse_fee(rules, row, listing, Side(parsed["side"])),
            kind,
        )

    def position(
        self,
        row: Any,  # noqa: ANN401 - JSON
        listing: Listing,
    ) -> PositionReport | None:
        """A position; None if it is flat."""
        ccxt_parser = getattr(self._session.client, self._quirks.position_parser)
        parsed = ccxt_parser(row, self._session.market(listing))
        path, values = self._quirks.hedged_values
        if path:
            parsed["hedged"] = value_at(row, path) in values
        return parse.parse_position(parsed, listing, self._clock.now_ns())
