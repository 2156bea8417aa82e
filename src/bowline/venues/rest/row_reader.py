"""One market's rows into records: what ccxt makes of a row, mended by the venue's table.

It must never send anything, and whatever it raises is of the one row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bowline.core.model.instrument import Market
from bowline.core.model.values import Side
from bowline.core.venue import FillReport, Listing, OrderReport, PositionReport
from bowline.venues.clock import VenueClock
from bowline.venues.protocol import Told
from bowline.venues.rest import reading, rows
from bowline.venues.rest.judging import at
from bowline.venues.rest.line import Line
from bowline.venues.rest.quirks import Quirks


class RowReader:
    """The rows of one market."""

    def __init__(self, market: Market, quirks: Quirks, line: Line, clock: VenueClock) -> None:
        self._market = market
        self._venue, self._quirks = quirks, quirks.markets[market.kind]
        self._line = line
        self._clock = clock

    def listings(
        self, listed: Mapping[str, Any], lost: list[tuple[object, Exception]]
    ) -> Told[Listing]:
        """What this house trades of ccxt's markets. ValueError if none of them can be read."""
        name = f"{self._market.name} listings"
        found = rows.each(
            name,
            ((row, None) for row in listed.values()),
            lambda row: reading.read_listing(row, self._market, self._quirks),
        )
        if found.unreadable and not found:
            raise ValueError("no listing that can be read")
        more = [rows.unreadable(name, row, why) for row, why in lost]
        return Told(found, [*found.unreadable, *more])

    def order(
        self,
        row: Any,  # noqa: ANN401 - JSON
        listing: Listing,
        side: Side | None = None,
    ) -> OrderReport:
        """An order; `side` where the row does not say it."""
        parsed = self._line.client.parse_order(row, self._line.market(listing))
        if side is not None:
            # however much it closes, it names no amount
            parsed |= {"side": side.value, "amount": parsed.get("amount") or "0"}
        if key := self._quirks.client_id_at:
            parsed["clientOrderId"] = at(row, key)
        if key := self._quirks.order_id_at:
            parsed["id"] = at(row, key)
        word = parsed.get("status")
        parsed["status"] = self._quirks.order_words.get(str(word), word)
        return reading.read_order(parsed, listing, self._venue.id_prefix, self._clock.now_ns())

    def fill(self, row: Any, listing: Listing) -> FillReport | None:  # noqa: ANN401 - JSON
        """An execution; None for a row that moves money and is none."""
        rules = self._quirks.fills
        kind = rows.kind_of(rules, row)
        if kind is None:
            return None
        ours = at(row, rules.client_id) if rules.client_id else None
        parsed = self._line.client.parse_trade(row, self._line.market(listing))
        return reading.read_fill(
            parsed,
            listing,
            reading.our_id(ours, self._venue.id_prefix),
            rows.fee_of(rules, row, listing, Side(parsed["side"])),
            kind,
        )

    def position(
        self,
        row: Any,  # noqa: ANN401 - JSON
        listing: Listing,
    ) -> PositionReport | None:
        """A position; None for a flat one."""
        parse = getattr(self._line.client, self._quirks.position_parser)
        parsed = parse(row, self._line.market(listing))
        return reading.read_position(parsed, listing, self._clock.now_ns())
