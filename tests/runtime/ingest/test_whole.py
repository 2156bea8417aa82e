"""When a market's newest minutes are looked through, second by second, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import pairwise

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import DAY_NS, MINUTE_NS
from bowline.core.venue import Listing
from bowline.runtime.ingest import IngestHealth, Repaired
from bowline.runtime.ingest.repair import SETTLE_NS
from bowline.runtime.ingest.whole import (
    AGAIN_S,
    ALL_EVERY_S,
    LATE_AGAIN_S,
    NEWEST_NS,
    Whole,
    Wholeness,
)
from tests.runtime.ingest.recorded import BTC, LISTING, START_NS
from tests.virtual_time import run_virtually

SETTLE_S = SETTLE_NS / 1e9
NOW_NS = START_NS + 10 * NEWEST_NS


class Looks:
    """A repair that finds nothing missing and remembers when it was asked about the newest."""

    def __init__(self) -> None:
        self.at_s: list[float] = []

    async def newest_ns(self, instrument: InstrumentId, since_ns: int) -> int:
        return NOW_NS

    async def repair(self, listing: Listing, since_ns: int) -> AsyncIterator[Repaired]:
        if since_ns > START_NS:
            self.at_s.append(asyncio.get_running_loop().time())
        yield Repaired()


def looked_at(owed_s: list[float]) -> list[float]:
    """When the newest was looked through if something was owed at these seconds."""
    looks = Looks()

    async def main() -> float:
        health = IngestHealth((BTC,), NOW_NS)
        parts = Whole((LISTING,), looks, health, lambda _: None, START_NS, lambda: NOW_NS)  # type: ignore[arg-type]
        whole = Wholeness(parts)
        clock = asyncio.get_running_loop().time
        began_s = clock()
        task = asyncio.create_task(whole.run())
        for at_s in owed_s:
            await asyncio.sleep(began_s + at_s - clock())
            whole.owe(BTC)
        await asyncio.sleep(30)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return began_s

    began_s = run_virtually(main())
    return [at_s - began_s for at_s in looks.at_s]


def test_what_is_owed_is_looked_for_when_it_is_final() -> None:
    assert looked_at([]) == [0.5], "once at the start"
    (start, owed) = looked_at([10.0])
    assert 10.0 + SETTLE_S <= owed <= 11.0 + SETTLE_S, start


def test_what_is_owed_later_is_not_lost_in_the_look_for_what_was_owed_first() -> None:
    """A look that comes before the later minute is final would miss it for a minute."""
    *_, last = looked_at([10.0, 11.0, 12.0])
    assert last >= 12.0 + SETTLE_S


def test_a_topic_alive_at_the_start_is_looked_at_again_when_its_minute_is_final() -> None:
    *_, last = looked_at([0.0])
    assert last >= SETTLE_S


def test_what_is_owed_again_and_again_is_not_put_off_for_ever() -> None:
    looks = looked_at([second / 2 for second in range(40)])
    assert any(SETTLE_S <= at_s <= SETTLE_S + 1.5 for at_s in looks)


class Counted:
    """A repair that is asked and fails, or finds a minute late, as it is told to."""

    def __init__(self, *, error: str = "", newest_ns: int = NOW_NS) -> None:
        self.error = error
        self.newest = newest_ns
        self.newest_s: list[float] = []
        self.all_s: list[float] = []

    async def newest_ns(self, instrument: InstrumentId, since_ns: int) -> int:
        return self.newest

    async def repair(self, listing: Listing, since_ns: int) -> AsyncIterator[Repaired]:
        asked = self.newest_s if since_ns > START_NS else self.all_s
        asked.append(asyncio.get_running_loop().time())
        yield Repaired(error=self.error)


def counted(repair: Counted, seconds: float) -> tuple[list[float], list[float]]:
    """When the newest, and everything, was asked for within so many seconds."""

    async def main() -> float:
        clock = asyncio.get_running_loop().time
        began_s = clock()
        health = IngestHealth((BTC,), NOW_NS - 10 * MINUTE_NS)

        def now_ns() -> int:
            return NOW_NS + int((clock() - began_s) * 1e9)

        parts = Whole((LISTING,), repair, health, lambda _: None, START_NS, now_ns)  # type: ignore[arg-type]
        task = asyncio.create_task(Wholeness(parts).run())
        await asyncio.sleep(seconds)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return began_s

    began_s = run_virtually(main())
    return [at - began_s for at in repair.newest_s], [at - began_s for at in repair.all_s]


def test_a_minute_that_is_late_is_asked_for_once_a_minute_and_not_every_half_second() -> None:
    newest, everything = counted(Counted(newest_ns=NOW_NS - 5 * MINUTE_NS), 600)
    assert 9 <= len(newest) <= 12
    assert min(after - before for before, after in pairwise(newest[1:])) >= LATE_AGAIN_S
    assert len(everything) == 1


def test_a_repair_that_failed_is_tried_again_and_no_faster_than_it_should() -> None:
    newest, everything = counted(Counted(error="the venue is gone"), 300)
    assert 9 <= len(newest) <= 300 / AGAIN_S + 1
    assert 9 <= len(everything) <= 300 / AGAIN_S + 1


def test_a_repair_that_went_well_is_repeated_once_an_hour() -> None:
    newest, everything = counted(Counted(newest_ns=NOW_NS + DAY_NS), 2 * ALL_EVERY_S + 60)
    assert len(everything) == 3
    assert len(newest) == 1
