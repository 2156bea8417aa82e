"""Protects what MEXC tells of a spot account: the venue's own messages, as ccxt reads them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from ccxt.protobuf.mexc.PushDataV3ApiWrapper_pb2 import (
    PushDataV3ApiWrapper,
)

from bowline.core.model.order import OrderState
from bowline.core.model.values import Side
from bowline.core.venue import Balance, FillReport, OrderReport
from bowline.venues import DecodeError, PongReceived, Subscribed, SubscriptionRefused
from bowline.venues.account_codec import AccountCodec, IncompleteUpdate
from tests.venues.account_codecs import (
    KEYS,
    NOW_NS,
    codec_of,
    judge_of,
    same_fill,
    same_order,
    storm,
)

D = Decimal
URL = "wss://wbs-api.mexc.com/ws"
SENT = 1736417034332


@pytest.fixture
def codec() -> AccountCodec:
    return codec_of("mexc:spot", "BTCUSDT")


def message(channel: str, body: str, **fields: Any) -> bytes:
    """A frame of the venue's own messages."""
    wrapper = PushDataV3ApiWrapper()
    wrapper.channel = f"spot@private.{channel}.v3.api.pb"
    wrapper.symbol, wrapper.sendTime = "BTCUSDT", SENT
    for name, value in fields.items():
        setattr(getattr(wrapper, body), name, value)
    raw: bytes = wrapper.SerializeToString()
    return raw


def order(**changed: Any) -> bytes:
    fields = {
        "id": "C02__583905164440776704043", "clientId": "71", "price": "0.001053",
        "quantity": "2000", "avgPrice": "0.001007", "orderType": 1, "tradeType": 1,
        "cumulativeQuantity": "500", "cumulativeAmount": "0.5035", "remainQuantity": "1500",
        "status": 3, "createTime": 1754996075502,
    }  # fmt: skip
    return message("orders", "privateOrders", **(fields | changed))


def fill(**changed: Any) -> bytes:
    fields = {
        "price": "3.6962", "quantity": "1", "amount": "3.6962", "tradeType": 2,
        "tradeId": "505979017439002624X1", "orderId": "C02__505979017439002624115",
        "clientOrderId": "71", "feeAmount": "0.0003998377369698171", "feeCurrency": "MX",
        "time": 1736417034280,
    }  # fmt: skip
    return message("deals", "privateDeals", **(fields | changed))


def account(**changed: Any) -> bytes:
    fields = {"vcoinName": "USDT", "balanceAmount": "21.94", "frozenAmount": "10", "time": SENT}
    return message("account", "privateAccount", **(fields | changed))


def test_a_key_opens_it_and_three_channels_are_asked_for(codec: AccountCodec) -> None:
    assert codec.rules.listen_key is not None
    assert codec.login(KEYS, NOW_NS) == []
    (frame,) = codec.subscribe(KEYS, NOW_NS, 4)
    assert json.loads(frame) == {
        "method": "SUBSCRIPTION", "id": 4,
        "params": [
            f"spot@private.{name}.v3.api.pb" for name in ("orders", "deals", "account")
        ],
    }  # fmt: skip


def test_an_order_is_what_ccxt_makes_of_it(codec: AccountCodec) -> None:
    judge = judge_of("mexc:spot", "BTCUSDT", URL)
    judge.feed(order())
    (ours,) = codec.decode(order())
    report = same_order(ours, judge.exchange.orders[0])
    assert (report.client_id, report.state) == (71, OrderState.PARTLY_FILLED)
    assert (report.average_price, report.event_ns) == (D("0.001007"), SENT * 10**6)


def test_a_fill_is_what_ccxt_makes_of_it(codec: AccountCodec) -> None:
    judge = judge_of("mexc:spot", "BTCUSDT", URL)
    judge.feed(fill())
    (ours,) = codec.decode(fill())
    theirs = judge.exchange.myTrades[0]
    report = same_fill(ours, theirs)
    assert (report.trade_id, report.maker) == (theirs["id"], False)
    assert (report.fee, report.fee_asset) == (D("0.0003998377369698171"), "MX")


def test_a_balance_is_what_ccxt_makes_of_it(codec: AccountCodec) -> None:
    judge = judge_of("mexc:spot", "BTCUSDT", URL)
    judge.feed(account())
    theirs = judge.exchange.balance["spot"]["USDT"]
    assert codec.decode(account()) == (Balance("USDT", D("31.94"), D("21.94")),)
    assert (theirs["free"], theirs["used"]) == (21.94, 10.0)


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [
        (1, "0", OrderState.WORKING),
        (3, "500", OrderState.PARTLY_FILLED),
        (2, "2000", OrderState.FILLED),
        (2, "500", OrderState.UNKNOWN),
        (4, "0", OrderState.CANCELLED),
        (5, "500", OrderState.CANCELLED),
        (9, "0", OrderState.UNKNOWN),
    ],
)
def test_a_word_that_nobody_knows_is_an_unknown_state(
    codec: AccountCodec, status: int, filled: str, state: OrderState
) -> None:
    (report,) = codec.decode(order(status=status, cumulativeQuantity=filled))
    assert isinstance(report, OrderReport)
    assert report.state is state


def test_a_market_order_to_buy_counts_what_it_bought(codec: AccountCodec) -> None:
    (report,) = codec.decode(order(orderType=5, quantity="", status=2, price=""))
    assert isinstance(report, OrderReport)
    assert (report.quantity, report.filled, report.price) == (D(500), D(500), None)


def test_a_fill_without_its_fee_is_left_to_rest_and_a_maker_is_told(codec: AccountCodec) -> None:
    assert codec.decode(fill(feeCurrency="")) == (IncompleteUpdate("a fee"),)
    (report,) = codec.decode(fill(isMaker=True))
    assert isinstance(report, FillReport)
    assert (report.maker, report.side) == (True, Side.SELL)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"id": 0, "code": 0, "msg": "PONG"}, PongReceived()),
        ({"id": 1, "code": 0, "msg": "spot@private.orders.v3.api.pb"}, Subscribed(1)),
        (
            {"id": 1, "code": 0, "msg": "Not Subscribed successfully! [x].  Reason: Blocked! "},
            SubscriptionRefused(
                "0", "Not Subscribed successfully! [x].  Reason: Blocked! ", 1
            ),
        ),
    ],
)  # fmt: skip
def test_words_of_the_connection_are_known(
    codec: AccountCodec, answer: dict[str, Any], expected: object
) -> None:
    assert codec.decode(json.dumps(answer).encode()) == (expected,)


@pytest.mark.parametrize(
    "frame",
    [
        order(tradeType=3), order(quantity="NaN"), order(quantity="-1"), order(price="1_0"),
        fill(price="0"), fill(tradeId=""), fill(time=-5), account(vcoinName=""),
        order().replace(b"BTCUSDT", b"ETHUSDT"), order().replace(b"orders", b"wishes"), b"",
        fill().replace(b"private.deals", b"private.order"),
    ],
)  # fmt: skip
def test_what_is_not_documented_is_unreadable_and_never_a_default(
    codec: AccountCodec, frame: bytes
) -> None:
    with pytest.raises(DecodeError):
        codec.decode(frame)


@pytest.mark.chance
def test_no_damaged_frame_does_harm(codec: AccountCodec) -> None:
    storm(codec, [order(), fill(), account()])
