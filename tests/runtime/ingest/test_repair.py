"""What is missing is found, asked for once, and said to be nobody's if it is (M5, J1, J2)."""

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
from bowline.core.venue import Listing
from bowline.runtime.ingest import Intake, Missing, Repair, Repaired
from bowline.runtime.ingest.repair import ABSENT_AGAIN_NS, MOST_REFUSED, SETTLE_NS, holes
from bowline.runtime.ingest.restate import Restatement
from bowline.storage.absences import AbsenceStore
from bowline.storage.candles import Candles
from bowline.storage.embedded.duckdb_candles import DuckDBCandles
from bowline.storage.embedded.sqlite_tables import migrated_sqlite_engine
from bowline.venues import Rejected, TooOld
from tests.chance import seeded
from tests.runtime.ingest.recorded import (
    BTC,
    BUSY,
    LISTING,
    START_NS,
    ToldVenue,
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
def intake(store: Candles, clock: Clock) -> Intake:
    return Intake(store, Instrument, clock)


@pytest.fixture
def absences(tmp_path: Path) -> Iterator[AbsenceStore]:
    engine = migrated_sqlite_engine(tmp_path / "tables.db")
    yield AbsenceStore(engine)
    engine.dispose()


def summed(repair: Repair) -> Repaired:
    async def every_page() -> Repaired:
        total = Repaired()
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
def test_holes_and_what_is_stored_make_up_the_whole_range(
    there: set[int], first: int, last: int
) -> None:
    frame = rows(TRUTH, sorted(there))
    start_ns, end_ns = START_NS + first * MINUTE_NS, START_NS + last * MINUTE_NS
    missing = {
        (at - START_NS) // MINUTE_NS
        for hole in holes(frame.open_ns.tolist(), start_ns, end_ns)
        for at in range(hole.start_ns, hole.end_ns, MINUTE_NS)
    }
    assert missing == set(range(first, last)) - there


@pytest.mark.chance
@pytest.mark.parametrize("seed", range(3))
def test_any_loss_is_made_whole_with_the_least_of_requests(
    store: Candles, intake: Intake, absences: AbsenceStore, clock: Clock, seed: int
) -> None:
    kept = sorted(seeded(seed).sample(range(400), 250))
    intake.take("ws", rows(TRUTH, kept))
    venue = ToldVenue(TRUTH, clock)
    repair = Repair(store, intake, absences, venue)
    done = summed(repair)
    assert (done.candles, done.error) == (150, "")
    assert len(venue.asked) <= 5, "a page holds a hundred"
    assert same(stored(store).slice(0, 400), TRUTH)
    assert not stored(store).open_ns[400:].size


def test_a_long_hole_is_read_by_pages_and_a_busy_venue_is_asked_again(
    store: Candles, intake: Intake, absences: AbsenceStore, clock: Clock
) -> None:
    venue = ToldVenue(TRUTH, clock)
    venue.moods = [BUSY, BUSY]
    done = summed(Repair(store, intake, absences, venue))
    assert done.candles == 400
    assert same(stored(store), TRUTH)
    assert len(venue.asked) <= 2 + 4 + 1


def test_a_venue_that_refuses_leaves_the_rest_for_next_time(
    store: Candles, intake: Intake, absences: AbsenceStore, clock: Clock
) -> None:
    venue = ToldVenue(TRUTH, clock)
    repair = Repair(store, intake, absences, venue)
    venue.moods = [Rejected("no such symbol", code="10001")]
    first = summed(repair)
    assert first.error == "no such symbol"
    assert first.candles == 399, "only what was refused is left"
    assert summed(repair).candles == 1


def test_minutes_that_nobody_has_are_said_so_and_not_asked_for_every_time(
    store: Candles, intake: Intake, absences: AbsenceStore, clock: Clock
) -> None:
    """An outage of the venue: there is no candle, and none is invented."""
    venue = ToldVenue(TRUTH, clock)
    venue.without = set(range(100, 130))
    repair = Repair(store, intake, absences, venue)
    done = summed(repair)
    hole = Missing(START_NS + 100 * MINUTE_NS, START_NS + 130 * MINUTE_NS)
    assert hole in done.empty
    asked = len(venue.asked)
    summed(repair)
    assert len(venue.asked) == asked, "nobody has it: not asked again today"
    assert len(stored(store)) == 370


def test_an_absence_is_asked_for_again_after_a_day_and_no_sooner(
    store: Candles, intake: Intake, absences: AbsenceStore, clock: Clock
) -> None:
    """A venue that fills its past up later is heard."""
    venue = ToldVenue(TRUTH, clock)
    venue.without = set(range(100, 130))
    repair = Repair(store, intake, absences, venue)
    summed(repair)
    clock.now_ns += ABSENT_AGAIN_NS - MINUTE_NS
    venue.asked.clear()
    summed(repair)
    hole_ns = START_NS + 100 * MINUTE_NS
    assert all(start_ns > hole_ns + 30 * MINUTE_NS for start_ns, _ in venue.asked)
    clock.now_ns += 2 * MINUTE_NS
    venue.without = set()
    summed(repair)
    assert len(stored(store)) == 400


def test_by_a_local_clock_that_is_an_hour_ahead_nothing_is_missing_and_nothing_absent(
    store: Candles, absences: AbsenceStore, clock: Clock
) -> None:
    """The minutes to come are asked for when they have come; the local clock is in the intake."""
    venue = ToldVenue(TRUTH.slice(0, 200), clock)
    clock.now_ns = START_NS + 200 * MINUTE_NS + SETTLE_NS
    ahead = Intake(
        store, Instrument, lambda: clock.now_ns + 60 * MINUTE_NS, lambda _: 3_600 * 10**9
    )
    repair = Repair(store, ahead, absences, venue)
    done = summed(repair)
    assert (done.candles, done.empty) == (200, ())
    assert max(end_ns for _, end_ns in venue.asked) <= clock.now_ns
    assert not absences.ranges(BTC)
    future = ahead.take("ws", rows(TRUTH, [210]))
    assert not len(future.kept), "a candle that is to come is none"
    venue.truth = TRUTH
    clock.now_ns += 200 * MINUTE_NS
    assert summed(repair).candles == 200
    assert same(stored(store), TRUTH)


def test_what_was_noted_by_a_clock_that_was_ahead_is_asked_for_all_the_same(
    store: Candles, intake: Intake, absences: AbsenceStore, clock: Clock
) -> None:
    venue = ToldVenue(TRUTH, clock)
    end_ns = START_NS + 400 * MINUTE_NS
    absences.record(BTC, START_NS + 50 * MINUTE_NS, end_ns + 60 * MINUTE_NS, clock.now_ns + 10**13)
    repair = Repair(store, intake, absences, venue)
    assert summed(repair).candles == 400
    absences.record(BTC, START_NS, START_NS + 60 * MINUTE_NS, clock.now_ns)
    (known,) = absences.ranges(BTC)
    assert (known.end_ns, known.asked_ns) == (START_NS + 60 * MINUTE_NS, clock.now_ns)


class Forgetful(ToldVenue):
    """A venue that tells the newest minutes alone, and refuses what begins before them."""

    def __init__(self, clock: Clock, keeps: int, error: Rejected) -> None:
        super().__init__(TRUTH, clock)
        self.keeps, self.error = keeps, error

    async def candles(self, listing: Listing, start_ns: int, end_ns: int) -> CandleFrame:
        if start_ns < self.now_ns() - self.keeps * MINUTE_NS:
            self.asked.append((start_ns, end_ns))
            raise self.error
        return await super().candles(listing, start_ns, end_ns)


@pytest.mark.parametrize("keeps", [0, 1, 37, 150, 399, 401])
def test_a_page_older_than_a_venue_tells_blocks_nothing_newer(
    store: Candles, intake: Intake, absences: AbsenceStore, clock: Clock, keeps: int
) -> None:
    """Gate, listCandlesticks: "maximum 10000 points recently are allowed"."""
    clock.now_ns = END_NS + SETTLE_NS
    venue = Forgetful(clock, keeps, TooOld("too long ago"))
    repair = Repair(store, intake, absences, venue)
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


def test_a_page_that_is_refused_for_another_reason_blocks_nothing_newer_and_is_no_absence(
    store: Candles, intake: Intake, absences: AbsenceStore, clock: Clock
) -> None:
    clock.now_ns = END_NS + SETTLE_NS
    venue = Forgetful(clock, 150, Rejected("who knows why"))
    done = summed(Repair(store, intake, absences, venue))
    assert done.error == "who knows why"
    assert 149 <= done.candles <= 150
    assert not absences.ranges(BTC)


def test_a_venue_that_refuses_everything_is_not_asked_for_every_hole(
    store: Candles, intake: Intake, absences: AbsenceStore, clock: Clock
) -> None:
    intake.take("ws", rows(TRUTH, [200]))
    venue = Forgetful(clock, 0, Rejected("delisted"))
    done = summed(Repair(store, intake, absences, venue))
    assert done.error == "delisted"
    assert len(venue.asked) <= 2 * MOST_REFUSED


def test_a_candle_that_is_none_goes_to_quarantine_and_not_to_the_store(
    store: Candles, intake: Intake, absences: AbsenceStore, clock: Clock
) -> None:
    broken = rows(TRUTH, list(range(10)))
    broken.high[4], broken.close[7] = 1.0, float("nan")
    taken = intake.take("ws", broken)
    assert len(taken.kept) == 8
    assert [row.open_ns for row in store.quarantine(BTC)] == [
        START_NS + at * MINUTE_NS for at in (4, 7)
    ]
    assert len(stored(store)) == 8


def test_a_restated_candle_is_a_new_version_and_is_counted(
    store: Candles, intake: Intake, absences: AbsenceStore, clock: Clock
) -> None:
    wrong = rows(TRUTH, list(range(400)))
    for at in (50, 51, 399):
        wrong.close[at] += 0.005
    intake.take("ws", wrong)
    clock.now_ns += MINUTE_NS
    restatement = Restatement(store, intake, ToldVenue(TRUTH, clock), clock)
    drift = run_virtually(restatement.look(LISTING, START_NS))
    assert drift.changed >= 2
    assert same(stored(store).slice(0, 395), TRUTH.slice(0, 395))
    again = run_virtually(restatement.look(LISTING, START_NS))
    assert again.looked_at == 0, "each age is looked at once"
    clock.now_ns += 60 * MINUTE_NS
    run_virtually(restatement.look(LISTING, START_NS))
    assert same(stored(store), TRUTH)
