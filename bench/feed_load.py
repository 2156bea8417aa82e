"""What a whole feed costs over real sockets, and whether it keeps up.

    python bench/feed_load.py [uvloop]

A process of its own (`_feed_source.py`) sends 210 books (7 venues of 30 instruments would be as
many) over 14 connections, half of them in Bybit's writing and half in OKX's. Ours is what runs in
production: runner, watchdogs, codec, keeper, and the best prices of every book read. First 4,200
changes a second, of which processor time is wanted to stay under a quarter of a core; then 20,000
a second. After each nothing may be lost, and every book must be the source's own.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from bowline.core.model.instrument import Instrument, InstrumentId, Market, market_by_name
from bowline.core.venue import CandleSeen, Listing, Listings, QuoteChanged, TradePrinted
from bowline.venues import FeedChannel, FeedCodec, FeedTopic
from bowline.venues.bybit import BybitFeedCodec
from bowline.venues.local_book import LocalBook
from bowline.venues.okx import OkxFeedCodec
from bowline.venues.stream import BookInvalid, FeedEvent, FeedRunner, aiohttp_connect

CONNECTIONS, SYMBOLS, SECONDS = 14, 15, 10.0
SOURCE = Path(__file__).with_name("_feed_source.py")


@dataclass
class Counted:
    """A sink that reads the best prices of every change and counts."""

    changes: int = 0
    doubted: int = 0
    local_books: dict[InstrumentId, LocalBook] = field(default_factory=dict)
    best: float = 0.0

    def tick(self, tick: TradePrinted | QuoteChanged | CandleSeen, seen_ns: int) -> None:
        """Nobody asks for any."""

    def book(self, local_book: LocalBook, seen_ns: int) -> None:
        """A change."""
        book = local_book.valid_at(seen_ns, 1_000_000_000)
        assert book is not None
        self.changes += 1
        self.local_books[book.instrument] = local_book
        if (bid := book.best_bid) and (ask := book.best_ask):
            self.best = ask[0] - bid[0]

    def event(self, event: FeedEvent, seen_ns: int) -> None:  # noqa: ARG002
        """Whether a book was ever in doubt."""
        self.doubted += isinstance(event, BookInvalid)


def listed(market: Market, word: Callable[[str], str], size: str) -> Listings:
    """The instruments of a connection."""
    names = [f"C{at}USDT" for at in range(SYMBOLS)]
    return Listings(
        Listing(
            Instrument(InstrumentId(market.market_id, each), contract_size=Decimal(size)),
            word(each), each[:-4], "USDT",
        )
        for each in names
    )  # fmt: skip


def codec_of(number: int) -> FeedCodec:
    """The codec of a connection, as the source writes it."""
    if number % 2 == 0:
        market = market_by_name("bybit:linear")
        return BybitFeedCodec(market, listed(market, str, "1"))
    market = market_by_name("okx:linear")
    return OkxFeedCodec(market, listed(market, lambda each: f"{each[:-4]}-USDT-SWAP", "1"))


def runner_of(number: int, port: int, session: aiohttp.ClientSession, sink: Counted) -> FeedRunner:
    """One connection's feed."""

    async def no_start(path: str) -> bytes:
        raise AssertionError(path)

    return FeedRunner(
        codec_of(number), aiohttp_connect(session), no_start, sink, now_ns=time.time_ns,
        random=Random(number), rewrite_url=lambda _: f"ws://127.0.0.1:{port}/{number}",
    )  # fmt: skip


async def measured(rate: int) -> dict[str, Any]:
    """One run at so many changes a second."""
    words = [sys.executable, str(SOURCE), *map(str, (CONNECTIONS, SYMBOLS, rate, SECONDS))]
    source = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, limit=1 << 26
    )
    assert source.stdout is not None
    port = json.loads(await source.stdout.readline())["port"]
    sinks = [Counted() for _ in range(CONNECTIONS)]
    async with aiohttp.ClientSession() as session:
        feeds = []
        for number, sink in enumerate(sinks):
            runner = runner_of(number, port, session, sink)
            ids = [each.instrument.id for each in codec_listings(number)]
            topics = [FeedTopic(FeedChannel.BOOK, each) for each in ids]
            feeds.append(asyncio.create_task(runner.run(topics)))
        await source.stdout.readline()
        began, began_cpu = time.perf_counter(), time.process_time()
        end = json.loads(await source.stdout.readline())
        await asyncio.sleep(0.5)
        busy = (time.process_time() - began_cpu) / (time.perf_counter() - began)
        wrong = sum(differing(sink, books) for sink, books in zip(sinks, end["books"], strict=True))
        doubted = sum(sink.doubted for sink in sinks)
        for feed in feeds:
            feed.cancel()
            with suppress(asyncio.CancelledError):
                await feed
    await source.wait()
    heard = sum(sink.changes for sink in sinks) - CONNECTIONS * SYMBOLS
    return {
        "streams": CONNECTIONS * SYMBOLS, "seconds": SECONDS, "sent": end["sent"],
        "lost": end["sent"] - heard, "doubted": doubted,
        "books_wrong": wrong, "source_late_s": round(end["late_s"], 2),
        "value": round(100 * busy, 1), "unit": "% of a core",
    }  # fmt: skip


def codec_listings(number: int) -> tuple[Listing, ...]:
    """What a connection lists."""
    market = market_by_name("okx:linear" if number % 2 else "bybit:linear")
    return listed(market, str, "1").all


def differing(sink: Counted, books: dict[str, list[list[list[str]]]]) -> int:
    """How many books of a connection are not the source's own."""
    mine = {each.symbol: local_book for each, local_book in sink.local_books.items()}
    return sum(not _same(mine.get(symbol), *sides) for symbol, sides in books.items())


def _same(local_book: LocalBook | None, bids: list[list[str]], asks: list[list[str]]) -> bool:
    book = local_book.valid_at(time.time_ns(), 60_000_000_000) if local_book else None
    if book is None:
        return False
    shown = [{(float(p), float(s)) for p, s in side} for side in (bids, asks)]
    return [set(book.bids(1_000)), set(book.asks(1_000))] == shown


def main() -> None:
    """Print a line a rate."""
    loops: list[tuple[str, Any]] = [("asyncio", None)]
    if "uvloop" in sys.argv[1:]:
        import uvloop

        loops.append(("uvloop", uvloop.new_event_loop))
    for name, factory in loops:
        for rate in (4_200, 20_000):
            with asyncio.Runner(loop_factory=factory) as runner:
                line = runner.run(measured(rate))
            case = f"sockets, {rate} changes/s, {name}"
            print(json.dumps({"bench": "feed", "case": case} | line), flush=True)


if __name__ == "__main__":
    main()
