"""Private frames item by item: fees, kinds and foreign contracts as the venues document them.

Every expected value is written down from the document that is named beside it.
"""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from typing import Any

import pytest

from bowline.core.venue import FillKind, FillReport, OrderReport, PositionReport
from bowline.venues import DecodeError
from bowline.venues.account_codec import IncompleteUpdate, UnreadableItem
from tests.venues.account_codecs import codec_of

D = Decimal
MS = 1_700_000_000_123
WORDS = {
    "binance": "BTCUSDT", "bybit": "BTCUSDT", "bitget": "BTCUSDT", "okx:spot": "BTC-USDT",
    "okx:linear": "BTC-USDT-SWAP", "gate": "BTC_USDT", "mexc:linear": "BTC_USDT",
    "bingx": "BTC-USDT", "htx:linear": "BTC-USDT", "htx:spot": "btcusdt",
}  # fmt: skip


def word_of(market: str) -> str:
    return WORDS.get(market) or WORDS[market.partition(":")[0]]


def read(market: str, frame: Any) -> list[Any]:
    raw = json.dumps(frame).encode()
    return list(
        codec_of(market, word_of(market)).decode(gzip.compress(raw) if "bingx" in market else raw)
    )


def bitget(market: str, *items: dict[str, Any], **more: Any) -> dict[str, Any]:
    kind = "SPOT" if market.endswith("spot") else "USDT-FUTURES"
    sizes = {"priceAvg": "40000", "size": "0.01", "price": "40000", "baseVolume": "0.01"}
    one = {
        "orderId": "1", "tradeId": "2", "symbol": "BTCUSDT", "orderType": "limit", "side": "buy",
        "tradeScope": "maker", "cTime": str(MS), "uTime": str(MS), **sizes,
        "feeDetail": [{"feeCoin": "USDT", "deduction": "no", "totalFee": "-0.4"}],
    }  # fmt: skip
    arg = {"instType": kind, "channel": "fill", "instId": "default"}
    return {"action": "snapshot", "arg": arg, "data": [{**one, **each} for each in items or [more]]}


def fee(deduction: str, coin: str, total: str) -> dict[str, Any]:
    detail = {"feeCoin": coin, "deduction": deduction, "totalDeductionFee": "0", "totalFee": total}
    return {"feeDetail": [detail]}


@pytest.mark.parametrize("market", ["bitget:spot", "bitget:linear"])
@pytest.mark.parametrize(
    ("more", "paid", "asset"),
    [
        (fee("no", "USDT", "-0.4"), "0.4", "USDT"),
        (fee("yes", "BGB", "0.0015"), "0.0015", "BGB"),
        (fee("yes", "BGB", "-0.0015"), "0.0015", "BGB"),
        (fee("no", "USDT", "0.0118"), "-0.0118", "USDT"),
        (fee("no", "USDT", "0"), "0", "USDT"),
    ],
)
def test_bitgets_fees_have_their_sign(
    market: str, more: dict[str, Any], paid: str, asset: str
) -> None:
    """bitget.com/api-doc, fill channel; what a maker gets back is positive, BGB is deducted."""
    (fill,) = read(market, bitget(market, more))
    assert (fill.fee, fill.fee_asset) == (D(paid), asset)


def test_a_taker_of_bitgets_spot_is_never_given_anything() -> None:
    """The example of the fill channel of spot charges a taker 0.000074 BTC, without a sign."""
    taker = {"tradeScope": "taker", **fee("no", "BTC", "0.000074")}
    (fill,) = read("bitget:spot", bitget("bitget:spot", taker))
    assert (fill.fee, fill.fee_asset, fill.maker) == (D("0.000074"), "BTC", False)


def test_a_word_that_is_spelt_in_another_way_or_unknown() -> None:
    """The venue's page says `marker` and `maker`; a third word is one item's doubt."""
    market = "bitget:spot"
    one, two, lost = read(
        market,
        bitget(market, {"tradeScope": "marker"}, {"tradeScope": "someone"}, {"tradeId": "3"}),
    )
    assert (one.maker, two.maker, two.trade_id) == (True, True, "3")
    assert isinstance(lost, UnreadableItem)
    assert "someone" in lost.why
    with pytest.raises(DecodeError, match="someone"):
        read(market, bitget(market, {"tradeScope": "someone"}))


def gate_spot(**more: Any) -> dict[str, Any]:
    one = {
        "id": 5, "order_id": "7", "currency_pair": "BTC_USDT", "create_time_ms": f"{MS}.5",
        "side": "buy", "amount": "0.01", "role": "taker", "price": "40000", "text": "t-17",
    }  # fmt: skip
    return {
        "time": MS // 1000, "channel": "spot.usertrades", "event": "update",
        "result": [{**one, **more}],
    }  # fmt: skip


def gate_linear(**more: Any) -> dict[str, Any]:
    one = {
        "id": "5", "order_id": "7", "contract": "BTC_USDT", "create_time_ms": MS, "size": 10,
        "role": "taker", "price": "40000", "text": "t-17", "fee": 0, "point_fee": 0,
    }  # fmt: skip
    return {
        "time": MS // 1000, "channel": "futures.usertrades", "event": "update",
        "result": [{**one, **more}],
    }  # fmt: skip


def okx(**more: Any) -> dict[str, Any]:
    one = {
        "instId": "BTC-USDT-SWAP", "instType": "SWAP", "ordId": "1", "clOrdId": "17",
        "ordType": "limit", "side": "buy", "px": "40000", "sz": "10", "accFillSz": "4",
        "avgPx": "40000", "state": "partially_filled", "uTime": str(MS), "tradeId": "9",
        "fillPx": "40000", "fillSz": "4", "fillTime": str(MS), "fillFee": "-0.1",
        "fillFeeCcy": "USDT", "execType": "T",
    }  # fmt: skip
    return {"arg": {"channel": "orders", "instType": "SWAP"}, "data": [{**one, **more}]}


def bingx(**more: Any) -> dict[str, Any]:
    one = {
        "E": MS, "s": "BTC-USDT", "S": "BUY", "o": "LIMIT", "q": "0.01", "p": "40000",
        "x": "TRADE", "X": "FILLED", "i": 1, "l": "0.01", "z": "0.01", "L": "40000", "T": MS,
        "t": 9, "N": "BTC", "n": "-0.00001",
    }  # fmt: skip
    return {"code": 0, "dataType": "spot.executionReport", "data": {**one, **more}}


def binance(**more: Any) -> dict[str, Any]:
    one = {
        "s": "BTCUSDT", "c": "17", "S": "BUY", "o": "LIMIT", "q": "0.01", "p": "40000",
        "ap": "40000", "x": "TRADE", "X": "PARTIALLY_FILLED", "i": 1, "l": "0.004", "z": "0.004",
        "L": "40000", "T": MS, "t": 77, "m": False, "n": "0.00001", "N": "BNB",
    }  # fmt: skip
    return {"e": "ORDER_TRADE_UPDATE", "T": MS, "E": MS, "o": {**one, **more}}


def bybit(**more: Any) -> dict[str, Any]:
    one = {
        "category": "linear", "symbol": "BTCUSDT", "execId": "e1", "orderId": "a",
        "orderLinkId": "", "side": "Sell", "execPrice": "40000", "execQty": "0.01",
        "execFee": "0.2", "execType": "Trade", "execTime": str(MS), "isMaker": False,
    }  # fmt: skip
    return {"topic": "execution", "data": [{**one, **more}]}


def mexc(**more: Any) -> dict[str, Any]:
    one = {
        "id": 9, "symbol": "BTC_USDT", "side": 1, "vol": 10, "price": 40000, "fee": 0.08,
        "feeCurrency": "USDT", "timestamp": MS, "orderId": 1, "isTaker": True,
    }  # fmt: skip
    return {"channel": "push.personal.order.deal", "data": {**one, **more}}


FEES = [
    # gate.com/docs/developers/apiv4/ws: GT or points in place of the fee
    ("gate:spot", gate_spot(fee="0", point_fee="0", gt_fee="0.05"), "0.05", "GT"),
    ("gate:spot", gate_spot(fee="0", point_fee="0.8", gt_fee="0"), "0.8", "POINT"),
    ("gate:spot", gate_spot(fee="0.00002"), "0.00002", "BTC"),
    ("gate:linear", gate_linear(fee=0.2), "0.2", "USDT"),
    ("gate:linear", gate_linear(fee=-0.02), "-0.02", "USDT"),
    ("gate:linear", gate_linear(point_fee=0.3), "0.3", "POINT"),
    # okx.com/docs-v5, order channel: negative is charged, positive a rebate
    ("okx:linear", okx(), "0.1", "USDT"),
    ("okx:linear", okx(fillFee="0.05", execType="M"), "-0.05", "USDT"),
    # bingx-api.github.io/docs, order update of spot: the example of what is paid is negative
    ("bingx:spot", bingx(), "0.00001", "BTC"),
    ("bingx:spot", bingx(n="0.002", N="USDT"), "-0.002", "USDT"),
    ("binance:linear", binance(), "0.00001", "BNB"),
    ("binance:linear", binance(n="-0.002", N="USDT"), "-0.002", "USDT"),
    ("bybit:linear", bybit(execFee="-0.01"), "-0.01", "USDT"),
    ("mexc:linear", mexc(fee=0.5, feeCurrency="MX"), "0.5", "MX"),
]


@pytest.mark.parametrize(("market", "frame", "paid", "asset"), FEES)
def test_a_fee_of_a_stream_has_the_sign_and_the_asset_that_the_venue_documents(
    market: str, frame: Any, paid: str, asset: str
) -> None:
    (fill,) = (word for word in read(market, frame) if isinstance(word, FillReport))
    assert (fill.fee, fill.fee_asset) == (D(paid), asset)


KINDS = [
    # bybit-exchange.github.io/docs/v5/enum, exectype
    ("bybit:linear", bybit(), FillKind.TRADE),
    ("bybit:linear", bybit(execType="BustTrade"), FillKind.LIQUIDATION),
    ("bybit:linear", bybit(execType="AdlTrade"), FillKind.DELEVERAGING),
    ("bybit:linear", bybit(execType="Funding", side=""), None),
    ("bybit:linear", bybit(execType="Settle"), None),
    # developers.binance.com, order update: "autoclose-" liquidation, "adl_autoclose" ADL
    ("binance:linear", binance(), FillKind.TRADE),
    ("binance:linear", binance(x="CALCULATED", c="autoclose-1"), FillKind.LIQUIDATION),
    ("binance:linear", binance(c="autoclose-1"), FillKind.LIQUIDATION),
    ("binance:linear", binance(c="adl_autoclose"), FillKind.DELEVERAGING),
    # okx.com/docs-v5, order channel, `category`
    ("okx:linear", okx(category="normal"), FillKind.TRADE),
    ("okx:linear", okx(category="full_liquidation"), FillKind.LIQUIDATION),
    ("okx:linear", okx(category="partial_liquidation"), FillKind.LIQUIDATION),
    ("okx:linear", okx(category="adl"), FillKind.DELEVERAGING),
    ("gate:linear", gate_linear(text="liquidation"), FillKind.LIQUIDATION),
    ("gate:linear", gate_linear(text="auto_deleveraging"), FillKind.DELEVERAGING),
    (
        "bitget:linear",
        bitget("bitget:linear", {"tradeSide": "burst_close_long"}),
        FillKind.LIQUIDATION,
    ),
    (
        "bitget:linear",
        bitget("bitget:linear", {"tradeSide": "dte_sys_adl_close_long"}),
        FillKind.DELEVERAGING,
    ),
    ("mexc:linear", mexc(category=2), FillKind.LIQUIDATION),
    ("mexc:linear", mexc(category=4), FillKind.DELEVERAGING),
]


@pytest.mark.parametrize(("market", "frame", "kind"), KINDS)
def test_what_the_venue_closed_by_itself_is_a_fill_and_is_told_as_such(
    market: str, frame: Any, kind: FillKind | None
) -> None:
    fills = [word for word in read(market, frame) if isinstance(word, FillReport)]
    assert [fill.kind for fill in fills] == ([] if kind is None else [kind])


def test_an_execution_of_a_type_that_nobody_knows_is_not_guessed() -> None:
    with pytest.raises(DecodeError, match="SomethingNew"):
        read("bybit:linear", bybit(execType="SomethingNew"))


def test_an_order_of_okx_that_is_told_again_brings_no_second_fill() -> None:
    """An amendment after a fill keeps `tradeId`, with `fillSz` 0."""
    words = read("okx:linear", okx(fillSz="0", fillPx="", fillFee="0"))
    assert [type(word) for word in words] == [OrderReport]


def order_of(market: str, word: str) -> Any:
    """An order of a contract by the venue's word."""
    match market:
        case "binance:linear":
            return binance(s=word, x="NEW", X="NEW", t=0, l="0", z="0")
        case "bybit:linear":
            return {"topic": "order", "data": [{
                "category": "linear", "symbol": word, "orderId": "a", "orderLinkId": "17",
                "side": "Buy", "orderType": "Limit", "price": "1", "qty": "1",
                "orderStatus": "New", "cumExecQty": "0", "avgPrice": "", "updatedTime": str(MS),
            }]}  # fmt: skip
        case "gate:linear":
            return {"time": 1, "channel": "futures.orders", "event": "update", "result": [{
                "id": 1, "contract": word, "size": 5, "left": 5, "price": 40000, "fill_price": 0,
                "status": "open", "text": "t-17",
            }]}  # fmt: skip
        case "mexc:linear":
            return {"channel": "push.personal.order", "data": {
                "orderId": "1", "symbol": word, "price": 40000, "vol": 5, "dealVol": 0,
                "dealAvgPrice": 0, "side": 1, "orderType": 1, "state": 2, "updateTime": MS,
                "externalOid": "17",
            }}  # fmt: skip
    raise AssertionError(market)


FOREIGN = {
    "binance:linear": ["BTCUSDT_260626", "BTCUSDC", "BTCUSD_PERP"],
    "bybit:linear": ["BTCUSDT-26JUN26", "BTCPERP", "BTC-26JUN26"],
    "gate:linear": ["BTC_USDT_20260626", "BTC_USD"],
    "mexc:linear": ["BTC_USD", "BTC_USDC"],
}


@pytest.mark.parametrize(
    ("market", "word"), [(market, word) for market, words in FOREIGN.items() for word in words]
)
def test_a_contract_that_is_not_of_this_market_is_nothing(market: str, word: str) -> None:
    assert read(market, order_of(market, word)) == []


@pytest.mark.parametrize("market", FOREIGN)
def test_a_perpetual_of_ours_that_is_not_listed_yet_is_doubt(market: str) -> None:
    new = word_of(market).replace("BTC", "NEW")
    with pytest.raises(DecodeError, match="not listed"):
        read(market, order_of(market, new))


@pytest.mark.parametrize("market", ["bybit:linear", "gate:linear"])
def test_one_frame_with_ours_a_foreign_and_a_bad_one(market: str) -> None:
    frames = [order_of(market, word) for word in (word_of(market), FOREIGN[market][0], "NEWUSDT")]
    rows = "data" if "data" in frames[0] else "result"
    frame = {**frames[0], rows: [row for each in frames for row in each[rows]]}
    order, lost = read(market, frame)
    assert isinstance(order, OrderReport)
    assert isinstance(lost, UnreadableItem)


def test_one_bad_position_or_balance_costs_no_other() -> None:
    def position(symbol: str, amount: str) -> dict[str, Any]:
        return {"s": symbol, "pa": amount, "ep": "1", "up": "0", "mt": "cross", "ps": "BOTH"}

    account = {"B": [{}], "P": [position("BTCUSDT", "--"), position("BTCUSDT", "2")]}
    words = read("binance:linear", {"e": "ACCOUNT_UPDATE", "T": MS, "a": account})
    assert [type(word) for word in words] == [IncompleteUpdate, PositionReport, UnreadableItem]
    balances = [{"a": "BNB", "f": "x", "l": "0"}, {"a": "USDT", "f": "1", "l": "2"}]
    told = {"e": "outboundAccountPosition", "B": balances}
    balance, lost = read("binance:spot", told)
    assert (balance.asset, balance.total) == ("USDT", 3)
    assert isinstance(lost, UnreadableItem)


def test_an_order_of_gate_that_closes_all_has_no_side_of_its_own() -> None:
    row = {
        "id": 1, "contract": "BTC_USDT", "size": 0, "left": 0, "price": 40000, "fill_price": 0,
        "status": "open", "is_close": True,
    }  # fmt: skip
    frame = {"time": 1, "channel": "futures.orders", "event": "update", "result": [row]}
    (word,) = read("gate:linear", frame)
    assert isinstance(word, IncompleteUpdate)
