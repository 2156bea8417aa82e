"""Gaps are found and fetched once; minutes without candles are recorded as absent (M5, J1, J2)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.model.instrument import Instrument
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame
from bowline.core.model.values import MINUTE_NS, Timeframe
from bowline.runtime.ingest import CandleRepair, CandleWriter, MissingRange, RepairResult
from bowline.runtime.ingest.recheck import CandleRecheck
from bowline.runtime.ingest.repair import (
    ABSENT_RETRY_NS,
    FINAL_AFTER_NS,
    MAX_REFUSED,
    missing_ranges,
)
from bowline.storage.absences import AbsenceStore
from bowline.storage.candles import Candles
from bowline.storage.embedded.duckdb_candles import DuckDBCandles
from bowline.storage.embedded.sqlite_tables import migrated_sqlite_engine
from bowline.venues import Rejected, TooOld
from tests.chance import seeded
from tests.runtime.ingest.fake_venue import (
    BTC,
    BUSY,
    LISTING,
    START_NS,
    FakeVenue,
    ShortHistoryVenue,
    rows,
    true_candles,
)
from tests.virtual_time import run_virtually

TRUTH = true_candles(400)
END_NS = int(TRUTH.close_ns[-1])


class Clock:
    now_ns = END_NS + MINUTE_NS

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Candles:
    made = DuckDBCandles(tmp_path / "candles.duckdb")
    made.migrate()
    return made


@pytest.fixture
def candle_writer(store: Candles, clock: Clock) -> CandleWriter:
    return CandleWriter(store, Instrument, clock)


@pytest.fixture
def absences(tmp_path: Path) -> Iterator[AbsenceStore]:
    engine = migrated_sqlite_engine(tmp_path / "tables.db")
    yield AbsenceStore(engine)
    engine.dispose()


def summed(repair: CandleRepair) -> RepairResult:
    async def every_page() -> RepairResult:
        total = RepairResult()
        async for part in repair.repair(LISTING, START_NS):
            total += part
        return total

    return run_virtually(every_page())


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads have no virtual time."""

    async def call(work, *args):
        return work(*args)

    monkeypatch.setattr("asyncio.to_thread", call)


def stored(store: Candles) -> CandleFrame:
    return store.read(BTC, Timeframe.M1)


def same(one: CandleFrame, other: CandleFrame) -> bool:
    names = ("open_ns", *VALUE_COLUMNS)
    return all(np.array_equal(getattr(one, n), getattr(other, n)) for n in names)


@given(st.sets(st.integers(0, 59)), st.integers(0, 30), st.integers(30, 60))
def test_missing_ranges_and_stored_candles_cover_the_whole_range(
    there: set[int], first: int, last: int
) -> None:
    frame = rows(TRUTH, sorted(there))
    start_ns, end_ns = START_NS + first * MINUTE_NS, START_NS + last * MINUTE_NS
    missing = {
        (at - START_NS) // MINUTE_NS
        for hole in missing_ranges(frame.open_ns.tolist(), start_ns, end_ns)
        for at in range(hole.start_ns, hole.end_ns, MINUTE_NS)
    }
    assert missing == set(range(first, last)) - there


@pytest.mark.chance
@pytest.mark.parametrize("seed", range(3))
def test_any_gaps_are_repaired_with_few_requests(
    store: Candles, candle_writer: CandleWriter, absences: AbsenceStore, clock: Clock, seed: int
) -> None:
    kept = sorted(seeded(seed).sample(range(400), 250))
    candle_writer.write_sync("ws", rows(TRUTH, kept))
    venue = FakeVenue(TRUTH, clock)
    repair = CandleRepair(store, candle_writer, absences, venue)
    done = summed(repair)
    assert (done.candles, done.error) == (150, "")
    assert len(venue.asked) <= 5, "a page holds a hundred"
    assert same(stored(store).slice(0, 400), TRUTH)
    assert not stored(store).open_ns[400:].size


def test_a_long_gap_is_read_by_pages_and_a_busy_venue_is_retried(
    store: Candles, candle_writer: CandleWriter, absences: AbsenceStore, clock: Clock
) -> None:
    venue = FakeVenue(TRUTH, clock)
    venue.errors = [BUSY, BUSY]
    done = summed(CandleRepair(store, candle_writer, absences, venue))
    assert done.candles == 400
    assert same(stored(store), TRUTH)
    assert len(venue.asked) <= 2 + 4 + 1


def test_a_refused_page_is_left_for_the_next_repair(
    store: Candles, candle_writer: CandleWriter, absences: AbsenceStore, clock: Clock
) -> None:
    venue = FakeVenue(TRUTH, clock)
    repair = CandleRepair(store, candle_writer, absences, venue)
    venue.errors = [Rejected("no such symbol", code="10001")]
    first = summed(repair)
    assert first.error == "no such symbol"
    assert first.candles == 399, "only what was refused is left"
    assert summed(repair).candles == 1


def test_absent_minutes_are_recorded_and_not_requested_again(
    store: Candles, candle_writer: CandleWriter, absences: AbsenceStore, clock: Clock
) -> None:
    """An outage of the venue: there is no candle, and none is invented."""
    venue = FakeVenue(TRUTH, clock)
    venue.without = set(range(100, 130))
    repair = CandleRepair(store, candle_writer, absences, venue)
    done = summed(repair)
    hole = MissingRange(START_NS + 100 * MINUTE_NS, START_NS + 130 * MINUTE_NS)
    assert hole in done.empty
    asked = len(venue.asked)
    summed(repair)
    assert len(venue.asked) == asked, "nobody has it: not asked again today"
    assert len(stored(store)) == 370


def test_an_absent_range_is_requested_again_after_a_day(
    store: Candles, candle_writer: CandleWriter, absences: AbsenceStore, clock: Clock
) -> None:
    """A venue may fill its history later."""
    venue = FakeVenue(TRUTH, clock)
    venue.without = set(range(100, 130))
    repair = CandleRepair(store, candle_writer, absences, venue)
    summed(repair)
    clock.now_ns += ABSENT_RETRY_NS - MINUTE_NS
    venue.asked.clear()
    summed(repair)
    hole_ns = START_NS + 100 * MINUTE_NS
    assert all(start_ns > hole_ns + 30 * MINUTE_NS for start_ns, _ in venue.asked)
    clock.now_ns += 2 * MINUTE_NS
    venue.without = set()
    summed(repair)
    assert len(stored(store)) == 400


def test_with_a_fast_clock_no_future_minute_is_missing_or_absent(
    store: Candles, absences: AbsenceStore, clock: Clock
) -> None:
    """Future minutes are fetched when they have passed; the candle writer has the local clock."""
    venue = FakeVenue(TRUTH.slice(0, 200), clock)
    clock.now_ns = START_NS + 200 * MINUTE_NS + FINAL_AFTER_NS
    ahead = CandleWriter(
        store, Instrument, lambda: clock.now_ns + 60 * MINUTE_NS, lambda _: 3_600 * 10**9
    )
    repair = CandleRepair(store, ahead, absences, venue)
    done = summed(repair)
    assert (done.candles, done.empty) == (200, ())
    assert max(end_ns for _, end_ns in venue.asked) <= clock.now_ns
    assert not absences.ranges(BTC)
    future = ahead.write_sync("ws", rows(TRUTH, [210]))
    assert not len(future.stored), "a candle that is to come is none"
    venue.truth = TRUTH
    clock.now_ns += 200 * MINUTE_NS
    assert summed(repair).candles == 200
    assert same(stored(store), TRUTH)


def test_absent_ranges_recorded_in_the_future_are_ignored(
    store: Candles, candle_writer: CandleWriter, absences: AbsenceStore, clock: Clock
) -> None:
    venue = FakeVenue(TRUTH, clock)
    end_ns = START_NS + 400 * MINUTE_NS
    absences.record(BTC, START_NS + 50 * MINUTE_NS, end_ns + 60 * MINUTE_NS, clock.now_ns + 10**13)
    repair = CandleRepair(store, candle_writer, absences, venue)
    assert summed(repair).candles == 400
    absences.record(BTC, START_NS, START_NS + 60 * MINUTE_NS, clock.now_ns)
    (known,) = absences.ranges(BTC)
    assert (known.end_ns, known.asked_ns) == (START_NS + 60 * MINUTE_NS, clock.now_ns)


@pytest.mark.parametrize("keeps", [0, 1, 37, 150, 399, 401])
def test_a_page_that_is_too_old_for_the_venue_blocks_nothing_newer(
    store: Candles, candle_writer: CandleWriter, absences: AbsenceStore, clock: Clock, keeps: int
) -> None:
    """Gate, listCandlesticks: "maximum 10000 points recently are allowed"."""
    clock.now_ns = END_NS + FINAL_AFTER_NS
    venue = ShortHistoryVenue(TRUTH, clock, keeps, TooOld("too long ago"))
    repair = CandleRepair(store, candle_writer, absences, venue)
    done = summed(repair)
    kept = max(0, min(400, keeps))
    # of a minute that is just passing the edge either is right
    assert kept - 1 <= done.candles <= kept
    assert sum(each.minutes for each in done.too_old) == 400 - done.candles
    assert done.error == ""
    asked = len(venue.asked)
    assert asked <= 18
    summed(repair)
    assert len(venue.asked) <= asked + 1, "and is not asked for again today"


def test_a_page_refused_for_another_reason_blocks_nothing_newer_and_is_not_absent(
    store: Candles, candle_writer: CandleWriter, absences: AbsenceStore, clock: Clock
) -> None:
    clock.now_ns = END_NS + FINAL_AFTER_NS
    venue = ShortHistoryVenue(TRUTH, clock, 150, Rejected("who knows why"))
    done = summed(CandleRepair(store, candle_writer, absences, venue))
    assert (done.error, done.final) == ("who knows why", True)
    assert 149 <= done.candles <= 150
    assert not absences.ranges(BTC)


def test_a_venue_that_refuses_everything_is_not_asked_for_every_gap(
    store: Candles, candle_writer: CandleWriter, absences: AbsenceStore, clock: Clock
) -> None:
    candle_writer.write_sync("ws", rows(TRUTH, [200]))
    venue = ShortHistoryVenue(TRUTH, clock, 0, Rejected("delisted"))
    done = summed(CandleRepair(store, candle_writer, absences, venue))
    assert done.error == "delisted"
    assert len(venue.asked) <= 2 * MAX_REFUSED


def test_an_invalid_candle_goes_to_quarantine(
    store: Candles, candle_writer: CandleWriter, absences: AbsenceStore, clock: Clock
) -> None:
    broken = rows(TRUTH, list(range(10)))
    broken.high[4], broken.close[7] = 1.0, float("nan")
    taken = candle_writer.write_sync("ws", broken)
    assert len(taken.stored) == 8
    assert [row.open_ns for row in store.quarantine(BTC)] == [
        START_NS + at * MINUTE_NS for at in (4, 7)
    ]
    assert len(stored(store)) == 8


def test_a_restated_candle_is_a_new_version_and_is_counted(
    store: Candles, candle_writer: CandleWriter, absences: AbsenceStore, clock: Clock
) -> None:
    wrong = rows(TRUTH, list(range(400)))
    for at in (50, 51, 399):
        wrong.close[at] += 0.005
    candle_writer.write_sync("ws", wrong)
    clock.now_ns += MINUTE_NS
    recheck = CandleRecheck(store, candle_writer, FakeVenue(TRUTH, clock), clock)
    drift = run_virtually(recheck.recheck(LISTING, START_NS))
    assert drift.changed >= 2
    assert same(stored(store).slice(0, 395), TRUTH.slice(0, 395))
    again = run_virtually(recheck.recheck(LISTING, START_NS))
    assert again.checked == 0, "each age is looked at once"
    clock.now_ns += 60 * MINUTE_NS
    run_virtually(recheck.recheck(LISTING, START_NS))
    assert same(stored(store), TRUTH)
