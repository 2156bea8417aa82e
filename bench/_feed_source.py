"""A source of market data for `bench/feed.py`: books of many instruments, rendered before they go.

    python bench/_feed_source.py CONNECTIONS SYMBOLS RATE SECONDS

A server of as many sockets as connections, each of them a venue of SYMBOLS books in Bybit's
or OKX's writing by turns. Every frame is made before the first one is sent, so
that the sending costs next to nothing. It prints its port, sends when every socket is there, and
prints the books as they are at the end.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from typing import Any

from aiohttp import WSMsgType, web

Words = dict[str, Any]
TICK_S = 0.01
LEVELS = 50
START_MS = 1_700_000_000_000


class MadeBook:
    """A book that changes at random, one or two levels a side."""

    def __init__(self, chance: random.Random, middle: float) -> None:
        self._chance = chance
        self._grid = [
            [f"{middle + sign * (at + 1) / 10:.1f}" for at in range(LEVELS + 10)]
            for sign in (-1, 1)
        ]
        self.sides = [
            {price: f"{chance.uniform(0.001, 9):.3f}" for price in prices[:LEVELS]}
            for prices in self._grid
        ]
        self.number = 1

    def whole(self) -> list[list[list[str]]]:
        """Both sides."""
        return [[[price, size] for price, size in side.items()] for side in self.sides]

    def change(self) -> list[list[list[str]]]:
        """The next change of both sides."""
        self.number += 1
        moved = []
        for side, prices in zip(self.sides, self._grid, strict=True):
            levels = {}
            for _ in range(self._chance.randint(1, 2)):
                price = prices[min(LEVELS - 1, int(self._chance.expovariate(0.15)))]
                gone = price in side and len(side) > LEVELS // 2 and self._chance.random() < 0.3
                levels[price] = "0" if gone else f"{self._chance.uniform(0.001, 9):.3f}"
                if gone:
                    side.pop(price)
                else:
                    side[price] = levels[price]
            moved.append([list(level) for level in levels.items()])
        return moved


def bybit(symbol: str, levels: list[list[list[str]]], number: int, *, whole: bool) -> Words:
    """A frame of `orderbook.50`."""
    data = {"s": symbol, "b": levels[0], "a": levels[1], "u": number + 1, "seq": number}
    kind = "snapshot" if whole else "delta"
    stamp = START_MS + number
    return {
        "topic": f"orderbook.50.{symbol}",
        "type": kind,
        "ts": stamp,
        "data": data,
        "cts": stamp,
    }


def okx(symbol: str, levels: list[list[list[str]]], number: int, *, whole: bool) -> Words:
    """A frame of `books`."""
    bids, asks = ([[*level, "0", "3"] for level in side] for side in levels)
    before = -1 if whole else number - 1
    data = {"asks": asks, "bids": bids, "ts": str(START_MS + number), "checksum": 0}
    return {
        "arg": {"channel": "books", "instId": f"{symbol[:-4]}-USDT-SWAP"},
        "action": "snapshot" if whole else "update",
        "data": [data | {"prevSeqId": before, "seqId": number}],
    }


WRITINGS = (bybit, okx)


class Source:
    """What every socket is sent: frames in the order of their time."""

    def __init__(self, connections: int, symbols: int, rate: float, seconds: float) -> None:
        chance = random.Random(7)
        self.connections = connections
        self.seconds = seconds
        each = rate / connections
        self.books = [
            {f"C{at}USDT": MadeBook(chance, 100.0 * (at + 1)) for at in range(symbols)}
            for _ in range(connections)
        ]
        self.starts: list[list[str]] = []
        self.frames: list[list[str]] = []
        for number, books in enumerate(self.books):
            written = WRITINGS[number % len(WRITINGS)]
            self.starts.append(
                [json.dumps(written(s, b.whole(), 1, whole=True)) for s, b in books.items()]
            )
            names = list(books)
            frames = []
            for at in range(int(each * seconds)):
                symbol = names[at % symbols]
                book = books[symbol]
                frames.append(json.dumps(written(symbol, book.change(), book.number, whole=False)))
            self.frames.append(frames)
        self._there: dict[int, web.WebSocketResponse] = {}
        self.complete = asyncio.Event()

    async def enter(self, request: web.Request) -> web.WebSocketResponse:
        """One socket; the path's number says which."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        number = int(request.match_info["number"])
        async for message in socket:
            if message.type is WSMsgType.TEXT and number not in self._there:
                for frame in self.starts[number]:
                    await socket.send_str(frame)
                self._there[number] = socket
                if len(self._there) == self.connections:
                    self.complete.set()
        return socket

    async def send(self) -> float:
        """All frames at their times; how late the last one was, in seconds."""
        sent = [0] * self.connections
        began = time.monotonic()
        while True:
            passed = time.monotonic() - began
            share = min(passed / self.seconds, 1.0)
            for number, frames in enumerate(self.frames):
                upto = int(len(frames) * share)
                socket = self._there[number]
                for at in range(sent[number], upto):
                    await socket.send_str(frames[at])
                sent[number] = upto
            if share >= 1.0:
                return time.monotonic() - began - self.seconds
            await asyncio.sleep(TICK_S)


async def main() -> None:
    """Serve, send, say how the books are."""
    connections, symbols = int(sys.argv[1]), int(sys.argv[2])
    source = Source(connections, symbols, float(sys.argv[3]), float(sys.argv[4]))
    app = web.Application()
    app.router.add_get("/{number}", source.enter)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await source.complete.wait()
    await asyncio.sleep(1.0)
    print(json.dumps({"begin": True}), flush=True)
    late_s = await source.send()
    books = [{symbol: book.whole() for symbol, book in each.items()} for each in source.books]
    sent = sum(len(frames) for frames in source.frames)
    print(json.dumps({"late_s": late_s, "sent": sent, "books": books}), flush=True)
    await asyncio.sleep(3.0)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
