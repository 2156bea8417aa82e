"""A disk that is full or read-only: what is stored can be read and copied, and the cause is named.

Whoever may mount (root) gets a real disk; no mode of a file stops root. For all others SQLite's
limit of pages and the limit of a file's size fail in the same calls.
"""

from __future__ import annotations

import os
import resource
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from bowline import wire
from bowline.core.errors import BadInput, Conflict, Damaged, Unreachable
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.values import SECOND_NS, Side, StrategyId, Timeframe
from bowline.core.venue import TradePrinted
from bowline.desk import backup, plugins
from bowline.desk import ingest as ingest_desk
from bowline.desk.backup import choose_backup
from bowline.desk.deletes import plan_candles, plan_run
from bowline.desk.output_files import Output, write_rows
from bowline.desk.restore import restore
from bowline.research.synthetic import synthetic_minutes
from bowline.runtime.ingest import HealthReport
from bowline.storage.candles import CandleBatch
from bowline.storage.embedded.sqlite_file import copy_sqlite
from bowline.storage.embedded.sqlite_open import open_sqlite
from bowline.storage.embedded.sqlite_tables import migrated_sqlite_engine
from bowline.storage.files import write_candle_file
from bowline.storage.tables import RunRequest, Tables
from bowline.storage.tape import Tape, TapeWriter
from tests.candle_files import made_frame
from tests.disks import SmallDisk, small_disk

BTC = InstrumentId(MarketId(1), "BTCUSDT")
START = 1_735_689_600 * SECOND_NS
NAME = StrategyId("a" * 64)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as made:
        yield made


@pytest.fixture
def kept(disk: SmallDisk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home on that disk with something in every store."""
    home = disk.path / "home"
    monkeypatch.setenv("BOWLINE_HOME", str(home))
    with closing(wire.open_tables(home)) as tables:
        tables.save_strategy(NAME, "one", "local", "{}", 1)
    minutes = synthetic_minutes(BTC, seed=1, minutes=300, start_ns=START)
    wire.open_candles(home).write(CandleBatch(source="test", ingested_ns=START, candles=minutes))
    with closing(wire.open_journal(home / "journals" / "run-1.db")):
        pass
    writer = TapeWriter(home / "tape")
    writer.write(TradePrinted(BTC, START, 1.0, 2.0, Side.BUY, "7"), START)
    writer.flush()
    return home


def read_everything(home: Path) -> None:
    with closing(wire.open_tables(home)) as tables:
        assert [each.name for each in tables.list_strategies()] == ["one"]
        with pytest.raises(Unreachable, match="its disk is"):
            tables.save_strategy(StrategyId("b" * 64), "two", "local", "{}", 1)
    with closing(wire.open_jobs(home)) as jobs:
        assert jobs.list() == []
    with closing(wire.open_listings(home)) as listings:
        assert listings.recorded() == ()
    with closing(wire.open_journal(home / "journals" / "run-1.db", read_only=True)) as journal:
        assert (journal.last_seq, journal.verify().damage) == (0, None)
    assert [each.candles for each in wire.open_candles(home).coverage()] == [300]
    (tick,) = Tape(home / "tape").replay(BTC, 0, 1 << 62)
    assert tick[1].trade_id == "7"


@pytest.mark.parametrize("how", ["fill", "read_only"])
def test_every_store_is_read_and_backed_up_to_another_disk(
    disk: SmallDisk, kept: Path, how: str, tmp_path: Path
) -> None:
    getattr(disk, how)()
    read_everything(kept)
    made = backup.create(wire.stores_to_copy(kept), tmp_path / "elsewhere", 1, lambda *_: None)
    assert {"tables.db", "candles.duckdb", "journals/run-1.db"} <= {
        file.path for file in made.manifest.files
    }
    restored = tmp_path / "restored"
    path = choose_backup(tmp_path / "elsewhere", made.path.name)
    restore(path, restored, wire.file_lock, lambda *_: None)
    with closing(wire.open_tables(restored)) as tables:
        assert [each.name for each in tables.list_strategies()] == ["one"]


def stores_of_one_file(home: Path) -> list[Tables]:
    return [wire.open_tables(home), wire.open_tables(home)]


@pytest.mark.parametrize("opened", ["before", "after"])
def test_two_stores_of_one_file_both_say_that_the_disk_is_full(
    disk: SmallDisk, kept: Path, opened: str
) -> None:
    """Neither keeps the other out, nothing of a write stays, and both write when there is room."""
    stores = stores_of_one_file(kept) if opened == "before" else []
    disk.fill()
    stores = stores or stores_of_one_file(kept)
    with closing(wire.open_jobs(kept)) as jobs:
        for number, tables in enumerate(stores):
            with pytest.raises(Unreachable, match="its disk is full"):
                tables.save_strategy(StrategyId(f"{number + 1:064x}"), f"s{number}", "me", "{}", 1)
            assert [[each.name for each in store.list_strategies()] for store in stores] == [
                ["one"], ["one"],
            ]  # fmt: skip
            assert jobs.list() == []
    disk.make_room()
    for number, tables in enumerate(stores):
        tables.save_strategy(StrategyId(f"{number + 1:064x}"), f"s{number}", "me", "{}", 1)
    for store in stores:
        assert {each.name for each in store.list_strategies()} == {"one", "s0", "s1"}
        store.close()


def test_a_second_reader_of_a_journal_on_a_full_disk_says_that_it_is_full(
    disk: SmallDisk, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bowline.storage.embedded.sqlite_open.open_sqlite.__kwdefaults__",
                        {"wait_s": 0.0})  # fmt: skip
    disk.fill()
    path = kept / "journals" / "run-1.db"
    with (
        closing(wire.open_journal(path, read_only=True)),
        pytest.raises(Unreachable, match="in use by another process, and its disk is full"),
    ):
        wire.open_journal(path, read_only=True)
    with closing(wire.open_journal(path, read_only=True)) as journal:
        assert journal.last_seq == 0


def test_what_a_killed_writer_left_in_the_log_is_read_too(disk: SmallDisk) -> None:
    """The newest rows may be in the write-ahead log alone: a reader must not miss them."""
    path = disk.path / "a.db"
    code = (
        f"import os, sqlite3; db = sqlite3.connect({str(path)!r}, isolation_level=None)\n"
        "db.execute('PRAGMA journal_mode = WAL'); db.execute('CREATE TABLE t (a)')\n"
        "db.execute('INSERT INTO t VALUES (1)'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert Path(f"{path}-wal").stat().st_size
    disk.fill()
    with closing(open_sqlite(path, make=False)) as db:
        assert db.execute("SELECT a FROM t").fetchall() == [(1,)]
    Path(f"{path}-shm").unlink(missing_ok=True)
    with closing(open_sqlite(path, make=False)) as db:
        assert db.execute("SELECT a FROM t").fetchall() == [(1,)]
        with pytest.raises(sqlite3.OperationalError, match=r"readonly|full"):
            db.execute("INSERT INTO t VALUES (2)")


def test_candles_that_do_not_fit_are_refused_and_written_when_there_is_room(
    disk: SmallDisk, kept: Path
) -> None:
    store = wire.open_candles(kept)
    later = synthetic_minutes(BTC, seed=1, minutes=600, start_ns=START)
    disk.fill()
    with pytest.raises(Unreachable, match="its disk is full"):
        store.write(CandleBatch(source="test", ingested_ns=START, candles=later))
    assert [each.candles for each in store.coverage()] == [300]
    disk.make_room()
    store.write(CandleBatch(source="test", ingested_ns=START, candles=later))
    assert [each.candles for each in store.coverage()] == [600]


def test_the_report_of_a_recorder_is_told_on_a_full_disk_as_long_as_it_fits(
    disk: SmallDisk, kept: Path
) -> None:
    calm = HealthReport(1, 1, {"ticks": 1}, (), trouble="a longer word than the next")
    ingest_desk.keep_report(kept, calm)
    disk.fill()
    news = HealthReport(2, 1, {"ticks": 2}, (), trouble="full")
    ingest_desk.keep_report(kept, news)
    assert ingest_desk.last_report(kept) == news
    (kept / "ingest.json").unlink()
    disk.fill()
    with pytest.raises(Unreachable, match=r"ingest\.json cannot be written"):
        ingest_desk.keep_report(kept, news)


def test_a_disk_that_takes_no_lock_is_not_somebody_at_work(disk: SmallDisk, kept: Path) -> None:
    asked = RunRequest(
        kind="paper-replay", strategy_id=NAME, instrument=BTC, timeframe=Timeframe.M1,
        initial_cash=Decimal(1), request="{}", request_hash="a",
    )  # fmt: skip
    with closing(wire.open_tables(kept)) as tables:
        assert tables.new_run(asked, 1).id == 1
    disk.fill()
    with wire.deletion_stores(kept) as stores:
        for plan in (lambda: plan_run(stores, 1), lambda: plan_candles(stores, BTC)):
            with pytest.raises(Unreachable, match="its disk is full"):
                plan()


def test_an_output_that_does_not_fit_asks_for_room(disk: SmallDisk, tmp_path: Path) -> None:
    disk.fill()
    out = Output(disk.path / "rows.csv", force=False)
    with pytest.raises(BadInput, match="No space left on device") as caught:
        write_rows(["a"], [["1" * 100_000]], out)
    assert "make room" in caught.value.hint


def test_trust_in_a_read_only_home_says_where(disk: SmallDisk, kept: Path) -> None:
    folder = kept / "strategies"
    folder.mkdir()
    (folder / "mine.py").write_text("raise RuntimeError")
    disk.read_only()
    with pytest.raises(Conflict, match=r"trusted_strategies\.json cannot be written"):
        plugins.PluginFolder(folder, kept / "trusted_strategies.json").trust("mine.py")


def test_tables_that_may_not_grow_say_so_and_lose_nothing(tmp_path: Path) -> None:
    """Without a disk of its own: SQLite says of its limit of pages what it says of a full disk."""
    engine = migrated_sqlite_engine(tmp_path / "tables.db")
    tables = Tables(engine)
    tables.save_strategy(NAME, "one", "local", "{}", 1)
    with engine.connect() as db:
        pages = db.exec_driver_sql("PRAGMA page_count").scalar()
        db.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Unreachable, match="full"):
        tables.save_strategy(StrategyId("b" * 64), "two", "local", "x" * 100_000, 1)
    assert [each.name for each in tables.list_strategies()] == ["one"]
    tables.close()


def test_tables_that_are_locked_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tables.db"
    tables = Tables(migrated_sqlite_engine(path))
    tables.save_strategy(NAME, "one", "local", "{}", 1)
    tables.close()
    monkeypatch.setattr("bowline.storage.embedded.sqlite_open.BUSY_SECONDS", 0.0)
    monkeypatch.setattr("bowline.storage.embedded.sqlite_open.open_sqlite.__kwdefaults__",
                        {"wait_s": 0.0})  # fmt: skip
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        tables = Tables(migrated_sqlite_engine(path))
        assert [each.name for each in tables.list_strategies()] == ["one"]
        with pytest.raises(Unreachable, match="in use"):
            tables.save_strategy(StrategyId("b" * 64), "two", "local", "{}", 1)
        tables.close()


def test_every_table_names_its_damage(tmp_path: Path) -> None:
    """The middle of a file that SQLite opens: damage met on the way, not at the door."""
    path = tmp_path / "tables.db"
    with closing(Tables(migrated_sqlite_engine(path))) as tables:
        for at in range(400):
            tables.save_strategy(StrategyId(f"{at:064x}"), f"s{at}", "local", "x" * 900, 1)
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 60_000] = b"\xff" * 60_000
    path.write_bytes(content)
    with (
        closing(Tables(migrated_sqlite_engine(path))) as tables,
        pytest.raises(Damaged, match=r"tables\.db cannot be read"),
    ):
        tables.list_strategies()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_device_that_takes_nothing_is_still_there_afterwards(tmp_path: Path, suffix: str) -> None:
    """A link that ends in .parquet may lead to one, and Arrow removes a path it cannot write."""
    device = tmp_path / f"full{suffix}"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 7))
    except OSError as error:
        pytest.skip(f"a device of its own needs the right to make one: {error.strerror}")
    with pytest.raises(OSError, match="No space left"):
        write_candle_file(made_frame(100_000), device, suffix)
    assert stat.S_ISCHR(device.stat().st_mode)


def test_a_copy_that_does_not_fit_names_the_copy(tmp_path: Path) -> None:
    """A file may not grow beyond a limit, whoever asks: the same failure for root."""
    source = tmp_path / "tables.db"
    with closing(Tables(migrated_sqlite_engine(source))) as tables:
        tables.save_strategy(NAME, "one", "local", "x" * 2_000_000, 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
    try:
        with pytest.raises(Unreachable, match=r"copy\.db cannot be"):
            copy_sqlite(source, tmp_path / "copy.db")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert copy_sqlite(source, tmp_path / "again.db")
