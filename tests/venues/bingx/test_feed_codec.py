"""Protects what we read of BingX: nobody's recordings exist, so ccxt's own handlers are the judge.

Frames are those that ccxt documents beside its handlers, and those that others have measured.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.core.venue import BookReplaced, CandleSeen, QuoteChanged, TradePrinted
from bowline.venues import (
    DecodeError,
    FeedChannel,
    FeedTopic,
    PingReceived,
    Sequencing,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.bingx import BingxFeedCodec
from bowline.venues.local_book import local_book_of
from tests.venues import fuzz, recorded
from tests.venues.judge import Judge
from tests.venues.zipped import Inside, refuses_what_is_no_gzip, zipped

URLS = {
    "spot": "wss://open-api-ws.bingx.com/market",
    "linear": "wss://open-api-swap.bingx.com/swap-market",
}
KINDS = list(URLS)


def instrument_of(kind: str) -> InstrumentId:
    return InstrumentId(market_by_name(f"bingx:{kind}").market_id, "BTC-USDT")


def codec_of(kind: str) -> BingxFeedCodec:
    return BingxFeedCodec(*recorded.listed(f"bingx:{kind}", ["BTC-USDT"]))


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def codec(kind: str) -> BingxFeedCodec:
    return codec_of(kind)


@pytest.fixture
def judge(kind: str) -> Judge:
    return Judge("bingx", kind, "BTC-USDT", URLS[kind])


def test_a_book_is_what_ccxt_makes_of_the_same_frames(
    kind: str, codec: BingxFeedCodec, judge: Judge
) -> None:
    local_book = local_book_of(codec, instrument_of(kind))
    for message in BOOKS[kind]:
        judge.feed(message)
        (tick,) = codec.decode(zipped(message))
        assert isinstance(tick, BookReplaced)
        assert not local_book.apply(tick, 0)
        assert tick.bids[0] == max(tick.bids)  # best first, whatever came first
        assert tick.asks[0] == min(tick.asks)
        assert tick.event_ns // 10**6 in {1743241379958, 1743241563651}
        book = local_book.valid_at(0, 0)
        assert book is not None
        assert {"bids": book.bids(200), "asks": book.asks(200)} == judge.book


def test_an_older_book_of_spot_does_not_replace_a_newer_one() -> None:
    spot = codec_of("spot")
    local_book = local_book_of(spot, instrument_of("spot"))
    assert spot.rules(FeedChannel.BOOK).sequencing is Sequencing.INCREASING
    older, newer = (message | {"timestamp": at} for at, message in enumerate(BOOKS["spot"], 1))
    for message in (newer, older):
        local_book.apply(*spot.decode(zipped(message)), 0)
    book = local_book.valid_at(0, 0)
    assert book is not None
    assert book.best_bid == (83657.0, 1.5)


def test_trades_are_what_ccxt_makes_of_them(kind: str, codec: BingxFeedCodec, judge: Judge) -> None:
    judge.feed(TRADES[kind])
    trades = codec.decode(zipped(TRADES[kind]))
    read = []
    for each in trades:
        assert isinstance(each, TradePrinted)
        read.append((each.event_ns // 10**6, each.side.value, each.price, each.quantity))
    assert read == judge.trades
    assert [each.trade_id for each in trades] == (["57903921"] if kind == "spot" else ["", ""])


def test_candles_are_what_ccxt_makes_of_them(
    kind: str, codec: BingxFeedCodec, judge: Judge
) -> None:
    judge.feed(CANDLES[kind])
    (each,) = codec.decode(zipped(CANDLES[kind]))
    assert isinstance(each, CandleSeen)
    read = [each.open_ns // 10**6, each.open, each.high, each.low, each.close, each.volume]
    assert [read] == judge.candles
    assert not each.closed
    assert each.event_ns == (1696687498608 * 10**6 if kind == "spot" else 0)


def test_a_quote_has_the_time_it_was_sent_and_not_that_of_the_last_trade(
    kind: str, codec: BingxFeedCodec
) -> None:
    assert codec.decode(zipped(QUOTE)) == (
        QuoteChanged(
            instrument_of(kind), 1790127588860 * 10**6, 86591.6, 55.2156, 86591.7, 16.6842
        ),
    )


@pytest.mark.parametrize("message", ["Ping", {"ping": "5963ba3d", "time": "2023-10-02T18:51:55"}])
def test_a_ping_is_answered_as_ccxt_answers_it(
    codec: BingxFeedCodec, judge: Judge, message: object
) -> None:
    asyncio.run(judge.exchange.pong(judge.socket, message))
    (sent,) = judge.socket.sent
    (answer,) = codec.decode(zipped(message.encode() if isinstance(message, str) else message))
    assert isinstance(answer, PingReceived)
    ours = answer.frame.decode()
    assert (ours if isinstance(sent, str) else json.loads(ours)) == sent


def test_requests_are_a_frame_a_topic(kind: str, codec: BingxFeedCodec) -> None:
    topics = [FeedTopic(channel, instrument_of(kind)) for channel in FeedChannel]
    candles = "kline_1min" if kind == "spot" else "kline_1m"
    assert [json.loads(frame) for frame in codec.subscribe(topics, 7)] == [
        {"id": "7", "reqType": "sub", "dataType": f"BTC-USDT@{name}"}
        for name in ("trade", "bookTicker", "depth100", candles)
    ]
    (frame,) = codec.unsubscribe(topics[:1], 8)
    assert json.loads(frame) == {"id": "8", "reqType": "unsub", "dataType": "BTC-USDT@trade"}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"id": "7", "code": 0, "msg": "", "dataType": "", "data": None}, Subscribed(7)),
        ({"code": 0, "id": "7", "msg": "SUCCESS", "timestamp": 1759225965363}, Subscribed(7)),
        (
            {"id": "7", "code": 80015, "msg": "dataType not support", "dataType": "", "data": None},
            SubscriptionRefused("80015", "dataType not support", 7),
        ),
        (
            {"code": 100400, "msg": "not supported", "timestamp": 1790126693749},
            SubscriptionRefused("100400", "not supported"),
        ),
    ],
)
def test_words_of_the_connection_are_known(
    codec: BingxFeedCodec, message: dict[str, Any], expected: object
) -> None:
    assert codec.decode(zipped(message)) == (expected,)


@pytest.mark.parametrize(
    "topic", ["ticker", "markPrice", "lastPrice", "incrDepth", "depth20@200ms"]
)
def test_other_documented_topics_say_nothing(codec: BingxFeedCodec, topic: str) -> None:
    assert codec.decode(zipped({"code": 0, "dataType": f"BTC-USDT@{topic}", "data": {}})) == ()


def test_a_bomb_or_a_torn_frame_is_unreadable(kind: str, codec: BingxFeedCodec) -> None:
    refuses_what_is_no_gzip(codec, zipped(CANDLES[kind]))


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("false", '"maybe"'), ('"29023.5"', '"NaN"'), ('"29023.5"', '"-1"'), ('"29023.5"', "null"),
        ('"BTC-USDT@', '"ETH-USDT@'), ("@trade", "@trades"), ('"p"', '"price"'), ('"T"', '"t"'),
        ('"code":0', '"code":1'), ("[{", "{"),
    ],
)  # fmt: skip
def test_what_is_not_documented_is_unreadable_and_never_a_default(was: str, now: str) -> None:
    linear = codec_of("linear")
    frame = recorded.raw(TRADES["linear"] | {"new_field": [{}]}).decode()
    assert len(linear.decode(zipped(frame.encode()))) == 2
    with pytest.raises(DecodeError):
        linear.decode(zipped(frame.replace(was, now).encode()))


@pytest.mark.chance
def test_no_damaged_frame_does_harm(kind: str, codec: BingxFeedCodec) -> None:
    messages = [
        *BOOKS[kind], TRADES[kind], CANDLES[kind], QUOTE, {"ping": "5963ba3d", "time": "now"},
        {"id": "7", "code": 0, "msg": "", "dataType": "", "data": None},
    ]  # fmt: skip
    fuzz.storm(Inside(codec), [recorded.raw(each) for each in messages] + [b"Ping"])
    fuzz.storm(codec, [zipped(each) for each in messages], count=fuzz.FRAMES // 10)


BOOKS: dict[str, list[dict[str, Any]]] = {
    "spot": [
        {
            "code": 0, "dataType": "BTC-USDT@depth100", "success": True, "timestamp": 1743241379958,
            "data": {
                "asks": [["84119.73", "0.000011"], ["84116.52", "0.000014"], ["84116.40", "0.1"]],
                "bids": [["83656.98", "2.570805"], ["83655.51", "0.000347"], ["83654.59", "0.2"]],
                "lastUpdateId": 13565694850,
            },
        },
        {
            "code": 0, "dataType": "BTC-USDT@depth100", "success": True, "timestamp": 1743241379958,
            "data": {
                "asks": [["84116.52", "0.000014"], ["84116.40", "0.1"]],
                "bids": [["83657", "1.5"]],
                "lastUpdateId": 13565694853,
            },
        },
    ],
    "linear": [
        {
            "code": 0, "dataType": "BTC-USDT@depth100@500ms", "ts": 1743241563651,
            "data": {
                "bids": [["83363.2", "0.1908"], ["83360.0", "0.0003"], ["83356.5", "0.0245"]],
                "asks": [["83495.0", "0.0024"], ["83490.0", "0.0001"], ["83488.0", "0.0004"]],
            },
        },
        {
            "code": 0, "dataType": "BTC-USDT@depth100", "ts": 1743241563651,
            "data": {"bids": [["83364", "1"]], "asks": [["83488.0", "0.0004"]]},
        },
    ],
}  # fmt: skip
TRADES: dict[str, dict[str, Any]] = {
    "spot": {
        "code": 0, "dataType": "BTC-USDT@trade", "success": True,
        "data": {
            "E": 1690214529432, "T": 1690214529386, "e": "trade", "m": True, "p": "29110.19",
            "q": "0.1868", "s": "BTC-USDT", "t": "57903921",
        },
    },
    "linear": {
        "code": 0, "dataType": "BTC-USDT@trade",
        "data": [
            {"q": "0.0421", "p": "29023.5", "T": 1690221401344, "m": False, "s": "BTC-USDT"},
            {"q": "1", "p": "29023.4", "T": 1690221401345, "m": True, "s": "BTC-USDT"},
        ],
    },
}  # fmt: skip
CANDLES: dict[str, dict[str, Any]] = {
    "spot": {
        "code": 0, "dataType": "BTC-USDT@kline_1min", "success": True,
        "data": {
            "E": 1696687498608, "e": "kline", "s": "BTC-USDT",
            "K": {
                "T": 1696687499999, "c": "27917.829", "h": "27918.427", "i": "1min",
                "l": "27917.7", "n": 262, "o": "27917.91", "q": "25715.359197", "s": "BTC-USDT",
                "t": 1696687440000, "v": "0.921100",
            },
        },
    },
    "linear": {
        "code": 0, "dataType": "BTC-USDT@kline_1m", "s": "BTC-USDT",
        "data": [{
            "c": "28909.0", "o": "28915.4", "h": "28915.4", "l": "28896.1", "v": "27.6919",
            "T": 1690907580000,
        }],
    },
}  # fmt: skip
QUOTE = {
    "code": 0, "dataType": "BTC-USDT@bookTicker",
    "data": {
        "e": "bookTicker", "u": 183036649, "E": 1790127588860, "T": 1790126243897, "s": "BTC-USDT",
        "b": "86591.6", "B": "55.2156", "a": "86591.7", "A": "16.6842",
    },
}  # fmt: skip
