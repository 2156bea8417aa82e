"""Protects what Gate tells of an account: ccxt signs as we do and reads the same out of a frame."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from bowline.core.model.instrument import Instrument, InstrumentId, market_by_name
from bowline.core.model.order import OrderState
from bowline.core.model.values import SECOND_NS, Direction, Side
from bowline.core.venue import (
    Balance,
    FillReport,
    Listing,
    Listings,
    MarginMode,
    OrderReport,
    PositionReport,
)
from bowline.venues import (
    ClosingAnnounced,
    DecodeError,
    PongReceived,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.account_codec import IncompleteUpdate
from bowline.venues.gate import GateAccountCodec
from bowline.venues.rest import Credentials
from tests.venues import fuzz, recorded
from tests.venues.judge import Judge

KEYS = Credentials("the-key", "the-secret")
NOW_S = 1_700_000_000
USER = "20011"
URLS = {"spot": "wss://api.gateio.ws/ws/v4/", "linear": "wss://fx-ws.gateio.ws/v4/ws/usdt"}
KINDS = list(URLS)
D = Decimal
CROSS, ISOLATED = MarginMode.CROSS, MarginMode.ISOLATED


def instrument_of(kind: str) -> InstrumentId:
    return InstrumentId(market_by_name(f"gate:{kind}").market_id, "BTCUSDT")


def codec_of(kind: str) -> GateAccountCodec:
    size = D("0.0001") if kind == "linear" else D(1)
    listing = Listing(
        Instrument(instrument_of(kind), contract_size=size), "BTC_USDT", base="BTC", quote="USDT"
    )
    return GateAccountCodec(market_by_name(f"gate:{kind}"), Listings([listing]), USER)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def judge(kind: str) -> Judge:
    found = Judge("gate", kind, "BTC_USDT", URLS[kind], 0.0001)
    found.exchange.apiKey, found.exchange.secret = KEYS.key, KEYS.secret
    found.exchange.uid = USER
    return found


def test_requests_are_signed_as_ccxt_signs_them(kind: str, judge: Judge) -> None:
    sent = []

    async def watch(url: str, message_hash: str, message: Any, *more: Any) -> None:
        sent.append((url, message))

    exchange = judge.exchange
    exchange.watch = watch
    exchange.seconds = lambda: NOW_S
    prefix = "spot" if kind == "spot" else "futures"
    names = {"orders": ["!all"], "usertrades": ["!all"], "balances": None}
    if kind == "linear":
        names = {
            "orders": ["!all"],
            "usertrades": ["!all"],
            "positions": ["!all"],
            "balances": None,
        }

    async def ask() -> None:
        for name, payload in names.items():
            await exchange.subscribe_private(
                URLS[kind], name, payload, f"{prefix}.{name}", {}, kind != "spot"
            )
        await exchange.close()

    asyncio.run(ask())
    codec = codec_of(kind)
    ours = [json.loads(each) for each in codec.subscribe(KEYS, NOW_S * SECOND_NS, 1)]
    assert ours == [message for _, message in sent]
    assert {url for url, _ in sent} == {codec.rules.url}
    assert codec.login(KEYS, NOW_S * SECOND_NS) == []


def test_no_secret_is_in_a_frame_or_an_error(kind: str) -> None:
    codec = codec_of(kind)
    for frame in codec.subscribe(KEYS, NOW_S * SECOND_NS, 1):
        assert KEYS.secret.encode() not in frame
    assert "secret" not in repr(codec)


def test_perpetuals_are_not_asked_for_without_the_account() -> None:
    codec = codec_of("linear")
    with pytest.raises(ValueError, match="user id"):
        GateAccountCodec(codec.market, Listings([]))


def test_an_order_of_spot_is_what_ccxt_makes_of_it() -> None:
    judge = Judge("gate", "spot", "BTC_USDT", URLS["spot"])
    codec = codec_of("spot")
    judge.feed(SPOT_ORDER)
    (theirs,) = judge.exchange.orders
    (report,) = codec.decode(recorded.raw(SPOT_ORDER))
    assert report == OrderReport(
        venue_order_id="1036717689726",
        client_id=63,
        instrument=instrument_of("spot"),
        side=Side.BUY,
        quantity=D("0.1"),
        filled=D("0.04"),
        state=OrderState.PARTLY_FILLED,
        event_ns=1774613210391 * 10**6,
        price=D(200),
        average_price=D("199.5"),
    )
    assert isinstance(report, OrderReport)
    assert (theirs["id"], theirs["clientOrderId"]) == (report.venue_order_id, "t-63")
    assert theirs["side"] == report.side.value
    numbers = (report.quantity, report.filled, report.price)
    assert tuple(map(float, filter(None, numbers))) == (
        theirs["amount"], theirs["filled"], theirs["price"],
    )  # fmt: skip


def test_an_order_of_a_perpetual_is_what_ccxt_makes_of_it() -> None:
    judge = Judge("gate", "linear", "BTC_USDT", URLS["linear"], 0.0001)
    codec = codec_of("linear")
    judge.feed(FUTURES_ORDER)
    (theirs,) = judge.exchange.orders
    (report,) = codec.decode(recorded.raw(FUTURES_ORDER))
    assert report == OrderReport(
        venue_order_id="4872460",
        client_id=None,
        instrument=instrument_of("linear"),
        side=Side.SELL,
        quantity=D("0.0100"),
        filled=D("0.0060"),
        state=OrderState.CANCELLED,
        event_ns=1541505434123 * 10**6,
        price=D("40000.4"),
        average_price=D("40000.5"),
        reduce_only=True,
    )
    assert (theirs["amount"], theirs["filled"], theirs["side"]) == (100, 60, "sell")
    assert theirs["status"] == "canceled"


@pytest.mark.parametrize(
    ("event", "finish_as", "left", "state"),
    [
        ("put", "open", "0.1", OrderState.WORKING),
        ("put", "_new", "0.1", OrderState.WORKING),
        ("update", "open", "0.06", OrderState.PARTLY_FILLED),
        ("finish", "filled", "0", OrderState.FILLED),
        ("finish", "ioc", "0.06", OrderState.CANCELLED),
        ("finish", "poc", "0.1", OrderState.CANCELLED),
        ("finish", "cancelled", "0.1", OrderState.CANCELLED),
        ("finish", "struck_by_lightning", "0.1", OrderState.UNKNOWN),
        ("finish", "-", "0.1", OrderState.UNKNOWN),
    ],
)
def test_a_word_that_nobody_knows_is_an_unknown_state(
    event: str, finish_as: str, left: str, state: OrderState
) -> None:
    changed = {"event": event, "finish_as": finish_as, "left": left}
    frame = SPOT_ORDER | {"result": [SPOT_ORDER["result"][0] | changed]}
    (report,) = codec_of("spot").decode(recorded.raw(frame))
    assert isinstance(report, OrderReport)
    assert report.state is state


def test_a_market_order_to_buy_counts_what_it_bought() -> None:
    changed = {
        "type": "market", "amount": "20", "left": "12", "price": "0", "event": "finish",
        "finish_as": "ioc", "filled_amount": "0.04",
    }  # fmt: skip
    frame = SPOT_ORDER | {"result": [SPOT_ORDER["result"][0] | changed]}
    (report,) = codec_of("spot").decode(recorded.raw(frame))
    assert isinstance(report, OrderReport)
    assert (report.quantity, report.filled, report.price) == (D("0.04"), D("0.04"), None)
    assert report.state is OrderState.CANCELLED


def test_a_fill_is_what_ccxt_makes_of_it(kind: str, judge: Judge) -> None:
    frame = FILLS[kind]
    judge.feed(frame)
    (theirs,) = judge.exchange.myTrades
    (report,) = codec_of(kind).decode(recorded.raw(frame))
    assert isinstance(report, FillReport)
    size = D("0.0001") if kind == "linear" else D(1)
    assert theirs["id"] == report.trade_id
    assert theirs["order"] == report.venue_order_id
    assert theirs["side"] == report.side.value
    assert D(str(theirs["amount"])) * size == report.quantity
    assert D(str(theirs["price"])) == report.price
    assert theirs["timestamp"] == report.event_ns // 10**6
    assert (theirs["takerOrMaker"] == "maker") is report.maker
    assert report.client_id == 63


@pytest.mark.parametrize(
    ("changed", "fee", "asset"),
    [
        ({}, D("0.002"), "USDT"),
        ({"side": "buy"}, D("0.002"), "BTC"),
        ({"fee": "0", "gt_fee": "0.5"}, D("0.5"), "GT"),
        ({"fee": "0", "point_fee": "0.3"}, D("0.3"), "POINT"),
        ({"fee": "0"}, D(0), "USDT"),
        ({"fee": "-0.001"}, D("-0.001"), "USDT"),
    ],
)
def test_the_fee_of_a_spot_fill_is_in_the_asset_it_was_charged_in(
    changed: dict[str, str], fee: Decimal, asset: str
) -> None:
    frame = FILLS["spot"] | {"result": [FILLS["spot"]["result"][0] | changed]}
    (report,) = codec_of("spot").decode(recorded.raw(frame))
    assert isinstance(report, FillReport)
    assert (report.fee, report.fee_asset) == (fee, asset)


def test_a_fee_in_two_assets_is_left_to_rest() -> None:
    frame = FILLS["spot"] | {"result": [FILLS["spot"]["result"][0] | {"gt_fee": "1"}]}
    with pytest.raises(DecodeError, match="two assets"):
        codec_of("spot").decode(recorded.raw(frame))


def test_balances_of_spot_have_a_free_part_and_those_of_perpetuals_are_left_to_rest() -> None:
    assert codec_of("spot").decode(recorded.raw(SPOT_BALANCE)) == [
        Balance("USDT", D("222244.3827652"), D("222244.3827"))
    ]
    assert codec_of("linear").decode(recorded.raw(FUTURES_BALANCE)) == (
        IncompleteUpdate("balances"),
    )


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, (Direction.LONG, D("0.0003"), D(20), CROSS, D("0.1"))),
        ({"size": -3, "leverage": 5}, (Direction.SHORT, D("0.0003"), D(5), ISOLATED, D("0.1"))),
        ({"size": 0}, (Direction.NEUTRAL, D(0), D(20), CROSS, None)),
        ({"size": 0, "mode": "dual_short"}, (Direction.SHORT, D(0), D(20), CROSS, None)),
    ],
)
def test_a_position_has_the_direction_of_its_sign_and_when_flat_of_its_mode(
    changed: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    frame = POSITION | {"result": [POSITION["result"][0] | changed]}
    (report,) = codec_of("linear").decode(recorded.raw(frame))
    assert isinstance(report, PositionReport)
    assert (
        report.direction, report.quantity, report.leverage, report.margin_mode,
        report.liquidation_price,
    ) == expected  # fmt: skip


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            {
                "time": 1647276473, "id": 3, "channel": "futures.orders", "event": "subscribe",
                "error": {"code": 4, "message": "Invalid key provided"}, "result": None,
            },
            SubscriptionRefused("4", "Invalid key provided", 3),
        ),
        (
            {
                "time": 1, "id": 3, "channel": "spot.orders", "event": "subscribe",
                "result": {"status": "success"},
            },
            Subscribed(3),
        ),
        ({"time": 1, "channel": "futures.pong", "event": "", "result": None}, PongReceived()),
        ({"type": "upgrade", "msg": "soon"}, ClosingAnnounced("soon")),
    ],
)  # fmt: skip
def test_words_of_the_connection_are_known(
    kind: str, message: dict[str, Any], expected: object
) -> None:
    assert codec_of(kind).decode(recorded.raw(message)) == (expected,)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('"buy"', '"maybe"'), ('"0.1"', '"NaN"'), ('"0.1"', '"-0.1"'), ('"0.06"', '"0.2"'),
        ('"0.1"', '"1e99"'), ('"0.1"', "null"), ("BTC_USDT", "BTC_EUR"), ('"put"', '"putt"'),
        ('"1774613210391"', '"soon"'), ("spot.orders", "spot.wishes"), ('"amount"', '"size"'),
    ],
)  # fmt: skip
def test_what_is_not_documented_is_unreadable_and_never_a_default(was: str, now: str) -> None:
    frame = recorded.raw(SPOT_ORDER | {"new_field": [{}]}).decode()
    assert len(codec_of("spot").decode(frame.encode())) == 1
    with pytest.raises(DecodeError):
        codec_of("spot").decode(frame.replace(was, now).encode())


class _Checked:
    """A codec whose every number is looked at."""

    def __init__(self, codec: GateAccountCodec) -> None:
        self.codec = codec

    def decode(self, frame: bytes) -> Any:
        read = self.codec.decode(frame)
        for each in read:
            numbers = [value for value in _values(each) if isinstance(value, Decimal)]
            assert all(value.is_finite() and abs(value) < 10**22 for value in numbers)
        return read


def _values(report: Any) -> list[Any]:
    return [getattr(report, name) for name in report.__struct_fields__]


@pytest.mark.chance
def test_no_damaged_frame_does_harm(kind: str) -> None:
    messages = [FILLS[kind]]
    messages += [SPOT_ORDER, SPOT_BALANCE] if kind == "spot" else [FUTURES_ORDER, POSITION]
    fuzz.storm(_Checked(codec_of(kind)), [recorded.raw(each) for each in messages])


SPOT_ORDER: dict[str, Any] = {
    "time": 1774613210, "time_ms": 1774613210392, "channel": "spot.orders", "event": "update",
    "result": [{
        "id": "1036717689726", "text": "t-63", "create_time": "1774613210",
        "update_time": "1774613210", "currency_pair": "BTC_USDT", "type": "limit",
        "account": "spot", "side": "buy", "amount": "0.1", "price": "200", "time_in_force": "gtc",
        "left": "0.06", "filled_amount": "0.04", "filled_total": "7.98", "avg_deal_price": "199.5",
        "fee": "0", "fee_currency": "BTC", "point_fee": "0", "gt_fee": "0", "rebated_fee": "0",
        "rebated_fee_currency": "BTC", "create_time_ms": "1774613210391",
        "update_time_ms": "1774613210391", "user": 10406147, "event": "put", "stp_id": 0,
        "stp_act": "-", "finish_as": "open", "biz_info": "-", "amend_text": "-",
    }],
}  # fmt: skip
FUTURES_ORDER: dict[str, Any] = {
    "channel": "futures.orders", "event": "update", "time": 1541505434, "time_ms": 1541505434123,
    "result": [{
        "contract": "BTC_USDT", "create_time": 1628736847, "create_time_ms": 1628736847325,
        "fill_price": 40000.5, "finish_as": "cancelled", "finish_time": 1628736848,
        "finish_time_ms": 1628736848321, "iceberg": 0, "id": 4872460, "is_close": False,
        "is_liq": False, "is_reduce_only": True, "left": -40, "mkfr": -0.00025, "price": 40000.4,
        "refr": 0, "refu": 0, "size": -100, "status": "finished", "text": "-", "tif": "gtc",
        "tkfr": 0.0005, "user": USER,
    }],
}  # fmt: skip
FILLS: dict[str, dict[str, Any]] = {
    "spot": {
        "time": 1605176741, "time_ms": 1605176741763, "channel": "spot.usertrades",
        "event": "update",
        "result": [{
            "id": 5736713, "user_id": 1000001, "order_id": "30784428",
            "currency_pair": "BTC_USDT", "create_time": 1605176741,
            "create_time_ms": "1605176741123.456", "side": "sell", "amount": "1.00000000",
            "role": "taker", "price": "10000.00000000", "fee": "0.002", "point_fee": "0",
            "gt_fee": "0", "text": "t-63",
        }],
    },
    "linear": {
        "time": 1543205083, "time_ms": 1543205083123, "channel": "futures.usertrades",
        "event": "update", "error": None,
        "result": [{
            "id": "3335259", "create_time": 1628736848, "create_time_ms": 1628736848321,
            "contract": "BTC_USDT", "order_id": "4872460", "size": -7, "price": "40000.4",
            "role": "maker", "text": "t-63", "fee": 0.0009290592, "point_fee": 0,
        }],
    },
}  # fmt: skip
SPOT_BALANCE: dict[str, Any] = {
    "time": 1653664351, "channel": "spot.balances", "event": "update",
    "result": [{
        "timestamp": "1667556323", "timestamp_ms": "1667556323730", "user": "1000001",
        "currency": "USDT", "change": "0", "total": "222244.3827652",
        "available": "222244.3827", "freeze": "5", "freeze_change": "5.000000",
        "change_type": "order-create",
    }],
}  # fmt: skip
FUTURES_BALANCE: dict[str, Any] = {
    "channel": "futures.balances", "event": "update", "time": 1541505434,
    "result": [{"balance": 9.99, "change": -0.002, "type": "fee", "currency": "usdt"}],
}  # fmt: skip
POSITION: dict[str, Any] = {
    "time": 1588212926, "time_ms": 1588212926123, "channel": "futures.positions",
    "event": "update",
    "result": [{
        "contract": "BTC_USDT", "cross_leverage_limit": 20, "entry_price": 40000.36666661111,
        "history_pnl": -0.0001, "leverage": 0, "leverage_max": 100, "liq_price": 0.1,
        "maintenance_rate": 0.005, "margin": 49.99, "mode": "single", "realised_pnl": -1.25e-8,
        "risk_limit": 100, "size": 3, "time": 1628736848, "time_ms": 1628736848321, "user": USER,
        "update_id": 170919,
    }],
}  # fmt: skip
