"""Protects what we read of Bybit: recorded frames become the records others made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.core.venue import BookChanged, CandleSeen, QuoteChanged, QuotePart
from bowline.venues import (
    DecodeError,
    FeedChannel,
    FeedTopic,
    PongReceived,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.bybit import BybitFeedCodec
from bowline.venues.local_book import BookState, local_book_of
from tests.venues import fuzz, recorded

WORDS = ["BTCUSDT", "BTCUSD", "BTCPERP", "LTCUSDT", "XRPUSDT", "ETHUSDT"]
#: from line 39 of the tardis file on its frames are of API v5; those before are of v2, which was
#: switched off in 2023: another host, other topics, prices in E4 integers
FIRST_V5 = 39
#: v5 record kinds that have no counterpart here
NO_COUNTERPART = {"derivative_ticker", "liquidation"}


@pytest.fixture
def codec() -> BybitFeedCodec:
    return BybitFeedCodec(*recorded.listed("bybit:linear", WORDS))


@pytest.fixture
def lines(shared_data: Path) -> list[dict[str, Any]]:
    return recorded.tardis(shared_data, "bybit")


def test_frames_of_v5_become_the_records_of_tardis(
    codec: BybitFeedCodec, lines: list[dict[str, Any]]
) -> None:
    kinds = []
    quotes: dict[InstrumentId, QuoteChanged] = {}
    for line in lines[FIRST_V5 - 1 :]:
        expected = recorded.expected_records(line)
        read = codec.decode(recorded.raw(line["message"]))
        read = tuple(
            each.after(quotes[each.instrument]) if isinstance(each, QuotePart) else each
            for each in read
        )
        quotes |= {each.instrument: each for each in read if isinstance(each, QuoteChanged)}
        if {each["type"] for each in expected} <= NO_COUNTERPART:
            assert read == (), line["n"]  # known, and nothing to us
        else:
            assert recorded.as_records(read) == expected, line["n"]
        kinds += [each["type"] for each in expected]
    assert set(kinds) >= {"trade", "book_change", "book_ticker"}


def test_frames_of_the_dead_version_are_not_taken_for_this_one(
    codec: BybitFeedCodec, lines: list[dict[str, Any]]
) -> None:
    for line in lines[: FIRST_V5 - 1]:
        if line["message"].get("topic", "").startswith("liquidation."):
            continue  # the topic kept its name, and nothing is read of it
        with pytest.raises(DecodeError):
            codec.decode(recorded.raw(line["message"]))


def test_nautilus_samples_are_read(codec: BybitFeedCodec, shared_data: Path) -> None:
    folder = shared_data / "frames/nautilus/bybit/test_data"

    def sample(name: str) -> bytes:
        return (folder / f"{name}.json").read_bytes()

    (quote,) = codec.decode(sample("ws_orderbook_snapshot"))
    assert isinstance(quote, QuoteChanged)
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (27450, 0.5, 27451, 0.75)
    (gone,) = codec.decode(sample("ws_orderbook_delta"))
    assert isinstance(gone, QuoteChanged)
    assert (gone.bid, gone.bid_size, gone.ask, gone.ask_size) == (27450, 0.4, 0, 0)
    assert codec.decode(sample("ws_kline")) == ()  # five minutes, which nobody here asks for
    (one_minute,) = codec.decode(
        sample("ws_kline").replace(b"kline.5", b"kline.1").replace(b'"5"', b'"1"')
    )
    assert one_minute == CandleSeen(
        BTC, 1672324988882 * 10**6, 1672324800000 * 10**6,
        16649.5, 16677, 16608, 16677, 2.081, closed=False,
    )  # fmt: skip
    trade = sample("ws_public_trade").replace(b"trade.linear.", b"publicTrade.")
    assert recorded.counted(codec.decode(trade)) == {"TRADES": 1}
    assert codec.decode(sample("ws_subscription_ack")) == (Subscribed(None),)
    assert codec.decode(sample("ws_subscription_failure")) == (
        SubscriptionRefused("", "Invalid topic: invalid.topic.BTCUSDT", None),
    )


def test_a_request_is_one_numbered_frame_and_its_answer_carries_the_number(
    codec: BybitFeedCodec,
) -> None:
    topics = [FeedTopic(channel, BTC) for channel in FeedChannel]
    (frame,) = codec.subscribe(topics, 7)
    assert json.loads(frame) == {
        "op": "subscribe",
        "req_id": "7",
        "args": [
            "publicTrade.BTCUSDT",
            "orderbook.1.BTCUSDT",
            "orderbook.50.BTCUSDT",
            "kline.1.BTCUSDT",
        ],
    }
    (frame,) = codec.unsubscribe(topics[:1], 8)
    assert json.loads(frame)["op"] == "unsubscribe"
    assert codec.decode(
        b'{"success":true,"ret_msg":"","conn_id":"c","req_id":"7","op":"subscribe"}'
    ) == (Subscribed(7),)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"success":true,"ret_msg":"pong","conn_id":"c","op":"ping"}',
        b'{"req_id":"","op":"pong","args":["1"],"conn_id":"c"}',
    ],
)
def test_both_forms_of_their_pong_are_known(codec: BybitFeedCodec, frame: bytes) -> None:
    assert codec.decode(frame) == (PongReceived(),)


def test_a_whole_book_after_their_restart_replaces_ours_whatever_its_type(
    codec: BybitFeedCodec,
) -> None:
    local_book = local_book_of(codec, BTC)
    for kind, u, bid in (("snapshot", 90, "10"), ("delta", 91, "11"), ("delta", 1, "8")):
        (tick,) = codec.decode(_book(kind, u, bid))
        assert not local_book.apply(tick, 0)
    book = local_book.valid_at(0, 0)
    assert book is not None
    assert book.bids(9) == [(8.0, 1.0)]
    (tick,) = codec.decode(_book("delta", 3, "9"))
    assert isinstance(tick, BookChanged)
    assert local_book.apply(tick, 0)
    assert local_book.state is BookState.INVALID


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('"Buy"', '"Maybe"'), ('"94.53"', '"NaN"'), ('"94.53"', '"0"'), ('"0.4"', '"-0.4"'),
        ('"94.53"', "null"), ("1680688979983", '"soon"'), ("publicTrade", "publicTrades"),
        ("LTCUSDT", "LTCUSDC"), ('"p"', '"price"'),
    ],
)  # fmt: skip
def test_what_is_not_documented_is_unreadable_and_never_a_default(
    codec: BybitFeedCodec, was: str, now: str
) -> None:
    frame = (
        '{"topic":"publicTrade.LTCUSDT","type":"snapshot","ts":1,"data":[{"T":1680688979983,'
        '"s":"LTCUSDT","S":"Buy","v":"0.4","p":"94.53","i":"x","new_field":[{}]}]}'
    )
    assert len(codec.decode(frame.encode())) == 1
    with pytest.raises(DecodeError):
        codec.decode(frame.replace(was, now).encode())


@pytest.mark.chance
@pytest.mark.parametrize("market", ["bybit:spot", "bybit:linear"])
def test_no_damaged_frame_does_harm(market: str, lines: list[dict[str, Any]]) -> None:
    codec = BybitFeedCodec(*recorded.listed(market, WORDS))
    frames = [recorded.raw(line["message"]) for line in lines[FIRST_V5 - 1 :]]
    frames = [frame for frame, n in zip(frames, range(FIRST_V5, 99), strict=False)]
    frames += [
        _candle(), _book("snapshot", 5, "10"), _book("delta", 6, "11"),
        TAKEN,
        b'{"success":true,"ret_msg":"pong","conn_id":"c","op":"ping"}',
    ]  # fmt: skip
    fuzz.storm(codec, frames)


def test_the_cut_capture_of_2021_speaks_a_dead_version(
    codec: BybitFeedCodec, shared_data: Path
) -> None:
    """Cryptofeed's BYBIT capture is of API v2; only its acknowledgements could pass for ours."""
    path = shared_data / "frames/cryptofeed_2021-04/BYBIT.ws.25.0"
    refused = 0
    for frame in recorded.cryptofeed(path):
        try:
            codec.decode(frame)
        except DecodeError:
            refused += 1
        else:
            assert b'"topic"' not in frame
    assert refused > 3_000


BTC = InstrumentId(market_by_name("bybit:linear").market_id, "BTCUSDT")


TAKEN = b'{"success":true,"ret_msg":"","conn_id":"c","req_id":"7","op":"subscribe"}'


def _book(kind: str, u: int, bid: str) -> bytes:
    levels = {"s": "BTCUSDT", "b": [[bid, "1"]], "a": [["20", "1"]], "u": u, "seq": 1}
    return recorded.raw({"topic": "orderbook.50.BTCUSDT", "type": kind, "ts": 1, "data": levels})


def _candle() -> bytes:
    candle = {
        "start": 1672324800000, "end": 1672324859999, "interval": "1", "open": "16649.5",
        "close": "16677", "high": "16677", "low": "16608", "volume": "2.081", "turnover": "34666.4",
        "confirm": True, "timestamp": 1672324988882,
    }  # fmt: skip
    return recorded.raw({"topic": "kline.1.BTCUSDT", "data": [candle], "ts": 1, "type": "snapshot"})
