"""A fake venue: Bybit's public stream in memory, with faults as configured."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from bowline.core.model.instrument import Instrument, InstrumentId, market_by_name
from bowline.core.venue import CandleSeen, Listing, Listings, QuoteChanged, TradePrinted
from bowline.venues.bybit import BybitFeedCodec
from bowline.venues.local_book import LocalBook
from bowline.venues.stream import Disconnected, FeedEvent, Socket

MARKET = market_by_name("bybit:linear")
BTC = InstrumentId(MARKET.market_id, "BTCUSDT")
ETH = InstrumentId(MARKET.market_id, "ETHUSDT")
LISTINGS = Listings(
    Listing(Instrument(each), each.symbol, each.symbol[:3], "USDT") for each in (BTC, ETH)
)
CODEC = BybitFeedCodec(MARKET, LISTINGS)
TICK_S = 0.1


@dataclass
class RecordingFeedSink:
    """A sink that remembers, with the loop's time."""

    events: list[tuple[float, FeedEvent]] = field(default_factory=list)
    trades: list[str] = field(default_factory=list)
    books: list[tuple[float, str, float]] = field(default_factory=list)

    def tick(self, tick: TradePrinted | QuoteChanged | CandleSeen, seen_ns: int) -> None:
        if isinstance(tick, TradePrinted):
            self.trades.append(tick.trade_id or f"{tick.instrument.symbol}-{tick.quantity:.0f}")

    def book(self, local_book: LocalBook, seen_ns: int) -> None:
        book = local_book.valid_at(seen_ns, 1)
        assert book is not None, "a book is told of that may not be believed"
        assert book.best_bid is not None
        self.books.append((now_s(), book.instrument.symbol, book.best_bid[0]))

    def event(self, event: FeedEvent, seen_ns: int) -> None:
        self.events.append((now_s(), event))

    def of(self, kind: type) -> list[tuple[float, FeedEvent]]:
        return [(at, each) for at, each in self.events if isinstance(each, kind)]


def now_s() -> float:
    return asyncio.get_running_loop().time()


def now_ns() -> int:
    return int(now_s() * 1e9)


@dataclass
class FakeVenue:
    """Every subscribed topic ticks ten times a second; trades count up over all connections."""

    refuse: set[str] = field(default_factory=set)
    #: a bad topic makes the venue refuse the whole request, without a word of which it was
    whole_requests: bool = False
    #: acknowledged, then nothing
    mute: set[str] = field(default_factory=set)
    #: nothing is sent any more but answers to pings
    frozen: bool = False
    unreachable: bool = False
    #: numbers of a book that are left out
    skip: set[int] = field(default_factory=set)
    opened_s: list[float] = field(default_factory=list)
    subscribed: list[tuple[float, str]] = field(default_factory=list)
    sockets: list[FakeSocket] = field(default_factory=list)
    pings: int = 0
    #: whether trades have ids; without, their size says which is which
    numbered: bool = True

    async def connect(self, url: str, on_frame: Callable[[bytes], None]) -> Socket:
        self.opened_s.append(now_s())
        await asyncio.sleep(0.02)
        if self.unreachable:
            raise Disconnected("refused")
        socket = FakeSocket(self, on_frame)
        self.sockets.append(socket)
        return socket

    @property
    def open(self) -> int:
        return sum(socket.open for socket in self.sockets)


class FakeSocket:
    def __init__(self, venue: FakeVenue, on_frame: Callable[[bytes], None]) -> None:
        self._venue = venue
        self._on_frame = on_frame
        self._topics: dict[str, int] = {}
        self._gone = asyncio.get_running_loop().create_future()
        self._ticker = asyncio.create_task(self._tick())

    @property
    def open(self) -> bool:
        return not self._gone.done()

    def drop(self, why: str = "reset") -> None:
        if not self._gone.done():
            self._gone.set_result(why)
        self._ticker.cancel()

    async def wait_closed(self) -> str:
        return await asyncio.shield(self._gone)

    async def close(self) -> None:
        self.drop("closed by us")

    async def send(self, frame: bytes, *, binary: bool = False) -> None:
        if not self.open:
            raise Disconnected("gone")
        asked = json.loads(frame)
        if asked["op"] == "ping":
            self._venue.pings += 1
            self._say({"op": "pong", "success": True, "ret_msg": "pong", "req_id": ""})
            return
        words = asked["args"]
        if self._venue.whole_requests and asked["op"] == "subscribe":
            self._venue.subscribed += [(now_s(), word) for word in words]
            ok = not self._venue.refuse & set(words)
            self._topics |= dict.fromkeys(words, 0) if ok else {}
            self._say({"op": "subscribe", "success": ok, "ret_msg": "", "req_id": asked["req_id"]})
            return
        for word in words:
            if asked["op"] == "unsubscribe":
                self._topics.pop(word, None)
                continue
            self._venue.subscribed.append((now_s(), word))
            ok = word not in self._venue.refuse
            if ok:
                self._topics[word] = 0
            message = "" if ok else "no such topic"
            self._say(
                {"op": "subscribe", "success": ok, "ret_msg": message, "req_id": asked["req_id"]}
            )

    def _say(self, content: object) -> None:
        if self.open:
            self._on_frame(json.dumps(content).encode())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            if self._venue.frozen:
                continue
            for word in list(self._topics):
                if word not in self._venue.mute:
                    self._push(word)

    def _push(self, word: str) -> None:
        number = self._topics[word] = self._topics[word] + 1
        stamp = int(now_s() * 1000)
        if word.startswith("publicTrade"):
            at = stamp // 100
            id_ = f"{word}-{at}" if self._venue.numbered else ""
            trade = {"T": stamp, "S": "Buy", "v": str(at), "p": "100", "i": id_}
            self._say({"topic": word, "type": "snapshot", "ts": stamp, "data": [trade]})
            return
        kind, u = ("snapshot", 10) if number == 1 else ("delta", 10 + number - 1)
        if u in self._venue.skip:
            self._venue.skip.discard(u)
            return
        levels = {
            "s": word.rpartition(".")[2],
            "b": [["100", str(number)]],
            "a": [["101", "1"]],
            "u": u,
            "seq": u,
        }
        self._say({"topic": word, "type": kind, "ts": stamp, "data": levels})
