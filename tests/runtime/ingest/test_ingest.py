"""How a recording behaves when its feed, store, disk or bus fails (M3, M5, J1)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bowline.core.errors import Conflict, Damaged
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import DAY_NS, MINUTE_NS, SECOND_NS, Side, Timeframe
from bowline.core.venue import Listing, ListingStatus, TradePrinted
from bowline.runtime.bus import BusFull, BusTopic, MemoryBus, topic
from bowline.runtime.ingest import BusPublisher, HealthReport, Ingest, IngestStores, RecordedMarket
from bowline.runtime.ingest.live import LiveCandles
from bowline.storage.embedded.duckdb_candles import DuckDBCandles
from bowline.storage.embedded.sqlite_tables import migrated_sqlite_engine
from bowline.storage.listings import ListingStore
from bowline.storage.tape import Tape, TapeWriter, parts
from bowline.venues import FeedChannel, FeedTopic
from bowline.venues.stream import FeedSink, TopicLive
from tests.runtime.ingest.accelerated_loop import run_accelerated
from tests.runtime.ingest.fake_venue import (
    BTC,
    LISTING,
    MARKET,
    START_NS,
    FakeVenue,
    seen,
    true_candles,
)

TRUTH = true_candles(400)
FACTOR = 40.0
#: where the test begins: a hundred minutes are over
BEGIN = 100
KEY = "bybit:linear:BTCUSDT"
CANDLES = topic(f"md.candles.1m.{KEY}")


class Feed:
    """A feed that runs `feed_script` once with the sink."""

    def __init__(self, feed_script: object) -> None:
        self.feed_script = feed_script

    def __call__(self, sink: FeedSink) -> Feed:
        self.sink = sink
        return self

    async def run(self, topics: Sequence[FeedTopic]) -> None:
        self.topics = list(topics)
        await self.feed_script(self.sink)  # type: ignore[operator]
        await asyncio.Event().wait()


class World:
    """One recording of one instrument, in a time of its own."""

    def __init__(self, folder: Path, bus: object | None = None) -> None:
        self.began_s: float | None = None
        self.store = DuckDBCandles(folder / "candles.duckdb", busy_timeout_s=1)
        self.store.migrate()
        self.listings = ListingStore(migrated_sqlite_engine(folder / "tables.db"))
        self.tape = folder / "tape"
        self.bus = bus or MemoryBus()
        self.venue = FakeVenue(TRUTH, self.now_ns)
        self.reports: list[HealthReport] = []

    def now_ns(self) -> int:
        now_s = time.monotonic() * FACTOR
        if self.began_s is None:
            self.began_s = now_s
        return START_NS + BEGIN * MINUTE_NS + int((now_s - self.began_s) * SECOND_NS)

    @asynccontextmanager
    async def recorded(
        self, feed_script: object, keep_days: int | None = None
    ) -> AsyncIterator[None]:
        feed = Feed(feed_script)
        market = RecordedMarket(MARKET, (LISTING,), self.venue, feed)  # type: ignore[arg-type]
        stores = IngestStores(
            self.store, self.listings, TapeWriter(self.tape), Tape(self.tape),
            BusPublisher(self.bus), keep_days,  # type: ignore[arg-type]
        )  # fmt: skip
        ingest = Ingest(
            [market], stores, since_ns=START_NS, now_ns=self.now_ns, report=self.reports.append
        )
        task = asyncio.create_task(ingest.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def stored(self) -> CandleFrame:
        return self.store.read(BTC, Timeframe.M1)

    def whole_until(self, minute: int) -> bool:
        have = self.stored().slice(0, minute)
        return np.array_equal(have.close, TRUTH.close[:minute])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.listings.close()


async def until(true: object) -> None:
    async with asyncio.timeout(1_000):
        while not true():  # type: ignore[operator]  # noqa: ASYNC110
            await asyncio.sleep(1)


async def no_feed(sink: FeedSink) -> None:
    """A feed without ticks."""


def test_candles_arrive_by_rest_alone_without_a_feed(world: World) -> None:
    async def main() -> None:
        async with world.recorded(no_feed):
            await until(lambda: world.whole_until(BEGIN + 2))
        assert world.reports[-1].counts["candles_live"] == 0

    run_accelerated(main(), FACTOR)


def test_each_minute_of_a_venue_without_closed_marks_is_fetched_by_rest(world: World) -> None:
    async def feed_script(sink: FeedSink) -> None:
        for at in range(BEGIN, BEGIN + 2):
            sink.tick(seen(TRUTH, at, closed=False, shift=0.01), world.now_ns())
            await asyncio.sleep(60)
        sink.tick(seen(TRUTH, BEGIN + 2, closed=False), world.now_ns())

    async def main() -> None:
        listener = await world.bus.subscribe(CANDLES, "someone", "one")
        async with world.recorded(feed_script):
            await until(lambda: world.whole_until(BEGIN + 2))
        told = await listener.receive()
        assert len(told) >= 2, "they are published however they came"
        assert world.reports[-1].counts["candles_live"] == 0

    run_accelerated(main(), FACTOR)


@pytest.mark.parametrize("closed", [(0, 2), (1, 3), (0, 1, 3)])
def test_a_minute_that_a_feed_skipped_is_missing(closed: tuple[int, ...]) -> None:
    live = LiveCandles()
    for at in closed:
        live.add(seen(TRUTH, at))
    assert live.take_missing() == {BTC}
    assert not live.take_missing()
    live.add(seen(TRUTH, closed[-1] + 1))
    assert not live.take_missing(), "it is owed once"


def test_minutes_received_as_closed_are_not_missing() -> None:
    live = LiveCandles()
    for at in range(3):
        live.add(seen(TRUTH, at, closed=False))
        live.add(seen(TRUTH, at))
    assert not live.take_missing()
    assert [sorted(each.candles) for each in live.take_closed()] == [
        [START_NS + at * MINUTE_NS for at in range(3)]
    ]


def test_a_busy_store_loses_no_candle(world: World) -> None:
    busy, write = [True], world.store.write

    def refuses(delivery: object) -> None:
        if busy[0]:
            raise Conflict("in use")
        write(delivery)  # type: ignore[arg-type]

    async def feed_script(sink: FeedSink) -> None:
        sink.event(TopicLive(FeedTopic(FeedChannel.CANDLES, BTC)), world.now_ns())
        await asyncio.sleep(61)
        sink.tick(seen(TRUTH, BEGIN), world.now_ns())

    async def main() -> None:
        world.store.write = refuses  # type: ignore[method-assign]
        world.venue.without = set(range(BEGIN, 400))
        async with world.recorded(feed_script):
            await asyncio.sleep(90)
            assert not len(world.stored())
            assert "in use" in world.reports[-1].trouble
            busy[0] = False
            await until(lambda: world.whole_until(BEGIN + 1))

    run_accelerated(main(), FACTOR)


class FailingBus(MemoryBus):
    """A bus that raises `error` while it is set."""

    error: Conflict | None = None

    async def publish(self, topic: BusTopic, body: bytes, *, key: str = "") -> str:
        if self.error is not None:
            raise self.error
        return await super().publish(topic, body, key=key)


@pytest.mark.parametrize("error", [BusFull("full"), Conflict("gone")])
def test_recording_goes_on_without_the_bus_and_the_bus_catches_up(
    tmp_path: Path, error: Conflict
) -> None:
    bus = FailingBus()
    world = World(tmp_path, bus)

    async def feed_script(sink: FeedSink) -> None:
        for at in range(BEGIN, BEGIN + 3):
            await asyncio.sleep(20)
            sink.tick(seen(TRUTH, at), world.now_ns() + MINUTE_NS)

    async def main() -> None:
        world.now_ns()
        world.began_s = time.monotonic() * FACTOR - 180
        listener = await bus.subscribe(CANDLES, "someone", "one")
        bus.error = error
        async with world.recorded(feed_script):
            await until(lambda: world.whole_until(BEGIN + 3))
            assert not await listener.receive(wait_s=0.1)
            bus.error = None
            await asyncio.sleep(10)
        assert world.whole_until(BEGIN + 3)

    run_accelerated(main(), FACTOR)
    world.listings.close()


def test_a_fatal_error_ends_the_recording_and_keeps_what_arrived(
    world: World,
) -> None:
    async def feed_script(sink: FeedSink) -> None:
        sink.tick(TradePrinted(BTC, world.now_ns(), 1.0, 2.0, Side.BUY, "a"), world.now_ns())
        raise Damaged("the disk is on fire")

    async def main() -> None:
        async with world.recorded(feed_script):
            await asyncio.sleep(30)

    with pytest.raises(Damaged, match="on fire"):
        run_accelerated(main(), FACTOR)
    assert [each.ticks for each in Tape(world.tape).coverage()] == [1]
    assert world.reports[-1].ended


def test_ctrl_c_keeps_what_was_not_written_yet(world: World) -> None:
    told = asyncio.Event()

    async def feed_script(sink: FeedSink) -> None:
        await asyncio.sleep(61)
        sink.tick(TradePrinted(BTC, world.now_ns(), 1.0, 2.0, Side.BUY, "a"), world.now_ns())
        sink.tick(seen(TRUTH, BEGIN), world.now_ns())
        told.set()

    async def main() -> None:
        world.venue.without = set(range(BEGIN, 400))
        async with world.recorded(feed_script):
            await told.wait()
            assert not list(Tape(world.tape).coverage())
        assert int(world.stored().open_ns[-1]) == START_NS + BEGIN * MINUTE_NS
        assert [each.ticks for each in Tape(world.tape).coverage()] == [1]
        assert world.reports[-1].ended

    run_accelerated(main(), FACTOR)


def test_an_absent_range_is_known_after_a_restart(world: World) -> None:
    async def once() -> int:
        asked = len(world.venue.asked)
        async with world.recorded(no_feed):
            await until(lambda: len(world.stored()) >= BEGIN - 11)
            await asyncio.sleep(5)
        return sum(start < START_NS + 60 * MINUTE_NS for start, _ in world.venue.asked[asked:])

    async def main() -> None:
        world.venue.without = set(range(40, 50))
        assert await once() >= 1
        assert await once() == 0
        (known,) = world.listings.absences.ranges(BTC)
        first_ns = START_NS + 40 * MINUTE_NS
        assert (known.start_ns, known.end_ns) == (first_ns, first_ns + 10 * MINUTE_NS)

    run_accelerated(main(), FACTOR)


def test_empty_pages_before_the_listing_do_not_end_the_repair(world: World) -> None:
    """An empty page proves nothing about later minutes, which are fetched."""

    async def main() -> None:
        world.venue.candles_per_page = 20
        world.venue.without = set(range(70))
        async with world.recorded(no_feed):
            await until(lambda: len(world.stored()) >= BEGIN - 71)

    run_accelerated(main(), FACTOR)


def test_listings_are_synced_once_a_day_and_changes_reach_the_report(world: World) -> None:
    halted = replace(LISTING, status=ListingStatus.HALTED)
    told: list[Listing] = [LISTING]

    async def listings() -> tuple[Listing, ...]:
        return tuple(told)

    async def main() -> None:
        world.venue.listings = listings  # type: ignore[method-assign]
        world.listings.sync(MARKET.market_id, [LISTING], world.now_ns() - DAY_NS + 5 * SECOND_NS)
        told[:] = [halted]
        async with world.recorded(no_feed):
            await asyncio.sleep(2)
            assert world.listings.listings(MARKET.market_id) == (LISTING,)
            await until(lambda: world.listings.listings(MARKET.market_id) == (halted,))
            await until(lambda: "halted" in world.reports[-1].trouble)

    run_accelerated(main(), FACTOR)


def test_old_days_are_joined_and_deleted_while_it_records(world: World) -> None:
    writer = TapeWriter(world.tape)

    async def main() -> None:
        now_ns = world.now_ns()
        for days in (5, 1):
            for part in range(3):
                at_ns = now_ns - days * DAY_NS + part
                writer.write(TradePrinted(BTC, at_ns, 1.0, 1.0, Side.BUY, f"{days}{part}"), at_ns)
                writer.flush()
        async with world.recorded(no_feed, keep_days=2):
            await asyncio.sleep(10)
        assert [(each.files, each.ticks) for each in Tape(world.tape).coverage()] == [(1, 3)]

    run_accelerated(main(), FACTOR)


def test_a_disk_that_fails_for_a_while_loses_no_tick(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, write = [True], parts._write_whole

    def refuses(table: object, temporary: Path, place: Path) -> None:
        temporary.write_bytes(b"half of it")
        if full[0]:
            raise OSError(28, "No space left on device")
        write(table, temporary, place)

    async def feed_script(sink: FeedSink) -> None:
        for number in range(40):
            at_ns = world.now_ns()
            sink.tick(TradePrinted(BTC, at_ns, 1.0, 1.0, Side.BUY, str(number)), at_ns)
            await asyncio.sleep(1)

    async def main() -> None:
        monkeypatch.setattr(parts, "_write_whole", refuses)
        async with world.recorded(feed_script):
            await until(lambda: world.reports and "No space" in world.reports[-1].trouble)
            assert not list(world.tape.rglob("*.writing")), "half a file holds room"
            full[0] = False
            await asyncio.sleep(45)
        ids = [tick.trade_id for _, tick in Tape(world.tape).replay(BTC, 0, 1 << 62)]
        assert ids == [str(number) for number in range(40)]

    run_accelerated(main(), FACTOR)
