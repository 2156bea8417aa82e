"""When the gaps of a market are repaired, second by second, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import pairwise

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import DAY_NS, MINUTE_NS
from bowline.core.venue import Listing
from bowline.runtime.ingest import IngestHealth, RepairResult
from bowline.runtime.ingest.repair import FINAL_AFTER_NS
from bowline.runtime.ingest.repair_scheduler import (
    FULL_EVERY_S,
    LATE_RETRY_S,
    RECENT_NS,
    RETRY_S,
    RepairScheduler,
)
from tests.runtime.ingest.fake_venue import BTC, LISTING, START_NS
from tests.virtual_time import run_virtually

SETTLE_S = FINAL_AFTER_NS / 1e9
NOW_NS = START_NS + 10 * RECENT_NS


class RecordedRepairs:
    """A repair that finds nothing missing and records when recent gaps were repaired."""

    def __init__(self) -> None:
        self.at_s: list[float] = []

    async def newest_ns(self, instrument: InstrumentId, since_ns: int) -> int:
        return NOW_NS

    async def repair(self, listing: Listing, since_ns: int) -> AsyncIterator[RepairResult]:
        if since_ns > START_NS:
            self.at_s.append(asyncio.get_running_loop().time())
        yield RepairResult()


def repaired_at(missing_s: list[float]) -> list[float]:
    """When recent gaps were repaired if minutes were marked missing at these seconds."""
    repairs = RecordedRepairs()

    async def main() -> float:
        health = IngestHealth((BTC,), NOW_NS)
        scheduler = RepairScheduler(
            (LISTING,),
            repairs,  # type: ignore[arg-type]
            health,
            on_stored=lambda _: None,
            since_ns=START_NS,
            now_ns=lambda: NOW_NS,
        )
        clock = asyncio.get_running_loop().time
        began_s = clock()
        task = asyncio.create_task(scheduler.run())
        for at_s in missing_s:
            await asyncio.sleep(began_s + at_s - clock())
            scheduler.mark_missing(BTC)
        await asyncio.sleep(30)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return began_s

    began_s = run_virtually(main())
    return [at_s - began_s for at_s in repairs.at_s]


def test_a_missing_minute_is_repaired_when_it_is_final() -> None:
    assert repaired_at([]) == [0.5], "once at the start"
    (start, owed) = repaired_at([10.0])
    assert 10.0 + SETTLE_S <= owed <= 11.0 + SETTLE_S, start


def test_a_later_missing_minute_gets_a_repair_of_its_own() -> None:
    """A repair before the later minute is final would not fetch it."""
    *_, last = repaired_at([10.0, 11.0, 12.0])
    assert last >= 12.0 + SETTLE_S


def test_a_topic_live_at_the_start_is_repaired_again_when_its_minute_is_final() -> None:
    *_, last = repaired_at([0.0])
    assert last >= SETTLE_S


def test_repeated_requests_do_not_postpone_a_repair() -> None:
    repairs = repaired_at([second / 2 for second in range(40)])
    assert any(SETTLE_S <= at_s <= SETTLE_S + 1.5 for at_s in repairs)


class CountedRepairs:
    """A repair that fails, or finds a late candle, as the test sets it."""

    def __init__(self, *, error: str = "", newest_ns: int = NOW_NS) -> None:
        self.error = error
        self.newest = newest_ns
        self.newest_s: list[float] = []
        self.all_s: list[float] = []

    async def newest_ns(self, instrument: InstrumentId, since_ns: int) -> int:
        return self.newest

    async def repair(self, listing: Listing, since_ns: int) -> AsyncIterator[RepairResult]:
        asked = self.newest_s if since_ns > START_NS else self.all_s
        asked.append(asyncio.get_running_loop().time())
        yield RepairResult(error=self.error)


def count_repairs(repair: CountedRepairs, seconds: float) -> tuple[list[float], list[float]]:
    """When recent gaps, and everything, were repaired within so many seconds."""

    async def main() -> float:
        clock = asyncio.get_running_loop().time
        began_s = clock()
        health = IngestHealth((BTC,), NOW_NS - 10 * MINUTE_NS)

        def now_ns() -> int:
            return NOW_NS + int((clock() - began_s) * 1e9)

        scheduler = RepairScheduler(
            (LISTING,),
            repair,  # type: ignore[arg-type]
            health,
            on_stored=lambda _: None,
            since_ns=START_NS,
            now_ns=now_ns,
        )
        task = asyncio.create_task(scheduler.run())
        await asyncio.sleep(seconds)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return began_s

    began_s = run_virtually(main())
    return [at - began_s for at in repair.newest_s], [at - began_s for at in repair.all_s]


def test_a_late_instrument_is_repaired_once_a_minute() -> None:
    newest, everything = count_repairs(CountedRepairs(newest_ns=NOW_NS - 5 * MINUTE_NS), 600)
    assert 9 <= len(newest) <= 12
    assert min(after - before for before, after in pairwise(newest[1:])) >= LATE_RETRY_S
    assert len(everything) == 1


def test_a_failed_repair_is_retried_after_the_retry_interval() -> None:
    newest, everything = count_repairs(CountedRepairs(error="the venue is gone"), 300)
    assert 9 <= len(newest) <= 300 / RETRY_S + 1
    assert 9 <= len(everything) <= 300 / RETRY_S + 1


def test_a_successful_repair_is_repeated_once_an_hour() -> None:
    newest, everything = count_repairs(
        CountedRepairs(newest_ns=NOW_NS + DAY_NS), 2 * FULL_EVERY_S + 60
    )
    assert len(everything) == 3
    assert len(newest) == 1
