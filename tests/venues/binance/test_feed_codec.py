"""Protects what we read of Binance: recorded frames become the records others made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bowline.core.model.instrument import InstrumentId
from bowline.core.venue import BookChanged, BookReplaced, QuoteChanged
from bowline.venues import (
    ClosingAnnounced,
    DecodeError,
    FeedChannel,
    FeedTopic,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.binance import BinanceFeedCodec
from bowline.venues.local_book import local_book_of
from tests.venues import fuzz, recorded

WORDS = ["BNBBTC", "BTCUSDT", "BTCUSDC", "GNTBTC", "BNBUSDT"]
SPOT_CAPTURE = "frames/cryptofeed_2021-10-11/BINANCE"
SPOT_WORDS = ["NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR"]
FUTURES_CAPTURE = "frames/cryptofeed_2021-07-22/BINANCE_FUTURES"
FUTURES_WORDS = ["SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT"]
CAPTURES = [
    ("binance:spot", SPOT_CAPTURE, SPOT_WORDS,
     {"L2_BOOK": 176, "TICKER": 84, "TRADES": 2, "CANDLES": 2}),
    ("binance:linear", FUTURES_CAPTURE, FUTURES_WORDS,
     {"CANDLES": 67, "L2_BOOK": 756, "TICKER": 613, "TRADES": 91}),
]  # fmt: skip


@pytest.fixture
def codec() -> BinanceFeedCodec:
    return BinanceFeedCodec(*recorded.listed("binance:spot", WORDS))


@pytest.fixture
def futures() -> BinanceFeedCodec:
    return BinanceFeedCodec(*recorded.listed("binance:linear", WORDS))


@pytest.fixture
def lines(shared_data: Path) -> list[dict[str, Any]]:
    return recorded.tardis(shared_data, "binance")


def test_frames_become_the_records_of_tardis(
    codec: BinanceFeedCodec, lines: list[dict[str, Any]]
) -> None:
    """A ticker has no counterpart; books wait for their snapshot, as tardis' do."""
    local_books = {word: local_book_of(codec, _id(codec, word)) for word in ("BTCUSDC", "GNTBTC")}
    kinds = []
    for line in lines:
        message, expected = line["message"], recorded.expected_records(line)
        if "depth" not in message["stream"]:
            read = codec.decode(recorded.raw(message))
            assert recorded.as_records(read) == expected
            kinds += [each["type"] for each in expected]
            continue
        word = message["stream"].partition("@")[0].upper()
        local_book = local_books[word]
        ticks = _book_ticks(codec, word, message)
        for tick in ticks:
            local_book.apply(tick, 0)
        if message["stream"].endswith("@depthSnapshot"):
            continue  # what it joined with is compared below, with the change that joins
        if expected:
            assert recorded.as_records(ticks) == expected
            kinds.append("book_change")
    assert set(kinds) == {"trade", "book_ticker", "book_change"}
    book = local_books["GNTBTC"].valid_at(0, 0)
    assert book is not None
    # the snapshot's records, as tardis merged them with the changes kept, and the change after
    merged = next(x for x in lines if x["n"] == 9)["expected"][0]
    assert book.bids(9) == [(each["price"], each["amount"]) for each in merged["bids"]]
    asks = {each["price"]: each["amount"] for each in merged["asks"]} | {2.262e-05: 6080}
    assert book.asks(9) == sorted(asks.items())


@pytest.mark.parametrize(("market", "path", "words", "expected"), CAPTURES)
def test_captures_give_the_expected_callbacks(
    shared_data: Path, market: str, path: str, words: list[str], expected: dict[str, int]
) -> None:
    """A book is called back for once a snapshot and once a change that it can use.

    Of futures that includes the change whose number is the snapshot's own: nothing new.
    """
    first_useful = 1 if market == "binance:spot" else 0
    codec = BinanceFeedCodec(*recorded.listed(market, words))
    snapshots = _snapshots(shared_data, path, codec)
    local_books = {word: local_book_of(codec, _id(codec, word)) for word in words}
    counts: dict[str, int] = {}
    for frame in recorded.cryptofeed(shared_data / f"{path}.ws.1.0"):
        for tick in codec.decode(frame):
            if not isinstance(tick, BookChanged):
                name = recorded.CALLBACKS[type(tick)]  # type: ignore[index]
                counts[name] = counts.get(name, 0) + 1
                continue
            word = tick.instrument.symbol
            local_book = local_books[word]
            if local_book.apply(tick, 0):  # it asks: cryptofeed asked at the first change as well
                assert not local_book.apply(snapshots[word], 0)
                counts["L2_BOOK"] = counts.get("L2_BOOK", 0) + 1
            if tick.last >= snapshots[word].sequence + first_useful:
                counts["L2_BOOK"] += 1
    assert counts == expected
    assert all(not any(local_book.invalidations.values()) for local_book in local_books.values())
    joined = [k.valid_at(0, 0) for k in local_books.values()]
    assert sum(book is not None for book in joined) >= 2


@pytest.mark.parametrize(
    ("market", "days", "changes", "same_number"),
    [
        ("spot", ("20240808", "20240809"), 6_492, 1_072),
        ("usdm", ("20240808",), 6_545, 629),
    ],
)
def test_the_rebuilt_book_has_the_best_prices_that_the_venue_says(
    shared_data: Path, market: str, days: tuple[str, ...], changes: int, same_number: int
) -> None:
    """Five to ten minutes of recorded diffs, across a midnight without a new snapshot.

    A quote and a change with the same update number are the same moment: all must be equal. At a
    change without one, the last quote before it by number must hold; spot skipped two in 6,492.
    """
    kind = "spot" if market == "spot" else "linear"
    codec = BinanceFeedCodec(*recorded.listed(f"binance:{kind}", ["BTCUSDT"]))
    best, quotes, losses = _rebuild(codec, shared_data, market, days)
    assert not any(losses.values())
    assert len(best) == changes
    numbers = sorted(quotes)
    assert list(quotes) == numbers
    known = [number for number in best if number in quotes]
    assert len(known) == same_number
    assert all(best[number] == quotes[number] for number in known)
    differing = sum(best[n] != quotes[before] for n, before in _before(best, numbers))
    assert differing == (2 if market == "spot" else 0)


def test_nautilus_samples_are_read(
    codec: BinanceFeedCodec, futures: BinanceFeedCodec, shared_data: Path
) -> None:
    folder = shared_data / "frames/nautilus/binance/test_data"
    streams = folder / "futures/market_data_json"

    def sample(name: str) -> Any:
        read = futures.decode((streams / f"{name}.json").read_bytes())
        return read[0] if read else None

    assert [sample("kline_stream_open").closed, sample("kline_stream_closed").closed] == [
        False,
        True,
    ]
    change = sample("depth_update_stream")
    assert (change.first, change.last, change.previous) == (157, 160, 149)
    assert sample("agg_trade_stream").trade_id == sample("trade_stream").trade_id == "5933014"
    assert sample("book_ticker_stream").bid == 25.3519
    for name in ("ticker_stream", "mark_price_stream", "liquidation_stream"):
        assert sample(name) is None
    body = (folder / "spot/http_json/depth_response.json").read_bytes()
    snapshot = codec.decode_snapshot(_id(codec, "BTCUSDT"), body)
    assert (snapshot.sequence, snapshot.bids, snapshot.asks) == (
        1027024,
        [(4.0, 431.0)],
        [(4.000002, 12.0)],
    )


def test_requests_go_to_the_paths_of_their_channels(futures: BinanceFeedCodec) -> None:
    instrument = _id(futures, "BTCUSDT")
    (frame,) = futures.subscribe([FeedTopic(channel, instrument) for channel in FeedChannel], 12)
    assert json.loads(frame) == {
        "method": "SUBSCRIBE",
        "params": [
            "btcusdt@aggTrade", "btcusdt@bookTicker", "btcusdt@depth@100ms", "btcusdt@kline_1m",
        ],
        "id": 12,
    }  # fmt: skip
    urls = {channel: futures.rules(channel).url for channel in FeedChannel}
    assert (
        urls[FeedChannel.BOOK] == urls[FeedChannel.QUOTES] == "wss://fstream.binance.com/public/ws"
    )
    assert (
        urls[FeedChannel.TRADES]
        == urls[FeedChannel.CANDLES]
        == "wss://fstream.binance.com/market/ws"
    )
    assert futures.snapshot_path(instrument) == "/fapi/v1/depth?symbol=BTCUSDT&limit=1000"


def test_words_of_the_connection_are_known(codec: BinanceFeedCodec) -> None:
    for frame, word in (
        (b'{"result":null,"id":12}', Subscribed(12)),
        (
            b'{"code":2,"msg":"Invalid request","id":12}',
            SubscriptionRefused("2", "Invalid request", 12),
        ),
        (b'{"error":{"code":3,"msg":"no"},"id":1}', SubscriptionRefused("3", "no", 1)),
        (b'{"e":"serverShutdown","E":1770123456789}', ClosingAnnounced("serverShutdown")),
        (b'{"event":{"e":"serverShutdown","E":1770123456789}}', ClosingAnnounced("serverShutdown")),
    ):
        assert codec.decode(frame) == (word,)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"e":"surprise","s":"BTCUSDT"}',
        b"{}",
        b"[]",
        b'{"id":12}',
        b'{"u":1,"s":"BTCUSDT","b":"NaN","B":"1","a":"2","A":"1"}',
        b'{"u":1,"s":"BTCUSDT","b":"0","B":"1","a":"2","A":"1"}',
        b'{"u":1,"s":"NOSUCH","b":"1","B":"1","a":"2","A":"1"}',
        b'{"e":"depthUpdate","s":"BTCUSDT","E":1,"U":1,"u":2,"b":[["1","-1"]],"a":[]}',
        b'{"e":"depthUpdate","s":"BTCUSDT","E":1,"U":1,"b":[],"a":[]}',
    ],
)
def test_what_is_not_documented_is_unreadable(codec: BinanceFeedCodec, frame: bytes) -> None:
    with pytest.raises(DecodeError):
        codec.decode(frame)


def test_a_futures_change_must_name_the_one_before(futures: BinanceFeedCodec) -> None:
    with pytest.raises(DecodeError, match="pu"):
        futures.decode(b'{"e":"depthUpdate","s":"BTCUSDT","E":1,"U":1,"u":2,"b":[],"a":[]}')


@pytest.mark.chance
@pytest.mark.parametrize(("market", "path", "words", "expected"), CAPTURES)
def test_no_damaged_frame_does_harm(
    shared_data: Path, market: str, path: str, words: list[str], expected: dict[str, int]
) -> None:
    del expected
    codec = BinanceFeedCodec(*recorded.listed(market, words))
    frames = list(recorded.cryptofeed(shared_data / f"{path}.ws.1.0"))
    frames = [json.dumps(json.loads(f)["data"]).encode() if i % 2 else f
              for i, f in enumerate(frames)]  # fmt: skip
    fuzz.storm(codec, [*frames, b'{"result":null,"id":12}'])
    instrument = _id(codec, words[0])
    body = b'{"lastUpdateId":9,"E":5,"bids":[["1","2"],["0.5","3"]],"asks":[["1.5","2"],["2","9"]]}'
    fuzz.storm_of_bodies(lambda each: codec.decode_snapshot(instrument, each), [body], 5_000)


def _id(codec: BinanceFeedCodec, word: str) -> InstrumentId:
    return InstrumentId(codec.market.market_id, word)


def _book_ticks(
    codec: BinanceFeedCodec, word: str, message: dict[str, Any]
) -> list[BookReplaced | BookChanged]:
    if message["stream"].endswith("@depthSnapshot"):
        return [codec.decode_snapshot(_id(codec, word), recorded.raw(message["data"]))]
    ticks = codec.decode(recorded.raw(message))
    return [tick for tick in ticks if isinstance(tick, BookChanged)]


def _snapshots(shared_data: Path, path: str, codec: BinanceFeedCodec) -> dict[str, BookReplaced]:
    found = {}
    for line in filter(None, (shared_data / f"{path}.http.0.0").read_bytes().splitlines()):
        asked, _, body = line.partition(b": ")
        word = asked.partition(b"symbol=")[2].partition(b"&")[0].decode()
        found[word] = codec.decode_snapshot(_id(codec, word), body)
    return found


Best = tuple[float, float, float, float]


def _rebuild(
    codec: BinanceFeedCodec, shared_data: Path, market: str, days: tuple[str, ...]
) -> tuple[dict[int, Best], dict[int, Best], dict[Any, int]]:
    """Best prices of our book by change, the venue's by quote, and what was lost."""
    instrument = _id(codec, "BTCUSDT")
    local_book = local_book_of(codec, instrument)
    best: dict[int, Best] = {}
    quotes: dict[int, Best] = {}
    for day in days:
        for _, frame in recorded.stamped(shared_data / f"book/binance_{market}_btcusdt_{day}.gz"):
            if frame.startswith(b'{"lastUpdateId"'):
                assert not local_book.apply(codec.decode_snapshot(instrument, frame), 0)
                continue
            for tick in codec.decode(frame):
                if isinstance(tick, QuoteChanged):
                    number = json.loads(frame)["data"]["u"]
                    quotes[number] = (tick.bid, tick.bid_size, tick.ask, tick.ask_size)
                elif isinstance(tick, BookChanged):
                    local_book.apply(tick, 0)
                    if (book := local_book.valid_at(0, 0)) is not None:
                        assert book.best_bid is not None
                        assert book.best_ask is not None
                        best[tick.last] = (*book.best_bid, *book.best_ask)
    return best, quotes, local_book.invalidations


def _before(best: dict[int, Best], numbers: list[int]) -> list[tuple[int, int]]:
    """Each change with the last quote not after it."""
    pairs, at = [], 0
    for number in sorted(best):
        while at + 1 < len(numbers) and numbers[at + 1] <= number:
            at += 1
        if numbers[at] <= number:
            pairs.append((number, numbers[at]))
    return pairs
