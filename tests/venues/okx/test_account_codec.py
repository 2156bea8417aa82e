"""Protects what OKX tells of an account: strangers' recordings decode, ccxt signs as we do."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bowline.core.model.order import OrderState
from bowline.core.model.values import Direction
from bowline.core.venue import Balance, FillReport, MarginMode, OrderReport, PositionReport
from bowline.venues import (
    ClosingAnnounced,
    DecodeError,
    PingReceived,
    PongReceived,
    Subscribed,
    SubscriptionRefused,
)
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
URL = "wss://ws.okx.com:8443/ws/v5/private"
SIZE = "0.01"


@pytest.fixture
def linear() -> AccountCodec:
    return codec_of("okx:linear", "BTC-USDT-SWAP", "ETH-USDT-SWAP", size=SIZE)


@pytest.fixture
def spot() -> AccountCodec:
    return codec_of("okx:spot", "BTC-USDT", "ETH-USDT")


def sample(shared_data: Path, name: str) -> dict[str, Any]:
    folder = shared_data / "frames/nautilus/okx/test_data"
    frame: dict[str, Any] = json.loads((folder / f"ws_{name}.json").read_text())
    return frame


def raw(frame: object) -> bytes:
    return json.dumps(frame).encode()


def test_a_login_is_signed_as_ccxt_signs_it(linear: AccountCodec) -> None:
    judge = judge_of("okx:linear", "BTC-USDT-SWAP", URL)
    ((url, theirs),) = sent_by(judge, lambda exchange: exchange.authenticate())
    (ours,) = linear.login(KEYS, NOW_NS)
    # the venue listens on both ports
    assert url.replace(":443", ":8443") == linear.rules.url
    assert theirs == json.loads(ours)
    assert KEYS.secret.encode() not in ours


def test_a_frame_is_sent_for_each_channel(linear: AccountCodec, spot: AccountCodec) -> None:
    asked = [json.loads(frame)["args"] for frame in linear.subscribe(KEYS, NOW_NS, 1)]
    assert asked == [
        [{"channel": "orders", "instType": "SWAP"}],
        [{"channel": "account"}],
        [{"channel": "positions", "instType": "SWAP"}],
    ]
    assert len(spot.subscribe(KEYS, NOW_NS, 1)) == 2


def test_every_recorded_frame_is_read(
    linear: AccountCodec, spot: AccountCodec, shared_data: Path
) -> None:
    folder = shared_data / "frames/nautilus/okx/test_data"
    names = [
        path.stem[3:]
        for pattern in ("ws_orders*.json", "ws_account*.json", "ws_sprd*.json")
        for path in sorted(folder.glob(pattern))
    ]
    assert len(names) > 10
    told = {
        type(word)
        for name in names
        for codec in (linear, spot)
        for word in codec.decode(raw(sample(shared_data, name)))
    }
    assert {OrderReport, FillReport, Balance} <= told


def test_a_recorded_order_and_its_fill_are_what_ccxt_makes_of_them(
    linear: AccountCodec, shared_data: Path
) -> None:
    frame = sample(shared_data, "orders")
    judge = judge_of("okx:linear", "BTC-USDT-SWAP", URL, float(SIZE))
    judge.feed(frame)
    order, fill = linear.decode(raw(frame))
    assert same_order(order, judge.exchange.orders[0], SIZE).state is OrderState.FILLED
    theirs = judge.exchange.myTrades[0]
    # ccxt makes its trade of the whole order: id, price and size are the fill's in this frame
    ours = same_fill(fill, theirs, SIZE)
    assert (ours.trade_id, ours.maker) == (theirs["id"], theirs["takerOrMaker"] == "maker")
    assert (ours.fee, ours.fee_asset) == (D("0.021776769"), "USDT")


@pytest.mark.parametrize(
    ("changed", "fee"),
    [
        ({"fillFee": "-0.5", "fillFeeCcy": "USDT"}, D("0.5")),
        ({"fillFee": "0.5", "fillFeeCcy": "USDT"}, D("-0.5")),
        ({"fee": "0", "rebate": "0.2", "rebateCcy": "USDT"}, D("-0.2")),
        ({"fee": "0"}, D(0)),
        ({"accFillSz": "0.05", "sz": "0.05"}, None),
        ({"rebate": "0.2", "rebateCcy": "OKB"}, None),
    ],
)
def test_a_fee_that_is_not_told_for_the_fill_alone_is_left_to_rest(
    linear: AccountCodec, shared_data: Path, changed: dict[str, str], fee: Decimal | None
) -> None:
    frame = sample(shared_data, "orders")
    frame["data"][0] |= changed
    word = linear.decode(raw(frame))[1]
    if fee is None:
        assert word == IncompleteUpdate("a fee")
    else:
        assert isinstance(word, FillReport)
        assert word.fee == fee


def test_a_market_order_to_buy_spot_counts_what_it_bought(
    spot: AccountCodec, shared_data: Path
) -> None:
    frame = sample(shared_data, "orders_fok")
    frame["data"][0] |= {
        "ordType": "market", "side": "buy", "sz": "500", "accFillSz": "0.01", "tgtCcy": "",
        "state": "filled", "instId": "BTC-USDT",
    }  # fmt: skip
    order = spot.decode(raw(frame))[0]
    assert isinstance(order, OrderReport)
    assert (order.quantity, order.filled, order.state) == (D("0.01"), D("0.01"), OrderState.FILLED)


@pytest.mark.parametrize(
    ("state", "filled", "expected"),
    [
        ("live", "0", OrderState.WORKING),
        ("partially_filled", "0.01", OrderState.PARTLY_FILLED),
        ("filled", "0.03", OrderState.FILLED),
        ("filled", "0.01", OrderState.UNKNOWN),
        ("canceled", "0.01", OrderState.CANCELLED),
        ("mmp_canceled", "0", OrderState.CANCELLED),
        ("vanished", "0", OrderState.UNKNOWN),
    ],
)
def test_a_word_that_nobody_knows_is_an_unknown_state(
    linear: AccountCodec, shared_data: Path, state: str, filled: str, expected: OrderState
) -> None:
    frame = sample(shared_data, "orders")
    frame["data"][0] |= {"state": state, "accFillSz": filled, "tradeId": "", "clOrdId": "71"}
    (order,) = linear.decode(raw(frame))
    assert isinstance(order, OrderReport)
    assert (order.state, order.client_id) == (expected, 71)


def test_a_position_is_what_rest_tells_of_it(linear: AccountCodec, shared_data: Path) -> None:
    folder = shared_data / "frames/nautilus/okx/test_data"
    (row,) = json.loads((folder / "http_get_positions.json").read_text())["data"]
    frame = {"arg": {"channel": "positions", "instType": "SWAP"}, "data": [row]}
    (position,) = linear.decode(raw(frame))
    assert isinstance(position, PositionReport)
    assert (position.direction, position.quantity) == (Direction.LONG, D("0.005"))
    assert (position.margin_mode, position.leverage) == (MarginMode.ISOLATED, 10)
    assert position.hedged
    row |= {"posSide": "net", "pos": "-2"}
    (short,) = linear.decode(raw(frame))
    assert isinstance(short, PositionReport)
    assert (short.direction, short.quantity) == (Direction.SHORT, D("0.02"))
    assert not short.hedged


def test_balances_are_equity_and_what_is_free_of_it(spot: AccountCodec, shared_data: Path) -> None:
    assert spot.decode(raw(sample(shared_data, "account")))[0] == Balance(
        "USDT", D("100.52768569797846"), D("100.52768569797846")
    )
    assert list(spot.decode(raw(sample(shared_data, "account_empty")))) == []


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"event": "login", "code": "0", "msg": "", "connId": "a"}, (LoggedIn(),)),
        ({"event": "error", "code": "60009", "msg": "no"}, (LoginRefused("60009", "no"),)),
        (
            {"event": "subscribe", "id": "1", "arg": {"channel": "account"}},
            (Subscribed(1),),
        ),
        ({"event": "error", "code": "60012", "msg": "?"}, (SubscriptionRefused("60012", "?"),)),
        ({"event": "notice", "code": "64008", "msg": "soon"}, (ClosingAnnounced("soon"),)),
        ({"event": "channel-conn-count", "channel": "orders", "connCount": "2"}, ()),
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
        ('"buy"', '"maybe"'), ('"0.03"', '"NaN"'), ("BTC-USDT-SWAP", "NONE-USDT-SWAP"),
        ('"accFillSz"', '"filled"'), ('"orders"', '"wishes"'), ('"1746947317402"', '"soon"'),
    ],
)  # fmt: skip
def test_what_is_not_documented_is_unreadable_and_never_a_default(
    linear: AccountCodec, shared_data: Path, was: str, now: str
) -> None:
    frame = raw(sample(shared_data, "orders")).decode()
    assert was in frame
    with pytest.raises(DecodeError):
        linear.decode(frame.replace(was, now).encode())


@pytest.mark.chance
def test_no_damaged_frame_does_harm(linear: AccountCodec, shared_data: Path) -> None:
    frames = [raw(sample(shared_data, name)) for name in ("orders", "account")]
    storm(linear, [*frames, raw({"event": "login", "code": "0", "msg": ""})])
