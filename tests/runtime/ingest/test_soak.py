"""A recording through faults: what is kept is the venue's own record, and memory stays flat.

A simulated Bybit and the recorder are two processes with real sockets between them. Every ten
seconds something breaks. Candles must be equal to the venue's to the last digit, every trade and
quote is kept exactly once unless the feed said that it was deaf, and no book that was believed is
another than the venue showed. The hurried time of the everyday run lets minutes pass in seconds;
a night's work is BOWLINE_TEST_SOAK_S=1800, in the world's own time.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from pathlib import Path

import pytest

from bowline import wire
from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.core.model.market import VALUE_COLUMNS
from bowline.core.model.values import MINUTE_NS, SECOND_NS, Timeframe
from bowline.core.venue import CandleSeen, QuoteChanged, TradePrinted
from bowline.simex import (
    AcceleratedClock,
    FaultInjector,
    SyntheticMarket,
    VenueSimulator,
    serve,
    symbol_spec,
)
from bowline.storage.tape import Tape
from bowline.venues import FeedChannel, FeedTopic
from bowline.venues.local_book import LocalBook
from bowline.venues.registry import VenueAccess, VenueRegistry
from bowline.venues.stream import BookValid, FeedEvent
from tests.runtime.ingest.accelerated_loop import run_accelerated
from tests.runtime.ingest.truth import Print, Quote, Truth, Windows, missing_outside

LENGTH_S = float(os.environ.get("BOWLINE_TEST_SOAK_S", "0"))
FACTOR = 1.0 if LENGTH_S else 10.0
MARKET = market_by_name("bybit:linear")
FAULT_EVERY_S = 10.0
#: after the last fault everything has to be whole again within this
MEND_S = 150.0 if LENGTH_S else 90.0
KLINE = "GET /v5/market/kline"
FAULTS: tuple[dict[str, object], ...] = (
    {"fault": "disconnect", "at_s": 0},
    {"fault": "gap", "channel": "candles", "count": 8},
    {"fault": "status", "request": KLINE, "status": 429, "retry_after_s": 2, "times": 2},
    {"fault": "gap", "channel": "book", "symbol": "BTCUSDT"},
    {"fault": "freeze", "at_s": 0, "seconds": 4},
    {"fault": "reset", "request": KLINE, "times": 2},
    {"fault": "cross", "at_s": 0},
    {"fault": "mute", "at_s": 0, "channel": "candles", "seconds": 15},
    {"fault": "duplicate", "channel": "trades", "times": 3},
    {"fault": "garble", "request": KLINE, "times": 2},
    {"fault": "reorder", "channel": "book", "times": 2},
    {"fault": "maintenance", "at_s": 0, "seconds": 5},
    {"fault": "disconnect", "at_s": 0},
    {"fault": "status", "request": KLINE, "status": 503, "times": 3},
    {"fault": "freeze", "at_s": 0, "seconds": 45},
    {"fault": "delay", "request": KLINE, "seconds": 3, "times": 3},
    {"fault": "disconnect", "at_s": 0},
)
#: how long what a venue says may differ from what it did: nobody can have heard the truth then
SILENT_S = {"freeze": 46.0, "maintenance": 6.0, "gap": 1.5, "reorder": 1.5, "cross": 1.5}


class BookSink:
    """Holds every book that is believed against the venue's."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.right = self.wrong = self.mended = 0
        self.newest: dict[InstrumentId, LocalBook] = {}

    def tick(self, tick: TradePrinted | QuoteChanged | CandleSeen, seen_ns: int) -> None:
        raise AssertionError("nobody asked for it")

    def book(self, local_book: LocalBook, seen_ns: int) -> None:
        book = local_book.valid_at(seen_ns, 0)
        assert book is not None
        self.newest[book.instrument] = local_book
        if self.truth.shown_ms(book) is not None:
            self.right += 1
        else:
            self.wrong += 1

    def event(self, event: FeedEvent, seen_ns: int) -> None:
        self.mended += isinstance(event, BookValid)


class Recorder:
    """The other process: what its feeds said, and how much memory it had now and then."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[dict[str, object]] = []
        self.resident_mib: list[float] = []

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.events.append(json.loads(line))

    async def weigh(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            with suppress(OSError):
                self.resident_mib.append(resident_mib(self.process.pid))

    def deaf_ms(self, symbol: str, channel: str) -> Windows:
        """When the feed itself said that it did not hear this."""
        windows, since_ms = [], 0
        for each in self.events:
            at_ms = int(str(each["ns"])) // 1_000_000
            if each["kind"] == "ConnectionLost" and not since_ms:
                # what was on its way when the line broke is lost too
                since_ms = at_ms - 1_000
            elif (each.get("symbol"), each.get("channel")) == (symbol, channel):
                windows.append((since_ms, at_ms))
                since_ms = 0
        if since_ms:
            windows.append((since_ms, 1 << 62))
        return windows


def resident_mib(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    words = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return round(int(words.split()[1]) / 1024, 1)


@asynccontextmanager
async def recorder(home: Path, url: str, clock: AcceleratedClock) -> AsyncIterator[Recorder]:
    now_ns, real_ns = clock.now_ns(), time.time_ns()
    log = (home / "recorder.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.runtime.ingest.recorder", MARKET.name, "BTCUSDT,ETHUSDT",
        str(now_ns - 30 * MINUTE_NS), str(now_ns), str(real_ns), str(FACTOR),
        stdout=asyncio.subprocess.PIPE, stderr=log,
        env=os.environ | {"BOWLINE_HOME": str(home), "BOWLINE_VENUES_URL": url},
        limit=1 << 22,
    )  # fmt: skip
    made = Recorder(process)
    listening = asyncio.create_task(made.listen())
    weighing = asyncio.create_task(made.weigh(20.0))
    try:
        yield made
    finally:
        weighing.cancel()
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        await process.wait()
        await listening
        log.close()


async def break_things(faults: FaultInjector, length_s: float) -> int:
    clock = asyncio.get_running_loop().time
    began_s = clock()
    for done, fault in enumerate(cycle(FAULTS)):
        await asyncio.sleep(FAULT_EVERY_S)
        if clock() - began_s >= length_s:
            return done
        faults.add(venue="bybit", **fault)
    raise AssertionError("a cycle does not end")


async def watch_books(truth: Truth, sink: BookSink, url: str, clock: AcceleratedClock) -> None:
    async with VenueRegistry({"bybit": VenueAccess(url)}, now_ns=clock.now_ns) as venues:
        feed = venues.feed(MARKET, truth.venue.listings("linear"))
        await feed(sink).run([FeedTopic(FeedChannel.BOOK, each) for each in truth.instruments])


async def soak(home: Path, length_s: float) -> None:
    clock, faults = AcceleratedClock(FACTOR), FaultInjector(seed=5)
    market = SyntheticMarket(
        [symbol_spec("BTCUSDT"), symbol_spec("ETHUSDT")],
        5,
        step_s=0.25 if LENGTH_S else 1.0,
        levels=60,
    )
    simulator = VenueSimulator(["bybit"], market=market, seed=5, faults=faults, clock=clock)
    truth = Truth(simulator, "bybit", "linear")
    sink = BookSink(truth)
    async with serve(simulator) as address:
        url = f"http://127.0.0.1:{address.port}"
        books = asyncio.create_task(watch_books(truth, sink, url, clock))
        async with recorder(home, url, clock) as made:
            while not any(each["kind"] == "TopicLive" for each in made.events):
                assert made.process.returncode is None, (home / "recorder.log").read_text()
                await asyncio.sleep(0.5)
            done = await break_things(faults, length_s)
            await asyncio.sleep(MEND_S)
            end_ns = clock.now_ns()
        same = {each: books_agree(truth, sink, each) for each in truth.instruments}
        books.cancel()
        with suppress(asyncio.CancelledError):
            await books
    check(home, truth, made, faults, end_ns)
    figures = {"faults": done, "books": sink.right, "wrong": sink.wrong, "mended": sink.mended}
    sys.stderr.write(json.dumps(figures | {"resident_mib": made.resident_mib}) + "\n")
    assert not sink.wrong
    assert all(same.values()), same
    assert sink.mended > len(truth.instruments), "no fault ever hit a book"
    if LENGTH_S:
        quarter = len(made.resident_mib) // 4
        early, late = made.resident_mib[quarter : 2 * quarter], made.resident_mib[-quarter:]
        assert sum(late) / quarter < sum(early) / quarter + 8.0, made.resident_mib


def books_agree(truth: Truth, sink: BookSink, instrument: InstrumentId) -> bool:
    """Whether the book that is believed now is one that the venue showed in the last moments."""
    book = sink.newest[instrument].valid_at(0, 1 << 62)
    newest_ms = max(truth.books[instrument].values())
    shown_ms = None if book is None else truth.shown_ms(book)
    return shown_ms is not None and newest_ms - shown_ms <= 5_000


def check(home: Path, truth: Truth, made: Recorder, faults: FaultInjector, end_ns: int) -> None:
    store, tape = wire.open_candles(home), wire.open_tape(home)
    silent = silences(faults)
    for instrument in truth.instruments:
        last_ns = (end_ns - 10 * SECOND_NS) // MINUTE_NS * MINUTE_NS - MINUTE_NS
        told = truth.candles(instrument, last_ns)
        stored = store.read(instrument, Timeframe.M1)
        kept = {
            int(open_ns): [float(getattr(stored, name)[at]) for name in VALUE_COLUMNS]
            for at, open_ns in enumerate(stored.open_ns)
            if open_ns < last_ns
        }
        since_ns = min(kept)
        assert kept == {at: values for at, values in told.items() if at >= since_ns}
        prints, quotes, ids = on_tape(tape, instrument)
        assert len(ids) == len(set(ids)), "a trade twice"
        for channel, all_told, all_kept in (
            ("trades", truth.prints[instrument], prints),
            ("quotes", truth.quotes[instrument], quotes),
        ):
            first = min(each[0] for each in all_kept)
            deaf = [*made.deaf_ms(instrument.symbol, channel), *silent]
            heard = [each for each in all_told if first < each[0] < end_ns // 1_000_000 - 2_000]
            assert missing_outside(heard, all_kept, deaf) == [], channel
            # a quote that was sent crossed is on the tape as it was sent
            sound = {e[1:] for e in all_kept if channel == "trades" or e[1] < e[3]}
            assert sound <= {each[1:] for each in all_told}, f"{channel} never told"
            assert len(all_kept) > len(all_told) // 3, f"{channel}: deaf most of the time"


def silences(faults: FaultInjector) -> Windows:
    return [
        (at_ms - 500, at_ms + int(SILENT_S[each.fault] * 1_000))
        for each in faults.fired
        if each.fault in SILENT_S
        for at_ms in [each.event_ns // 1_000_000]
    ]


def on_tape(tape: Tape, instrument: InstrumentId) -> tuple[list[Print], list[Quote], list[str]]:
    prints, quotes, ids = [], [], []
    for _, tick in tape.replay(instrument, 0, 1 << 62):
        at_ms = tick.event_ns // 1_000_000
        if isinstance(tick, TradePrinted):
            prints.append((at_ms, tick.price, tick.quantity, tick.side.value))
            ids.append(tick.trade_id)
        else:
            quotes.append((at_ms, tick.bid, tick.bid_size, tick.ask, tick.ask_size))
    return prints, quotes, ids


@pytest.mark.slow
def test_a_recording_through_faults_is_the_venues_own_record(home: Path) -> None:
    run_accelerated(soak(home, LENGTH_S or 130.0), FACTOR)
