"""What one change of an order book costs in processor time: our codec and keeper against ccxt's.

A made-up book of 50 levels a side changes 20,000 times, one to three levels a side, written as
each venue writes it (about 250 bytes). Ours: bytes to a proven book with its best prices read.
The peer, in the same process and by turns: ccxt.pro's own JSON reader and `handle_message`, then
the best prices of its book. Both must name the same best prices at the end. Checksums are on for
both where the rules ask for them (Bitget), and measured off for both as well. It needs the extra
`live`.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zlib import crc32

import ccxt.pro as peers
import orjson
from ccxt.async_support.base.ws.client import Client
from msgspec.structs import replace

from bowline.core.model.instrument import Instrument, InstrumentId, market_by_name
from bowline.core.venue import BookChanged, BookReplaced, Listing, Listings
from bowline.venues import FeedChannel, FeedCodec
from bowline.venues.bitget import BitgetFeedCodec
from bowline.venues.bybit import BybitFeedCodec
from bowline.venues.gate import GateFeedCodec
from bowline.venues.local_book import Checksum, Checksummed, LocalBook
from bowline.venues.okx import OkxFeedCodec

CHANGES = 20_000
ROUNDS = 3
SYMBOL = "BTC/USDT:USDT"
Levels = list[tuple[str, str]]


@dataclass(frozen=True)
class Step:
    """One change as texts, and the checksum of the book after it."""

    bids: Levels
    asks: Levels
    number: int
    checksum: int


@dataclass(frozen=True)
class Case:
    """One venue: its word, our codec, how it writes a book, and whether it is checked."""

    venue: str
    word: str
    codec: FeedCodec
    start: Callable[[Step], bytes]
    change: Callable[[Step], bytes]
    checked: bool = False

    @property
    def name(self) -> str:
        """Of the figure."""
        return f"{self.venue}, checksums" if self.checked else self.venue


def steps() -> Iterator[Step]:
    """The whole book, then its changes, most of them near the best prices."""
    chance = random.Random(1)
    sides: tuple[dict[str, str], dict[str, str]] = ({}, {})
    grid = [[f"{60_000 + sign * (at + 1) / 10:.1f}" for at in range(60)] for sign in (-1, 1)]
    for side, prices in zip(sides, grid, strict=True):
        side.update({price: f"{chance.uniform(0.001, 9):.3f}" for price in prices[:50]})
    yield Step(*(list(side.items()) for side in sides), 1, checksum_of(sides, grid))
    for number in range(2, CHANGES + 2):
        moved: list[Levels] = []
        for side, prices in zip(sides, grid, strict=True):
            levels = {}
            for _ in range(chance.randint(1, 3)):
                price = prices[min(49, int(chance.expovariate(0.15)))]
                gone = price in side and len(side) > 30 and chance.random() < 0.3
                levels[price] = "0" if gone else f"{chance.uniform(0.001, 9):.3f}"
                if gone:
                    side.pop(price)
                else:
                    side[price] = levels[price]
            moved.append(list(levels.items()))
        yield Step(moved[0], moved[1], number, checksum_of(sides, grid))


def checksum_of(sides: Sequence[dict[str, str]], grid: Sequence[Sequence[str]]) -> int:
    """Bitget's, of the texts themselves."""
    best = [
        [f"{price}:{side[price]}" for price in prices if price in side][:25]
        for side, prices in zip(sides, grid, strict=True)
    ]
    value = crc32(":".join(word for pair in zip(*best, strict=True) for word in pair).encode())
    return value - 2**32 if value >= 2**31 else value


def written(message: dict[str, Any]) -> bytes:
    """As venues write it."""
    return json.dumps(message, separators=(",", ":")).encode()


def bybit(kind: str) -> Callable[[Step], bytes]:
    """A frame of `orderbook.50`."""
    return lambda step: written({
        "topic": "orderbook.50.BTCUSDT", "type": kind, "ts": 1_700_000_000_000 + step.number,
        "data": {"s": "BTCUSDT", "b": step.bids, "a": step.asks, "u": step.number + 1,
                 "seq": 7_961_638_724 + step.number}, "cts": 1_700_000_000_000,
    })  # fmt: skip


def okx(action: str) -> Callable[[Step], bytes]:
    """A frame of `books`."""
    return lambda step: written({
        "arg": {"channel": "books", "instId": "BTC-USDT-SWAP"}, "action": action,
        "data": [{"asks": [[*level, "0", "3"] for level in step.asks],
                  "bids": [[*level, "0", "3"] for level in step.bids],
                  "ts": str(1_700_000_000_000 + step.number), "checksum": 0,
                  "prevSeqId": step.number - 1 if action == "update" else -1,
                  "seqId": step.number}],
    })  # fmt: skip


def bitget(action: str) -> Callable[[Step], bytes]:
    """A frame of `books`."""
    return lambda step: written({
        "action": action,
        "arg": {"instType": "USDT-FUTURES", "channel": "books", "instId": "BTCUSDT"},
        "data": [{"asks": step.asks, "bids": step.bids, "checksum": step.checksum,
                  "seq": step.number, "ts": str(1_700_000_000_000 + step.number)}],
        "ts": 1_700_000_000_000,
    })  # fmt: skip


def gate(step: Step) -> bytes:
    """A frame of `futures.order_book_update`."""
    return written({
        "time": 1_700_000_000, "time_ms": 1_700_000_000_000 + step.number,
        "channel": "futures.order_book_update", "event": "update",
        "result": {"t": 1_700_000_000_000 + step.number, "s": "BTC_USDT", "U": step.number,
                   "u": step.number, "b": [{"p": p, "s": float(s)} for p, s in step.bids],
                   "a": [{"p": p, "s": float(s)} for p, s in step.asks]},
    })  # fmt: skip


def gate_start(step: Step) -> bytes:
    """The reply to the request for a whole book."""
    return written({
        "id": step.number, "current": 1_700_000_000.1, "update": 1_700_000_000.1,
        "bids": [{"p": p, "s": float(s)} for p, s in step.bids],
        "asks": [{"p": p, "s": float(s)} for p, s in step.asks],
    })  # fmt: skip


def listed(venue: str, word: str, contract_size: str = "1") -> tuple[Any, Listings]:
    """One perpetual."""
    market = market_by_name(f"{venue}:linear")
    step = Instrument(
        InstrumentId(market.market_id, "BTCUSDT"),
        tick_size=Decimal("0.1"),
        lot_step=Decimal("0.001"),
        contract_size=Decimal(contract_size),
    )
    return market, Listings([Listing(step, word, "BTC", "USDT")])


def cases() -> Iterator[Case]:
    """Every figure of a book."""
    yield Case(
        "bybit", "BTCUSDT", BybitFeedCodec(*listed("bybit", "BTCUSDT")),
        bybit("snapshot"), bybit("delta"),
    )  # fmt: skip
    word = "BTC-USDT-SWAP"
    yield Case(
        "okx", word, OkxFeedCodec(*listed("okx", word, "0.01")), okx("snapshot"), okx("update")
    )
    codec = BitgetFeedCodec(*listed("bitget", "BTCUSDT"))
    for checked in (False, True):
        yield Case("bitget", "BTCUSDT", codec, bitget("snapshot"), bitget("update"), checked)
    word = "BTC_USDT"
    codec_of_gate = GateFeedCodec(*listed("gate", word), now_s=lambda: 0)
    yield Case("gate", word, codec_of_gate, gate_start, gate)


Best = tuple[float, float]


def ours(case: Case, world: Sequence[Step]) -> tuple[float, Best]:
    """Processor seconds for all changes, and the best prices at the end."""
    codec = case.codec
    instrument = InstrumentId(codec.market.market_id, "BTCUSDT")
    rules = replace(codec.rules(FeedChannel.BOOK), checksum_every=int(case.checked))
    recipe: Checksum | None = codec.checksum(instrument) if isinstance(codec, Checksummed) else None
    local_book = LocalBook(instrument, rules, recipe)
    frames = [case.change(step) for step in world[1:]]
    first = case.start(world[0])
    if rules.snapshot_by_rest:
        local_book.apply(codec.decode_snapshot(instrument, first), 0)
    else:
        for tick in codec.decode(first):
            assert isinstance(tick, BookReplaced)
            local_book.apply(tick, 0)
    best: Best = (0.0, 0.0)
    started = time.process_time()
    for frame in frames:
        for tick in codec.decode(frame):
            if isinstance(tick, BookChanged):
                local_book.apply(tick, 0)
        book = local_book.valid_at(0, 0)
        if book is not None and (bid := book.best_bid) and (ask := book.best_ask):
            best = (bid[0], ask[0])
    seconds = time.process_time() - started
    assert local_book.valid_at(0, 0) is not None, local_book.invalidations
    return seconds, best


def theirs(case: Case, world: Sequence[Step]) -> tuple[float, Best]:
    """The same by ccxt.pro."""
    venue = getattr(peers, case.venue)({"options": {"watchOrderBook": {"checksum": case.checked}}})
    venue.set_markets([
        venue.safe_market_structure({
            "id": case.word, "symbol": SYMBOL, "base": "BTC", "quote": "USDT", "settle": "USDT",
            "type": "swap", "swap": True, "spot": False, "contract": True, "linear": True,
            "contractSize": 1.0, "active": True,
        })
    ])  # fmt: skip
    client = Client("wss://x/v5/public/linear", None, None, None, None)
    client.subscriptions = {f"{name}:{SYMBOL}": {} for name in ("orderbook", "books")}
    frames = [case.change(step) for step in world[1:]]
    if case.venue == "gate":
        book = venue.order_book({})
        book["nonce"] = 1
        for side, levels in (("bids", world[0].bids), ("asks", world[0].asks)):
            for price, size in levels:
                book[side].store(float(price), float(size))
        book["symbol"] = SYMBOL
        venue.orderbooks[SYMBOL] = book
    else:
        venue.handle_message(client, orjson.loads(case.start(world[0])))
    best: Best = (0.0, 0.0)
    started = time.process_time()
    for frame in frames:
        venue.handle_message(client, orjson.loads(frame))
        book = venue.orderbooks[SYMBOL]
        best = (book["bids"][0][0], book["asks"][0][0])
    return time.process_time() - started, best


async def main() -> None:
    """Measure and print; ccxt makes futures, so a loop must run."""
    book_changes()


def book_changes() -> None:
    """A line a venue."""
    world = list(steps())
    for case in cases():
        mine, peer = [], []
        for _ in range(ROUNDS):
            mine.append(ours(case, world))
            peer.append(theirs(case, world))
        assert mine[0][1] == peer[0][1], (case.name, mine[0], peer[0])
        us, them = (min(runs)[0] / CHANGES * 1e6 for runs in (mine, peer))
        line = {"bench": "feed", "case": f"book change, {case.name}", "value": round(us, 2)}
        line |= {"unit": "us", "peer": "ccxt.pro handle_message", "ratio": round(them / us, 1)}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
