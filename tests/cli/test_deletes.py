"""What was made can be taken back: it is said what depends on it, nothing in use goes, no half."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from bowline import wire
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.values import Timeframe
from bowline.research.synthetic import synthetic_minutes
from bowline.storage.files import write_candle_file
from tests.cli.test_jobs import GRID

BTC = InstrumentId(MarketId(1), "BTCUSDT")
MARKET = ("--market", "binance:spot", "--symbol", "BTCUSDT")
START_NS = 1_735_689_600 * 10**9
SPEC = """\
version: 1
timeframe: 1h
instrument: {market: "binance:spot", symbol: BTCUSDT}
direction: long-short
indicators: [{id: sma_cross, params: {fast: 2, slow: 5}}]
sizing: {mode: all_in}
"""


@pytest.fixture
def candles(say, tmp_path: Path) -> Path:
    path = tmp_path / "minutes.csv"
    minutes = synthetic_minutes(BTC, seed=3, minutes=4_000, start_ns=START_NS)
    write_candle_file(minutes, path, ".csv")
    assert say("candles", "import", str(path), *MARKET)[0] == 0
    return path


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC)
    return str(path)


def stored(home: Path) -> int:
    return len(wire.open_candles(home).read(BTC, Timeframe.M1))


def test_candles_go_whole_or_in_a_range_and_can_be_imported_again(say, candles, home) -> None:
    code, _, err = say("candles", "delete", *MARKET)
    assert (code, stored(home)) == (1, 4_000)
    assert "4,000 one-minute candles" in err
    assert "--yes" in err
    part = ("--from", "2025-01-01T10:00", "--to", "2025-01-01T11:00")
    code, out, _ = say("candles", "delete", *MARKET, *part, "--yes", "--json")
    assert (code, json.loads(out)["count"], stored(home)) == (0, 60, 3_940)
    # the file is not known any more, and brings back what went
    assert say("candles", "import", str(candles), *MARKET)[0] == 0
    assert stored(home) == 4_000
    assert say("candles", "delete", *MARKET, "--yes")[0] == 0
    assert json.loads(say("candles", "list", "--json")[1]) == []
    assert wire.open_candles(home).instruments() == ()
    assert wire.open_candles(home).imports() == ()
    assert say("candles", "import", str(candles), *MARKET)[0] == 0
    assert stored(home) == 4_000


def test_what_is_not_stored_is_not_found_and_a_slip_is_guessed(say, candles) -> None:
    code, _, err = say("candles", "delete", "--market", "binance:spot", "--symbol", "BTCUSTD")
    assert code == 1
    assert "Did you mean binance:spot:BTCUSDT?" in err
    for words in (("runs", "7"), ("jobs", "7"), ("strategy", "none")):
        code, _, err = say(words[0], "delete", words[1], "--yes")
        assert code == 1
        assert "there is no" in err
    assert say("funding", "delete", *MARKET, "--yes")[0] == 1


def test_a_typed_name_is_an_agreement_and_another_is_none(say, candles, home, monkeypatch) -> None:
    import io

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("no\n"))
    assert say("candles", "delete", *MARKET)[0] == 1
    assert stored(home) == 4_000
    monkeypatch.setattr("sys.stdin", Terminal("binance:spot:BTCUSDT\n"))
    assert say("candles", "delete", *MARKET)[0] == 0
    assert stored(home) == 0


def test_a_run_its_strategy_and_its_candles_say_what_depends_on_them(
    say, candles, spec, home
) -> None:
    code, out, _ = say("paper", spec, "--replay", "--json")
    assert code == 0
    run = json.loads(out)["run"]
    name = json.loads(say("strategy", "list", "--json")[1])[0]["name"]
    code, _, err = say("strategy", "delete", name, "--yes")
    assert code == 1
    assert f"bowline runs delete {run}" in err
    assert "hint: Delete the runs that were made of it first." in err
    _, _, err = say("candles", "delete", *MARKET)
    assert f"run {run} (stopped): its replay needs them" in err
    assert f"strategy {name} refers to it" in err
    journal = home / "journals" / f"run-{run}.db"
    assert journal.is_file()
    assert say("runs", "delete", str(run), "--yes")[0] == 0
    assert not list(journal.parent.glob(f"run-{run}.*"))
    assert json.loads(say("runs", "list", "--json")[1]) == []
    assert say("strategy", "delete", name, "--yes")[0] == 0
    assert json.loads(say("strategy", "list", "--json")[1]) == []
    # a number once given stays that run's
    assert json.loads(say("paper", spec, "--replay", "--json")[1])["run"] == run + 1


def test_nothing_goes_while_a_process_is_at_work_on_it(say, candles, spec, home) -> None:
    command = [str(Path(sys.executable).parent / "bowline"), "paper", spec, "--replay"]
    with subprocess.Popen([*command, "--speed", "60"], stderr=subprocess.PIPE) as process:
        journals = home / "journals"
        while not (journals / "run-1.db").exists():
            assert process.poll() is None
            time.sleep(0.1)
        try:
            for words in (("runs", "delete", "1"), ("candles", "delete", *MARKET)):
                code, _, err = say(*words, "--yes")
                assert code == 1
                assert "in use" in err
        finally:
            process.kill()
    assert stored(home) == 4_000
    # its process is gone: whatever its state says, nobody is at work on it
    assert say("runs", "delete", "1", "--yes")[0] == 0
    assert not list(journals.glob("run-1.*"))


def test_what_a_crash_left_of_a_run_goes_when_the_deletion_is_repeated(
    say, candles, spec, home
) -> None:
    assert say("paper", spec, "--replay")[0] == 0
    with closing(wire.open_tables(home)) as tables:
        tables.delete_run(1)
    assert say("runs", "delete", "1", "--yes")[0] == 0
    assert not list((home / "journals").glob("run-1.*"))


def test_a_job_goes_when_it_is_finished_and_holds_its_candles_until_then(
    say, candles, tmp_path: Path, home
) -> None:
    grid = tmp_path / "grid.yaml"
    grid.write_text(GRID)
    assert say("jobs", "submit", str(grid))[0] == 0
    for words in (("jobs", "delete", "1"), ("candles", "delete", *MARKET)):
        code, _, err = say(*words, "--yes")
        assert code == 1
        assert "is queued" in err
    assert say("worker", "--once", "--threads", "1")[0] == 0
    code, out, _ = say("jobs", "delete", "1", "--yes", "--json")
    assert (code, json.loads(out)["deleted"]) == (0, "job-1")
    assert json.loads(say("jobs", "list", "--json")[1]) == []
    assert say("candles", "delete", *MARKET, "--yes")[0] == 0


def test_funding_goes_and_leaves_the_candles(say, candles, tmp_path: Path, home) -> None:
    path = tmp_path / "funding.csv"
    rows = [f"2024-01-01 {hour:02}:00:00,0.0001" for hour in (0, 8, 16)]
    path.write_text("\n".join(("Date,Funding Rate", *rows)) + "\n")
    perp = ("--market", "binance:linear", "--symbol", "BTCUSDT")
    assert say("funding", "import", str(path), *perp)[0] == 0
    code, out, _ = say("funding", "delete", *perp, "--yes", "--json")
    assert (code, json.loads(out)["count"]) == (0, 3)
    assert json.loads(say("funding", "list", "--json")[1]) == []
    assert stored(home) == 4_000


def test_a_journal_that_is_lost_stops_backups_and_a_deleted_one_is_said(
    say, candles, spec, home
) -> None:
    for _ in range(2):
        assert say("paper", spec, "--replay", "--new")[0] == 0
    assert say("backup", "create", "--keep", "1")[0] == 0
    journal = home / "journals" / "run-1.db"
    kept = journal.read_bytes()
    journal.unlink()
    code, _, err = say("backup", "create", "--keep", "1")
    assert code == 1
    assert "run-1.db is missing" in err
    assert "bowline runs delete 1" in err
    (only,) = json.loads(say("backup", "list", "--json")[1])
    assert only["problem"] in {"", None}
    journal.write_bytes(kept)
    assert say("backup", "create", "--keep", "1")[0] == 0
    assert say("runs", "delete", "1", "--yes")[0] == 0
    code, out, _ = say("backup", "create", "--keep", "1", "--json")
    assert (code, json.loads(out)["gone"]) == (0, ["run-1.db"])
