"""Protects what MEXC tells of an account in perpetuals: ccxt signs and reads as we do."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from bowline.core.model.instrument import Instrument, InstrumentId, market_by_name
from bowline.core.model.order import OrderState
from bowline.core.model.values import Direction, Side
from bowline.core.venue import (
    Balance,
    FillReport,
    Listing,
    Listings,
    MarginMode,
    OrderReport,
    PositionReport,
)
from bowline.venues import DecodeError, PongReceived
from bowline.venues.account_codec import LoggedIn, LoginRefused
from bowline.venues.mexc import MexcLinearAccountCodec
from bowline.venues.rest import Credentials
from tests.venues import fuzz, recorded
from tests.venues.judge import Judge

KEYS = Credentials("the-key", "the-secret")
NOW_MS = 1_700_000_000_123
URL = "wss://contract.mexc.com/edge"
D = Decimal
MARKET = market_by_name("mexc:linear")
BTC = InstrumentId(MARKET.market_id, "BTCUSDT")


@pytest.fixture
def codec() -> MexcLinearAccountCodec:
    instrument = Instrument(BTC, contract_size=D("0.0001"))
    return MexcLinearAccountCodec(
        MARKET, Listings([Listing(instrument, "BTC_USDT", base="BTC", quote="USDT")])
    )


@pytest.fixture
def judge() -> Judge:
    return Judge("mexc", "linear", "BTC_USDT", URL, 0.0001)


def test_the_login_is_signed_as_ccxt_signs_it(codec: MexcLinearAccountCodec, judge: Judge) -> None:
    sent = []

    async def watch(url: str, message_hash: str, message: Any, *more: Any) -> None:
        sent.append((url, message))

    exchange = judge.exchange
    exchange.apiKey, exchange.secret = KEYS.key, KEYS.secret
    exchange.watch, exchange.milliseconds = watch, lambda: NOW_MS
    asyncio.run(exchange.watch_swap_private("orders"))
    (frame,) = codec.login(KEYS, NOW_MS * 10**6)
    assert [(codec.rules.url, json.loads(frame))] == sent
    assert KEYS.secret.encode() not in frame
    assert codec.subscribe(KEYS, NOW_MS * 10**6, 1) == []


def test_an_order_is_what_ccxt_makes_of_it(codec: MexcLinearAccountCodec, judge: Judge) -> None:
    judge.feed(ORDER)
    (theirs,) = judge.exchange.orders
    assert codec.decode(recorded.raw(ORDER)) == (
        OrderReport(
            venue_order_id="102067003631907840",
            client_id=63,
            instrument=BTC,
            side=Side.SELL,
            quantity=D("0.0010"),
            filled=D("0.0004"),
            state=OrderState.PARTLY_FILLED,
            event_ns=1610005070157 * 10**6,
            price=D("44990.5"),
            average_price=D("44991"),
            reduce_only=True,
        ),
    )
    assert (theirs["id"], theirs["info"]["externalOid"]) == ("102067003631907840", "63")
    assert (theirs["amount"], theirs["filled"], theirs["price"]) == (10, 4, 44990.5)
    assert (theirs["status"], theirs["side"]) == ("open", "4")


@pytest.mark.parametrize(
    ("word", "filled", "state"),
    [
        (1, 0, OrderState.WORKING),
        (2, 0, OrderState.WORKING),
        (2, 4, OrderState.PARTLY_FILLED),
        (3, 10, OrderState.FILLED),
        (3, 4, OrderState.UNKNOWN),
        (4, 4, OrderState.CANCELLED),
        (5, 0, OrderState.REJECTED),
        (6, 0, OrderState.UNKNOWN),
    ],
)
def test_a_word_that_nobody_knows_is_an_unknown_state(
    codec: MexcLinearAccountCodec, word: int, filled: int, state: OrderState
) -> None:
    changed = ORDER["data"] | {"state": word, "dealVol": filled}
    (report,) = codec.decode(recorded.raw(ORDER | {"data": changed}))
    assert isinstance(report, OrderReport)
    assert report.state is state


@pytest.mark.parametrize("word", ["taker", "isTaker"])
@pytest.mark.parametrize(
    ("number", "side"), [(1, Side.BUY), (2, Side.BUY), (3, Side.SELL), (4, Side.SELL)]
)
def test_a_fill_has_its_side_fee_and_role(
    codec: MexcLinearAccountCodec, word: str, number: int, side: Side
) -> None:
    frame = FILL | {"data": FILL["data"] | {"side": number, word: True}}
    assert codec.decode(recorded.raw(frame)) == (
        FillReport(
            BTC, "311655369", "276461245253669888", 63, side, D("0.0001"), D("100.48"),
            D("0.00060288"), "USDT", 1651583897276 * 10**6, maker=False,
        ),
    )  # fmt: skip
    with pytest.raises(DecodeError, match="who took"):
        codec.decode(recorded.raw(FILL))


def test_an_asset_is_what_is_free_frozen_and_held(
    codec: MexcLinearAccountCodec, judge: Judge
) -> None:
    judge.feed(ASSET)
    assert codec.decode(recorded.raw(ASSET)) == (Balance("USDT", D(15000), D(9000)),)
    assert judge.exchange.balance["swap"]["USDT"]["free"] == 9000


@pytest.mark.parametrize(
    ("changed", "direction", "mode", "quantity"),
    [
        ({}, Direction.LONG, MarginMode.ISOLATED, D("0.0010")),
        ({"positionType": 2, "openType": 2}, Direction.SHORT, MarginMode.CROSS, D("0.0010")),
        ({"holdVol": 0, "state": 3}, Direction.LONG, MarginMode.ISOLATED, D(0)),
    ],
)
def test_a_position_has_direction_mode_and_size(
    codec: MexcLinearAccountCodec,
    changed: dict[str, Any],
    direction: Direction,
    mode: MarginMode,
    quantity: Decimal,
) -> None:
    frame = POSITION | {"data": POSITION["data"] | changed}
    (report,) = codec.decode(recorded.raw(frame))
    assert isinstance(report, PositionReport)
    assert (report.direction, report.margin_mode, report.quantity) == (direction, mode, quantity)
    assert (report.liquidation_price is None) is (quantity == 0)
    assert (report.leverage, report.unrealised_pnl) == (D(20), D("100.5"))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"channel": "rs.login", "data": "success", "ts": 1}, (LoggedIn(),)),
        ({"channel": "rs.error", "data": "sign error"}, (LoginRefused("rs.error", "sign error"),)),
        ({"channel": "pong", "data": 1}, (PongReceived(),)),
        ({"channel": "push.personal.risk.limit", "data": {"level": 2}}, ()),
        ({"channel": "push.ticker", "data": {}}, ()),
    ],
)
def test_words_of_the_connection_are_known(
    codec: MexcLinearAccountCodec, message: dict[str, Any], expected: object
) -> None:
    assert codec.decode(recorded.raw(message)) == expected


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('"side":4', '"side":5'), ("44990.5", '"NaN"'), ("44990.5", "-1"), ("44990.5", "1e99"),
        ("44990.5", "null"), ("BTC_USDT", "NEW_USDT"), ("push.personal", "pull.personal"),
        ('"dealVol"', '"dealt"'), ("1610005070157", '"soon"'), ('"vol":10', '"vol":-10'),
    ],
)  # fmt: skip
def test_what_is_not_documented_is_unreadable_and_never_a_default(
    codec: MexcLinearAccountCodec, was: str, now: str
) -> None:
    frame = recorded.raw(ORDER | {"new_field": [{}]}).decode()
    assert len(codec.decode(frame.encode())) == 1
    with pytest.raises(DecodeError):
        codec.decode(frame.replace(was, now).encode())


@pytest.mark.chance
def test_no_damaged_frame_does_harm(codec: MexcLinearAccountCodec) -> None:
    filled = FILL | {"data": FILL["data"] | {"taker": True}}
    frames = [recorded.raw(each) for each in (ORDER, filled, ASSET, POSITION)]
    fuzz.storm(codec, frames)


ORDER: dict[str, Any] = {
    "channel": "push.personal.order", "ts": 1610005070157,
    "data": {
        "category": 1, "createTime": 1610005069976, "dealAvgPrice": 44991, "dealVol": 4,
        "errorCode": 0, "externalOid": "63", "feeCurrency": "USDT", "leverage": 15, "makerFee": 0,
        "openType": 1, "orderId": "102067003631907840", "orderMargin": 0, "orderType": 1,
        "positionId": 1397818, "positionMode": 1, "price": 44990.5, "profit": -0.0002,
        "remainVol": 6, "side": 4, "state": 2, "symbol": "BTC_USDT", "takerFee": 0.00004,
        "updateTime": 1610005070157, "usedMargin": 0, "version": 2, "vol": 10, "reduceOnly": True,
    },
}  # fmt: skip
FILL: dict[str, Any] = {
    "channel": "push.personal.order.deal", "ts": 1651583897291,
    "data": {
        "category": 1, "fee": 0.00060288, "feeCurrency": "USDT", "id": "311655369",
        "isSelf": False, "orderId": "276461245253669888", "positionMode": 1, "price": 100.48,
        "profit": 0.0003, "side": 4, "symbol": "BTC_USDT", "timestamp": 1651583897276, "vol": 1,
        "externalOid": "63",
    },
}  # fmt: skip
ASSET: dict[str, Any] = {
    "channel": "push.personal.asset", "ts": 1760942212000,
    "data": {
        "currency": "USDT", "positionMargin": 5000.0, "frozenBalance": 1000.0,
        "availableBalance": 9000.0, "bonus": 100.0,
    },
}  # fmt: skip
POSITION: dict[str, Any] = {
    "channel": "push.personal.position", "ts": 1760942212000,
    "data": {
        "positionId": 123456789, "symbol": "BTC_USDT", "holdVol": 10, "positionType": 1,
        "openType": 1, "state": 1, "holdAvgPrice": 45000.5, "liquidatePrice": 40000.0,
        "leverage": 20, "pnl": 100.5, "updateTime": 1760942212000, "version": 1,
    },
}  # fmt: skip
