"""A store's file is copied whole and made smaller while other processes use it, or not at all."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bowline import wire
from bowline.core.errors import Conflict, Damaged
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import Timeframe
from bowline.research.synthetic import synthetic_minutes
from bowline.storage.candles import CandleBatch
from bowline.storage.embedded.duckdb_candles import DuckDBCandles
from bowline.storage.embedded.sqlite_file import compact_sqlite, copy_sqlite, locked

BTC = InstrumentId(MarketId(1), "BTCUSDT")
START = 1_735_689_600 * 10**9

Hold = Callable[[str], None]


@pytest.fixture
def other_process(home: Path) -> Iterator[Hold]:
    """Runs code in a process of its own, in the home, and lets it stay there."""
    held: list[subprocess.Popen[str]] = []

    def hold(code: str) -> None:
        stay = "print(1, flush=True)\nimport time\ntime.sleep(60)"
        child = subprocess.Popen(
            [sys.executable, "-c", f"{code}\n{stay}"], stdout=subprocess.PIPE, text=True, cwd=home
        )
        held.append(child)
        assert child.stdout is not None
        assert child.stdout.readline()

    yield hold
    for child in held:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


def minutes() -> CandleFrame:
    return synthetic_minutes(BTC, seed=1, minutes=500, start_ns=START)


@pytest.fixture
def candles(home: Path) -> DuckDBCandles:
    wire.open_candles(home).write(CandleBatch(source="test", ingested_ns=START, candles=minutes()))
    store = wire.candle_file(home, busy_timeout_s=10)
    assert store is not None
    return store


def test_candles_that_are_being_written_are_waited_for(
    candles: DuckDBCandles, other_process: Hold, tmp_path: Path
) -> None:
    code = "import duckdb, os, threading; db = duckdb.connect('candles.duckdb')\n"
    other_process(f"{code}threading.Timer(1, lambda: os._exit(0)).start()")
    start = time.monotonic()
    candles.copy_to(tmp_path / "a copy's.duckdb")
    assert time.monotonic() - start > 0.5
    copy = DuckDBCandles(tmp_path / "a copy's.duckdb")
    assert copy.coverage() == candles.coverage()
    assert (
        copy.read(BTC, Timeframe.M5).close.tolist()
        == candles.read(BTC, Timeframe.M5).close.tolist()
    )
    # what is imported again into the copy replaces what was there: its keys came along
    copy.migrate()
    copy.write(CandleBatch(source="test", ingested_ns=START, candles=minutes()))
    assert copy.coverage() == candles.coverage()


def test_candles_are_copied_while_another_process_reads_them(
    candles: DuckDBCandles, other_process: Hold, tmp_path: Path
) -> None:
    other_process("import duckdb; db = duckdb.connect('candles.duckdb', read_only=True)")
    candles.copy_to(tmp_path / "copy.duckdb")
    assert DuckDBCandles(tmp_path / "copy.duckdb").coverage() == candles.coverage()


def test_a_candle_file_in_use_is_not_made_smaller(
    candles: DuckDBCandles, other_process: Hold
) -> None:
    other_process("import duckdb; db = duckdb.connect('candles.duckdb', read_only=True)")
    with pytest.raises(Conflict, match="in use"):
        DuckDBCandles(candles.path, busy_timeout_s=0).compact()


@pytest.mark.parametrize("how", ["BEGIN; SELECT * FROM runs", "BEGIN IMMEDIATE"])
def test_tables_in_use_are_not_made_smaller(home: Path, other_process: Hold, how: str) -> None:
    wire.open_tables(home).close()
    code = "import sqlite3; db = sqlite3.connect('tables.db', isolation_level=None)"
    for statement in how.split("; "):
        code += f"; db.execute('{statement}').fetchall()"
    other_process(code)
    with pytest.raises(Conflict, match="in use"):
        compact_sqlite(home / "tables.db", wait_s=0)


def test_a_lock_is_held_against_other_processes_and_dies_with_its_own(
    home: Path, other_process: Hold
) -> None:
    other_process(
        "from bowline.storage.embedded.sqlite_file import locked; from pathlib import Path\n"
        "held = locked(Path('lock'), 'mine'); held.__enter__()\n"
        "import os, threading; threading.Timer(1, lambda: os._exit(0)).start()"
    )
    with pytest.raises(Conflict, match="theirs"), locked(home / "lock", "theirs"):
        pass
    for _ in range(200):
        time.sleep(0.1)
        with suppress(Conflict), locked(home / "lock", "theirs"):
            break
    else:
        pytest.fail("the lock outlived its process")


def test_what_is_no_sqlite_file_is_not_copied_and_not_made(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("text, and enough of it that SQLite looks at it" * 100)
    with pytest.raises(Damaged, match=r"a\.db cannot be read"):
        copy_sqlite(tmp_path / "a.db", tmp_path / "b.db")
    with pytest.raises(Conflict):
        copy_sqlite(tmp_path / "absent.db", tmp_path / "b.db")
    assert not (tmp_path / "absent.db").exists()
