"""Protects books over a long walk: a thousand changes later ours is the book that ccxt has.

Codec and keeper together against ccxt's handlers, on the same frames. Sizes come as the venue
counts them, and both turn nothing into base units here: a contract is one coin.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from bowline.core.venue import BookReplaced
from bowline.venues.feed_codec import FeedChannel, FeedCodec
from bowline.venues.gate import GateFeedCodec
from bowline.venues.htx import HtxFeedCodec
from bowline.venues.local_book import local_book_of
from bowline.venues.mexc import MexcLinearFeedCodec, MexcSpotFeedCodec
from tests.chance import seeded
from tests.venues import recorded
from tests.venues.judge import Judge
from tests.venues.mexc.test_spot_feed_codec import book as mexc_spot_change
from tests.venues.zipped import zipped

CHANGES = 1_000
START = 10

Levels = list[tuple[float, int]]
#: a frame of changes with this number, of bids and asks
Change = Callable[[int, Levels, Levels], bytes]


def _texts(levels: Levels) -> list[list[str]]:
    return [[str(price), str(size)] for price, size in levels]


def _triples(levels: Levels) -> list[list[float]]:
    return [[price, size, 1] for price, size in levels]


def _named(levels: Levels) -> list[dict[str, Any]]:
    return [{"p": str(price), "s": size} for price, size in levels]


def _gate_spot(number: int, bids: Levels, asks: Levels, **more: Any) -> bytes:
    result = {"t": 1, "s": "ob.BTC_USDT.50", "u": number, "b": _texts(bids), "a": _texts(asks)}
    result |= more or {"U": number}
    return recorded.raw({"channel": "spot.obu", "event": "update", "time_ms": 1, "result": result})


def _gate_linear(number: int, bids: Levels, asks: Levels) -> bytes:
    result = {
        "t": 1, "s": "BTC_USDT", "U": number, "u": number, "b": _named(bids), "a": _named(asks),
    }  # fmt: skip
    channel = {"channel": "futures.order_book_update", "event": "update"}
    return recorded.raw({"time": 1, **channel, "result": result})


def _htx_spot(number: int, bids: Levels, asks: Levels) -> bytes:
    tick = {"seqNum": number, "prevSeqNum": number - 1, "bids": bids, "asks": asks}
    return zipped({"ch": "market.btcusdt.mbp.150", "ts": 1, "tick": tick})


def _htx_linear(number: int, bids: Levels, asks: Levels, event: str = "update") -> bytes:
    tick = {"event": event, "version": number, "bids": bids, "asks": asks}
    return zipped({"ch": "market.BTC-USDT.depth.size_150.high_freq", "ts": 1, "tick": tick})


def _mexc_linear(number: int, bids: Levels, asks: Levels) -> bytes:
    changed = {"bids": _triples(bids), "asks": _triples(asks), "version": number, "begin": number}
    return recorded.raw({"channel": "push.depth", "symbol": "BTC_USDT", "data": changed, "ts": 1})


def _mexc_spot(number: int, bids: Levels, asks: Levels) -> bytes:
    return mexc_spot_change(number, number, *(
        [(str(price), str(size)) for price, size in side] for side in (bids, asks)
    ))  # fmt: skip


CASES: dict[str, tuple[str, str, str, Change]] = {
    "gate:spot": ("gate", "BTC_USDT", "wss://api.gateio.ws/ws/v4/", _gate_spot),
    "gate:linear": ("gate", "BTC_USDT", "wss://fx-ws.gateio.ws/v4/ws/usdt", _gate_linear),
    "htx:spot": ("htx", "btcusdt", "wss://api.huobi.pro/feed", _htx_spot),
    "htx:linear": ("htx", "BTC-USDT", "wss://api.hbdm.com/linear-swap-ws", _htx_linear),
    "mexc:spot": ("mexc", "BTCUSDT", "wss://wbs-api.mexc.com/ws", _mexc_spot),
    "mexc:linear": ("mexc", "BTC_USDT", "wss://contract.mexc.com/edge", _mexc_linear),
}


def _codec(market: str, word: str) -> FeedCodec:
    listed = recorded.listed(market, [word])
    if market.startswith("gate"):
        return GateFeedCodec(*listed, lambda: 1)
    if market.startswith("htx"):
        return HtxFeedCodec(*listed)
    return MexcSpotFeedCodec(*listed) if market == "mexc:spot" else MexcLinearFeedCodec(*listed)


def _start(market: str, codec: FeedCodec, word: str, bids: Levels, asks: Levels) -> BookReplaced:
    """The whole book, from wherever this market has it."""
    instrument = recorded.listed(market, [word])[1].all[0].instrument.id
    if market == "gate:spot":
        (tick,) = codec.decode(_gate_spot(START, bids, asks, full=True))
    elif market == "htx:linear":
        (tick,) = codec.decode(_htx_linear(START, bids, asks, "snapshot"))
    elif market == "htx:spot":
        told = {"seqNum": START, "bids": bids, "asks": asks}
        rep = {"rep": "market.btcusdt.mbp.150", "status": "ok", "ts": 1, "data": told}
        (tick,) = codec.decode(zipped(rep))
    else:
        body = {
            "gate:linear": {"id": START, "update": 1, "bids": _named(bids), "asks": _named(asks)},
            "mexc:spot": {
                "lastUpdateId": START, "bids": _texts(bids), "asks": _texts(asks),
            },
            "mexc:linear": {
                "success": True,
                "data": {
                    "version": START, "timestamp": 1, "bids": _triples(bids),
                    "asks": _triples(asks),
                },
            },
        }[market]  # fmt: skip
        tick = codec.decode_snapshot(instrument, recorded.raw(body))
    assert isinstance(tick, BookReplaced)
    return tick


def _walk(chance: random.Random) -> list[tuple[Levels, Levels]]:
    """Changes on either side of 100, some of which take a level away."""

    def some(sign: int, at_most: int) -> Levels:
        places = chance.sample(range(60), chance.randrange(at_most))
        return [
            (
                round(100 + sign * (0.05 + place / 10), 2),
                chance.choice((0, chance.randrange(1, 99))),
            )
            for place in places
        ]

    # what keeps the book two-sided whatever is taken away
    far = [(1.0, 1)], [(999.0, 1)]
    return [far, *((some(-1, 6), some(1, 6)) for _ in range(CHANGES))]


@pytest.mark.chance
@pytest.mark.parametrize("market", CASES)
def test_after_a_thousand_changes_the_book_is_that_of_ccxt(market: str) -> None:
    venue, word, url, change = CASES[market]
    codec, judge = _codec(market, word), Judge(venue, market.partition(":")[2], word, url)
    first: tuple[Levels, Levels] = ([(99.0, 3), (98.5, 4)], [(101.0, 5), (101.5, 6)])
    start = _start(market, codec, word, *first)
    local_book = local_book_of(codec, start.instrument)
    frames = [change(START + at, *levels) for at, levels in enumerate(_walk(seeded(7)), 1)]
    early = frames[:1] if codec.rules(FeedChannel.BOOK).snapshot_by_rest else []
    for frame in early:
        assert local_book.apply(*codec.decode(frame), 0)  # a change comes before the start
    assert not local_book.apply(start, 0)
    for frame in frames[len(early) :]:
        assert not local_book.apply(*codec.decode(frame), 0)
    judge.start_book({"bids": first[0], "asks": first[1]}, START, "bids", "asks")
    for frame in frames:
        judge.feed(_as_ccxt_sees(frame))
    book = local_book.valid_at(0, 0)
    assert book is not None
    assert {"bids": book.bids(99), "asks": book.asks(99)} == judge.book
    assert len(book.bids(99)) > 20


def _as_ccxt_sees(frame: bytes) -> Any:
    if frame[:2] == b"\x1f\x8b":
        return json.loads(gzip.decompress(frame))
    return json.loads(frame) if frame[:1] == b"{" else frame
