"""`BOWLINE_CANDLES` chooses the candle store: DuckDB under the home unless it says otherwise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bowline import wire
from bowline.core.errors import BadInput
from bowline.core.model.values import Timeframe
from bowline.storage.candles import CandleBatch
from bowline.storage.embedded.duckdb_candles import DuckDBCandles
from tests.candle_files import SPOT, csv_bytes, made_frame, made_rows


def test_the_store_lies_under_the_home(home: Path) -> None:
    wire.open_candles(wire.home()).write(
        CandleBatch(source="test", ingested_ns=1, candles=made_frame(5))
    )
    assert len(DuckDBCandles(home / "candles.duckdb").read(SPOT, Timeframe.M1)) == 5


def test_a_duckdb_file_elsewhere(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOWLINE_CANDLES", f"duckdb://{tmp_path / 'far' / 'c.duckdb'}")
    wire.open_candles(wire.home())
    assert (tmp_path / "far" / "c.duckdb").is_file()
    assert list(home.iterdir()) == []


def test_a_missing_package_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOWLINE_CANDLES", "clickhouse://localhost/x")
    monkeypatch.delitem(sys.modules, "bowline.storage.servers.clickhouse_candles", raising=False)
    for name in [n for n in sys.modules if n.partition(".")[0] == "clickhouse_connect"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "clickhouse_connect", None)
    with pytest.raises(BadInput, match="clickhouse_connect is not installed") as caught:
        wire.open_candles(home)
    assert "make servers" in caught.value.hint


def test_clickhouse_in_this_process_keeps_what_was_imported(home: Path, tmp_path: Path) -> None:
    """Two commands, one after the other; while one process has the folder, another is told so."""
    if not os.environ.get("CI"):
        pytest.importorskip("chdb", reason="the chdb extra is not installed")
    place = tmp_path / "chdb"
    file = tmp_path / "a.csv"
    file.write_bytes(csv_bytes(made_rows()))
    words = ("import", str(file), "--market", "binance:spot", "--symbol", "BTCUSDT")
    for expected in ("imported", "known"):
        found = json.loads(_candles(place, *words).stdout)
        assert [entry["status"] for entry in found["files"]] == [expected]
    hold = f"import clickhouse_connect as c; k = c.get_client(dsn='chdb://{place}')"
    holder = subprocess.Popen(
        [sys.executable, "-c", f"{hold}; print(1, flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert holder.stdout.readline() == "1\n"
    refused = _candles(place, "list")
    holder.communicate("\n", timeout=60)
    assert refused.returncode == 1
    error = json.loads(refused.stderr.splitlines()[-1])["error"]
    assert error["kind"] == "Conflict"
    assert "used by another process" in error["hint"]
    assert json.loads(_candles(place, "list").stdout)[0]["candles"] == 60


def _candles(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from bowline.cli import main; main()", "candles", *words, "--json"],
        env={**os.environ, "BOWLINE_CANDLES": f"chdb://{place}"},
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
