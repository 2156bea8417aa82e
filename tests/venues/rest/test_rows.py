"""Protects the reading of rows: fees as the documents say them, and a bad row among good ones.

ccxt makes the requests here and reads most of the replies, so it is no judge of either: every
expected value is written down from the document that is named beside it.
"""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bowline.core.model.order import OrderState
from bowline.core.model.values import MINUTE_NS, OrderId, Side
from bowline.core.venue import FillKind
from bowline.venues.clock import VenueClock
from bowline.venues.errors import Retryable
from bowline.venues.limits import Limits
from bowline.venues.protocol import unreadable_of
from bowline.venues.rest import RestVenue
from bowline.venues.rest.judging import at
from bowline.venues.rest.tables import QUIRKS
from tests.venues.rest.market_lists import MARKET_LISTS
from tests.venues.rest.replies import ID, OPEN_S, REPLIES, VENUE_ID
from tests.venues.rest.stub import CREDENTIALS, NOW_MS, Stub, with_venue
from tests.venues.rest.test_contract import LINEAR, MARKETS, cursor_of, reply_to

D = Decimal
CLIENT_ID = OrderId(ID)


def quirks_of(market: str) -> Any:
    venue, _, kind = market.partition(":")
    return QUIRKS[venue].markets[kind]


def rows_in(reply: Any, path: str) -> list[Any]:
    found = at(reply, path)
    assert isinstance(found, list)
    return found


def told_fills(market: str, *changes: dict[str, Any]) -> Any:
    """What is read of the market's fill, once for each change."""
    pages: list[Any] = []

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        reply = copy.deepcopy(reply_to(market, "fill"))
        rows = rows_in(reply, quirks_of(market).fills.call.rows)
        (row,) = rows
        rows[:] = [{**row, **change} for change in changes]
        stub.otherwise = reply
        pages.append(await venue.fills(stub.instrument, cursor_of(stub.venue)))

    with_venue(market, run)
    return pages[0]


def bitget(deduction: str, coin: str, fee: str) -> dict[str, str]:
    return {
        "deduction": deduction, "feeCoin": coin, "totalDeductionFee": "0", "totalFee": fee,
    }  # fmt: skip


FEES: list[tuple[str, dict[str, Any], str, str]] = [
    # developers.binance.com, account trade list: `commission` in `commissionAsset`
    ("binance:spot", {"commission": "0.00001", "commissionAsset": "BNB"}, "0.00001", "BNB"),
    ("binance:linear", {"commission": "0.00002", "commissionAsset": "BNB"}, "0.00002", "BNB"),
    ("binance:linear", {"commission": "-0.004", "commissionAsset": "USDT"}, "-0.004", "USDT"),
    # bybit docs/v5/order/execution and docs/v5/enum, spot fee currency instruction: a buy pays in
    # what it brings in, and a rebate comes in what it gives
    ("bybit:spot", {"execFee": "0.00001", "feeCurrency": "BTC"}, "0.00001", "BTC"),
    ("bybit:spot", {"execFee": "0.00001", "feeCurrency": ""}, "0.00001", "BTC"),
    ("bybit:spot", {"execFee": "-0.02", "feeCurrency": ""}, "-0.02", "USDT"),
    ("bybit:spot", {"execFee": "0.02", "feeCurrency": "", "side": "Sell"}, "0.02", "USDT"),
    ("bybit:linear", {"execFee": "0.11", "feeCurrency": ""}, "0.11", "USDT"),
    ("bybit:linear", {"execFee": "-0.01", "feeCurrency": ""}, "-0.01", "USDT"),
    # okx.com/docs-v5, transaction details: "negative number represents the user transaction fee
    # charged by the platform. Positive number represents rebate"
    ("okx:spot", {"fee": "-0.00001", "feeCcy": "BTC"}, "0.00001", "BTC"),
    ("okx:spot", {"fee": "0.02", "feeCcy": "USDT"}, "-0.02", "USDT"),
    ("okx:linear", {"fee": "-0.1", "feeCcy": "USDT"}, "0.1", "USDT"),
    ("okx:linear", {"fee": "0.03", "feeCcy": "USDT"}, "-0.03", "USDT"),
    # bitget.com/api-doc, get-fills: `totalFee` negative where it is paid; BGB is deducted
    ("bitget:spot", {"feeDetail": bitget("no", "USDT", "-0.4")}, "0.4", "USDT"),
    ("bitget:spot", {"feeDetail": bitget("yes", "BGB", "0.0015")}, "0.0015", "BGB"),
    ("bitget:spot", {"feeDetail": bitget("yes", "BGB", "-0.0015")}, "0.0015", "BGB"),
    ("bitget:spot", {"feeDetail": bitget("no", "USDT", "0.0118")}, "-0.0118", "USDT"),
    ("bitget:linear", {"feeDetail": [bitget("no", "USDT", "-0.24")]}, "0.24", "USDT"),
    ("bitget:linear", {"feeDetail": [bitget("yes", "BGB", "0.02")]}, "0.02", "BGB"),
    ("bitget:linear", {"feeDetail": [bitget("no", "USDT", "0.01")]}, "-0.01", "USDT"),
    # bingx-api.github.io/docs, transaction details: the example of what is paid is negative
    ("bingx:spot", {"commission": -0.0126, "commissionAsset": "LINK"}, "0.0126", "LINK"),
    ("bingx:spot", {"commission": 0.002, "commissionAsset": "USDT"}, "-0.002", "USDT"),
    ("bingx:linear", {"commission": "-0.05"}, "0.05", "USDT"),
    ("bingx:linear", {"commission": "0.01"}, "-0.01", "USDT"),
    # gate.com/docs/developers/apiv4, listMyTrades: `fee` in `fee_currency`, or GT, or points
    ("gate:spot", {"fee": "0.00002", "fee_currency": "BTC"}, "0.00002", "BTC"),
    ("gate:spot", {"fee": "0", "gt_fee": "0.05", "point_fee": "0"}, "0.05", "GT"),
    ("gate:spot", {"fee": "0", "gt_fee": "0", "point_fee": "0.8"}, "0.8", "POINT"),
    ("gate:spot", {"fee": "-0.001", "fee_currency": "USDT"}, "-0.001", "USDT"),
    ("gate:linear", {"fee": "0.2", "point_fee": "0"}, "0.2", "USDT"),
    ("gate:linear", {"fee": "0", "point_fee": "0.2"}, "0.2", "POINT"),
    ("gate:linear", {"fee": "-0.02", "point_fee": "0"}, "-0.02", "USDT"),
    # huobiapi.github.io/docs/spot, match results: `filled-points` of `fee-deduct-currency`
    ("htx:spot", {"filled-fees": "0.00001", "fee-currency": "btc"}, "0.00001", "BTC"),
    (
        "htx:spot",
        {"filled-fees": "0", "filled-points": "0.7", "fee-deduct-currency": "ht"},
        "0.7", "HT",
    ),
    (
        "htx:spot",
        {"filled-fees": "0", "filled-points": "0.1", "fee-deduct-currency": "hbpoint"},
        "0.1", "HBPOINT",
    ),
    ("htx:spot", {"filled-fees": "-0.003"}, "-0.003", "USDT"),
    ("htx:linear", {"trade_fee": "0.05"}, "0.05", "USDT"),
    # mexcdevelop.github.io/apidocs: what is deducted in MX names MX
    ("mexc:spot", {"commission": "0.01", "commissionAsset": "MX"}, "0.01", "MX"),
    ("mexc:linear", {"fee": 0.02, "feeCurrency": "MX"}, "0.02", "MX"),
    ("mexc:linear", {"fee": -0.005, "feeCurrency": "USDT"}, "-0.005", "USDT"),
]  # fmt: skip


@pytest.mark.parametrize(("market", "row", "fee", "asset"), FEES)
def test_a_fee_has_the_sign_and_the_asset_that_the_venue_documents(
    market: str, row: dict[str, Any], fee: str, asset: str
) -> None:
    page = told_fills(market, row)
    (fill,) = page.fills
    assert (fill.fee, fill.fee_asset) == (D(fee), asset)
    assert not page.unreadable


@pytest.mark.parametrize(
    ("market", "row"),
    [
        ("gate:spot", {"fee": "0.1", "fee_currency": "USDT", "gt_fee": "0.05"}),
        ("gate:linear", {"fee": "0.1", "point_fee": "0.05"}),
        ("htx:spot", {"filled-fees": "1", "filled-points": "2", "fee-deduct-currency": "ht"}),
        (
            "bitget:linear",
            {"feeDetail": [bitget("no", "USDT", "-1"), bitget("yes", "BGB", "2")]},
        ),
        ("bybit:linear", {"execFee": ""}),
        ("okx:spot", {"feeCcy": ""}),
    ],
)
def test_a_fee_that_cannot_be_told_in_one_number_is_not_guessed(
    market: str, row: dict[str, Any]
) -> None:
    page = told_fills(market, {}, row)
    assert (len(page.fills), len(page.unreadable)) == (1, 1)
    assert "fee" in page.unreadable[0].why


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
        if quirks.open_orders.inner:
            rows = rows[0]["orders"]
        (row,) = rows
        rows[:] = [{**row, of(SIZES, market, "origQty"): BAD}, row]
        stub.otherwise = reply
        found.append(await venue.open_orders(stub.instrument))

    with_venue(market, run)
    told = found[0]
    (lost,) = unreadable_of(told)
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
        row = at(reply, call.rows)
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
    assert [row.instrument for row in unreadable_of(found[0])] == [found[0][0].instrument]


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
    assert len(unreadable_of(found[0])) == 1


@pytest.mark.parametrize("market", MARKETS)
def test_a_listing_that_cannot_be_read_costs_no_other_one(market: str) -> None:
    venue_name, _, kind = market.partition(":")
    path, good = MARKET_LISTS[venue_name, kind]
    reply = copy.deepcopy(good)
    (rows,) = (
        found
        for path in ("", "symbols", "data", "result.list", "data.symbols")
        if isinstance(found := at(reply, path), list)
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


EXECUTIONS = {
    "Trade": FillKind.TRADE, "BlockTrade": FillKind.TRADE, "MovePosition": FillKind.TRADE,
    "BustTrade": FillKind.LIQUIDATION, "AdlTrade": FillKind.DELEVERAGING,
    # of docs/v5/enum, exectype: these move money and no position
    "Funding": None, "Settle": None, "Delivery": None, "SessionSettlePnL": None,
}  # fmt: skip
KINDS: list[tuple[str, dict[str, Any], FillKind]] = [
    ("okx:linear", {"subType": "1"}, FillKind.TRADE),
    ("okx:linear", {"subType": "100"}, FillKind.LIQUIDATION),
    ("okx:linear", {"subType": "104"}, FillKind.LIQUIDATION),
    ("okx:linear", {"subType": "126"}, FillKind.DELEVERAGING),
    ("bitget:linear", {"tradeSide": "burst_close_long"}, FillKind.LIQUIDATION),
    ("bitget:linear", {"tradeSide": "dte_sys_adl_close_short"}, FillKind.DELEVERAGING),
    ("bitget:linear", {"tradeSide": "close"}, FillKind.TRADE),
    ("gate:linear", {"text": "liquidation"}, FillKind.LIQUIDATION),
    ("gate:linear", {"text": "auto_deleveraging"}, FillKind.DELEVERAGING),
    ("gate:linear", {"text": "t-17"}, FillKind.TRADE),
    ("mexc:linear", {"category": 2}, FillKind.LIQUIDATION),
    ("mexc:linear", {"category": 4}, FillKind.DELEVERAGING),
]


def test_every_execution_that_moves_a_position_is_a_fill_and_says_what_it_is() -> None:
    """Asked for trades alone, Bybit would leave a liquidation out."""
    words = [{"execType": word, "execId": word} for word in (*EXECUTIONS, "SomethingNew")]
    page = told_fills("bybit:linear", *words)
    wanted = {word: kind for word, kind in EXECUTIONS.items() if kind is not None}
    assert {fill.trade_id: fill.kind for fill in page.fills} == wanted
    (unknown,) = page.unreadable
    assert "SomethingNew" in unknown.why


@pytest.mark.parametrize(("market", "row", "kind"), KINDS)
def test_liquidations_and_deleveraging_are_told_as_such(
    market: str, row: dict[str, Any], kind: FillKind
) -> None:
    (fill,) = told_fills(market, row).fills
    assert fill.kind is kind


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
            stub.market, QUIRKS["bybit"], limits=Limits("bybit", ()), clock=clock,
            credentials=CREDENTIALS, url=stub.url,
        )  # fmt: skip
        (listing,) = await own.listings()
        stub.answers["GET", "/v5/market/kline"] = reply
        begin_ns = (minute_ms - 60_000) * 1_000_000
        frame = await own.candles(listing, begin_ns, begin_ns + 3 * MINUTE_NS)
        assert frame.open_ns.tolist() == [begin_ns]
        assert abs((own.ahead_ns() or 0) - ahead_s * 10**9) < 10**9
        await own.close()

    with_venue("bybit:linear", run)


DAY_MS = 86_400_000


class Executions:
    """Binance's list of an account's trades, as its documents say: a window at most, or an id."""

    def __init__(self, window_ms: int, trades: list[dict[str, Any]]) -> None:
        self.window_ms, self.trades = window_ms, trades
        self.asked: list[dict[str, Any]] = []

    async def __call__(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        self.asked.append(params)
        if "fromId" in params:
            assert "startTime" not in params, "fromId cannot be sent with startTime"
            found = [each for each in self.trades if each["id"] >= int(params["fromId"])]
        else:
            begin = int(params["startTime"])
            end = int(params.get("endTime", begin + self.window_ms))
            assert end - begin <= self.window_ms, "the venue refuses it"
            end = min(end, begin + self.window_ms)
            found = [each for each in self.trades if begin <= each["time"] <= end]
        return found[: int(params["limit"])]


@pytest.mark.parametrize("market", ["binance:spot", "binance:linear"])
@pytest.mark.parametrize("days", [0.5, 1, 6, 8, 30])
@pytest.mark.parametrize("count", [0, 1, 1_500])
def test_a_fill_after_quiet_days_is_found(market: str, days: float, count: int) -> None:
    """USDⓈ-M: "the time between startTime and endTime cannot be longer than 7 days"; spot: 24 h."""
    window_ms = DAY_MS if market.endswith("spot") else 7 * DAY_MS
    (row,) = reply_to(market, "fill")
    trades = [{**row, "id": 900 + n, "time": NOW_MS - 3_600_000 + n} for n in range(count)]
    executions = Executions(window_ms, trades)
    told: list[str] = []

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        method = quirks_of(market).fills.call.method
        setattr(venue._line.client, method, executions)
        cursor, complete, rounds = f"ms:{NOW_MS - int(days * DAY_MS)}:", False, 0
        while not complete:
            page = await venue.fills(stub.instrument, cursor)
            told.extend(fill.trade_id for fill in page.fills)
            cursor, complete, rounds = page.cursor, page.complete, rounds + 1
            assert rounds < 50
        asked = len(executions.asked)
        trades.append({**row, "id": 9_000, "time": NOW_MS - 1})
        page = await venue.fills(stub.instrument, cursor)
        told.extend(fill.trade_id for fill in page.fills)
        assert len(executions.asked) == asked + 1, "the quiet past is not asked for again"

    with_venue(market, run)
    assert told == [str(900 + n) for n in range(count)] + ["9000"]


@pytest.mark.parametrize("market", MARKETS)
def test_a_window_is_never_longer_or_older_than_the_venue_tells(market: str) -> None:
    """To the millisecond it would be refused: by the time that it arrives it is too old."""
    rules = quirks_of(market).fills
    begins = ("startTime", "begin", "startTs", "from", "start-time", "start_time")
    ends = ("endTime", "end", "endTs", "to", "end-time", "end_time")

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        stub.otherwise = reply_to(market, "fill")
        stub.asked.clear()
        await venue.fills(stub.instrument, "ms:1600000000000:")
        sent = stub.last.params
        begin, end = (
            int(next(sent[key] for key in keys if key in sent)) for keys in (begins, ends)
        )
        unit = 1000 if begin < 10**11 else 1
        assert (end - begin) * unit < rules.window_s * 1000
        if rules.keep_s:
            assert begin * unit > NOW_MS - rules.keep_s * 1000

    with_venue(market, run)


@pytest.mark.parametrize("count", [100, 101, 250])
def test_one_order_that_met_hundreds_at_once_is_read_page_by_page(count: int) -> None:
    """All executions of one moment, more of them than a page holds, in no order (Bybit)."""
    (row,) = rows_in(reply_to("bybit:linear", "fill"), "result.list")
    at_ms = NOW_MS - 3_000
    rows = [{**row, "execId": f"t{n}", "execTime": str(at_ms)} for n in range(count)]
    rows.insert(7, {**row, "execId": "later", "execTime": str(at_ms + 1)})

    async def answer(params: dict[str, Any]) -> dict[str, Any]:
        ends = int(params["startTime"]), int(params["endTime"])
        found = [each for each in rows if ends[0] <= int(each["execTime"]) <= ends[1]]
        first = int(params.get("cursor", 0))
        page = found[first : first + 100]
        following = str(first + 100) if first + 100 < len(found) else ""
        return {"result": {"list": page, "nextPageCursor": following}}

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        venue._line.client.privateGetV5ExecutionList = answer
        cursor, told, complete = f"ms:{at_ms - 5_000}:", [], False
        for _ in range(60):
            page = await venue.fills(stub.instrument, cursor)
            told += [fill.trade_id for fill in page.fills]
            cursor, complete = page.cursor, page.complete
            if complete:
                break
        assert complete
        assert sorted(told) == sorted([*(f"t{n}" for n in range(count)), "later"])

    with_venue("bybit:linear", run)
