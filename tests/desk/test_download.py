"""What a download says of minutes that did not come: the advice is what brings them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from bowline.cli.download import sentences
from bowline.core.errors import Conflict
from bowline.core.model.values import MINUTE_NS
from bowline.desk.download import DownloadProgress, DownloadResult, download, settled_minutes
from bowline.runtime.ingest import RepairResult
from bowline.storage.absences import AbsenceStore
from bowline.storage.candles import Candles
from bowline.storage.embedded.duckdb_candles import DuckDBCandles
from bowline.storage.embedded.sqlite_tables import migrated_sqlite_engine
from bowline.venues import Rejected, Retryable, TooOld
from tests.runtime.ingest.fake_venue import (
    LISTING,
    START_NS,
    FakeVenue,
    ShortHistoryVenue,
    true_candles,
)

TRUTH = true_candles(400)
#: late enough that every minute is final
NOW_NS = int(TRUTH.close_ns[-1]) + 60 * MINUTE_NS


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Candles, AbsenceStore]]:
    candles = DuckDBCandles(tmp_path / "candles.duckdb")
    candles.migrate()
    engine = migrated_sqlite_engine(tmp_path / "tables.db")
    yield candles, AbsenceStore(engine)
    engine.dispose()


def fetched(
    stores: tuple[Candles, AbsenceStore], venue: FakeVenue
) -> tuple[DownloadResult, DownloadProgress]:
    told: list[DownloadProgress] = []
    end_ns = int(TRUTH.close_ns[-1])
    work = download(*stores, venue, LISTING, START_NS, end_ns, told.append, now_ns=venue.now_ns)
    return asyncio.run(work), told[-1] if told else DownloadProgress(0, RepairResult())


def short(error: Rejected, keeps: int = 160) -> ShortHistoryVenue:
    return ShortHistoryVenue(TRUTH, lambda: NOW_NS, keeps, error)


def test_minutes_that_are_too_old_are_not_to_be_asked_for_again(stores) -> None:
    """Of the last 160 minutes 60 lie after the record: 100 come, 300 never will."""
    done, last = fetched(stores, short(TooOld("too long ago")))
    assert (done.done.candles, done.left) == (100, 0)
    assert settled_minutes(last.done) == last.wanted == 400, "the bar is full"
    said = list(sentences(done))
    assert not any("repeat" in line for line in said)
    (old,) = [line for line in said if "older" in line]
    assert old.startswith("300 minutes")
    assert "bowline candles import" in old


def test_the_same_again_does_not_say_that_nothing_is_missing(stores) -> None:
    fetched(stores, short(TooOld("too long ago")))
    done, _ = fetched(stores, short(TooOld("too long ago")))
    assert (done.wanted, done.absent) == (0, 300)
    (line,) = sentences(done)
    assert "300 minutes are missing" in line
    assert "a day later" in line


def test_nothing_is_missing_only_where_everything_is_stored(stores) -> None:
    venue = FakeVenue(TRUTH, lambda: NOW_NS)
    first, _ = fetched(stores, venue)
    assert list(sentences(first)) == [f"{first.name}: 400 of 400 missing candles stored"]
    again, _ = fetched(stores, venue)
    assert list(sentences(again)) == [f"{first.name}: nothing is missing"]


def test_minutes_that_are_only_late_are_to_be_asked_for_again(stores) -> None:
    end_ns = int(TRUTH.close_ns[-1])
    venue = FakeVenue(TRUTH.slice(0, 397), lambda: end_ns + MINUTE_NS)
    done, _ = fetched(stores, venue)
    assert done.left == 3
    assert list(sentences(done))[-1].startswith("3 minutes were not received: repeat the command")


def test_what_a_venue_refuses_is_not_advised_to_be_repeated(stores) -> None:
    with pytest.raises(Conflict, match="refuses a part") as refused:
        fetched(stores, short(Rejected("no such interval")))
    assert "repeat" not in refused.value.hint
    assert "100 candles are stored" in refused.value.hint
    venue = FakeVenue(TRUTH, lambda: NOW_NS)
    venue.errors = [Retryable("busy", after_s=0.0, code="429")] * 4
    with pytest.raises(Conflict, match="stopped answering") as stopped:
        fetched(stores, venue)
    assert "repeat the command" in stopped.value.hint
