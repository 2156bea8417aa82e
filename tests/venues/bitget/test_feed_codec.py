"""Protects what we read of Bitget: recorded frames become the records others made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.core.venue import BookChanged, BookReplaced, CandleSeen
from bowline.venues import (
    DecodeError,
    FeedChannel,
    FeedTopic,
    PingReceived,
    PongReceived,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.bitget import BitgetFeedCodec
from bowline.venues.local_book import BookState, InvalidReason, local_book_of
from tests.venues import fuzz, recorded

WORDS = ["BTCUSDT", "DOGEUSD", "BELUSDT", "AXSUSDT", "ADAUSDT", "AQTUSDT", "YGGUSDT"]
SPOT_CAPTURE = "frames/cryptofeed_2022-04-06/BITGET.ws.1.0"
MIX_CAPTURE = "frames/cryptofeed_2022-04-06/BITGET.ws.2.0"
#: tick size and lot step, from the products captured with the frames
SPOT_STEPS = {
    "AVAXUSDT": ("0.0001", "0.0001"), "CULTUSDT": ("0.00000001", "1"),
    "EOSUSDT": ("0.0001", "0.0001"), "GOGUSDT": ("0.0001", "0.0001"),
    "HOTUSDT": ("0.0000001", "0.0001"), "STGUSDT": ("0.001", "0.001"),
    "SUNUSDT": ("0.00001", "1"), "VVSUSDT": ("0.00000001", "0.0001"),
}  # fmt: skip
MIX_STEPS = {"DASHUSDT": ("0.01", "0.01"), "UNIUSDT": ("0.001", "1")}


@pytest.fixture
def codec() -> BitgetFeedCodec:
    return BitgetFeedCodec(*recorded.listed("bitget:linear", WORDS))


@pytest.fixture
def lines(shared_data: Path) -> list[dict[str, Any]]:
    return recorded.tardis(shared_data, "bitget-futures")


def test_frames_of_v2_become_the_records_of_tardis(
    codec: BitgetFeedCodec, lines: list[dict[str, Any]]
) -> None:
    """Frames of v3 (`arg.topic`) are of another API, for unified accounts: not read as this one.

    Tardis takes its book from `books15`, which is written like `books`; `books` itself it leaves
    out. Tickers have no counterpart here, and of coin futures this market knows only that they are.
    """
    kinds = []
    for line in lines:
        message, expected = line["message"], recorded.expected_records(line)
        if "topic" in message["arg"]:
            with pytest.raises(DecodeError, match="unknown channel"):
                codec.decode(recorded.raw(message))
            continue
        frame = recorded.raw(message)
        if message["arg"]["instType"] != "USDT-FUTURES" and "action" in message:
            assert codec.decode(frame) == ()
            frame = frame.replace(b"COIN-FUTURES", b"USDT-FUTURES")
        read = codec.decode(frame.replace(b"books15", b"books"))
        if "event" in message:
            assert all(isinstance(each, Subscribed) for each in read)
        elif message["arg"]["channel"] == "books":
            assert isinstance(read[0], BookReplaced | BookChanged)
        elif message["arg"]["channel"] == "ticker":
            assert read == ()
        else:
            assert recorded.as_records(read) == expected
            kinds += [each["type"] for each in expected]
    assert sorted(set(kinds)) == ["book_change", "book_ticker", "trade"]


@pytest.mark.parametrize(
    ("market", "path", "steps", "books"),
    [
        ("bitget:spot", SPOT_CAPTURE, SPOT_STEPS, 443),
        ("bitget:linear", MIX_CAPTURE, MIX_STEPS, 194),
    ],
)
def test_their_checksums_prove_every_book_of_the_capture_of_2022(
    shared_data: Path, market: str, path: str, steps: dict[str, tuple[str, str]], books: int
) -> None:
    """v1 is gone, but its books, candles and checksums were written as in v2, but for the product.

    The frames have no number: the checksum alone proves them, at every change.
    """
    taken = 0
    for word, (tick, lot) in steps.items():
        codec = BitgetFeedCodec(*recorded.listed(market, [word], tick=tick, lot=lot))
        instrument = InstrumentId(codec.market.market_id, word)
        local_book = local_book_of(codec, instrument)
        for frame in _as_v2(shared_data / path):
            if f'"instId":"{word}"'.encode() not in frame or b'"channel":"books"' not in frame:
                continue
            for each in codec.decode(frame):
                if isinstance(each, BookReplaced | BookChanged):
                    assert not local_book.apply(each, 0)
                    assert local_book.state is BookState.VALID
                    taken += 1
        assert not any(local_book.invalidations.values())
    assert taken == books


def test_the_captures_give_the_expected_callbacks_for_books_and_candles(shared_data: Path) -> None:
    """Trades and tickers of v1 were written otherwise: they are left out of the count."""
    counts: dict[str, int] = {}
    for market, path, steps in (
        ("bitget:spot", SPOT_CAPTURE, SPOT_STEPS),
        ("bitget:linear", MIX_CAPTURE, MIX_STEPS),
    ):
        codec = BitgetFeedCodec(*recorded.listed(market, steps))
        for frame in _as_v2(shared_data / path):
            if b'"channel":"books"' in frame or b'"channel":"candle1m"' in frame:
                ticks = [t for t in codec.decode(frame) if not isinstance(t, Subscribed)]
                for name, count in recorded.counted(ticks).items():
                    counts[name] = counts.get(name, 0) + count
    assert counts == {"L2_BOOK": 637, "CANDLES": 10_060}


def test_a_lost_change_is_found_by_the_checksum_at_once(shared_data: Path) -> None:
    codec = BitgetFeedCodec(*recorded.listed("bitget:linear", ["UNIUSDT"], tick="0.001", lot="1"))
    ticks = [
        tick
        for frame in _as_v2(shared_data / MIX_CAPTURE)
        if b"UNIUSDT" in frame and b'"channel":"books"' in frame
        for tick in codec.decode(frame)
        if isinstance(tick, BookReplaced | BookChanged)
    ]
    local_book = local_book_of(codec, ticks[0].instrument)
    asked = [local_book.apply(tick, 0) for tick in [*ticks[:20], *ticks[21:]]]
    assert asked.index(True) == 20
    assert sum(asked) == 1
    assert local_book.invalidations[InvalidReason.CHECKSUM] == 1
    assert local_book.valid_at(0, 1) is None


def test_numbers_that_fall_are_a_gap_and_without_checksum_or_pseq_nothing_is_proven(
    codec: BitgetFeedCodec,
) -> None:
    local_book = local_book_of(codec, BTC)
    for number in (5, 9):
        local_book.apply(BookReplaced(BTC, 0, [(1.0, 1.0)], [(2.0, 1.0)], number), 0)
    assert not local_book.apply(BookChanged(BTC, 0, [(1.0, 2.0)], [], 12, 12, 9), 0)
    assert local_book.apply(BookChanged(BTC, 0, [(1.0, 3.0)], [], 11, 11), 0)
    assert local_book.invalidations[InvalidReason.GAP] == 1
    local_book.apply(BookReplaced(BTC, 0, [(1.0, 1.0)], [(2.0, 1.0)], 20), 0)
    assert local_book.apply(BookChanged(BTC, 0, [(1.0, 2.0)], [], 21, 21), 0)
    assert local_book.invalidations[InvalidReason.UNPROVEN] == 1


def test_prints_from_before_the_subscription_are_left_out(codec: BitgetFeedCodec) -> None:
    frame = (
        b'{"action":"update","arg":{"instType":"USDT-FUTURES","channel":"trade","instId":"BTCUSDT"},'
        b'"data":[{"ts":"1730332859962","price":"7","size":"4","side":"buy","tradeId":"12"}],"ts":1}'
    )
    assert len(codec.decode(frame)) == 1
    assert codec.decode(frame.replace(b"update", b"snapshot")) == ()
    with pytest.raises(DecodeError):
        codec.decode(frame.replace(b'"buy"', b'"Buy"'))


def test_a_candle_is_never_said_to_be_closed(codec: BitgetFeedCodec) -> None:
    frame = (
        b'{"action":"update","arg":{"instType":"USDT-FUTURES","channel":"candle1m","instId":"BTCUSDT"}'
        b',"data":[["60000","1","4","1","2","9.5","19","19"]],"ts":61000}'
    )
    assert codec.decode(frame) == [
        CandleSeen(BTC, 61 * 10**9, 60 * 10**9, 1, 4, 1, 2, 9.5, closed=False)
    ]


def test_words_of_the_connection_are_known(codec: BitgetFeedCodec) -> None:
    topic = FeedTopic(FeedChannel.BOOK, BTC)
    (frame,) = codec.subscribe([topic], 3)
    arg = {"instType": "USDT-FUTURES", "channel": "books", "instId": "BTCUSDT"}
    assert json.loads(frame) == {"op": "subscribe", "args": [arg]}
    said = recorded.raw({"event": "subscribe", "arg": arg})
    assert codec.decode(said) == (Subscribed(None, (topic,)),)
    refused = {"event": "error", "arg": arg, "code": 30001, "msg": "no", "op": "subscribe"}
    assert codec.decode(recorded.raw(refused)) == (
        SubscriptionRefused("30001", "no", None, (topic,)),
    )
    assert codec.decode(b"pong") == (PongReceived(),)
    assert codec.decode(b"ping") == (PingReceived(b"pong"),)
    with pytest.raises(DecodeError, match="unknown event"):
        codec.decode(b'{"event":"surprise"}')


@pytest.mark.chance
@pytest.mark.parametrize("market", ["bitget:spot", "bitget:linear"])
def test_no_damaged_frame_does_harm(
    market: str, shared_data: Path, lines: list[dict[str, Any]]
) -> None:
    codec = BitgetFeedCodec(*recorded.listed(market, [*WORDS, *SPOT_STEPS, *MIX_STEPS]))
    frames = [recorded.raw(x["message"]) for x in lines if "topic" not in x["message"]["arg"]]
    capture = SPOT_CAPTURE if market == "bitget:spot" else MIX_CAPTURE
    frames += [
        frame
        for frame in _as_v2(shared_data / capture)
        if b'"channel":"trade"' not in frame and len(frame) < 2_000
    ]
    fuzz.storm(codec, frames)


BTC = InstrumentId(market_by_name("bitget:linear").market_id, "BTCUSDT")


def _as_v2(path: Path) -> list[bytes]:
    """Frames of v1 with v2's names of the products."""
    return [
        frame.replace(b'"instType":"sp"', b'"instType":"SPOT"').replace(
            b'"instType":"mc"', b'"instType":"USDT-FUTURES"'
        )
        for frame in recorded.cryptofeed(path)
    ]
