"""A sweep as a job, as a person works with it: queue, worker, watch, cancel, resume, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from bowline import wire
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.job import JobState
from bowline.research.synthetic import synthetic_minutes
from bowline.storage.files import write_candle_file

BOWLINE = str(Path(sys.executable).parent / "bowline")
GRID = """\
version: 1
timeframe: 1m
instrument: {market: "binance:spot", symbol: BTCUSDT}
direction: long-short
sizing: {mode: all_in}
indicators:
  - id: sma_cross
    params: {fast: [5, 10, 20], slow: [30, 60, 90]}
stops: {sl_pct: ["off", 1], tp_pct: ["off", 1]}
top: 5
"""


@pytest.fixture
def grid(tmp_path: Path) -> str:
    path = tmp_path / "grid.yaml"
    path.write_text(GRID)
    return str(path)


@pytest.fixture
def stored(say, tmp_path: Path) -> None:
    minutes = synthetic_minutes(
        InstrumentId(MarketId(1), "BTCUSDT"), seed=3, minutes=4_000, start_ns=1_735_689_600 * 10**9
    )
    path = tmp_path / "minutes.csv"
    write_candle_file(minutes, path, ".csv")
    code, _, _ = say(
        "candles", "import", str(path), "--market", "binance:spot", "--symbol", "BTCUSDT"
    )
    assert code == 0


@pytest.fixture
def submitted(say, stored, grid: str) -> int:
    code, out, _ = say("jobs", "submit", grid, "--json")
    assert code == 0
    return int(json.loads(out)["id"])


def test_a_job_goes_from_the_file_to_its_result(say, submitted: int, grid: str) -> None:
    _, out, _ = say("jobs", "list", "--json")
    (listed,) = json.loads(out)
    assert (listed["id"], listed["state"], listed["variants"]) == (submitted, "queued", 36)
    assert listed["payload"]["hashes"]["data"] == listed["data_hash"]
    code, out, _ = say("jobs", "show", str(submitted), "--result")
    assert code == 1
    code, out, err = say("worker", "--once", "--threads", "2", "--json")
    assert (code, json.loads(out)["jobs_taken"]) == (0, 1), err
    code, out, _ = say("jobs", "watch", str(submitted), "--json")
    (last,) = [json.loads(line) for line in out.splitlines()]
    assert (code, last["state"], last["progress"]["stage"]) == (0, "done", "recheck")
    code, out, _ = say("jobs", "show", str(submitted), "--result", "--json")
    result = json.loads(out)
    assert (code, len(result["top"])) == (0, 5)
    code, out, _ = say("grid", grid, "--json")
    assert json.loads(out)["top"] == result["top"]
    code, out, _ = say("jobs", "show", str(submitted))
    assert code == 0
    assert "binance:spot BTCUSDT 1m: sma_cross" in out
    assert "best total_return_pct" in out


def test_a_cancelled_job_waits_until_it_is_resumed(say, submitted: int, tmp_path: Path) -> None:
    number = str(submitted)
    code, out, _ = say("jobs", "cancel", number)
    assert (code, out.strip()) == (0, f"job {number} is cancelled")
    _, out, _ = say("worker", "--once", "--json")
    assert json.loads(out)["jobs_taken"] == 0
    code, out, _ = say("jobs", "watch", number)
    assert code == 1
    assert out.endswith(f"job {number} is cancelled\n")
    code, out, _ = say("jobs", "resume", number)
    assert (code, out.strip()) == (0, f"job {number} is queued")
    page, again = tmp_path / "resumed.html", tmp_path / "shown.html"
    code, _, err = say("jobs", "resume", number, "--html", str(page))
    assert (code, page.exists(), "--html needs --here" in err) == (1, False, True), err
    here = ("jobs", "resume", number, "--here", "--threads", "1")
    code, out, err = say(*here, "--html", str(page))
    assert (code, "best of 36 variants" in out) == (0, True), err
    code, _, err = say("jobs", "show", number, "--html", str(again))
    assert code == 0, err
    assert "Sweep of" in page.read_text()
    assert "Sweep of" in again.read_text()
    code, _, err = say("jobs", "show", number, "--html", str(page))
    assert (code, "exists already" in err) == (1, True)
    code, _, err = say("jobs", "resume", number)
    assert code == 1
    assert "is done: it cannot become queued" in err


def test_changed_candles_park_the_job_in_words(say, submitted: int, tmp_path: Path) -> None:
    """Chunks over other candles must never be mixed with those that are done."""
    other = synthetic_minutes(
        InstrumentId(MarketId(1), "BTCUSDT"), seed=3, minutes=4_100, start_ns=1_735_683_600 * 10**9
    )
    path = tmp_path / "older.csv"
    write_candle_file(other.slice(0, 100), path, ".csv")
    say(
        "candles", "import", str(path), "--market", "binance:spot", "--symbol", "BTCUSDT",
        "--allow-jumps",
    )  # fmt: skip
    say("worker", "--once")
    with closing(wire.open_jobs(wire.home())) as store:
        job = store.get(submitted)
    assert job.state is JobState.PARKED
    assert job.error is not None
    assert "differ from those of job" in job.error
    code, out, _ = say("jobs", "watch", str(submitted))
    assert (code, "differ from those of job" in out) == (1, True), out


def test_what_cannot_be_run_is_refused_before_it_is_queued(say, stored, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(GRID.replace("sma_cross", "sma_crossing"))
    code, _, err = say("jobs", "submit", str(bad))
    assert code == 1
    assert "did you mean sma_cross" in err
    _, out, _ = say("jobs", "list", "--json")
    assert json.loads(out) == []


def test_a_cluster_that_is_none_is_refused(say) -> None:
    code, _, err = say("worker", "--once", "--cluster", "everywhere")
    assert code == 1
    assert "expected tcp://host:port or local" in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "state"), [(signal.SIGINT, "cancelled"), (signal.SIGKILL, "running")]
)
def test_a_foreground_sweep_that_is_stopped_goes_on(
    say, stored, grid: str, tmp_path: Path, home: Path, number: int, state: str
) -> None:
    """Ctrl-C keeps the state; after kill -9 nobody waits for the lease of a dead process."""
    Path(grid).write_text(
        GRID.replace("[5, 10, 20]", "{start: 2, stop: 60, step: 1}")
        .replace("[30, 60, 90]", "{start: 61, stop: 160, step: 1}")
        .replace("top: 5", "top: 300")
    )
    process = subprocess.Popen(
        [BOWLINE, "grid", grid, "--threads", "1"], env={**os.environ, "BOWLINE_HOME": str(home)}
    )
    with closing(wire.open_jobs(home)) as store:
        deadline = time.monotonic() + 60
        while not (store.list() and store.list()[0].progress):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(number)
        process.wait(60)
        job = store.list()[0]
        assert job.state.value == state
    code, out, err = say("jobs", "resume", str(job.id), "--here", "--json")
    assert code == 0, err
    resumed = json.loads(out)
    code, out, _ = say("grid", grid, "--json")
    assert json.loads(out)["top"] == resumed["top"]
