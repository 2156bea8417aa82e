"""Protects fills: fees and kinds as the documents say them, windows, and pages of one moment.

ccxt makes the requests here and reads most of the replies, so it is no classify of either: every
expected value is written down from the document that is named beside it.
"""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest

from bowline.core.venue import FillKind
from bowline.venues.rest import RestVenue
from bowline.venues.rest.classify import value_at
from bowline.venues.rest.tables import QUIRKS
from bowline.venues.stream.account_state import AccountOrders
from tests.venues.rest.stub import NOW_MS, Stub, with_venue
from tests.venues.rest.test_contract import MARKETS, cursor_of, reply_to

D = Decimal


def quirks_of(market: str) -> Any:
    venue, _, kind = market.partition(":")
    return QUIRKS[venue].markets[kind]


def rows_in(reply: Any, path: str) -> list[Any]:
    found = value_at(reply, path)
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
        setattr(venue._session.client, method, executions)
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
        if rules.retention_s:
            assert begin * unit > NOW_MS - rules.retention_s * 1000

    with_venue(market, run)


def test_an_order_that_met_several_others_has_several_fills() -> None:
    """HTX: the `trade_id` of a taker that meets three makers is that of the match, thrice.

    htx.com/en-us/opend, linear swaps, get detail information of order: "trade_id is not unique";
    github.com/AlexWan/OsEngine/pull/1247.
    """
    match = {"trade_id": "152022944"}
    page = told_fills(
        "htx:linear", *({**match, "id": f"15138347546795499{n}"} for n in (65, 66, 67))
    )
    assert len({fill.trade_id for fill in page.fills}) == 3
    book = AccountOrders()
    for fill in page.fills:
        book.record(fill)
    assert len(list(book.fills)) == 3


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
        venue._session.client.privateGetV5ExecutionList = answer
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


def test_a_fill_at_the_very_cursor_is_told_once() -> None:
    """The cursor stands a minute back, and the next request begins with that millisecond."""
    (row,) = rows_in(reply_to("bybit:linear", "fill"), "result.list")
    told: list[str] = []

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        late = (NOW_MS - 60_001, NOW_MS - 60_000, NOW_MS - 59_999)
        rows = [{**row, "execId": str(at), "execTime": str(at)} for at in late]
        begins: list[int] = []

        async def answer(params: dict[str, Any]) -> dict[str, Any]:
            begins.append(int(params["startTime"]))
            found = [each for each in rows if begins[-1] <= int(each["execTime"])]
            return {"result": {"list": found, "nextPageCursor": ""}}

        venue._session.client.privateGetV5ExecutionList = answer
        cursor = f"ms:{NOW_MS - 120_000}:"
        for _ in range(2):
            page = await venue.fills(stub.instrument, cursor)
            told.extend(fill.trade_id for fill in page.fills)
            cursor = page.cursor
        assert begins[1] == NOW_MS - 60_000

    with_venue("bybit:linear", run)
    assert told == [str(at) for at in (NOW_MS - 60_001, NOW_MS - 60_000, NOW_MS - 59_999)]
