"""Symbols beyond ASCII, which venues list since 2025, go out percent-encoded and signed as sent.

`check_signature` makes each signature again from the venue's rule. RFC 3986, 2.1 and 2.5: a
character that is not ASCII is sent as the escaped octets of its UTF-8.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

import pytest

from bowline.core.model.values import OrderId, Side
from bowline.core.venue import Listings, MarginMode, OrderRequest
from bowline.venues import FeedChannel, FeedTopic
from bowline.venues.codecs import FEED_CODECS
from bowline.venues.errors import VenueError
from bowline.venues.rest import RestVenue
from tests.venues.rest.market_lists import MARKET_LISTS
from tests.venues.rest.signatures import check_signature
from tests.venues.rest.stub import NOW_MS, Stub, with_venue
from tests.venues.rest.test_contract import MARKETS, cursor_of

NAMES = ["币安人生", "ŁÓDŹ", "ÑANDÚ1"]


def renamed(listed: Any, name: str) -> Any:
    """The list of markets with that name in place of BTC, and in lower case where it was so."""
    text = json.dumps(listed, ensure_ascii=False)
    return json.loads(text.replace("BTC", name).replace("btc", name.lower()))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("market", MARKETS)
def test_a_symbol_beyond_ascii_is_sent_escaped_and_signed_the_venues_way(
    market: str, name: str
) -> None:
    venue_name, _, kind = market.partition(":")
    path, listed = MARKET_LISTS[venue_name, kind]

    async def run(venue: RestVenue, stub: Stub) -> None:
        stub.answers["GET", path] = renamed(listed, name)
        (listing,) = await venue.listings()
        instrument = listing.instrument.id
        assert instrument.symbol == f"{name}USDT"
        await venue.venue_now_ns()
        order = OrderRequest(
            OrderId(17), instrument, Side.BUY,
            max(listing.min_quantity, Decimal("0.02")), price=Decimal(40_000),
        )  # fmt: skip
        stub.otherwise = {}
        askings: list[Callable[[], Awaitable[Any]]] = [
            lambda: venue.candles(listing, (NOW_MS - 600_000) * 10**6, NOW_MS * 10**6),
            lambda: venue.order(instrument, OrderId(17)),
            lambda: venue.open_orders(instrument),
            lambda: venue.fills(instrument, cursor_of(stub.venue)),
            lambda: venue.place(order),
            lambda: venue.cancel(instrument, OrderId(17)),
        ]
        if kind == "linear":
            askings.append(lambda: venue.set_leverage(instrument, Decimal(5), MarginMode.CROSS))
        for at, asking in enumerate(askings):
            stub.asked.clear()
            with suppress(VenueError):  # the answer is empty: what was asked is what counts
                await asking()
            sent = [each for each in stub.asked if not each.path.endswith(("/time", "/ping"))]
            assert sent, f"{at}: nothing arrived"
            for each in sent:
                assert each.query.isascii()
                if at:
                    check_signature(stub.venue, each)

    with_venue(market, run)


@pytest.mark.parametrize("market", MARKETS)
def test_a_feed_asks_for_such_a_symbol_as_the_venue_names_it(market: str) -> None:
    venue_name, _, kind = market.partition(":")
    path, listed = MARKET_LISTS[venue_name, kind]

    async def run(venue: RestVenue, stub: Stub) -> None:
        stub.answers["GET", path] = renamed(listed, NAMES[0])
        (listing,) = await venue.listings()
        codec = FEED_CODECS[venue_name](venue.market, Listings([listing]))
        for channel in FeedChannel:
            frames = codec.subscribe([FeedTopic(channel, listing.instrument.id)], 1)
            assert any(NAMES[0] in frame.decode() for frame in frames)
        try:
            asked = codec.snapshot_path(listing.instrument.id)
        except ValueError:
            return
        if isinstance(asked, str):
            stub.asked.clear()
            stub.otherwise = {"ok": True}
            await venue._session._transport.fetch_public(f"{stub.url}/{venue_name}{asked}", "book")
            raw = stub.last.query + stub.last.path
            assert NAMES[0] in unquote(raw)
            assert NAMES[0] not in stub.last.query
            assert quote(NAMES[0]) in stub.last.query or NAMES[0] in stub.last.path

    with_venue(market, run)
