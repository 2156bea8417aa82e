"""Protects what we read of MEXC's perpetuals: recorded frames become the records others made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

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
from bowline.venues.local_book import local_book_of
from bowline.venues.mexc import MexcLinearFeedCodec
from tests.venues import fuzz, recorded
from tests.venues.judge import Judge

BTC = InstrumentId(market_by_name("mexc:linear").market_id, "BTC_USDT")
#: tardis' own word for the reply of REST, which is no frame of the venue
START = "push.depth.snapshot"


def codec_of(size: str = "1") -> MexcLinearFeedCodec:
    return MexcLinearFeedCodec(*recorded.listed("mexc:linear", ["BTC_USDT"], size))


@pytest.fixture
def codec() -> MexcLinearFeedCodec:
    return codec_of()


@pytest.fixture
def lines(shared_data: Path) -> list[dict[str, Any]]:
    return recorded.tardis(shared_data, "mexc-futures")


def _start_of(message: dict[str, Any]) -> bytes:
    return recorded.raw({"success": True, "code": 0, "data": message["data"]})


def test_frames_become_the_records_of_tardis(
    codec: MexcLinearFeedCodec, lines: list[dict[str, Any]]
) -> None:
    """The change before the start is in its record of the start: there our keeper puts it."""
    kinds = []
    for line in lines[2:]:
        message, expected = line["message"], recorded.expected_records(line)
        kinds += [each["type"] for each in expected]
        if message["channel"] == START:
            continue
        read = codec.decode(recorded.raw(message))
        if {each["type"] for each in expected} <= {"derivative_ticker"}:
            assert read == (), line  # known, and nothing to us
        else:
            assert recorded.as_records(read) == expected, line
    for line in lines[:1]:
        expected = recorded.expected_records(line)
        assert recorded.as_records(codec.decode(recorded.raw(line["message"]))) == expected
        kinds += [each["type"] for each in expected]
    assert set(kinds) >= {"trade", "book_change"}


def test_a_start_by_rest_and_the_change_before_it_make_the_book_of_tardis(
    codec: MexcLinearFeedCodec, lines: list[dict[str, Any]]
) -> None:
    change, start = lines[1]["message"], lines[2]["message"]
    local_book = local_book_of(codec, BTC)
    assert codec.snapshot_path(BTC) == "/api/v1/contract/depth/BTC_USDT?limit=1000"
    assert local_book.apply(*codec.decode(recorded.raw(change)), 0)
    whole = codec.decode_snapshot(BTC, _start_of(start))
    (expected,) = recorded.expected_records(lines[2])
    assert whole.event_ns == expected["timestamp"]
    local_book.apply(whole, 0)
    book = local_book.valid_at(0, 0)
    assert book is not None
    levels = {
        "bids": [{"price": p, "amount": s} for p, s in reversed(book.bids(9))],
        "asks": [{"price": p, "amount": s} for p, s in reversed(book.asks(9))],
    }
    assert levels == {side: expected[side] for side in levels}


def test_contracts_become_coins_exactly(lines: list[dict[str, Any]]) -> None:
    (first, second) = codec_of("0.0001").decode(recorded.raw(lines[0]["message"]))
    assert isinstance(first, TradePrinted)
    assert isinstance(second, TradePrinted)
    assert (first.quantity, second.quantity) == (0.0055, 0.0011)


def test_a_merged_change_spans_its_numbers_and_one_that_is_not_has_one(
    codec: MexcLinearFeedCodec,
) -> None:
    (merged,) = codec.decode(recorded.raw(DEPTH))
    (single,) = codec.decode(recorded.raw(DEPTH | {"data": DEPTH["data"] | {"begin": None}}))
    assert isinstance(merged, BookChanged)
    assert isinstance(single, BookChanged)
    assert (merged.first, merged.last) == (4895965271, 4895965272)
    assert (single.first, single.last) == (4895965272, 4895965272)


def test_books_trades_and_candles_are_what_ccxt_makes_of_them(codec: MexcLinearFeedCodec) -> None:
    judge = Judge("mexc", "linear", "BTC_USDT", "wss://contract.mexc.com/edge")
    start = {"asks": [[39147, 5, 1]], "bids": [[39143, 6, 1]]}
    judge.start_book(start, 4895965270, "bids", "asks")
    judge.feed(DEPTH)
    local_book = local_book_of(codec, BTC)
    body = {"success": True, "data": start | {"version": 4895965270, "timestamp": 1}}
    local_book.apply(*codec.decode(recorded.raw(DEPTH)), 0)
    local_book.apply(codec.decode_snapshot(BTC, recorded.raw(body)), 0)
    book = local_book.valid_at(0, 0)
    assert book is not None
    assert {"bids": book.bids(9), "asks": book.asks(9)} == judge.book

    judge.feed(DEAL)
    trades = codec.decode(recorded.raw(DEAL))
    read = []
    for each in trades:
        assert isinstance(each, TradePrinted)
        read.append((each.event_ns // 10**6, each.side.value, each.price, each.quantity))
    assert read == judge.trades

    judge.feed(KLINE)
    (candle,) = codec.decode(recorded.raw(KLINE))
    assert isinstance(candle, CandleSeen)
    values = [candle.open, candle.high, candle.low, candle.close, candle.volume]
    assert [[candle.open_ns // 10**6, *values]] == judge.candles


def test_the_top_of_the_book_stands_in_for_quotes(codec: MexcLinearFeedCodec) -> None:
    assert codec.decode(recorded.raw(FULL)) == (
        QuoteChanged(BTC, 1651239652372 * 10**6, 39144, 35460, 39146.5, 11264),
    )
    one_sided = FULL | {"data": FULL["data"] | {"bids": []}}
    (quote,) = codec.decode(recorded.raw(one_sided))
    assert isinstance(quote, QuoteChanged)
    assert (quote.bid, quote.bid_size) == (0, 0)


def test_requests_are_a_frame_a_topic(codec: MexcLinearFeedCodec) -> None:
    topics = [FeedTopic(channel, BTC) for channel in FeedChannel]
    assert [json.loads(frame) for frame in codec.subscribe(topics, 7)] == [
        {"method": "sub.deal", "param": {"symbol": "BTC_USDT"}},
        {"method": "sub.depth.full", "param": {"symbol": "BTC_USDT", "limit": 5}},
        {"method": "sub.depth", "param": {"symbol": "BTC_USDT"}},
        {"method": "sub.kline", "param": {"symbol": "BTC_USDT", "interval": "Min1"}},
    ]
    (frame,) = codec.unsubscribe(topics[:1], 8)
    assert json.loads(frame)["method"] == "unsub.deal"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            {"channel": "rs.sub.depth", "data": "success", "ts": 1},
            (Subscribed(channel=FeedChannel.BOOK),),
        ),
        (
            {"channel": "rs.sub.depth.full", "data": "success", "ts": 1},
            (Subscribed(channel=FeedChannel.QUOTES),),
        ),
        ({"channel": "rs.unsub.depth", "data": "success", "ts": 1}, ()),
        ({"channel": "pong", "data": 1587453241453}, (PongReceived(),)),
        (
            {"channel": "rs.error", "data": "Contract [NOPE_USDT] not exists", "ts": 1},
            (SubscriptionRefused("rs.error", "Contract [NOPE_USDT] not exists"),),
        ),
        (
            {"channel": "rs.error", "data": "Contract [BTC_USDT] not exists", "ts": 1},
            (
                SubscriptionRefused(
                    "rs.error", "Contract [BTC_USDT] not exists", None,
                    tuple(FeedTopic(channel, BTC) for channel in FeedChannel),
                ),
            ),
        ),
    ],
)  # fmt: skip
def test_words_of_the_connection_are_known(
    codec: MexcLinearFeedCodec, message: dict[str, Any], expected: object
) -> None:
    assert codec.decode(recorded.raw(message)) == expected


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('"T":2', '"T":3'), ("114350.4", '"NaN"'), ("114350.4", "-1"), ("114350.4", "null"),
        ("BTC_USDT", "BTC_EUR"), ("push.deal", "push.deals"), ('"p"', '"price"'),
        ("1760368563597", '"soon"'),
    ],
)  # fmt: skip
def test_what_is_not_documented_is_unreadable_and_never_a_default(
    codec: MexcLinearFeedCodec, was: str, now: str
) -> None:
    frame = recorded.raw(DEAL | {"new_field": [{}]}).decode()
    assert len(codec.decode(frame.encode())) == 1
    with pytest.raises(DecodeError):
        codec.decode(frame.replace(was, now).encode())


def test_a_refused_reply_of_rest_is_no_book(codec: MexcLinearFeedCodec) -> None:
    with pytest.raises(DecodeError):
        codec.decode_snapshot(BTC, b'{"success":false,"code":510,"message":"too frequent"}')


@pytest.mark.chance
def test_no_damaged_frame_does_harm(lines: list[dict[str, Any]]) -> None:
    messages = [line["message"] for line in lines if line["message"]["channel"] != START]
    messages += [DEPTH, DEAL, KLINE, FULL, {"channel": "rs.sub.depth", "data": "success", "ts": 1}]
    codec = codec_of("0.0001")
    fuzz.storm(codec, [recorded.raw(each) for each in messages])
    body = _start_of(lines[2]["message"])
    fuzz.storm_of_bodies(lambda raw: codec.decode_snapshot(BTC, raw), [body], fuzz.FRAMES // 10)


DEPTH: dict[str, Any] = {
    "channel": "push.depth", "symbol": "BTC_USDT", "ts": 1651239652372,
    "data": {
        "asks": [[39146.5, 11264, 1]], "bids": [[3.9144e4, 35460, 1], [39143, 0, 0]],
        "end": 4895965272, "begin": 4895965271, "version": 4895965272,
    },
}  # fmt: skip
FULL: dict[str, Any] = {
    "channel": "push.depth.full", "symbol": "BTC_USDT", "ts": 1651239652372,
    "data": {
        "asks": [[39146.5, 11264, 1], [39147, 1, 1]], "bids": [[39144, 35460, 1], [39143, 2, 1]],
        "version": 4895965272, "cts": 1651239652370,
    },
}  # fmt: skip
DEAL: dict[str, Any] = {
    "symbol": "BTC_USDT", "channel": "push.deal", "ts": 1680055941870,
    "data": [{"p": 114350.4, "v": 4, "T": 2, "O": 3, "M": 2, "t": 1760368563597}],
}  # fmt: skip
KLINE: dict[str, Any] = {
    "channel": "push.kline", "symbol": "BTC_USDT", "ts": 1651230713067,
    "data": {
        "a": 325653.3287, "c": 38839, "h": 38909.5, "interval": "Min1", "l": 38833, "o": 38901.5,
        "q": 83808, "rc": 38839, "rh": 38909.5, "rl": 38833, "ro": 38909.5, "symbol": "BTC_USDT",
        "t": 1651230660,
    },
}  # fmt: skip
