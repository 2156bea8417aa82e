"""Protects what Bitget tells of an account: the venue's own examples, read as ccxt reads them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from bowline.core.model.order import OrderState
from bowline.core.model.values import Direction, Side
from bowline.core.venue import Balance, FillReport, MarginMode, OrderReport, PositionReport
from bowline.venues import DecodeError, PingReceived, PongReceived, Subscribed, SubscriptionRefused
from bowline.venues.account_codec import AccountCodec, IncompleteUpdate, LoggedIn, LoginRefused
from tests.venues.account_codecs import (
    KEYS,
    NOW_NS,
    codec_of,
    judge_of,
    same_fill,
    same_order,
    sent_by,
    storm,
)

D = Decimal
URL = "wss://ws.bitget.com/v2/ws/private"
TYPES = {"spot": "SPOT", "linear": "USDT-FUTURES"}


@pytest.fixture
def linear() -> AccountCodec:
    return codec_of("bitget:linear", "BTCUSDT")


@pytest.fixture
def spot() -> AccountCodec:
    return codec_of("bitget:spot", "BTCUSDT")


def frame(kind: str, channel: str, *items: dict[str, Any]) -> dict[str, Any]:
    arg = {"instType": TYPES[kind], "channel": channel, "instId": "default"}
    return {"action": "snapshot", "arg": arg, "data": list(items), "ts": 1701923297285}


def raw(message: object) -> bytes:
    return json.dumps(message).encode()


def test_a_login_is_signed_as_ccxt_signs_it(linear: AccountCodec) -> None:
    judge = judge_of("bitget:linear", "BTCUSDT", URL)
    ((url, theirs),) = sent_by(judge, lambda exchange: exchange.authenticate({"url": URL}))
    (ours,) = linear.login(KEYS, NOW_NS)
    del theirs["url"]
    assert (url, theirs) == (linear.rules.url, json.loads(ours))
    assert KEYS.secret.encode() not in ours


def test_a_frame_is_sent_for_each_channel(linear: AccountCodec, spot: AccountCodec) -> None:
    (_, *asked) = [json.loads(each)["args"][0] for each in linear.subscribe(KEYS, NOW_NS, 1)]
    assert asked == [
        {"instType": "USDT-FUTURES", "channel": "fill", "instId": "default"},
        {"instType": "USDT-FUTURES", "channel": "account", "coin": "default"},
        {"instType": "USDT-FUTURES", "channel": "positions", "instId": "default"},
    ]
    assert len(spot.subscribe(KEYS, NOW_NS, 1)) == 3


@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_an_order_is_what_ccxt_makes_of_it(
    linear: AccountCodec, spot: AccountCodec, kind: str
) -> None:
    message = frame(kind, "orders", ORDERS[kind])
    judge = judge_of(f"bitget:{kind}", "BTCUSDT", URL)
    judge.feed(message)
    (ours,) = (spot if kind == "spot" else linear).decode(raw(message))
    order = same_order(ours, judge.exchange.orders[0])
    assert (order.client_id, order.state) == (71, OrderState.PARTLY_FILLED)
    assert order.price == D(str(judge.exchange.orders[0]["price"]))


@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_a_fill_is_what_ccxt_makes_of_it(
    linear: AccountCodec, spot: AccountCodec, kind: str
) -> None:
    message = frame(kind, "fill", FILLS[kind])
    judge = judge_of(f"bitget:{kind}", "BTCUSDT", URL)
    judge.feed(message)
    (ours,) = (spot if kind == "spot" else linear).decode(raw(message))
    theirs = judge.exchange.myTrades[0]
    fill = same_fill(ours, theirs)
    assert (fill.trade_id, fill.maker) == (theirs["id"], False)
    assert (fill.fee, fill.fee_asset) == (D(str(theirs["fee"]["cost"])), theirs["fee"]["currency"])


def test_a_rebate_of_futures_is_a_negative_fee_and_two_fees_are_left_to_rest(
    linear: AccountCodec,
) -> None:
    fee = {"feeCoin": "USDT", "totalFee": "0.2"}
    (fill,) = linear.decode(raw(frame("linear", "fill", FILLS["linear"] | {"feeDetail": [fee]})))
    assert isinstance(fill, FillReport)
    assert fill.fee == D("-0.2")
    words = linear.decode(raw(frame("linear", "fill", FILLS["linear"] | {"feeDetail": [fee, fee]})))
    assert list(words) == [IncompleteUpdate("a fee")]


@pytest.mark.parametrize(
    ("scope", "deduction", "told", "fee"),
    [
        # bitget.com/api-doc/spot/websocket/private/Fill-Channel: its example is a taker's, and
        # positive; a maker's may be either, so it is told as in get-fills, from the account's side
        ("taker", "no", "0.000074", "0.000074"),
        ("taker", "no", "-0.000074", "0.000074"),
        ("maker", "no", "-0.00003", "0.00003"),
        ("maker", "no", "0.00003", "-0.00003"),
        ("maker", "yes", "0.0015", "0.0015"),
    ],
)
def test_a_fee_of_spot_has_the_sign_of_its_scope(
    spot: AccountCodec, scope: str, deduction: str, told: str, fee: str
) -> None:
    detail = {"feeCoin": "BTC", "deduction": deduction, "totalFee": told}
    changed = FILLS["spot"] | {"tradeScope": scope, "feeDetail": [detail]}
    (fill,) = spot.decode(raw(frame("spot", "fill", changed)))
    assert isinstance(fill, FillReport)
    assert fill.fee == D(fee)


def test_a_market_order_to_buy_spot_counts_what_it_bought(spot: AccountCodec) -> None:
    order = ORDERS["spot"] | {"orderType": "market", "newSize": "500", "status": "filled"}
    (report,) = spot.decode(raw(frame("spot", "orders", order)))
    assert isinstance(report, OrderReport)
    assert (report.quantity, report.price, report.state) == (D(3), None, OrderState.FILLED)


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [
        ("live", "0", OrderState.WORKING),
        ("partially_filled", "3", OrderState.PARTLY_FILLED),
        ("filled", "13", OrderState.FILLED),
        ("filled", "3", OrderState.UNKNOWN),
        ("canceled", "3", OrderState.CANCELLED),
        ("abducted", "0", OrderState.UNKNOWN),
    ],
)
def test_a_word_that_nobody_knows_is_an_unknown_state(
    linear: AccountCodec, status: str, filled: str, state: OrderState
) -> None:
    order = ORDERS["linear"] | {"status": status, "accBaseVolume": filled}
    (report,) = linear.decode(raw(frame("linear", "orders", order)))
    assert isinstance(report, OrderReport)
    assert report.state is state


def test_positions_are_told_and_what_is_flat_is_left_to_rest(linear: AccountCodec) -> None:
    untold, position = linear.decode(raw(frame("linear", "positions", POSITION)))
    assert untold == IncompleteUpdate("what is flat")
    assert isinstance(position, PositionReport)
    assert (position.direction, position.quantity) == (Direction.LONG, D("0.001"))
    assert (position.margin_mode, position.leverage) == (MarginMode.CROSS, 20)
    assert position.hedged
    assert list(linear.decode(raw(frame("linear", "positions")))) == [
        IncompleteUpdate("what is flat")
    ]


def test_balances_are_what_ccxt_makes_of_them(linear: AccountCodec, spot: AccountCodec) -> None:
    held = {"coin": "USDT", "available": "19.1", "frozen": "7", "locked": "0.5", "uTime": "1"}
    assert list(spot.decode(raw(frame("spot", "account", held)))) == [
        Balance("USDT", D("26.6"), D("19.1"))
    ]
    account = {
        "marginCoin": "USDT", "frozen": "5.3", "available": "26.1", "maxTransferOut": "20.7",
        "equity": "26.2", "usdtEquity": "26.2",
    }  # fmt: skip
    assert list(linear.decode(raw(frame("linear", "account", account)))) == [
        Balance("USDT", D("26.2"), D("20.7"))
    ]
    judge = judge_of("bitget:linear", "BTCUSDT", URL)
    judge.feed(frame("linear", "account", account))
    theirs = judge.exchange.balance["USDT"]
    assert (theirs["total"], theirs["free"]) == (26.2, 20.7)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"event": "login", "code": 0, "msg": ""}, (LoggedIn(),)),
        ({"event": "error", "code": 30015, "msg": "sign"}, (LoginRefused("30015", "sign"),)),
        ({"event": "subscribe", "arg": {"channel": "fill", "instType": "SPOT"}}, (Subscribed(),)),
        ({"event": "error", "code": 30001, "msg": "?"}, (SubscriptionRefused("30001", "?"),)),
    ],
)
def test_words_of_the_connection_are_known(
    linear: AccountCodec, message: dict[str, Any], expected: object
) -> None:
    assert linear.decode(raw(message)) == expected
    assert linear.decode(b"pong") == (PongReceived(),)
    assert linear.decode(b"ping") == (PingReceived(b"pong"),)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('"sell"', '"maybe"'), ('"13"', '"NaN"'), ("BTCUSDT", "XXXUSDT"),
        ('"accBaseVolume"', '"filled"'), ('"orders"', '"wishes"'), ('"1715065875605"', '"soon"'),
    ],
)  # fmt: skip
def test_what_is_not_documented_is_unreadable_and_never_a_default(
    linear: AccountCodec, was: str, now: str
) -> None:
    message = raw(frame("linear", "orders", ORDERS["linear"])).decode()
    assert was in message
    with pytest.raises(DecodeError):
        linear.decode(message.replace(was, now).encode())


def test_what_is_told_of_another_market_is_nothing_to_us(spot: AccountCodec) -> None:
    assert list(spot.decode(raw(frame("linear", "orders", ORDERS["linear"])))) == []


@pytest.mark.chance
@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_no_damaged_frame_does_harm(linear: AccountCodec, spot: AccountCodec, kind: str) -> None:
    frames = [frame(kind, "orders", ORDERS[kind]), frame(kind, "fill", FILLS[kind])]
    if kind == "linear":
        frames.append(frame(kind, "positions", POSITION))
    storm(spot if kind == "spot" else linear, [raw(each) for each in frames])


def test_sides_are_as_told(linear: AccountCodec) -> None:
    (order,) = linear.decode(raw(frame("linear", "orders", ORDERS["linear"])))
    assert isinstance(order, OrderReport)
    assert (order.side, order.reduce_only) == (Side.SELL, True)


@pytest.mark.parametrize(
    ("side", "trade_side", "right"),
    [
        ("buy", "open", Side.BUY),
        ("buy", "close", Side.SELL),
        ("sell", "open", Side.SELL),
        ("sell", "close", Side.BUY),
        ("buy", "burst_close_long", Side.SELL),
        ("sell", "dte_sys_adl_close_short", Side.BUY),
        ("sell", "sell_single", Side.SELL),
    ],
)
def test_what_closes_a_hedged_position_is_the_other_side(
    linear: AccountCodec, side: str, trade_side: str, right: Side
) -> None:
    """In hedge mode buy and close sells a long (bitget.com/api-doc, contract, place order).

    `side` is the position's: github.com/enarjord/passivbot/issues/1729.
    """
    told = {"side": side, "tradeSide": trade_side}
    (order,) = linear.decode(raw(frame("linear", "orders", ORDERS["linear"] | told)))
    (fill,) = linear.decode(raw(frame("linear", "fill", FILLS["linear"] | told)))
    assert isinstance(order, OrderReport)
    assert isinstance(fill, FillReport)
    assert (order.side, fill.side) == (right, right)


ORDERS: dict[str, dict[str, Any]] = {
    "spot": {
        "instId": "BTCUSDT", "orderId": "1171779081105780739", "price": "0.81075",
        "clientOid": "71", "notional": "5.675250", "newSize": "7.0000", "size": "5.6752",
        "orderType": "limit", "force": "gtc", "side": "buy", "accBaseVolume": "3.0000",
        "priceAvg": "0.81", "status": "partially_filled", "cTime": "1715099824215",
        "uTime": "1715099824215", "feeDetail": [], "enterPointSource": "API",
    },
    "linear": {
        "accBaseVolume": "9", "cTime": "1715065875539", "clientOid": "71", "baseVolume": "9",
        "enterPointSource": "API", "feeDetail": [{"feeCoin": "USDT", "fee": "-0.162003"}],
        "force": "gtc", "instId": "BTCUSDT", "leverage": "10", "marginCoin": "USDT",
        "marginMode": "crossed", "notionalUsd": "10.4468", "orderId": "1171636690028761089",
        "orderType": "limit", "posMode": "hedge_mode", "posSide": "short", "price": "0.81",
        "reduceOnly": "yes", "side": "sell", "size": "13", "status": "partially_filled",
        "tradeSide": "open", "uTime": "1715065875605", "priceAvg": "0.804",
    },
}  # fmt: skip
FILLS: dict[str, dict[str, Any]] = {
    "spot": {
        "orderId": "1169142457356959747", "tradeId": "1169142457636958209", "symbol": "BTCUSDT",
        "orderType": "market", "side": "buy", "priceAvg": "81.069", "size": "0.074",
        "amount": "5.999106", "tradeScope": "taker",
        "feeDetail": [{
            "feeCoin": "BTC", "deduction": "no", "totalDeductionFee": "0",
            "totalFee": "0.000074",
        }],
        "cTime": "1714471204194", "uTime": "1714471204194",
    },
    "linear": {
        "orderId": "1169142761031114781", "tradeId": "1169142761312637004", "symbol": "BTCUSDT",
        "orderType": "market", "side": "buy", "price": "80.87", "baseVolume": "0.1",
        "quoteVolume": "8.087", "profit": "0", "tradeSide": "open", "posMode": "hedge_mode",
        "tradeScope": "taker",
        "feeDetail": [{
            "feeCoin": "USDT", "deduction": "no", "totalDeductionFee": "0",
            "totalFee": "-0.0048522",
        }],
        "cTime": "1714471276596", "uTime": "1714471276596",
    },
}  # fmt: skip
POSITION: dict[str, Any] = {
    "posId": "926036334386778112", "instId": "BTCUSDT", "marginCoin": "USDT",
    "marginSize": "2.19245", "marginMode": "crossed", "holdSide": "long", "posMode": "hedge_mode",
    "total": "0.001", "available": "0.001", "frozen": "0", "openPriceAvg": "43849",
    "leverage": 20, "achievedProfits": "0", "unrealizedPL": "-0.0032",
    "unrealizedPLR": "-0.00145955438", "liquidationPrice": "17629.684814834",
    "keepMarginRate": "0.004", "marginRate": "0.007634649185", "cTime": "1652331666985",
    "uTime": "1701913016923", "autoMargin": "off",
}  # fmt: skip
