"""Protects the reading of rows: a bad one stops no other, and is never taken for absent."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bowline.core.model.order import OrderState
from bowline.core.model.values import MINUTE_NS, OrderId, Side
from bowline.venues.clock import VenueClock
from bowline.venues.errors import Retryable
from bowline.venues.protocol import unreadable_rows
from bowline.venues.rate_limits import RateLimiter
from bowline.venues.rest import RestVenue
from bowline.venues.rest.classify import value_at
from bowline.venues.rest.tables import QUIRKS
from tests.venues.rest.market_lists import MARKET_LISTS
from tests.venues.rest.replies import ID, OPEN_S, REPLIES, VENUE_ID
from tests.venues.rest.stub import CREDENTIALS, NOW_MS, Stub, with_venue
from tests.venues.rest.test_contract import LINEAR, MARKETS, reply_to
from tests.venues.rest.test_fills import quirks_of, rows_in, told_fills

D = Decimal
CLIENT_ID = OrderId(ID)


BAD = "--"
#: in a fill of each venue: its price, in an order its quantity, in a position how much is held
PRICES = {
    "bitget:spot": "priceAvg",
    "bybit": "execPrice",
    "okx": "fillPx",
    "htx:linear": "trade_price",
}
SIZES = {
    "bybit": "qty", "okx": "sz", "bitget": "size", "bingx": "origQty", "gate:spot": "amount",
    "gate:linear": "size", "htx:spot": "amount", "htx:linear": "volume", "mexc:linear": "vol",
}  # fmt: skip
HELD = {
    "binance": "positionAmt", "bybit": "avgPrice", "okx": "avgPx", "bitget": "openPriceAvg",
    "bingx": "avgPrice", "gate": "entry_price", "htx": "open_avg_price", "mexc": "holdVol",
}  # fmt: skip


def of(names: dict[str, str], market: str, default: str) -> str:
    return names.get(market) or names.get(market.partition(":")[0], default)


@pytest.mark.parametrize("market", MARKETS)
def test_a_fill_that_cannot_be_read_stops_no_other_and_is_told(market: str) -> None:
    broken = {of(PRICES, market, "price"): BAD}
    page = told_fills(market, broken, {}, broken)
    assert len(page.fills) == 1
    assert [row.instrument for row in page.unreadable] == [page.fills[0].instrument] * 2
    assert all(BAD in row.row for row in page.unreadable)
    assert page.complete


@pytest.mark.parametrize("market", MARKETS)
def test_an_order_that_cannot_be_read_is_there_and_in_doubt(market: str) -> None:
    """Absent from the list it would pass for one that is over."""
    found: list[Any] = []

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        reply = copy.deepcopy(reply_to(market, "open"))
        quirks = quirks_of(market)
        rows = rows_in(reply, quirks.open_orders.rows)
        if quirks.open_orders.nested_rows:
            rows = rows[0]["orders"]
        (row,) = rows
        rows[:] = [{**row, of(SIZES, market, "origQty"): BAD}, row]
        stub.otherwise = reply
        found.append(await venue.open_orders(stub.instrument))

    with_venue(market, run)
    told = found[0]
    (lost,) = unreadable_rows(told)
    assert (lost.client_id, lost.venue_order_id) == (CLIENT_ID, VENUE_ID)
    good = [order for order in told if order.state is OrderState.PARTLY_FILLED]
    assert len(good) == 1
    doubtful = [order for order in told if order.state is OrderState.UNKNOWN]
    if market not in {"gate:linear", "htx:spot", "mexc:linear"}:
        # those three do not say a side in a word of its own
        (doubt,) = doubtful
        assert (doubt.client_id, doubt.venue_order_id) == (CLIENT_ID, VENUE_ID)
        assert (doubt.side, doubt.filled) == (Side.BUY, 0)


@pytest.mark.parametrize("market", MARKETS)
def test_a_look_up_that_cannot_be_read_is_no_word_that_there_is_no_order(market: str) -> None:
    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        reply = copy.deepcopy(reply_to(market, "order"))
        call = quirks_of(market).lookup[0]
        row = value_at(reply, call.rows)
        row = row[0] if isinstance(row, list) else row
        row[of(SIZES, market, "origQty")] = BAD  # type: ignore[index]
        stub.otherwise = reply
        with pytest.raises(Retryable):
            await venue.order(stub.instrument, CLIENT_ID)

    with_venue(market, run)


@pytest.mark.parametrize("market", LINEAR)
def test_a_position_that_cannot_be_read_is_told_and_not_left_out(market: str) -> None:
    found: list[Any] = []

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        reply = copy.deepcopy(reply_to(market, "position"))
        rows = rows_in(reply, quirks_of(market).positions.rows)
        (row,) = rows
        rows[:] = [{**row, of(HELD, market, ""): BAD}, row]
        stub.otherwise = reply
        found.append(await venue.positions())

    with_venue(market, run)
    assert len(found[0]) == 1
    assert [row.instrument for row in unreadable_rows(found[0])] == [found[0][0].instrument]


BALANCES = {
    "binance:spot": "balances", "binance:linear": "assets",
    "bybit:spot": "result.list.0.coin", "bybit:linear": "result.list.0.coin",
    "okx:spot": "data.0.details", "okx:linear": "data.0.details",
    "bitget:spot": "data", "bitget:linear": "data", "bingx:spot": "data.balances",
    "bingx:linear": "data", "gate:spot": "", "htx:spot": "data.list", "htx:linear": "data.details",
    "mexc:spot": "balances", "mexc:linear": "data",
}  # fmt: skip


@pytest.mark.parametrize("market", BALANCES)
def test_a_balance_that_cannot_be_read_costs_no_other_one(market: str) -> None:
    path = BALANCES[market]
    found: list[Any] = []

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        reply = copy.deepcopy(reply_to(market, "balances"))
        rows = rows_in(reply, path)
        kept = {"type", "currency", "asset", "coin", "ccy", "marginCoin"}
        bad = {key: value if key in kept else BAD for key, value in rows[0].items()}
        bad |= dict.fromkeys((kept - {"type"}) & bad.keys(), "odd")
        rows.append(bad)
        stub.otherwise = reply
        found.append(await venue.balances())

    with_venue(market, run)
    (balance,) = found[0]
    assert (balance.asset, balance.total) == ("USDT", D("1000.5"))
    assert len(unreadable_rows(found[0])) == 1


@pytest.mark.parametrize("market", MARKETS)
def test_a_listing_that_cannot_be_read_costs_no_other_one(market: str) -> None:
    venue_name, _, kind = market.partition(":")
    path, good = MARKET_LISTS[venue_name, kind]
    reply = copy.deepcopy(good)
    (rows,) = (
        found
        for path in ("", "symbols", "data", "result.list", "data.symbols")
        if isinstance(found := value_at(reply, path), list)
    )
    # nothing of it is what it should be
    rows.append({key: [{}] for key in rows[0]})

    async def run(venue: RestVenue, stub: Stub) -> None:
        stub.answers["GET", path] = reply
        (listing,) = await venue.listings()
        assert listing.instrument.id == stub.instrument
        asked = len(stub.of(path))
        stub.answers["GET", path] = good
        await venue.listings()
        assert len(stub.of(path)) == 2 * asked, "it is not asked again to find the bad one"

    with_venue(market, run)


@pytest.mark.parametrize("blank", ["", None])
@pytest.mark.parametrize("market", MARKETS)
def test_a_listing_without_a_name_costs_no_other_one(market: str, blank: str | None) -> None:
    """The client library sorts markets by symbol and id, and fails over one that has none.

    OKX listed such: github.com/ccxt/ccxt/issues/28820, github.com/freqtrade/freqtrade/issues/13271.
    """
    venue_name, _, kind = market.partition(":")
    path, good = MARKET_LISTS[venue_name, kind]
    reply = copy.deepcopy(good)
    (rows,) = (
        found
        for path in ("", "symbols", "data", "result.list", "data.symbols")
        if isinstance(found := value_at(reply, path), list)
    )
    names = {"symbol", "displaySymbol", "displayName", "instId", "id", "name", "contract_code"}
    rows.append({key: blank if key in names else value for key, value in rows[0].items()})

    async def run(venue: RestVenue, stub: Stub) -> None:
        stub.answers["GET", path] = reply
        (listing,) = await venue.listings()
        assert listing.instrument.id == stub.instrument

    with_venue(market, run)


def test_a_candle_that_is_no_number_is_there_and_everything_else_is_read() -> None:
    """A minute that is left out would be noted as one that the venue has none of."""
    reply = copy.deepcopy(REPLIES["bybit", "linear"]["candles"])
    (row,) = rows_in(reply, "result.list")
    bad = [str(OPEN_S * 1000 - 60_000), "1", BAD, None, "2", "3"]
    reply["result"]["list"] = [row, bad]

    async def run(venue: RestVenue, stub: Stub) -> None:
        (listing,) = await venue.listings()
        stub.otherwise = reply
        frame = await venue.candles(listing, (OPEN_S - 60) * 10**9, (OPEN_S + 60) * 10**9)
        assert frame.open_ns.tolist() == [(OPEN_S - 60) * 10**9, OPEN_S * 10**9]
        assert (frame.open[0], frame.high[1]) == (1, 40010)
        assert np.isnan([frame.high[0], frame.low[0]]).all()

    with_venue("bybit:linear", run)


def test_a_stop_that_closes_whatever_there_is_has_no_quantity_and_is_not_filled() -> None:
    """Bybit, docs/v5/order/create-order: qty 0 with reduceOnly and closeOnTrigger closes all."""
    row = REPLIES["bybit", "linear"]["order"]["result"]["list"][0]
    stop = {**row, "qty": "0", "cumExecQty": "0", "leavesQty": "0", "orderStatus": "Untriggered"}

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        for word, state in (
            ("Untriggered", OrderState.WORKING), ("New", OrderState.WORKING),
            ("Cancelled", OrderState.CANCELLED), ("Rejected", OrderState.REJECTED),
        ):  # fmt: skip
            rows = [{**stop, "orderStatus": word}]
            stub.otherwise = {"retCode": 0, "result": {"list": rows, "nextPageCursor": ""}}
            (order,) = await venue.open_orders(stub.instrument)
            assert (order.state, order.quantity, order.filled) == (state, 0, 0)

    with_venue("bybit:linear", run)


@pytest.mark.parametrize(
    ("order", "held", "side"),
    [
        ({"is_close": True}, 200, Side.SELL),
        ({"is_close": True}, -200, Side.BUY),
        ({"close": True, "auto_size": "close_short"}, 0, Side.BUY),
    ],
)
def test_an_order_that_closes_all_has_the_side_that_the_position_lacks(
    order: dict[str, Any], held: int, side: Side
) -> None:
    """Gate, apiv4, FuturesOrder: size 0 with `close`; in dual mode `auto_size` says which."""
    row = {**reply_to("gate:linear", "open")[0], "size": 0, "left": 0, "status": "open", **order}
    position = reply_to("gate:linear", "position")[0]

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        stub.answers["GET", "/api/v4/futures/usdt/orders"] = [row]
        stub.answers["GET", "/api/v4/futures/usdt/positions"] = [{**position, "size": held}]
        (told,) = await venue.open_orders(stub.instrument)
        assert (told.side, told.state) == (side, OrderState.WORKING)

    with_venue("gate:linear", run)


@pytest.mark.parametrize("ahead_s", [0, 20, 45, 3_600, -3_600])
def test_a_forming_candle_is_never_closed_by_a_local_clock_that_is_wrong(ahead_s: int) -> None:
    minute_ms = NOW_MS // 60_000 * 60_000
    assert NOW_MS - minute_ms == 20_000, "the venue is 20 s into this minute"
    rows = [[str(minute_ms + ms), "1", "5", "1", "5", "9", "9"] for ms in (0, -60_000)]
    reply = {"retCode": 0, "result": {"list": rows}, "time": NOW_MS}

    async def run(_: RestVenue, stub: Stub) -> None:
        clock = VenueClock(wall_ns=lambda: (NOW_MS + ahead_s * 1000) * 1_000_000)
        own = RestVenue(
            stub.market, QUIRKS["bybit"], rate_limiter=RateLimiter("bybit", ()), clock=clock,
            credentials=CREDENTIALS, url=stub.url,
        )  # fmt: skip
        (listing,) = await own.listings()
        stub.answers["GET", "/v5/market/kline"] = reply
        begin_ns = (minute_ms - 60_000) * 1_000_000
        frame = await own.candles(listing, begin_ns, begin_ns + 3 * MINUTE_NS)
        assert frame.open_ns.tolist() == [begin_ns]
        assert abs((own.clock.ahead_ns() or 0) - ahead_s * 10**9) < 10**9
        await own.close()

    with_venue("bybit:linear", run)
