"""A storm of damaged frames for a codec: it may say DecodeError, or what it could read, no more.

`storm` damages real frames in the ways that wires, proxies and new versions do: truncation, bit
flips, doubled and lost bytes, values of another type, huge numbers, deep nesting, unknown words.
After it every real frame must still be read as before, and a keeper that was fed all that could be
read must never have served a crossed or one-sided book. `BOWLINE_FUZZ` sets the number of frames:
20,000 without it, a million at night.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Sequence
from math import isfinite

from bowline.core.model.instrument import InstrumentId
from bowline.core.venue import (
    BookChanged,
    BookReplaced,
    CandleSeen,
    QuoteChanged,
    TradePrinted,
)
from bowline.venues.feed_codec import DecodeError, FeedChannel, FeedCodec
from bowline.venues.local_book import BookState, LocalBook
from tests.chance import seeded

FRAMES = int(os.environ.get("BOWLINE_FUZZ", "20000"))
#: no frame may hold up the others; a slow machine's pause is no hang
HANG_S = 1.0

_VALUE = re.compile(rb'(?<=[:\[,])\s*("(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null)')
_WORD = re.compile(rb'"[^"\\]*"')
_ODD = [
    b"null", b"true", b"[]", b"{}", b'""', b"-1", b"0", b'"0"', b'"-0.5"', b"NaN", b'"NaN"',
    b'"Infinity"', b'"-inf"', b"1e400", b'"1e400"', b"9" * 400, b'"' + b"9" * 400 + b'"', b"1e-400",
    b'"0x1F"', b'" 1"', b'"1_000"', b'"\xd9\xa1"', b'"\\ud800"', b'"\xff"', b"[[]]", b'[["1"]]',
    b'[["1","1"],["1"]]', b"18446744073709551616", b"-9223372036854775809", b'"maintenance"',
]  # fmt: skip


def storm(codec: FeedCodec, frames: Sequence[bytes], seed: int = 1, count: int = FRAMES) -> None:
    """Damage `frames`, which the codec must read, `count` times; assert all that is said above."""
    before = [codec.decode(frame) for frame in frames]
    chance = seeded(seed)
    local_books: dict[InstrumentId, LocalBook] = {}
    for number in range(count):
        frame = damaged(chance, frames)
        started = time.process_time()
        try:
            read = codec.decode(frame)
        except DecodeError:
            read = ()
        assert time.process_time() - started < HANG_S, frame[:500]
        for each in read:
            assert is_sane(each), (frame[:500], each)
            if isinstance(each, BookReplaced | BookChanged):
                _keep(codec, local_books, each, number)
    assert [codec.decode(frame) for frame in frames] == before


def storm_of_bodies(read: Callable[[bytes], object], bodies: Sequence[bytes], count: int) -> None:
    """The same for the replies to REST requests: read, or DecodeError."""
    chance = seeded(2)
    for _ in range(count):
        body = damaged(chance, bodies)
        try:
            assert is_sane(read(body)), body[:500]
        except DecodeError:
            continue


def _keep(
    codec: FeedCodec,
    local_books: dict[InstrumentId, LocalBook],
    tick: BookReplaced | BookChanged,
    now_ns: int,
) -> None:
    local_book = local_books.get(tick.instrument)
    if local_book is None:
        local_book = LocalBook(tick.instrument, codec.rules(FeedChannel.BOOK))
        local_books[tick.instrument] = local_book
    local_book.apply(tick, now_ns)
    if (book := local_book.valid_at(now_ns, 0)) is not None:
        assert book.usable
        assert local_book.state is BookState.VALID


def damaged(chance: random.Random, frames: Sequence[bytes]) -> bytes:
    """One of the frames, damaged once to three times."""
    frame = chance.choice(frames)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        frame = chance.choice(_DAMAGES)(chance, frame)
    return frame


def _truncated(chance: random.Random, frame: bytes) -> bytes:
    return frame[: chance.randrange(len(frame) + 1)]


def _flipped(chance: random.Random, frame: bytes) -> bytes:
    if not frame:
        return b"\x00"
    at = chance.randrange(len(frame))
    return frame[:at] + bytes([frame[at] ^ (1 << chance.randrange(8))]) + frame[at + 1 :]


def _cut(chance: random.Random, frame: bytes) -> bytes:
    start = chance.randrange(len(frame) + 1)
    return frame[:start] + frame[start + chance.randrange(1, 9) :]


def _doubled(chance: random.Random, frame: bytes) -> bytes:
    start = chance.randrange(len(frame) + 1)
    end = start + chance.randrange(1, 40)
    return frame[:end] + frame[start:end] + frame[end:]


def _swapped(chance: random.Random, frame: bytes) -> bytes:
    places = list(_VALUE.finditer(frame))
    if not places:
        return frame + chance.choice(_ODD)
    start, end = chance.choice(places).span(1)
    return frame[:start] + chance.choice(_ODD) + frame[end:]


def _renamed(chance: random.Random, frame: bytes) -> bytes:
    places = list(_WORD.finditer(frame))
    if not places:
        return frame
    start, end = chance.choice(places).span()
    return frame[:start] + b'"never_heard_of"' + frame[end:]


def _nested(chance: random.Random, frame: bytes) -> bytes:
    depth = chance.choice((10, 2_000, 50_000) if chance.random() < 0.05 else (3, 30))
    opening, closing = chance.choice(((b"[", b"]"), (b'{"a":', b"}")))
    deep = opening * depth + b"1" + closing * depth
    places = list(_VALUE.finditer(frame))
    if not places:
        return deep
    start, end = chance.choice(places).span(1)
    return frame[:start] + deep + frame[end:]


_DAMAGES = (_truncated, _flipped, _cut, _doubled, _swapped, _swapped, _renamed, _nested)


def is_sane(each: object) -> bool:
    """Whether a tick holds numbers that a market can have; control words always do."""
    match each:
        case TradePrinted():
            return _is_price(each.price) and _is_size(each.quantity) and each.event_ns >= 0
        case QuoteChanged():
            sides = ((each.bid, each.bid_size), (each.ask, each.ask_size))
            return all(_is_price(p) or (p == 0 == s) for p, s in sides) and all(
                _is_size(s) for _, s in sides
            )
        case BookReplaced() | BookChanged():
            return all(_is_price(p) and _is_size(s) for p, s in (*each.bids, *each.asks))
        case CandleSeen():
            prices = (each.open, each.high, each.low, each.close)
            return all(map(_is_price, prices)) and _is_size(each.volume)
    return True


def _is_price(value: float) -> bool:
    return isfinite(value) and value > 0


def _is_size(value: float) -> bool:
    return isfinite(value) and value >= 0
