"""Protects what we read of HTX: recorded frames become the records others made of them."""

from __future__ import annotations

import ast
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.core.venue import BookReplaced, CandleSeen, QuoteChanged, TradePrinted
from bowline.venues import (
    ClosingAnnounced,
    DecodeError,
    FeedChannel,
    FeedTopic,
    PingReceived,
    PongReceived,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.htx import HtxFeedCodec
from bowline.venues.local_book import BookState, local_book_of
from tests.venues import fuzz, recorded
from tests.venues.judge import Judge
from tests.venues.zipped import Inside, refuses_what_is_no_gzip, zipped

WORDS = ["BTC-USDT", "EOS-USDT", "ETC-USDT"]
CAPTURED = [
    "trioeth", "borusdt", "omgbtc", "xvgeth", "yfihusd", "zeneth", "dogeeth", "fil3susdt",
    "propyeth", "nesteth",
]  # fmt: skip
#: a trade whose taker the venue left open: a side is not guessed
WITHOUT_A_TAKER = 11
SPOT, LINEAR = (market_by_name(f"htx:{kind}").market_id for kind in ("spot", "linear"))
SPOT_BTC, LINEAR_BTC = InstrumentId(SPOT, "btcusdt"), InstrumentId(LINEAR, "BTC-USDT")


@pytest.fixture
def linear() -> HtxFeedCodec:
    return HtxFeedCodec(*recorded.listed("htx:linear", WORDS))


@pytest.fixture
def spot() -> HtxFeedCodec:
    return HtxFeedCodec(*recorded.listed("htx:spot", ["btcusdt"]))


@pytest.fixture
def lines(shared_data: Path) -> list[dict[str, Any]]:
    return recorded.tardis(shared_data, "huobi-dm-linear-swap")


def test_frames_become_the_records_of_tardis(
    linear: HtxFeedCodec, lines: list[dict[str, Any]]
) -> None:
    kinds = []
    for line in lines:
        frame, expected = zipped(line["message"]), recorded.expected_records(line)
        if line["n"] == WITHOUT_A_TAKER:
            assert expected[0]["side"] == "unknown"
            with pytest.raises(DecodeError, match="direction"):
                linear.decode(frame)
            continue
        read = linear.decode(frame)
        kinds += [each["type"] for each in expected]
        if "subbed" in line["message"]:
            assert read == (Subscribed(3, (FeedTopic(FeedChannel.BOOK, LINEAR_BTC),)),)
        elif {each["type"] for each in expected} <= {"derivative_ticker", "liquidation"}:
            assert read == (), line  # known, and nothing to us
        else:
            assert recorded.as_records(read) == expected, line
    assert set(kinds) >= {"trade", "book_change", "book_ticker"}


def test_contracts_become_coins_exactly(lines: list[dict[str, Any]]) -> None:
    """The venue says both of the trade whose taker it left open; with a taker, it reads so."""
    codec = HtxFeedCodec(*recorded.listed("htx:linear", WORDS, "0.001"))
    line = next(line for line in lines if line["n"] == WITHOUT_A_TAKER)
    told = line["message"]["tick"]["data"][0]
    told["direction"] = "sell"
    (trade,) = codec.decode(zipped(line["message"]))
    assert isinstance(trade, TradePrinted)
    assert trade.quantity == told["quantity"] == 0.002
    (quote,) = codec.decode(zipped(lines[9]["message"]))
    assert isinstance(quote, QuoteChanged)
    assert (quote.bid_size, quote.ask_size) == (0.001, 9.249)


def test_the_capture_of_cryptofeed_gives_its_counts(shared_data: Path) -> None:
    """Its books are `depth.step0`, which still lives; it answered six pings."""
    codec = HtxFeedCodec(*recorded.listed("htx:spot", CAPTURED))
    path = shared_data / "frames/cryptofeed_2021-04-17/HUOBI.ws.44.0"
    ticks, taken, answers = [], 0, []
    for frame in _captured(path):
        for each in codec.decode(frame):
            if isinstance(each, Subscribed):
                taken += 1
            elif isinstance(each, PingReceived):
                answers.append(json.loads(each.frame))
            else:
                ticks.append(each)
    assert recorded.counted(ticks) == {"L2_BOOK": 292, "TRADES": 73}
    assert taken == 20
    sent = re.findall(r'<- [\d.]+: (\{"pong":\d+\})', path.read_text())
    assert answers == [json.loads(each) for each in sent]
    assert len(answers) == 6
    for each in ticks:
        if isinstance(each, BookReplaced):
            assert each.bids[0] == max(each.bids)
            assert each.asks[0] == min(each.asks)


def _captured(path: Path) -> list[bytes]:
    lines = path.read_text().splitlines()
    return [
        ast.literal_eval(line.partition(": ")[2])
        for line in lines
        if line.partition(": ")[2].startswith(("b'", 'b"'))
    ]


def test_requests_are_a_frame_a_topic_and_books_of_spot_have_their_own_url(
    spot: HtxFeedCodec, linear: HtxFeedCodec
) -> None:
    def asked(codec: HtxFeedCodec, instrument: InstrumentId) -> list[Any]:
        topics = [FeedTopic(channel, instrument) for channel in FeedChannel]
        return [json.loads(frame) for frame in codec.subscribe(topics, 7)]

    assert asked(spot, SPOT_BTC) == [
        {"sub": "market.btcusdt.trade.detail", "id": "7"},
        {"sub": "market.btcusdt.bbo", "id": "7"},
        {"sub": "market.btcusdt.mbp.150", "id": "7"},
        {"sub": "market.btcusdt.kline.1min", "id": "7"},
    ]
    assert asked(linear, LINEAR_BTC)[2] == {
        "sub": "market.BTC-USDT.depth.size_150.high_freq", "id": "7", "data_type": "incremental",
    }  # fmt: skip
    assert {spot.rules(channel).url for channel in FeedChannel} == {
        "wss://api.huobi.pro/ws",
        "wss://api.huobi.pro/feed",
    }
    (frame,) = spot.unsubscribe([FeedTopic(FeedChannel.QUOTES, SPOT_BTC)], 8)
    assert json.loads(frame) == {"unsub": "market.btcusdt.bbo", "id": "8"}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            {"id": "7", "status": "ok", "subbed": "market.btcusdt.bbo", "ts": 1},
            Subscribed(7, (FeedTopic(FeedChannel.QUOTES, SPOT_BTC),)),
        ),
        (
            {
                "status": "error", "ts": 1, "id": "7", "err-code": "bad-request",
                "err-msg": "invalid topic market.x.bbo",
            },
            SubscriptionRefused("bad-request", "invalid topic market.x.bbo", 7),
        ),
        (
            {
                "status": "error", "ts": 1, "id": "market.btcusdt.mbp.150", "err-code": "429",
                "err-msg": "429 too many request topic is market.btcusdt.mbp.150",
            },
            SubscriptionRefused(
                "429", "429 too many request topic is market.btcusdt.mbp.150", None,
                (FeedTopic(FeedChannel.BOOK, SPOT_BTC),),
            ),
        ),
        ({"ping": 1583491673714}, PingReceived(b'{"pong":1583491673714}')),
        ({"op": "ping", "ts": "1645202800015"}, PingReceived(b'{"op":"pong","ts":1645202800015}')),
        ({"pong": 1}, PongReceived()),
        ({"op": "close", "ts": 1}, ClosingAnnounced("closed by the venue")),
    ],
)  # fmt: skip
def test_words_of_the_connection_are_known(
    spot: HtxFeedCodec, message: dict[str, Any], expected: object
) -> None:
    assert spot.decode(zipped(message)) == (expected,)


def test_a_spot_book_joins_the_start_that_was_asked_for_over_the_socket(spot: HtxFeedCodec) -> None:
    """As ccxt's handler does it: the same frames make the same book."""
    local_book = local_book_of(spot, SPOT_BTC)
    judge = Judge("htx", "spot", "btcusdt", "wss://api.huobi.pro/feed")
    assert json.loads(spot.snapshot_path(SPOT_BTC)) == {
        "req": "market.btcusdt.mbp.150",
        "id": "market.btcusdt.mbp.150",
    }
    assert local_book.apply(*spot.decode(zipped(MBP[0])), 0)  # asks for a start
    local_book.apply(*spot.decode(zipped(MBP[1])), 0)
    assert not local_book.apply(*spot.decode(zipped(REP)), 0)
    assert not local_book.apply(*spot.decode(zipped(MBP[2])), 0)
    judge.start_book(REP["data"], REP["data"]["seqNum"], "bids", "asks")
    for message in MBP:
        if message["tick"]["prevSeqNum"] >= REP["data"]["seqNum"]:
            judge.feed(message)
    book = local_book.valid_at(0, 0)
    assert book is not None
    assert {"bids": book.bids(99), "asks": book.asks(99)} == judge.book
    lost = MBP[2] | {"tick": MBP[2]["tick"] | {"prevSeqNum": 40, "seqNum": 41}}
    assert local_book.apply(*spot.decode(zipped(lost)), 0)
    assert local_book.state is BookState.INVALID


def test_a_perpetuals_book_is_what_ccxt_makes_of_the_same_frames(linear: HtxFeedCodec) -> None:
    judge = Judge("htx", "linear", "BTC-USDT", "wss://api.hbdm.com/linear-swap-ws")
    local_book = local_book_of(linear, LINEAR_BTC)
    for message in DEPTH:
        judge.feed(message)
        assert not local_book.apply(*linear.decode(zipped(message)), 0)
    book = local_book.valid_at(0, 0)
    assert book is not None
    assert {"bids": book.bids(99), "asks": book.asks(99)} == judge.book
    lost = DEPTH[2] | {"tick": DEPTH[2]["tick"] | {"version": 14}}
    assert local_book.apply(*linear.decode(zipped(lost)), 0)


def test_spot_trades_and_candles_are_what_ccxt_makes_of_them(spot: HtxFeedCodec) -> None:
    judge = Judge("htx", "spot", "btcusdt", "wss://api.huobi.pro/ws")
    judge.feed(SPOT_TRADES)
    (trade,) = spot.decode(zipped(SPOT_TRADES))
    assert isinstance(trade, TradePrinted)
    read = (trade.event_ns // 10**6, trade.side.value, trade.price, trade.quantity)
    assert [read] == judge.trades
    assert trade.trade_id == "102090727790"
    judge.feed(KLINE)
    (candle,) = spot.decode(zipped(KLINE))
    assert isinstance(candle, CandleSeen)
    values = [candle.open, candle.high, candle.low, candle.close, candle.volume]
    assert [[candle.open_ns // 10**6, *values]] == judge.candles
    assert not candle.closed


def test_a_bomb_or_a_torn_frame_is_unreadable(spot: HtxFeedCodec) -> None:
    refuses_what_is_no_gzip(spot, zipped(KLINE))


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('"sell"', '"maybe"'), ("9150.01", '"NaN"'), ("9150.01", "-1"), ("9150.01", "null"),
        ("102090727790", "null"), ("btcusdt", "btceur"), ("trade.detail", "prints"),
        ('"price"', '"cost"'), ("1583495833751", "1e30"), ('"tick"', '"tock"'),
    ],
)  # fmt: skip
def test_what_is_not_documented_is_unreadable_and_never_a_default(
    spot: HtxFeedCodec, was: str, now: str
) -> None:
    frame = recorded.raw(SPOT_TRADES | {"new_field": [{}]}).decode()
    assert len(spot.decode(zipped(frame.encode()))) == 1
    with pytest.raises(DecodeError):
        spot.decode(zipped(frame.replace(was, now).encode()))


@pytest.mark.chance
@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_no_damaged_frame_does_harm(kind: str, lines: list[dict[str, Any]]) -> None:
    if kind == "linear":
        words = WORDS
        messages = [line["message"] for line in lines if line["n"] != WITHOUT_A_TAKER] + DEPTH
    else:
        words = ["btcusdt"]
        messages = [*MBP, REP, SPOT_TRADES, KLINE, SPOT_QUOTE, {"ping": 1583491673714}]
    codec = HtxFeedCodec(*recorded.listed(f"htx:{kind}", words, "0.001"))
    fuzz.storm(Inside(codec), [recorded.raw(message) for message in messages])
    fuzz.storm(codec, [zipped(message) for message in messages], count=fuzz.FRAMES // 10)


def test_a_spot_quote_has_the_time_of_its_own(spot: HtxFeedCodec) -> None:
    (quote,) = spot.decode(zipped(SPOT_QUOTE))
    assert quote == QuoteChanged(SPOT_BTC, 1671941599612 * 10**6, 16829.7, 1.685945, 16829.8, 0.5)


def test_gzip_of_several_levels_is_read(spot: HtxFeedCodec) -> None:
    for level in (0, 1, 6, 9):
        assert len(spot.decode(gzip.compress(recorded.raw(KLINE), level))) == 1


def _mbp(previous: int, number: int, bids: Any, asks: Any) -> dict[str, Any]:
    tick = {"seqNum": number, "prevSeqNum": previous, "bids": bids, "asks": asks}
    return {"ch": "market.btcusdt.mbp.150", "ts": 1583472025885, "tick": tick}


MBP = [
    _mbp(8, 9, [[98.0, 9]], []),
    _mbp(10, 15, [[99.5, 1.5], [98.0, 0]], [[1.02e2, 3.6e-4]]),
    _mbp(15, 21, [], [[101, 0], [100.5, 0.25]]),
]
REP = {
    "id": "market.btcusdt.mbp.150", "rep": "market.btcusdt.mbp.150", "status": "ok", "ts": 2,
    "data": {"seqNum": 10, "bids": [[99, 1], [98, 2]], "asks": [[101, 3], [103, 4]]},
}  # fmt: skip


def _depth(event: str, version: int, bids: Any, asks: Any) -> dict[str, Any]:
    ch = "market.BTC-USDT.depth.size_150.high_freq"
    tick = {
        "asks": asks, "bids": bids, "ch": ch, "event": event, "id": 1, "mrid": 1, "ts": 5,
        "version": version,
    }  # fmt: skip
    return {"ch": ch, "tick": tick, "ts": 1645023376098}


DEPTH = [
    _depth("snapshot", 10, [[99, 1], [98, 2]], [[101, 3], [102, 4]]),
    _depth("update", 11, [[98, 0], [99.5, 7]], []),
    _depth("update", 12, [], [[101, 0], [100.5, 9]]),
]
SPOT_TRADES = {
    "ch": "market.btcusdt.trade.detail", "ts": 1583495834011,
    "tick": {
        "id": 105004645372, "ts": 1583495833751,
        "data": [{
            "id": 105004645372731900000000, "ts": 1583495833751, "tradeId": 102090727790,
            "amount": 0.003893, "price": 9150.01, "direction": "sell",
        }],
    },
}  # fmt: skip
KLINE = {
    "ch": "market.btcusdt.kline.1min", "ts": 1583501786794,
    "tick": {
        "id": 1583501760, "open": 9094.5, "close": 9094.51, "low": 9094.5, "high": 9094.51,
        "amount": 0.44639786263800907, "vol": 4059.76919054, "count": 16,
    },
}  # fmt: skip
SPOT_QUOTE = {
    "ch": "market.btcusdt.bbo", "ts": 1671941599613,
    "tick": {
        "seqId": 161499562790, "ask": 16829.8, "askSize": 0.5, "bid": 16829.7,
        "bidSize": 1.685945, "quoteTime": 1671941599612, "symbol": "btcusdt",
    },
}  # fmt: skip
