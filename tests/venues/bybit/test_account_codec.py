"""Protects what Bybit tells of an account: strangers' recordings decode, ccxt signs as we do."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bowline.core.model.order import OrderState
from bowline.core.model.values import Direction, Side
from bowline.core.venue import (
    Balance,
    FillReport,
    MarginMode,
    OrderReport,
    PositionReport,
)
from bowline.venues import DecodeError, PongReceived, Subscribed, SubscriptionRefused
from bowline.venues.account_codec import AccountCodec, LoggedIn, LoginRefused
from tests.venues.account_codecs import (
    KEYS,
    NOW_NS,
    codec_of,
    instrument_of,
    judge_of,
    same_order,
    sent_by,
    storm,
)

D = Decimal
LINEAR = ("BTCUSDT", "ETHUSDT", "APEXUSDT", "ICPUSDT")
URL = "wss://stream.bybit.com/v5/private"


@pytest.fixture
def linear() -> AccountCodec:
    return codec_of("bybit:linear", *LINEAR)


@pytest.fixture
def spot() -> AccountCodec:
    return codec_of("bybit:spot", *LINEAR)


def sample(shared_data: Path, name: str) -> dict[str, Any]:
    folder = shared_data / "frames/nautilus/bybit/test_data"
    frame: dict[str, Any] = json.loads((folder / f"ws_{name}.json").read_text())
    return frame


def raw(frame: object) -> bytes:
    return json.dumps(frame).encode()


def test_a_login_is_signed_as_ccxt_signs_it(linear: AccountCodec) -> None:
    judge = judge_of("bybit:linear", "BTCUSDT", URL)
    ((url, theirs),) = sent_by(judge, lambda exchange: exchange.authenticate(URL))
    (ours,) = linear.login(KEYS, NOW_NS)
    assert (url, theirs) == (linear.rules.url, json.loads(ours))
    assert KEYS.secret.encode() not in ours


def test_every_topic_but_the_wallet_is_asked_for_by_kind(
    linear: AccountCodec, spot: AccountCodec
) -> None:
    (frame,) = linear.subscribe(KEYS, NOW_NS, 7)
    assert json.loads(frame) == {
        "op": "subscribe", "req_id": "7",
        "args": ["order.linear", "execution.linear", "wallet", "position.linear"],
    }  # fmt: skip
    (frame,) = spot.subscribe(KEYS, NOW_NS, 1)
    assert json.loads(frame)["args"] == ["order.spot", "execution.spot", "wallet"]


def test_every_recorded_frame_is_read(
    linear: AccountCodec, spot: AccountCodec, shared_data: Path
) -> None:
    folder = shared_data / "frames/nautilus/bybit/test_data"
    names = sorted(path.stem[3:] for path in folder.glob("ws_account_*.json"))
    assert len(names) > 15
    told = set()
    for name in names:
        frame = sample(shared_data, name)
        if "topic" not in frame:  # an item without its frame
            frame = {"topic": "position", "data": [frame]}
        for codec in (linear, spot):
            told |= {type(word) for word in codec.decode(raw(frame))}
    assert told == {OrderReport, FillReport, PositionReport, Balance}


def test_a_recorded_order_is_what_ccxt_makes_of_it(linear: AccountCodec, shared_data: Path) -> None:
    frame = sample(shared_data, "account_order_filled")
    judge = judge_of("bybit:linear", "BTCUSDT", URL)
    frame["data"][0]["symbol"] = "BTCUSDT"
    judge.feed(frame)
    (ours,) = linear.decode(raw(frame))
    order = same_order(ours, judge.exchange.orders[0])
    assert order.state is OrderState.FILLED
    assert order.average_price == D(str(judge.exchange.orders[0]["average"]))


def test_a_recorded_fill_is_whole(linear: AccountCodec, shared_data: Path) -> None:
    (fill,) = linear.decode(raw(sample(shared_data, "account_execution")))
    assert fill == FillReport(
        instrument=instrument_of("bybit:linear"),
        trade_id="0ab1bdf7-4219-438b-b30a-32ec863018f7",
        venue_order_id="9aac161b-8ed6-450d-9cab-c5cc67c21784",
        client_id=None,
        side=Side.SELL,
        quantity=D("0.5"),
        price=D("95900.1"),
        fee=D("26.3725275"),
        fee_asset="USDT",
        event_ns=1746270400353 * 10**6,
    )


@pytest.mark.parametrize(
    ("changed", "asset"),
    [
        ({"side": "Buy"}, "BTC"),
        ({"side": "Sell"}, "USDT"),
        ({"side": "Buy", "execFee": "-1"}, "USDT"),
        ({"side": "Sell", "execFee": "-1"}, "BTC"),
        ({"side": "Sell", "feeCurrency": "MNT"}, "MNT"),
    ],
)
def test_a_fee_of_spot_is_in_what_the_fill_brought_in_unless_it_says_otherwise(
    spot: AccountCodec, shared_data: Path, changed: dict[str, str], asset: str
) -> None:
    frame = sample(shared_data, "account_execution")
    frame["data"][0] |= {"category": "spot", **changed}
    (fill,) = spot.decode(raw(frame))
    assert isinstance(fill, FillReport)
    assert fill.fee_asset == asset


def test_funding_is_no_fill(linear: AccountCodec, shared_data: Path) -> None:
    frame = sample(shared_data, "account_execution")
    frame["data"][0]["execType"] = "Funding"
    assert list(linear.decode(raw(frame))) == []
    frame["data"][0]["execType"] = "Gift"
    with pytest.raises(DecodeError, match="Gift"):
        linear.decode(raw(frame))


def test_a_position_points_where_its_side_or_its_index_says(
    linear: AccountCodec, shared_data: Path
) -> None:
    frame = sample(shared_data, "account_position_short")
    (short,) = linear.decode(raw(frame))
    assert isinstance(short, PositionReport)
    assert (short.direction, short.quantity, short.hedged) == (Direction.SHORT, D("0.01"), False)
    assert (short.leverage, short.margin_mode) == (30, MarginMode.CROSS)
    frame["data"][0] |= {"side": "", "size": "0"}
    (flat,) = linear.decode(raw(frame))
    assert isinstance(flat, PositionReport)
    assert (flat.direction, flat.quantity) == (Direction.NEUTRAL, 0)
    frame["data"][0]["positionIdx"] = 2
    (hedged,) = linear.decode(raw(frame))
    assert isinstance(hedged, PositionReport)
    assert (hedged.direction, hedged.hedged) == (Direction.SHORT, True)


def test_what_an_order_may_use_is_free(linear: AccountCodec, shared_data: Path) -> None:
    frame = sample(shared_data, "account_wallet")
    assert list(linear.decode(raw(frame))) == [
        Balance("BTC", D("0.00102964"), D("0.00092964")),
        Balance("USDT", D("9647.75537647"), D("9519.89806037")),
    ]
    frame["data"][0]["coin"][1]["availableToWithdraw"] = ""
    balance = linear.decode(raw(frame))[1]
    assert balance == Balance("USDT", D("9647.75537647"), D("9519.89806037"))


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [
        ("Created", "0", OrderState.PENDING),
        ("New", "0", OrderState.WORKING),
        ("Untriggered", "0", OrderState.WORKING),
        ("PartiallyFilled", "0.004", OrderState.PARTLY_FILLED),
        ("Filled", "0.010", OrderState.FILLED),
        ("Filled", "0.004", OrderState.UNKNOWN),
        ("Cancelled", "0.004", OrderState.CANCELLED),
        ("PartiallyFilledCanceled", "0.004", OrderState.CANCELLED),
        ("Deactivated", "0", OrderState.CANCELLED),
        ("Rejected", "0", OrderState.REJECTED),
        ("Rejected", "0.004", OrderState.CANCELLED),
        ("StruckByLightning", "0", OrderState.UNKNOWN),
    ],
)
def test_a_word_that_nobody_knows_is_an_unknown_state(
    linear: AccountCodec, shared_data: Path, status: str, filled: str, state: OrderState
) -> None:
    frame = sample(shared_data, "account_order")
    frame["data"][0] |= {"orderStatus": status, "cumExecQty": filled, "orderLinkId": "71"}
    (order,) = linear.decode(raw(frame))
    assert isinstance(order, OrderReport)
    assert (order.state, order.client_id) == (state, 71)


@pytest.mark.parametrize("unit", ["quoteCoin", ""])
def test_a_market_order_in_quote_money_counts_what_it_bought(
    spot: AccountCodec, shared_data: Path, unit: str
) -> None:
    """Without a unit a market buy is in quote money: docs/v5/order/create-order, `marketUnit`.

    github.com/ccxt/ccxt/issues/18685.
    """
    frame = sample(shared_data, "account_order_filled")
    frame["data"][0] |= {
        "category": "spot", "marketUnit": unit, "orderType": "Market", "side": "Buy", "qty": "500",
        "cumExecQty": "0.01", "orderStatus": "Filled",
    }  # fmt: skip
    (order,) = spot.decode(raw(frame))
    assert isinstance(order, OrderReport)
    assert (order.quantity, order.filled, order.state) == (D("0.01"), D("0.01"), OrderState.FILLED)


def test_a_market_order_in_coins_counts_what_it_asked_for(
    spot: AccountCodec, shared_data: Path
) -> None:
    frame = sample(shared_data, "account_order_filled")
    told = {"category": "spot", "orderType": "Market", "qty": "0.03", "cumExecQty": "0.01"}
    for more in ({"marketUnit": "baseCoin", "side": "Buy"}, {"marketUnit": "", "side": "Sell"}):
        frame["data"][0] |= told | more | {"orderStatus": "PartiallyFilledCanceled"}
        (order,) = spot.decode(raw(frame))
        assert isinstance(order, OrderReport)
        assert (order.quantity, order.filled) == (D("0.03"), D("0.01"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("auth_success", LoggedIn()),
        ("auth_failure", LoginRefused("10003", "Invalid apikey")),
        ("subscription_ack", Subscribed(None)),
        (
            "subscription_failure",
            SubscriptionRefused("", "Invalid topic: invalid.topic.BTCUSDT", None),
        ),
    ],
)
def test_words_of_the_connection_are_known(
    linear: AccountCodec, shared_data: Path, name: str, expected: object
) -> None:
    assert linear.decode(raw(sample(shared_data, name))) == (expected,)
    assert linear.decode(b'{"req_id":"","op":"pong","args":["1"]}') == (PongReceived(),)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('"Buy"', '"Maybe"'), ('"0.010"', '"NaN"'), ('"0.010"', '"-1"'), ("BTCUSDT", "XXXUSDT"),
        ('"1700000005000"', '"soon"'), ('"topic": "order"', '"topic": "wishes"'),
        ('"30000"', '"3_0"'), ('"qty"', '"quantity"'),
    ],
)  # fmt: skip
def test_what_is_not_documented_is_unreadable_and_never_a_default(
    linear: AccountCodec, shared_data: Path, was: str, now: str
) -> None:
    frame = raw(sample(shared_data, "account_order")).decode()
    assert was in frame
    with pytest.raises(DecodeError):
        linear.decode(frame.replace(was, now).encode())


def test_contracts_in_another_money_are_nothing_to_us(
    linear: AccountCodec, shared_data: Path
) -> None:
    frame = raw(sample(shared_data, "account_order")).replace(b"BTCUSDT", b"BTCPERP")
    assert list(linear.decode(frame)) == []


@pytest.mark.chance
def test_no_damaged_frame_does_harm(linear: AccountCodec, shared_data: Path) -> None:
    names = ("account_order", "account_execution", "account_position", "account_wallet")
    storm(linear, [raw(sample(shared_data, name)) for name in (*names, "auth_success")])
