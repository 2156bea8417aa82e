"""Protects what Binance tells of an account: strangers' recordings decode, ccxt signs as we do."""

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
    PongReceived,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.account_codec import AccountCodec, IncompleteUpdate, LoginRefused
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
URLS = {
    "spot": "wss://ws-api.binance.com:443/ws-api/v3",
    "linear": "wss://fstream.binance.com/private/ws?listenKey=key",
}


@pytest.fixture
def linear() -> AccountCodec:
    return codec_of("binance:linear", "BTCUSDT", "BNBUSDT")


@pytest.fixture
def spot() -> AccountCodec:
    return codec_of("binance:spot", "BTCUSDT", "ETHUSDT", "ETHBTC")


def sample(shared_data: Path, kind: str, name: str) -> dict[str, Any]:
    folder = shared_data / f"frames/nautilus/binance/test_data/{kind}/user_data_json"
    frame: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return frame


def raw(frame: object) -> bytes:
    return json.dumps(frame).encode()


def test_the_one_request_of_spot_is_signed_as_ccxt_signs_it(spot: AccountCodec) -> None:
    judge = judge_of("binance:spot", "BTCUSDT", URLS["spot"])
    judge.exchange.options["recvWindow"] = 5000
    ((url, theirs),) = sent_by(
        judge, lambda exchange: exchange.ensure_user_data_stream_ws_subscribe_signature("spot")
    )
    (frame,) = spot.subscribe(KEYS, NOW_NS, 1)
    ours = json.loads(frame)
    assert url == spot.rules.url
    assert (ours["method"], ours["params"]) == (theirs["method"], theirs["params"])
    assert KEYS.secret.encode() not in frame
    assert spot.login(KEYS, NOW_NS) == []


def test_futures_are_opened_by_a_key_and_asked_for_nothing(linear: AccountCodec) -> None:
    assert linear.rules.listen_key is not None
    assert linear.login(KEYS, NOW_NS) == linear.subscribe(KEYS, NOW_NS, 1) == []
    judge = judge_of("binance:linear", "BTCUSDT", URLS["linear"])
    theirs = judge.exchange.get_private_ws_url("linear", "key")
    assert theirs == f"{linear.rules.url}?{linear.rules.listen_key.parameter}=key"


@pytest.mark.parametrize("kind", ["spot", "futures"])
def test_every_recorded_frame_is_read(
    linear: AccountCodec, spot: AccountCodec, shared_data: Path, kind: str
) -> None:
    codec = spot if kind == "spot" else linear
    folder = shared_data / f"frames/nautilus/binance/test_data/{kind}/user_data_json"
    names = sorted(path.stem for path in folder.glob("*.json"))
    assert len(names) > 10
    told = [codec.decode(raw(sample(shared_data, kind, name))) for name in names]
    assert {OrderReport, FillReport} <= {type(word) for words in told for word in words}


def test_a_recorded_fill_of_spot_is_what_ccxt_makes_of_it(
    spot: AccountCodec, shared_data: Path
) -> None:
    frame = sample(shared_data, "spot", "execution_report_trade") | {"s": "BTCUSDT"}
    judge = judge_of("binance:spot", "BTCUSDT", URLS["spot"])
    judge.socket.subscriptions["spot"] = True
    judge.feed({"subscriptionId": 0, "event": frame})
    order, fill = spot.decode(raw(frame))
    assert same_order(order, judge.exchange.orders[0]).state is OrderState.FILLED
    theirs = judge.exchange.myTrades[0]
    ours = same_fill(fill, theirs)
    assert (ours.trade_id, ours.maker) == (theirs["id"], True)
    assert (ours.fee, ours.fee_asset) == (D(str(theirs["fee"]["cost"])), "ETH")


def test_a_recorded_fill_of_futures_is_what_ccxt_makes_of_it(
    linear: AccountCodec, shared_data: Path
) -> None:
    frame = sample(shared_data, "futures", "order_update_trade_partial")
    judge = judge_of("binance:linear", "BTCUSDT", URLS["linear"])
    judge.socket.subscriptions["linear"] = True
    judge.feed(frame)
    order, fill = linear.decode(raw(frame))
    assert same_order(order, judge.exchange.orders[0]).state is OrderState.PARTLY_FILLED
    ours = same_fill(fill, judge.exchange.myTrades[0])
    assert (ours.trade_id, ours.fee, ours.fee_asset) == ("12345678", D("0.01"), "USDT")


def test_a_cancelled_order_of_spot_keeps_our_id(spot: AccountCodec, shared_data: Path) -> None:
    frame = sample(shared_data, "spot", "execution_report_canceled")
    (order,) = spot.decode(raw(frame | {"c": "cancel-7", "C": "71"}))
    assert isinstance(order, OrderReport)
    assert (order.client_id, order.state) == (71, OrderState.CANCELLED)
    (order,) = spot.decode(raw(frame | {"c": "71", "C": ""}))
    assert isinstance(order, OrderReport)
    assert order.client_id == 71


def test_a_fill_without_its_fee_is_left_to_rest(linear: AccountCodec, shared_data: Path) -> None:
    frame = sample(shared_data, "futures", "order_update_trade")
    del frame["o"]["n"], frame["o"]["N"]
    order, word = linear.decode(raw(frame))
    assert isinstance(order, OrderReport)
    assert word == IncompleteUpdate("a fee")


def test_positions_are_told_by_side_and_balances_are_left_to_rest(
    linear: AccountCodec, shared_data: Path
) -> None:
    untold, flat, long, short = linear.decode(raw(sample(shared_data, "futures", "account_update")))
    assert untold == IncompleteUpdate("balances")
    shown = [
        (each.direction, each.quantity, each.hedged, each.margin_mode)
        for each in (flat, long, short)
        if isinstance(each, PositionReport)
    ]
    isolated = MarginMode.ISOLATED
    assert shown == [
        (Direction.NEUTRAL, 0, False, isolated),
        (Direction.LONG, 20, True, isolated),
        (Direction.SHORT, 10, True, isolated),
    ]


def test_balances_of_spot_are_free_and_locked(spot: AccountCodec, shared_data: Path) -> None:
    frame = sample(shared_data, "spot", "account_position")
    assert list(spot.decode(raw(frame))) == [
        Balance("USDT", D(12500), D(10000)),
        Balance("ETH", D(5), D(5)),
    ]
    frame = sample(shared_data, "spot", "balance_update")
    assert spot.decode(raw(frame)) == (IncompleteUpdate("balanceUpdate"),)


@pytest.mark.parametrize(
    ("word", "filled", "state"),
    [
        ("NEW", "0", OrderState.WORKING),
        ("PARTIALLY_FILLED", "0.001", OrderState.PARTLY_FILLED),
        ("FILLED", "0.002", OrderState.FILLED),
        ("FILLED", "0.001", OrderState.UNKNOWN),
        ("EXPIRED", "0.001", OrderState.CANCELLED),
        ("EXPIRED_IN_MATCH", "0", OrderState.CANCELLED),
        ("REJECTED", "0", OrderState.REJECTED),
        ("NEW_ADL", "0.002", OrderState.UNKNOWN),
    ],
)
def test_a_word_that_nobody_knows_is_an_unknown_state(
    linear: AccountCodec, shared_data: Path, word: str, filled: str, state: OrderState
) -> None:
    frame = sample(shared_data, "futures", "order_update_trade_partial")
    frame["o"] |= {"X": word, "z": filled}
    order = linear.decode(raw(frame))[0]
    assert isinstance(order, OrderReport)
    assert order.state is state


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"id": "1", "status": 200, "result": {"subscriptionId": 0}}, (Subscribed(1),)),
        (
            {"id": "1", "status": 401, "error": {"code": -2015, "msg": "Invalid key"}},
            (LoginRefused("-2015", "Invalid key"), SubscriptionRefused("-2015", "Invalid key", 1)),
        ),
        ({"id": "ping", "status": 200, "result": {}}, (PongReceived(),)),
        (
            {"event": {"e": "eventStreamTerminated", "E": 1}},
            (ClosingAnnounced("eventStreamTerminated"),),
        ),
        (
            {"e": "listenKeyExpired", "E": 1, "listenKey": "x"},
            (ClosingAnnounced("listenKeyExpired"),),
        ),
        ({"e": "ALGO_UPDATE", "E": 1, "o": {}}, ()),
    ],
)
def test_words_of_the_connection_are_known(
    spot: AccountCodec, linear: AccountCodec, message: dict[str, Any], expected: object
) -> None:
    for codec in (spot, linear):
        assert codec.decode(raw(message)) == expected


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('"BUY"', '"MAYBE"'), ('"0.002"', '"NaN"'), ('"0.001"', '"-1"'), ("BTCUSDT", "XXXUSDT"),
        ("ORDER_TRADE_UPDATE", "WISH"), ('"z"', '"zz"'), ('"T": 1568879465651', '"T": -1'),
    ],
)  # fmt: skip
def test_what_is_not_documented_is_unreadable_and_never_a_default(
    linear: AccountCodec, shared_data: Path, was: str, now: str
) -> None:
    frame = raw(sample(shared_data, "futures", "order_update_trade_partial")).decode()
    assert was in frame
    with pytest.raises(DecodeError):
        linear.decode(frame.replace(was, now).encode())


@pytest.mark.chance
@pytest.mark.parametrize("kind", ["spot", "futures"])
def test_no_damaged_frame_does_harm(
    linear: AccountCodec, spot: AccountCodec, shared_data: Path, kind: str
) -> None:
    names = {
        "spot": ("execution_report_trade", "account_position_wrapped"),
        "futures": ("order_update_trade", "account_update"),
    }
    frames = [raw(sample(shared_data, kind, name)) for name in names[kind]]
    storm(spot if kind == "spot" else linear, frames)
