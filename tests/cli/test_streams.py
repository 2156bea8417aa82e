"""Standard streams that are full, closed or read by nobody: one line says it, and no work ends."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bowline import wire
from bowline.cli.ingest import show_and_keep
from bowline.cli.streams import OutputLost
from bowline.desk.ingest import last_report
from bowline.runtime.ingest import HealthReport
from tests.candle_files import csv_bytes, made_rows

MAIN = "from bowline.cli import main; main()"
FULL = Path("/dev/full")
SPEC = """
version: 1
timeframe: 1h
direction: long-only
indicators: [{id: rsi}]
sizing: {mode: all_in}
"""

needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")


def run(*words: str, shell: str = "") -> subprocess.CompletedProcess[str]:
    """`bowline WORDS` in a process of its own, with what a shell does to its streams."""
    line = f'"$0" -c "{MAIN}" "$@" {shell}'
    return subprocess.run(
        ["bash", "-c", line, sys.executable, *words],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def saved() -> int:
    """How many strategies are there."""
    return len(json.loads(run("strategy", "list", "--json").stdout))


#: a plain line, the help of the library, a table, JSON, and a page of text
PRINTING = (
    ("--version",), ("--help",), ("strategy", "list"), ("venues", "list", "--json"),
    ("indicators", "show", "rsi"),
)  # fmt: skip


@needs_full
@pytest.mark.parametrize("words", PRINTING, ids=" ".join)
@pytest.mark.parametrize(
    ("shell", "cause"), [(">/dev/full", "No space left on device"), (">&-", "is closed")]
)
def test_output_that_is_lost_is_one_line_and_an_exit_code(
    home: Path, words: tuple[str, ...], shell: str, cause: str
) -> None:
    del home
    done = run(*words, shell=shell)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert "standard output" in done.stderr
    assert cause in done.stderr


@pytest.mark.parametrize("words", [("venues", "list"), ("venues", "list", "--json"), ("--help",)])
def test_a_reader_that_goes_is_one_line_and_the_code_of_sigpipe(
    home: Path, words: tuple[str, ...]
) -> None:
    """No time decides: the other end is closed before the command begins."""
    del home
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *words], stdout=write, stderr=subprocess.PIPE, text=True,
        check=False,
    )  # fmt: skip
    os.close(write)
    # 128 + 13: what a shell says of a program that SIGPIPE ended, signal(7)
    assert (done.returncode, done.stderr.count("\n")) == (141, 1), done.stderr
    assert "has no reader" in done.stderr


@needs_full
@pytest.mark.parametrize("shell", ["2>/dev/full", "2>&-"])
def test_progress_that_cannot_be_shown_ends_no_work(home: Path, tmp_path: Path, shell: str) -> None:
    file = tmp_path / "BTCUSDT.csv"
    file.write_bytes(csv_bytes(made_rows(120)))
    done = run(
        "candles", "import", str(file), "--market", "binance:spot", "--symbol", "BTCUSDT",
        shell=shell,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    (kept,) = wire.open_candles(home).coverage()
    assert kept.candles == 120
    assert run("strategy", "show", "nobody", shell=shell).returncode == 1


def test_no_file_gets_the_number_of_a_closed_stream(home: Path, tmp_path: Path) -> None:
    """Else what is printed would be written into the database that was opened there."""
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC)
    done = run("strategy", "create", str(spec), shell=">&- 2>&- <&-")
    assert done.returncode == 1
    assert saved() == 1
    assert (home / "tables.db").read_bytes().startswith(b"SQLite format 3")


@needs_full
def test_output_that_is_lost_loses_nothing_that_was_done(home: Path, tmp_path: Path) -> None:
    del home
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC)
    assert "OutputLost" in run("strategy", "create", str(spec), "--json", shell=">/dev/full").stderr
    assert saved() == 1


def test_a_recorder_keeps_the_report_that_it_cannot_print(tmp_path: Path) -> None:
    """And hears of it as an error that it names and goes on from."""
    report = HealthReport(1, 1, {"ticks": 1}, ())

    def full(_report: HealthReport) -> None:
        raise OutputLost(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    told: Callable[[HealthReport], None] = show_and_keep(full, tmp_path)
    with pytest.raises(OutputLost):
        told(report)
    assert last_report(tmp_path) == report
