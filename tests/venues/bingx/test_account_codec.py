"""Protects what BingX tells of an account: the venue's own examples, read as ccxt reads them."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from typing import Any

import pytest

from bowline.core.model.order import OrderState
from bowline.core.model.values import Direction
from bowline.core.venue import FillReport, MarginMode, OrderReport, PositionReport
from bowline.venues import (
    ClosingAnnounced,
    DecodeError,
    PingReceived,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.account_codec import AccountCodec, IncompleteUpdate
from tests.venues.account_codecs import (
    KEYS,
    NOW_NS,
    codec_of,
    judge_of,
    same_order,
    storm,
)
from tests.venues.zipped import Inside, refuses_what_is_no_gzip

D = Decimal
URLS = {
    "spot": "wss://open-api-ws.bingx.com/market",
    "linear": "wss://open-api-swap.bingx.com/swap-market",
}


@pytest.fixture
def linear() -> AccountCodec:
    return codec_of("bingx:linear", "BTC-USDT")


@pytest.fixture
def spot() -> AccountCodec:
    return codec_of("bingx:spot", "BTC-USDT")


def raw(message: object) -> bytes:
    return gzip.compress(json.dumps(message).encode(), mtime=0)


def test_a_key_opens_it_and_spot_alone_is_asked_for(
    linear: AccountCodec, spot: AccountCodec
) -> None:
    for kind, codec in (("linear", linear), ("spot", spot)):
        assert codec.rules.listen_key is not None
        assert codec.rules.url == URLS[kind]
        assert codec.login(KEYS, NOW_NS) == []
    assert linear.subscribe(KEYS, NOW_NS, 1) == []
    asked = [json.loads(frame) for frame in spot.subscribe(KEYS, NOW_NS, 1)]
    assert [each["dataType"] for each in asked] == ["spot.executionReport", "ACCOUNT_UPDATE"]
    assert [each["id"] for each in asked] == ["1", "2"]


def test_an_order_of_spot_and_its_fill_are_what_ccxt_makes_of_them(spot: AccountCodec) -> None:
    judge = judge_of("bingx:spot", "BTC-USDT", URLS["spot"])
    judge.feed(SPOT_ORDER)
    order, fill = spot.decode(raw(SPOT_ORDER))
    # ccxt takes the 0 of a market order told in quote money for its size
    theirs = judge.exchange.orders[0] | {"amount": None}
    assert same_order(order, theirs).state is OrderState.FILLED
    trade = judge.exchange.myTrades[0]
    assert isinstance(fill, FillReport)
    assert (fill.trade_id, fill.venue_order_id) == (trade["id"], trade["order"])
    assert (fill.quantity, fill.price) == (D("0.0802"), D("62.308"))
    assert (fill.fee, fill.fee_asset) == (D("0.0000802"), trade["fee"]["currency"])


def test_an_order_of_perpetuals_is_what_ccxt_makes_of_it(linear: AccountCodec) -> None:
    judge = judge_of("bingx:linear", "BTC-USDT", URLS["linear"])
    judge.feed(LINEAR_ORDER)
    (order,) = linear.decode(raw(LINEAR_ORDER))
    report = same_order(order, judge.exchange.orders[0])
    assert (report.state, report.client_id) == (OrderState.FILLED, 71)
    assert report.average_price == D("64.36")


def test_a_fill_of_spot_without_an_id_is_left_to_rest(spot: AccountCodec) -> None:
    message = SPOT_ORDER | {"data": SPOT_ORDER["data"] | {"t": 0}}
    assert spot.decode(raw(message))[1] == IncompleteUpdate("a fill")


@pytest.mark.parametrize(
    ("word", "filled", "state"),
    [
        ("NEW", "0", OrderState.WORKING),
        ("PARTIALLY_FILLED", "0.04", OrderState.PARTLY_FILLED),
        ("FILLED", "0.04", OrderState.UNKNOWN),
        ("CANCELED", "0.04", OrderState.CANCELLED),
        ("EXPIRED", "0", OrderState.CANCELLED),
        ("TELEPORTED", "0", OrderState.UNKNOWN),
    ],
)
def test_a_word_that_nobody_knows_is_an_unknown_state(
    linear: AccountCodec, word: str, filled: str, state: OrderState
) -> None:
    message = LINEAR_ORDER | {"o": LINEAR_ORDER["o"] | {"X": word, "z": filled}}
    (order,) = linear.decode(raw(message))
    assert isinstance(order, OrderReport)
    assert order.state is state


def test_positions_are_told_by_side_and_balances_are_left_to_rest(
    linear: AccountCodec, spot: AccountCodec
) -> None:
    untold, position = linear.decode(raw(ACCOUNT))
    assert untold == IncompleteUpdate("balances")
    assert isinstance(position, PositionReport)
    assert (position.direction, position.quantity) == (Direction.SHORT, D(5))
    assert (position.hedged, position.margin_mode) == (True, MarginMode.ISOLATED)
    assert spot.decode(raw(ACCOUNT))[0] == IncompleteUpdate("balances")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"id": "2", "code": 0, "msg": "SUCCESS", "dataType": "", "data": None}, (Subscribed(2),)),
        (
            {"id": "2", "code": 80014, "msg": "invalid", "dataType": "x"},
            (SubscriptionRefused("80014", "invalid", 2),),
        ),
        (
            {"e": "listenKeyExpired", "E": 1, "listenKey": "x"},
            (ClosingAnnounced("listenKeyExpired"),),
        ),
        ({"e": "SNAPSHOT", "E": 1, "ac": {}}, ()),
        (
            {"ping": "abc", "time": "now"},
            (PingReceived(b'{"pong":"abc","time":"now"}'),),
        ),
    ],
)
def test_words_of_the_connection_are_known(
    spot: AccountCodec, linear: AccountCodec, message: dict[str, Any], expected: object
) -> None:
    for codec in (spot, linear):
        assert codec.decode(raw(message)) == expected
        assert codec.decode(gzip.compress(b"Ping")) == (PingReceived(b"Pong"),)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('"BUY"', '"MAYBE"'), ('"0.10000000"', '"NaN"'), ("BTC-USDT", "NONE-USDT"), ('"z"', '"zz"'),
        ("ORDER_TRADE_UPDATE", "WISH"), ("1696843635475", "-1"),
    ],
)  # fmt: skip
def test_what_is_not_documented_is_unreadable_and_never_a_default(
    linear: AccountCodec, was: str, now: str
) -> None:
    message = json.dumps(LINEAR_ORDER)
    assert was in message
    with pytest.raises(DecodeError):
        linear.decode(gzip.compress(message.replace(was, now).encode()))


@pytest.mark.chance
@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_no_damaged_frame_does_harm(linear: AccountCodec, spot: AccountCodec, kind: str) -> None:
    messages = [SPOT_ORDER] if kind == "spot" else [LINEAR_ORDER, ACCOUNT]
    codec = Inside(spot if kind == "spot" else linear)  # type: ignore[arg-type]
    storm(codec, [json.dumps(each).encode() for each in messages])  # type: ignore[arg-type]


SPOT_ORDER: dict[str, Any] = {
    "code": 0, "dataType": "spot.executionReport",
    "data": {
        "e": "executionReport", "E": 1694681809302, "s": "BTC-USDT", "S": "BUY", "o": "MARKET",
        "q": 0, "p": 62.29, "x": "TRADE", "X": "FILLED", "i": "1702245001712369664",
        "l": 0.0802, "z": 0.0802, "L": 62.308, "n": -0.0000802, "N": "BTC", "T": 1694681809256,
        "t": 38259147, "O": 1694681809248, "Z": 4.9971016, "Y": 4.9971016, "Q": 5, "m": False,
    },
}  # fmt: skip
LINEAR_ORDER: dict[str, Any] = {
    "e": "ORDER_TRADE_UPDATE", "E": 1696843635475,
    "o": {
        "s": "BTC-USDT", "c": "71", "i": "1711312357852147712", "S": "BUY", "o": "MARKET",
        "q": "0.10000000", "p": "64.35010000", "ap": "64.36000000", "x": "TRADE", "X": "FILLED",
        "N": "USDT", "n": "-0.00321800", "T": 0, "wt": "MARK_PRICE", "ps": "LONG",
        "rp": "0.00000000", "z": "0.10000000",
    },
}  # fmt: skip
ACCOUNT: dict[str, Any] = {
    "e": "ACCOUNT_UPDATE", "E": 1696244249320,
    "a": {
        "m": "ORDER", "B": [{"a": "USDT", "wb": "49.81", "cw": "49.81", "bc": "-1"}],
        "P": [{
            "s": "BTC-USDT", "pa": "5.000", "ep": "11.2222", "up": "0.5300", "mt": "isolated",
            "iw": "1.2", "ps": "SHORT",
        }],
    },
}  # fmt: skip


def test_what_is_no_gzip_is_unreadable(linear: AccountCodec) -> None:
    refuses_what_is_no_gzip(linear, raw(LINEAR_ORDER))  # type: ignore[arg-type]
