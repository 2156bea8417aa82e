"""Protects what HTX tells of an account: the venue's own examples, read as ccxt reads them."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from typing import Any

import pytest

from bowline.core.model.order import OrderState
from bowline.core.model.values import Direction, Side
from bowline.core.venue import Balance, FillReport, MarginMode, OrderReport, PositionReport
from bowline.venues import DecodeError, PingReceived, Subscribed, SubscriptionRefused
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
SIZE = "0.001"


@pytest.fixture
def linear() -> AccountCodec:
    return codec_of("htx:linear", "BTC-USDT", size=SIZE)


@pytest.fixture
def spot() -> AccountCodec:
    return codec_of("htx:spot", "btcusdt")


def raw(message: object) -> bytes:
    return json.dumps(message).encode()


@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_a_login_is_signed_as_ccxt_signs_it(
    linear: AccountCodec, spot: AccountCodec, kind: str
) -> None:
    codec, word = (spot, "btcusdt") if kind == "spot" else (linear, "BTC-USDT")
    host = codec.rules.url.removeprefix("wss://").partition("/")[0]
    judge = judge_of(f"htx:{kind}", word, codec.rules.url)
    asking = {
        "url": codec.rules.url,
        "hostname": host,
        "type": "spot" if kind == "spot" else "swap",
    }
    ((_, theirs),) = sent_by(judge, lambda exchange: exchange.authenticate(asking))
    (ours,) = codec.login(KEYS, NOW_NS)
    assert theirs == json.loads(ours)
    assert KEYS.secret.encode() not in ours


def test_a_frame_is_sent_for_each_topic(linear: AccountCodec, spot: AccountCodec) -> None:
    assert [json.loads(each)["ch"] for each in spot.subscribe(KEYS, NOW_NS, 1)] == [
        "orders#*", "trade.clearing#*#0", "accounts.update#2",
    ]  # fmt: skip
    asked = [json.loads(each) for each in linear.subscribe(KEYS, NOW_NS, 5)]
    assert asked[0] == {"op": "sub", "topic": "orders", "cid": "5", "contract_code": "*"}
    assert [each["topic"] for each in asked] == ["orders", "trade", "positions", "account"]


def test_an_order_of_spot_is_what_ccxt_makes_of_it(spot: AccountCodec) -> None:
    message = SPOT_ORDER
    judge = judge_of("htx:spot", "btcusdt", spot.rules.url)
    judge.feed(message)
    (ours,) = spot.decode(raw(message))
    order = same_order(ours, judge.exchange.orders[0])
    assert (order.client_id, order.state) == (71, OrderState.CANCELLED)
    assert (order.quantity, order.filled, order.price) == (D("0.05"), D("0.02"), D(100))


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [
        ("submitted", "0", OrderState.WORKING),
        ("partial-filled", "0.02", OrderState.PARTLY_FILLED),
        ("filled", "0.05", OrderState.FILLED),
        ("filled", "0.02", OrderState.UNKNOWN),
        ("partial-canceled", "0.02", OrderState.CANCELLED),
        ("melted", "0", OrderState.UNKNOWN),
    ],
)
def test_a_word_that_nobody_knows_is_an_unknown_state(
    spot: AccountCodec, status: str, filled: str, state: OrderState
) -> None:
    changed = {"orderStatus": status, "execAmt": filled}
    (order,) = spot.decode(raw(SPOT_ORDER | {"data": SPOT_ORDER["data"] | changed}))
    assert isinstance(order, OrderReport)
    assert order.state is state


def test_a_market_order_to_buy_spot_is_left_to_rest(spot: AccountCodec) -> None:
    changed = {"type": "buy-market", "orderValue": "5", "orderSize": ""}
    words = spot.decode(raw(SPOT_ORDER | {"data": SPOT_ORDER["data"] | changed}))
    assert words == (IncompleteUpdate("an order in quote money"),)


def test_a_fill_of_spot_is_what_ccxt_makes_of_it(spot: AccountCodec) -> None:
    judge = judge_of("htx:spot", "btcusdt", spot.rules.url)
    judge.feed(SPOT_FILL)
    (ours,) = spot.decode(raw(SPOT_FILL))
    theirs = judge.exchange.myTrades[0]
    fill = same_fill(ours, theirs)
    assert (fill.trade_id, fill.maker) == (theirs["id"], False)
    assert (float(fill.fee), fill.fee_asset) == (theirs["fee"]["cost"], "BTC")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"transactFee": "0", "feeDeduct": "0.5", "feeDeductType": "ht"}, (D("0.5"), "HT")),
        ({"feeDeduct": "0.5", "feeDeductType": "ht"}, None),
        ({"transactFee": "-0.1"}, (D("-0.1"), "BTC")),
    ],
)
def test_a_fee_is_in_the_asset_it_was_charged_in(
    spot: AccountCodec, changed: dict[str, str], expected: object
) -> None:
    (word,) = spot.decode(raw(SPOT_FILL | {"data": SPOT_FILL["data"] | changed}))
    if expected is None:
        assert word == IncompleteUpdate("a fee in two assets")
    else:
        assert isinstance(word, FillReport)
        assert (word.fee, word.fee_asset) == expected


def test_balances_of_spot_are_those_of_the_trading_account(spot: AccountCodec) -> None:
    balance = {
        "currency": "btc", "accountId": 123456, "balance": "23.111", "available": "20.28",
        "changeType": "transfer", "accountType": "trade", "changeTime": 1568601800000,
    }  # fmt: skip
    message = {"action": "push", "ch": "accounts.update#2", "data": balance}
    assert spot.decode(raw(message)) == (Balance("BTC", D("23.111"), D("20.28")),)
    assert spot.decode(raw(message | {"data": balance | {"accountType": "margin"}})) == ()
    assert spot.decode(raw(message | {"data": balance | {"balance": ""}})) == (
        IncompleteUpdate("balances"),
    )


def test_an_order_of_perpetuals_is_what_ccxt_makes_of_it(linear: AccountCodec) -> None:
    judge = judge_of("htx:linear", "BTC-USDT", linear.rules.url, float(SIZE))
    judge.feed(LINEAR_ORDER)
    (ours,) = linear.decode(gzip.compress(raw(LINEAR_ORDER)))
    order = same_order(ours, judge.exchange.orders[0], SIZE)
    assert (order.client_id, order.state) == (1519705236917489664, OrderState.WORKING)
    assert order.price == D(40000)


def test_a_fill_of_perpetuals_is_left_to_rest(linear: AccountCodec) -> None:
    """It has no fee, and REST names it otherwise: told by both it would count twice."""
    assert list(linear.decode(raw(LINEAR_FILL))) == [IncompleteUpdate("a fill")]
    item = LINEAR_FILL["data"][0] | {"trade_fee": "-0.0308", "fee_currency": "USDT"}
    assert list(linear.decode(raw(LINEAR_FILL | {"data": [item]}))) == [IncompleteUpdate("a fill")]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, (Direction.LONG, D("0.001"), False)),
        ({"direction": "sell"}, (Direction.SHORT, D("0.001"), False)),
        ({"volume": "0"}, (Direction.NEUTRAL, D(0), False)),
        ({"position_side": "short", "direction": "sell"}, (Direction.SHORT, D("0.001"), True)),
    ],
)
def test_a_position_has_the_direction_of_its_side(
    linear: AccountCodec, changed: dict[str, str], expected: object
) -> None:
    (position,) = linear.decode(raw(POSITIONS | {"data": [POSITIONS["data"][0] | changed]}))
    assert isinstance(position, PositionReport)
    assert (position.direction, position.quantity, position.hedged) == expected
    assert (position.margin_mode, position.leverage) == (MarginMode.CROSS, 10)
    assert position.liquidation_price is None


def test_an_empty_list_of_positions_is_left_to_rest(linear: AccountCodec) -> None:
    assert list(linear.decode(raw(POSITIONS | {"data": []}))) == [IncompleteUpdate("what is flat")]


def test_balances_of_perpetuals_are_what_ccxt_makes_of_them(linear: AccountCodec) -> None:
    judge = judge_of("htx:linear", "BTC-USDT", linear.rules.url)
    judge.feed(ACCOUNT)
    theirs = judge.exchange.balance["USDT"]
    (ours,) = linear.decode(raw(ACCOUNT))
    assert ours == Balance("USDT", D("162.33"), D("160.01"))
    assert (theirs["total"], theirs["free"]) == (162.33, 160.01)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"action": "req", "code": 200, "ch": "auth", "data": {}}, LoggedIn()),
        (
            {"action": "req", "code": 2002, "ch": "auth", "message": "auth.fail"},
            LoginRefused("2002", "auth.fail"),
        ),
        ({"action": "sub", "code": 200, "ch": "orders#*", "data": {}}, Subscribed()),
        (
            {"action": "sub", "code": 2001, "ch": "orders#*", "message": "invalid.symbol"},
            SubscriptionRefused("2001", "invalid.symbol"),
        ),
        (
            {"action": "ping", "data": {"ts": 1575537778295}},
            PingReceived(b'{"action":"pong","data":{"ts":1575537778295}}'),
        ),
    ],
)
def test_words_of_the_connection_of_spot_are_known(
    spot: AccountCodec, message: dict[str, Any], expected: object
) -> None:
    assert spot.decode(raw(message)) == (expected,)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"op": "auth", "type": "api", "err-code": 0, "ts": 1, "data": {}}, LoggedIn()),
        (
            {"op": "auth", "type": "api", "err-code": 2002, "err-msg": "no", "ts": 1},
            LoginRefused("2002", "no"),
        ),
        ({"op": "sub", "cid": "3", "topic": "orders", "err-code": 0, "ts": 1}, Subscribed(3)),
        (
            {"op": "sub", "cid": "3", "topic": "x", "err-code": 2011, "err-msg": "?", "ts": 1},
            SubscriptionRefused("2011", "?", 3),
        ),
        (
            {"op": "ping", "ts": "1492420473058"},
            PingReceived(b'{"op":"pong","ts":"1492420473058"}'),
        ),
    ],
)
def test_words_of_the_connection_of_perpetuals_are_known(
    linear: AccountCodec, message: dict[str, Any], expected: object
) -> None:
    assert linear.decode(gzip.compress(raw(message))) == (expected,)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('"buy"', '"maybe"'), ('"1"', '"NaN"'), ("BTC-USDT", "NONE-USDT"), ('"volume"', '"vol"'),
        ('"orders"', '"wishes"'), ('"1782367563239"', '"soon"'), ('"notify"', '"gossip"'),
    ],
)  # fmt: skip
def test_what_is_not_documented_is_unreadable_and_never_a_default(
    linear: AccountCodec, was: str, now: str
) -> None:
    message = raw(LINEAR_ORDER).decode()
    assert was in message
    with pytest.raises(DecodeError):
        linear.decode(message.replace(was, now).encode())


@pytest.mark.chance
@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_no_damaged_frame_does_harm(linear: AccountCodec, spot: AccountCodec, kind: str) -> None:
    if kind == "spot":
        storm(spot, [raw(SPOT_ORDER), raw(SPOT_FILL)])
    else:
        storm(linear, [raw(each) for each in (LINEAR_ORDER, LINEAR_FILL, POSITIONS, ACCOUNT)])


def test_the_side_of_spot_is_in_the_type(spot: AccountCodec) -> None:
    changed = {"type": "sell-limit-maker"}
    (order,) = spot.decode(raw(SPOT_ORDER | {"data": SPOT_ORDER["data"] | changed}))
    assert isinstance(order, OrderReport)
    assert order.side is Side.SELL
    with pytest.raises(DecodeError):
        spot.decode(raw(SPOT_ORDER | {"data": SPOT_ORDER["data"] | {"type": "swap-limit"}}))


SPOT_ORDER: dict[str, Any] = {
    "action": "push", "ch": "orders#btcusdt",
    "data": {
        "orderSource": "spot-api", "accountId": 44234548, "orderPrice": "100",
        "orderSize": "0.05", "symbol": "btcusdt", "type": "buy-limit",
        "orderId": "478861479986886", "eventType": "cancellation", "clientOrderId": "71",
        "orderStatus": "partial-canceled", "lastActTime": 1645118621810, "remainAmt": "0.03",
        "execAmt": "0.02",
    },
}  # fmt: skip
SPOT_FILL: dict[str, Any] = {
    "action": "push", "ch": "trade.clearing#btcusdt#0",
    "data": {
        "eventType": "trade", "symbol": "btcusdt", "orderId": "478862728954426",
        "orderSide": "buy", "orderType": "buy-market", "accountId": 44234548,
        "source": "spot-web", "orderValue": "5.01724137", "orderCreateTime": 1645124660365,
        "orderStatus": "filled", "feeCurrency": "btc", "tradePrice": "118.89",
        "tradeVolume": "0.042200701236437042", "aggressor": True, "tradeId": 101539740584,
        "tradeTime": 1645124660368, "transactFee": "0.000041778694224073", "feeDeduct": "0",
        "feeDeductType": "",
    },
}  # fmt: skip
LINEAR_ORDER: dict[str, Any] = {
    "op": "notify", "topic": "orders", "contract_code": "BTC-USDT", "ts": 1782367563267,
    "uid": "359305390",
    "data": {
        "side": "buy", "type": "limit", "price": "40000", "volume": "1", "state": "new",
        "profit": "0", "contract_code": "BTC-USDT", "position_side": "both", "price_match": None,
        "order_id": "1519705236917489664", "client_order_id": "1519705236917489664",
        "margin_mode": "cross", "lever_rate": 10, "order_source": "api", "reduce_only": False,
        "time_in_force": "gtc", "trade_avg_price": "0", "trade_volume": "0",
        "trade_turnover": "0", "fee_currency": None, "fee": "0", "contract_type": "swap",
        "cancel_reason": "", "created_time": "1782367563239", "updated_time": "1782367563239",
    },
}  # fmt: skip
LINEAR_FILL: dict[str, Any] = {
    "op": "notify", "topic": "trade", "contract_code": "BTC-USDT", "ts": 1782367694387,
    "uid": "359305390",
    "data": [{
        "direction": "buy", "id": "100121555172810-1519705786942156810-1",
        "contract_code": "BTC-USDT", "contract_type": "swap", "order_id": "1519705786942156810",
        "trade_id": "155233460", "position_side": "both", "trade_volume": "1",
        "trade_price": "61629", "trade_turnover": "61.629", "role": "taker",
        "client_order_id": "1519705786942156810", "created_time": "1782367694375",
        "updated_time": "1782367694385",
    }],
}  # fmt: skip
POSITIONS: dict[str, Any] = {
    "op": "notify", "topic": "positions", "contract_code": "BTC-USDT", "ts": 1782460576073,
    "uid": "359305390", "event": "snapshot",
    "data": [{
        "contract_code": "BTC-USDT", "symbol": "BTC", "position_mode": "single_side",
        "position_side": "both", "direction": "buy", "margin_mode": "cross",
        "open_avg_price": "60547.9", "volume": "1", "available": "1", "lever_rate": 10,
        "liquidation_price": "-102094.847680676304309652", "profit_unreal": "0.0328",
        "contract_type": "swap", "version": 7, "created_time": "1782460515119",
        "updated_time": "1782460515119",
    }],
}  # fmt: skip
ACCOUNT: dict[str, Any] = {
    "op": "notify", "topic": "account", "contract_code": "", "ts": 1782459963509,
    "uid": "359305390", "event": "snapshot",
    "data": {
        "equity": "0", "state": "normal",
        "details": [{
            "currency": "USDT", "equity": "162.33", "available": "162.33", "profit_unreal": "0",
            "withdraw_available": "160.01",
        }],
    },
}  # fmt: skip
