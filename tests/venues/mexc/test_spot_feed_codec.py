"""Protects what we read of MEXC's spot: the venue's own protocol classes write, ccxt's are judge.

No recordings exist. Messages are encoded by the protocol classes that ccxt carries, which are made
from the venue's `.proto` files, and read by our reader and by ccxt's handlers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from ccxt.protobuf.mexc.PushDataV3ApiWrapper_pb2 import PushDataV3ApiWrapper
from google.protobuf.message import DecodeError as ProtobufError
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.core.venue import BookChanged, CandleSeen, QuoteChanged, TradePrinted
from bowline.venues import (
    DecodeError,
    FeedChannel,
    FeedTopic,
    PongReceived,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.local_book import BookState, local_book_of
from bowline.venues.mexc import MexcSpotFeedCodec, protobuf
from tests.venues import fuzz, recorded
from tests.venues.judge import Judge

BTC = InstrumentId(market_by_name("mexc:spot").market_id, "BTCUSDT")
SENT = 1736409765052
NAMES = {
    FeedChannel.TRADES: "spot@public.aggre.deals.v3.api.pb@100ms@BTCUSDT",
    FeedChannel.QUOTES: "spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT",
    FeedChannel.BOOK: "spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT",
    FeedChannel.CANDLES: "spot@public.kline.v3.api.pb@BTCUSDT@Min1",
}

Pair = tuple[str, str]


@pytest.fixture
def codec() -> MexcSpotFeedCodec:
    return MexcSpotFeedCodec(*recorded.listed("mexc:spot", ["BTCUSDT"]))


@pytest.fixture
def judge() -> Judge:
    return Judge("mexc", "spot", "BTCUSDT", "wss://wbs-api.mexc.com/ws")


def pushed(channel: FeedChannel, sent: int | None = SENT) -> Any:
    message = PushDataV3ApiWrapper()
    message.channel = NAMES[channel]
    message.symbol = "BTCUSDT"
    if sent is not None:
        message.sendTime = sent
    return message


def book(first: int, last: int, bids: Sequence[Pair], asks: Sequence[Pair]) -> bytes:
    message = pushed(FeedChannel.BOOK)
    body = message.publicAggreDepths
    for side, levels in ((body.bids, bids), (body.asks, asks)):
        for price, quantity in levels:
            side.add(price=price, quantity=quantity)
    body.fromVersion, body.toVersion = str(first), str(last)
    body.eventType = "spot@public.aggre.depth.v3.api.pb@100ms"
    return bytes(message.SerializeToString())


def trades(*deals: tuple[str, str, int, int]) -> bytes:
    message = pushed(FeedChannel.TRADES)
    for price, quantity, kind, time in deals:
        message.publicAggreDeals.deals.add(
            price=price, quantity=quantity, tradeType=kind, time=time
        )
    message.publicAggreDeals.eventType = "spot@public.aggre.deals.v3.api.pb@100ms"
    return bytes(message.SerializeToString())


def quote(bid: str = "93387.28", bid_size: str = "3.73") -> bytes:
    message = pushed(FeedChannel.QUOTES)
    body = message.publicAggreBookTicker
    body.bidPrice, body.bidQuantity = bid, bid_size
    body.askPrice, body.askQuantity = "93387.29", "7.669"
    return bytes(message.SerializeToString())


def candle(interval: str = "Min1") -> bytes:
    message = pushed(FeedChannel.CANDLES, None)
    message.createTime = 1754737941062
    body = message.publicSpotKline
    body.interval, body.windowStart, body.windowEnd = interval, 1754737920, 1754737980
    body.openingPrice, body.closingPrice = "117317.31", "117325.26"
    body.highestPrice, body.lowestPrice = "117341", "117317.3"
    body.volume, body.amount = "3.12599854", "366804.43"
    return bytes(message.SerializeToString())


ROUND = [
    trades(("93220.00", "0.04438243", 2, SENT - 1), ("93220.01", "1", 1, SENT)),
    quote(),
    book(11, 14, [("99", "1.5"), ("98", "0")], [("101", "0.25")]),
    candle(),
]


def test_a_book_is_what_ccxt_makes_of_the_same_frames(
    codec: MexcSpotFeedCodec, judge: Judge
) -> None:
    start = {"bids": [["98", "2"], ["97", "1"]], "asks": [["102", "3"]], "lastUpdateId": 10}
    frames = [
        book(9, 10, [("96", "1")], []),
        ROUND[2],
        book(15, 15, [], [("102", "0"), ("100.5", "7")]),
    ]
    judge.start_book(start, 10, "bids", "asks")
    local_book = local_book_of(codec, BTC)
    for index, frame in enumerate(frames):
        asks_for_a_start = local_book.apply(*codec.decode(frame), 0)
        assert asks_for_a_start is (index == 0)
        if index:
            judge.feed(frame)
    assert codec.snapshot_path(BTC) == "/api/v3/depth?symbol=BTCUSDT&limit=1000"
    assert not local_book.apply(codec.decode_snapshot(BTC, recorded.raw(start)), 0)
    served = local_book.valid_at(0, 0)
    assert served is not None
    assert {"bids": served.bids(9), "asks": served.asks(9)} == judge.book
    assert local_book.apply(*codec.decode(book(17, 18, [], [])), 0)
    assert local_book.state is BookState.INVALID


def test_trades_candles_and_quotes_are_what_ccxt_makes_of_them(
    codec: MexcSpotFeedCodec, judge: Judge
) -> None:
    judge.feed(ROUND[0])
    read = []
    for each in codec.decode(ROUND[0]):
        assert isinstance(each, TradePrinted)
        read.append((each.event_ns // 10**6, each.side.value, each.price, each.quantity))
    assert read == judge.trades
    assert [side for _, side, *_ in read] == ["sell", "buy"]
    judge.feed(ROUND[3])
    (each,) = codec.decode(ROUND[3])
    assert isinstance(each, CandleSeen)
    values = [each.open, each.high, each.low, each.close, each.volume]
    assert [[each.open_ns // 10**6, *values]] == judge.candles
    assert each.event_ns == 1754737941062 * 10**6
    judge.feed(ROUND[1])
    ticker = judge.exchange.tickers["BTC/USDT"]
    assert codec.decode(ROUND[1]) == (
        QuoteChanged(
            BTC, SENT * 10**6,
            ticker["bid"], ticker["bidVolume"], ticker["ask"], ticker["askVolume"],
        ),
    )  # fmt: skip


_DECIMALS = st.decimals(min_value="0.00000001", max_value="99999999", places=8).map(str)
_PAIRS = st.lists(st.tuples(_DECIMALS, st.one_of(st.just("0"), _DECIMALS)), max_size=40)


@given(
    bids=_PAIRS,
    asks=_PAIRS,
    first=st.integers(1, 10**12),
    span=st.integers(0, 10**4),
    unknown=st.binary(max_size=300),
)
def test_whatever_their_classes_write_is_read_back(
    bids: list[Pair], asks: list[Pair], first: int, span: int, unknown: bytes
) -> None:
    """Fields of other numbers, as a later version may have them, are passed over."""
    codec = MexcSpotFeedCodec(*recorded.listed("mexc:spot", ["BTCUSDT"]))
    frame = book(first, first + span, bids, asks)
    frame += bytes([0x82, 0x32, *_varint(len(unknown))]) + unknown + b"\x88\x32\x7f"
    (change,) = codec.decode(frame)

    def floats(pairs: list[Pair]) -> list[tuple[float, float]]:
        return [(float(price), float(quantity)) for price, quantity in pairs]

    expected = BookChanged(BTC, SENT * 10**6, floats(bids), floats(asks), first, first + span)
    assert change == expected


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


@given(st.binary(max_size=200))
def test_the_reader_agrees_with_the_librarys_about_what_is_a_message(noise: bytes) -> None:
    """What we read of noise, the library reads too; what it refuses, we refuse."""
    try:
        found = list(protobuf.fields(noise))
    except DecodeError:
        return
    parsed = PushDataV3ApiWrapper()
    known = {number for number, _ in found} & {1, 3, 4, 5, 6, *range(301, 316)}
    if not known:
        parsed.ParseFromString(noise)


@pytest.mark.parametrize(
    "noise",
    [
        b"\x08", b"\x08" + b"\xff" * 10, b"\x0a\x05abc", b"\x00\x01", b"\x0d\x01\x02",
        b"\x09\x01", b"\x0e", b"\x0a\xff\xff\xff\xff\x7f",
    ],
)  # fmt: skip
def test_what_does_not_add_up_is_unreadable_as_for_the_library(noise: bytes) -> None:
    with pytest.raises(DecodeError):
        list(protobuf.fields(noise))
    with pytest.raises(ProtobufError):
        PushDataV3ApiWrapper().ParseFromString(noise)


@pytest.mark.parametrize("noise", [b"\x0b\x0c", b"\x08" + b"\xff" * 9 + b"\x02"])
def test_groups_and_numbers_beyond_64_bits_are_unreadable(noise: bytes) -> None:
    """The library passes over the one and cuts the other; the venue sends neither."""
    with pytest.raises(DecodeError):
        list(protobuf.fields(noise))


@pytest.mark.parametrize(
    "frame",
    [
        trades(("93220", "1", 3, SENT)),
        trades(("93220", "1", 0, SENT)),
        trades(("NaN", "1", 1, SENT)),
        trades(("-1", "1", 1, SENT)),
        trades(("0", "1", 1, SENT)),
        trades(("1_0", "1", 1, SENT)),
        trades((" 1", "1", 1, SENT)),
        trades(("1", "", 1, SENT)),
        trades(("1", "1", 1, -5)),
        trades(("1", "1e99", 1, SENT)),
        quote(bid=""),
        quote(bid_size="Infinity"),
        book(5, 4, [], []),
        book(0, 4, [], []),
        book(4, 5, [("1", "-1")], []),
        candle("Min5"),
        ROUND[2].replace(b"BTCUSDT", b"ETHUSDT"),
        ROUND[2].replace(b"aggre.depth", b"aggre.depzh"),
        ROUND[1].replace(b"bookTicker", b"bookTiczer"),
        ROUND[2].replace(b"aggre.depth.v3.api.pb", b"aggre.deals.v3.api.pb"),
        b"",
        b"\x0a\x00",
    ],
)
def test_what_is_not_documented_is_unreadable_and_never_a_default(
    codec: MexcSpotFeedCodec, frame: bytes
) -> None:
    with pytest.raises(DecodeError):
        codec.decode(frame)


def test_other_documented_channels_say_nothing(codec: MexcSpotFeedCodec) -> None:
    message = PushDataV3ApiWrapper()
    message.channel = "spot@public.miniTicker.v3.api.pb@BTCUSDT@UTC+8"
    message.publicMiniTicker.symbol = "BTCUSDT"
    assert codec.decode(message.SerializeToString()) == ()


def test_a_request_is_one_numbered_frame(codec: MexcSpotFeedCodec) -> None:
    topics = [FeedTopic(channel, BTC) for channel in FeedChannel]
    (frame,) = codec.subscribe(topics, 7)
    assert json.loads(frame) == {
        "method": "SUBSCRIPTION", "params": list(NAMES.values()), "id": 7,
    }  # fmt: skip
    (frame,) = codec.unsubscribe(topics[:1], 8)
    assert json.loads(frame)["method"] == "UNSUBSCRIPTION"
    assert codec.rules(FeedChannel.BOOK).topics_per_connection == 30


TRADES, BOOK = FeedTopic(FeedChannel.TRADES, BTC), FeedTopic(FeedChannel.BOOK, BTC)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"id": 0, "code": 0, "msg": "PONG"}, (PongReceived(),)),
        ({"id": 7, "code": 0, "msg": NAMES[FeedChannel.BOOK]}, (Subscribed(topics=(BOOK,)),)),
        (
            {"id": 7, "code": 0, "msg": f"{NAMES[FeedChannel.BOOK]},{NAMES[FeedChannel.TRADES]}"},
            (Subscribed(topics=(BOOK, TRADES)),),
        ),
        (
            {
                "id": 7, "code": 0,
                "msg": f"Not Subscribed successfully! [{NAMES[FeedChannel.BOOK]}].  Reason: Blocked! ",  # noqa: E501
            },
            (SubscriptionRefused("0", "Reason: Blocked!", None, (BOOK,)),),
        ),
        (
            {
                "id": 7, "code": 0,
                "msg": f"Subscribed successful! [{NAMES[FeedChannel.TRADES]}]. "
                f"Not Subscribed successfully! [{NAMES[FeedChannel.BOOK]}].  Reason: Blocked! ",
            },
            (
                Subscribed(topics=(TRADES,)),
                SubscriptionRefused("0", "Reason: Blocked!", None, (BOOK,)),
            ),
        ),
        (
            {"id": 7, "code": 1, "msg": "msg format invalid"},
            (SubscriptionRefused("1", "msg format invalid", 7),),
        ),
    ],
)  # fmt: skip
def test_an_answer_says_which_topics_were_taken_and_which_not(
    codec: MexcSpotFeedCodec, message: dict[str, Any], expected: object
) -> None:
    assert codec.decode(recorded.raw(message)) == expected


@pytest.mark.chance
def test_no_damaged_frame_does_harm(codec: MexcSpotFeedCodec) -> None:
    answers = [
        {"id": 0, "code": 0, "msg": "PONG"},
        {"id": 7, "code": 0, "msg": NAMES[FeedChannel.BOOK]},
    ]
    fuzz.storm(codec, [*ROUND, *map(recorded.raw, answers)])
    body = b'{"lastUpdateId":10,"bids":[["98","2"]],"asks":[["102","3"]],"timestamp":1}'
    fuzz.storm_of_bodies(lambda raw: codec.decode_snapshot(BTC, raw), [body], fuzz.FRAMES // 10)
