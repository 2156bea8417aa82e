"""Protects what we read of OKX: recorded frames become the records others made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.core.venue import Book, BookChanged, BookReplaced, CandleSeen, QuoteChanged
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
from bowline.venues.local_book import BookState, local_book_of
from bowline.venues.okx import OkxFeedCodec
from tests.venues import fuzz, recorded

WORDS = ["BTC-USDT-SWAP", "REN-USDT-SWAP"]
CAPTURED = ["BTC-USDT", "UNI-USD-SWAP", "BTC-USD-220527"]
#: ctVal of BTC-USDT-SWAP
CONTRACT = "0.01"
#: channels of tardis' frames that say something here
READ = {"trades", "bbo-tbt", "books-l2-tbt"}
CAPTURE = "frames/cryptofeed_2022-05-13/OKX.ws.1.0"


@pytest.fixture
def codec() -> OkxFeedCodec:
    return OkxFeedCodec(*recorded.listed("okx:linear", WORDS, CONTRACT))


@pytest.fixture
def lines(shared_data: Path) -> list[dict[str, Any]]:
    return recorded.tardis(shared_data, "okex-swap")


def test_frames_of_v5_become_the_records_of_tardis_with_contracts_as_coins(
    codec: OkxFeedCodec, lines: list[dict[str, Any]]
) -> None:
    """Frames with a `table` are of API v3, switched off in 2022. Sizes there are contracts.

    `books-l2-tbt`, which tardis has for the book, is for accounts of a high tier: we read `books`,
    which is written alike. Tardis skips the first `bbo-tbt` because it is before its own date for
    the channel. Tickers (of which it makes quotes as well), funding rates, marks, open interest
    and indices have no counterpart here.
    """
    kinds = []
    for line in lines:
        message, expected = line["message"], recorded.expected_records(line, 100)
        if "table" in message:
            with pytest.raises(DecodeError):
                codec.decode(recorded.raw(message))
            continue
        frame = recorded.raw(message).replace(b"books-l2-tbt", b"books")
        read = codec.decode(frame)
        if message["arg"]["channel"] == "bbo-tbt" and not expected:
            assert len(read) == 1
        elif message["arg"]["channel"] not in READ:
            assert read == ()
        else:
            assert recorded.as_records(read) == expected
            kinds += [each["type"] for each in expected]
    assert sorted(set(kinds)) == ["book_change", "book_ticker", "trade"]


def test_the_capture_of_2022_gives_the_expected_callbacks(shared_data: Path) -> None:
    codec = OkxFeedCodec(*recorded.listed("okx:spot", CAPTURED))
    ticks = [t for f in recorded.cryptofeed(shared_data / CAPTURE) for t in codec.decode(f)]
    counts = recorded.counted(t for t in ticks if not isinstance(t, Subscribed))
    assert counts == {"L2_BOOK": 290, "TRADES": 74}  # and 28 tickers, which say nothing here


@pytest.mark.parametrize("contract_size", ["1", "0.01", "10"])
def test_their_checksums_are_those_of_our_books(shared_data: Path, contract_size: str) -> None:
    """All 290 of the capture, whatever the contract: the float of a text gives the text back."""
    market = "okx:spot" if contract_size == "1" else "okx:linear"
    codec = OkxFeedCodec(*recorded.listed(market, CAPTURED, contract_size))
    books: dict[InstrumentId, Book] = {}
    compared = 0
    for frame in recorded.cryptofeed(shared_data / CAPTURE):
        for tick in codec.decode(frame):
            if isinstance(tick, BookReplaced):
                books[tick.instrument] = Book(tick.instrument)
                books[tick.instrument].replace(tick.bids, tick.asks, tick.event_ns)
            elif isinstance(tick, BookChanged):
                books[tick.instrument].change(tick.bids, tick.asks, tick.event_ns)
            else:
                continue
            assert codec.checksum(tick.instrument)(books[tick.instrument]) == tick.checksum
            compared += 1
    assert compared == 290


def test_nautilus_samples_are_read(shared_data: Path) -> None:
    codec = OkxFeedCodec(*recorded.listed("okx:spot", ["BTC-USDT", "BTC-USD"]))
    folder = shared_data / "frames/nautilus/okx/test_data"

    def sample(name: str) -> Any:
        read = codec.decode((folder / f"{name}.json").read_bytes())
        return read[0] if read else None

    start, change = sample("ws_books_snapshot"), sample("ws_books_update")
    assert isinstance(start, BookReplaced)
    assert isinstance(change, BookChanged)
    assert (len(start.bids), len(start.asks), start.sequence) == (8, 8, 123456)
    assert (change.previous, change.last, change.checksum) == (123456, 123457, -855196043)
    local_book = local_book_of(codec, start.instrument)
    assert not local_book.apply(start, 0)
    assert not local_book.apply(change, 0)
    assert local_book.state is BookState.VALID
    quote = sample("ws_bbo_tbt")
    assert isinstance(quote, QuoteChanged)
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (8476.97, 256, 8476.98, 415)
    assert sample("ws_trades").quantity == 0.12060306
    assert sample("ws_tickers") is None
    assert sample("ws_candle") is None  # of a day


@pytest.mark.parametrize(("market", "volume"), [("okx:spot", 45247), ("okx:linear", 529.5858061)])
def test_a_candle_counts_coins_in_both_markets(
    shared_data: Path, market: str, volume: float
) -> None:
    codec = OkxFeedCodec(*recorded.listed(market, ["BTC-USDT"]))
    frame = (shared_data / "frames/nautilus/okx/test_data/ws_candle.json").read_bytes()
    (candle,) = codec.decode(frame.replace(b"candle1D", b"candle1m"))
    assert isinstance(candle, CandleSeen)
    assert (candle.volume, candle.closed, candle.open_ns) == (volume, True, 1597026383085 * 10**6)


def test_the_chain_survives_their_maintenance_and_their_quiet_minutes(codec: OkxFeedCodec) -> None:
    local_book = local_book_of(codec, BTC)
    chain = [("snapshot", -1, 10), ("update", 10, 15), ("update", 15, 15), ("update", 15, 3),
             ("update", 3, 5)]  # fmt: skip
    for now, (action, before, number) in enumerate(chain):
        (tick,) = codec.decode(_book(action, before, number))
        assert isinstance(tick, BookReplaced | BookChanged)
        assert not local_book.apply(tick, now)
        assert local_book.valid_at(now, 0) is not None
    (tick,) = codec.decode(_book("update", 6, 7))
    assert isinstance(tick, BookChanged)
    assert local_book.apply(tick, 9)
    assert local_book.valid_at(9, 10**18) is None


def test_words_of_the_connection_are_known(codec: OkxFeedCodec) -> None:
    topic = FeedTopic(FeedChannel.BOOK, BTC)
    arg = b'"arg":{"channel":"books","instId":"BTC-USDT-SWAP"}'
    for frame, word in (
        (b"pong", PongReceived()),
        (b"ping", PingReceived(b"pong")),
        (b'{"event":"subscribe",' + arg + b',"connId":"a"}', Subscribed(None, (topic,))),
        (
            b'{"id":"4","event":"error","code":"60018","msg":"no such channel","connId":"a"}',
            SubscriptionRefused("60018", "no such channel", 4),
        ),
        (
            b'{"event":"notice","code":"64008","msg":"closing for an upgrade","connId":"a"}',
            ClosingAnnounced("closing for an upgrade"),
        ),
    ):
        assert codec.decode(frame) == (word,)
    assert codec.decode(b'{"event":"unsubscribe",' + arg + b"}") == ()
    with pytest.raises(DecodeError, match="unknown event"):
        codec.decode(b'{"event":"surprise"}')


def test_a_request_is_one_frame_on_the_url_of_its_channel(codec: OkxFeedCodec) -> None:
    (frame,) = codec.subscribe(
        [FeedTopic(FeedChannel.QUOTES, BTC), FeedTopic(FeedChannel.BOOK, BTC)], 3
    )
    assert json.loads(frame) == {
        "id": "3",
        "op": "subscribe",
        "args": [
            {"channel": "bbo-tbt", "instId": "BTC-USDT-SWAP"},
            {"channel": "books", "instId": "BTC-USDT-SWAP"},
        ],
    }
    assert codec.rules(FeedChannel.CANDLES).url.endswith("/business")
    assert codec.rules(FeedChannel.BOOK).url.endswith("/public")


@pytest.mark.chance
@pytest.mark.parametrize("market", ["okx:spot", "okx:linear"])
def test_no_damaged_frame_does_harm(market: str, shared_data: Path) -> None:
    codec = OkxFeedCodec(*recorded.listed(market, [*CAPTURED, *WORDS], CONTRACT))
    frames = list(recorded.cryptofeed(shared_data / CAPTURE))[::6]
    frames = [frame for frame in frames if len(frame) < 3_000]
    frames += [_book("snapshot", -1, 10), _book("update", 10, 15), b"ping"]
    fuzz.storm(codec, frames)


BTC = InstrumentId(market_by_name("okx:linear").market_id, "BTC-USDT-SWAP")


def _book(action: str, before: int, number: int) -> bytes:
    book = {
        "asks": [["20", "1", "0", "1"]], "bids": [["10", "1", "0", "1"]], "ts": "1597026383085",
        "checksum": 0, "prevSeqId": before, "seqId": number,
    }  # fmt: skip
    arg = {"channel": "books", "instId": "BTC-USDT-SWAP"}
    return recorded.raw({"arg": arg, "action": action, "data": [book]})
