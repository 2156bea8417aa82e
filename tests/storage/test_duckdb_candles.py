"""The DuckDB file: damage is found and never traded on, and what stands in its way is said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from bowline.core.errors import Conflict, Damaged
from bowline.core.model.values import Timeframe
from bowline.storage.candles import CandleBatch
from bowline.storage.embedded.duckdb_candles import DuckDBCandles
from tests.candle_files import SPOT, made_frame
from tests.chance import seeded


def opened(path: Path) -> DuckDBCandles:
    store = DuckDBCandles(path)
    store.migrate()
    return store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "candles.duckdb"


@pytest.mark.chance
def test_a_flipped_bit_is_found_or_harmless(path: Path) -> None:
    """Fault E4: no changed bit ever gives other candles."""
    frame = made_frame(3000)
    opened(path).write(CandleBatch(source="test", ingested_ns=1, candles=frame))
    sound = path.read_bytes()
    chance = seeded(1)
    found = 0
    for _ in range(40):
        content = bytearray(sound)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        try:
            read = opened(path).read(SPOT, Timeframe.M1)
        except Damaged:
            found += 1
            continue
        assert read.content_hash() == frame.content_hash()
    assert found > 5, "the bits that were flipped were all unused ones"


@pytest.mark.parametrize("content", [b"not a database" * 1000, b"x"])
def test_what_is_no_store_is_damaged(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(Damaged) as caught:
        opened(path)
    assert "backup" in caught.value.hint


def test_a_truncated_store_is_damaged(path: Path) -> None:
    opened(path).write(CandleBatch(source="test", ingested_ns=1, candles=made_frame(3000)))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(Damaged):
        opened(path).read(SPOT, Timeframe.M1)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Conflict, match="cannot be made"):
        opened(tmp_path / "file" / "candles.duckdb")


def test_a_store_of_a_newer_version_is_left_alone(path: Path) -> None:
    opened(path)
    with duckdb.connect(path) as db:
        db.execute("update candle_schema set version = 99")
    with pytest.raises(Conflict, match="newer version"):
        opened(path)


def test_a_store_held_too_long_by_another_process_says_so(path: Path) -> None:
    opened(path)
    hold = f"import duckdb; c = duckdb.connect({str(path)!r}); print('held', flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    try:
        with pytest.raises(Conflict, match="in use by another process"):
            DuckDBCandles(path, busy_timeout_s=0).read(SPOT, Timeframe.M1)
    finally:
        holder.communicate("\n", timeout=30)
    assert len(opened(path).read(SPOT, Timeframe.M1)) == 0
