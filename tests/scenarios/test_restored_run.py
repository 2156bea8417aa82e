"""A run that was at work when it was backed up goes on in the restored home, to the same end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from bowline import wire
from bowline.core.errors import BowlineError
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.desk.backup import create
from bowline.desk.journal import journal_path
from bowline.desk.restore import restore
from bowline.research.synthetic import synthetic_minutes
from bowline.storage.candles import CandleBatch

BOWLINE = str(Path(sys.executable).parent / "bowline")
BTC = InstrumentId(MarketId(1), "BTCUSDT")
START = 1_735_689_600 * 10**9
SPEC = """\
version: 1
timeframe: 5m
instrument: {market: "binance:spot", symbol: BTCUSDT}
direction: long-short
indicators:
  - id: sma_cross
    params: {fast: 2, slow: 7}
sizing: {mode: all_in}
"""


def paper(home: Path, spec: Path, *more: str) -> subprocess.Popen[str]:
    words = [BOWLINE, "paper", str(spec), "--replay", "--json", *more]
    environ = {**os.environ, "BOWLINE_HOME": str(home)}
    return subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, text=True)


def end_of(run: subprocess.Popen[str]) -> dict[str, object]:
    out, _ = run.communicate()
    assert run.returncode == 0
    return dict(json.loads(out))


@pytest.mark.slow
def test_a_restored_run_ends_as_one_that_was_left_alone(home: Path, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC)
    minutes = synthetic_minutes(BTC, seed=3, minutes=3_000, start_ns=START)
    wire.open_candles(home).write(
        CandleBatch(source="test", ingested_ns=START, candles=minutes, instrument=Instrument(BTC))
    )
    untouched = tmp_path / "untouched"
    restore(
        create(wire.stores_to_copy(home), tmp_path / "safe", 1, silent).path,
        untouched,
        wire.file_lock,
        silent,
    )
    # three seconds of it, if it is left to itself
    at_work = paper(home, spec, "--speed", "60000x")
    try:
        while not written(home):
            assert at_work.poll() is None, "the run ended before it wrote anything"
            time.sleep(0.05)
        made = create(wire.stores_to_copy(home), tmp_path / "safe", 1, silent)
        assert at_work.poll() is None, "the run was over before the backup"
    finally:
        at_work.kill()
        at_work.communicate()
    restored = tmp_path / "restored"
    restore(made.path, restored, wire.file_lock, silent)
    (copied,) = made.manifest.journals
    alone, again = end_of(paper(untouched, spec)), end_of(paper(restored, spec))
    assert (again["taken_up"], alone["taken_up"]) == (True, False)
    assert again["differences"] == []
    assert again["head"] == alone["head"]
    assert 0 < copied.entries < int(str(again["entries"]))


def written(home: Path) -> int:
    path = journal_path(home, 1)
    if not path.exists() or not path.stat().st_size:
        return 0
    try:
        with closing(wire.open_journal(path, read_only=True)) as journal:
            return journal.last_seq
    except BowlineError:
        # it has a file and no table yet
        return 0


def silent(_name: str, _size: int) -> None:
    """Nobody looks on."""
