"""Where a history is too short to warm up, every result says how many candles have no signal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bowline.storage.files import write_candle_file
from tests.cli.test_first_signal import page, shown
from tests.research.grids import minutes

#: of candles of an hour; an average of 120 has its first value on the 120th
SPEC = """\
version: 1
timeframe: 1h
instrument: {market: "binance:spot", symbol: MADEUP}
direction: long-short
sizing: {mode: all_in}
indicators:
  - {id: sma_cross, params: {fast: 4, slow: 120}}
"""
DAYS = 10


@pytest.fixture
def folder(say, tmp_path: Path) -> Path:
    path = tmp_path / "MADEUP-1m.csv"
    write_candle_file(minutes(DAYS * 1_440, seed=6), path, ".csv")
    shown(say, "candles", "import", str(path), "--market", "binance:spot", "--symbol", "MADEUP")
    (tmp_path / "spec.yaml").write_text(SPEC)
    (tmp_path / "quick.yaml").write_text(SPEC.replace("slow: 120", "slow: 8"))
    return tmp_path


@pytest.mark.parametrize(
    ("span", "history", "without", "line"),
    [
        ((), 0, 119, "no signal on the first 119 of 240 candles, until 2024-01-05 23:00: "),
        (("--from", "2024-01-03"), 48, 71, "no signal on the first 71 of 192 candles, until "),
        (("--from", "2024-01-06"), 120, 0, ""),
        (("--to", "2024-01-03"), 0, 48, "no signal on any of 48 candles: "),
        (("--from", "2024-01-02", "--to", "2024-01-03"), 24, 24, "no signal on any of 24 candles"),
    ],
)
def test_a_run_counts_the_candles_without_a_signal(say, folder, span, history, without, line):
    """Backtest and paper run, the last by its journal."""
    words, written = (str(folder / "spec.yaml"), *span), folder / "report.html"
    told = shown(say, "backtest", *words, "--html", str(written))
    report = json.loads(shown(say, "backtest", *words, "--json"))
    warmup = report["warmup"]
    assert (warmup["history_candles"], warmup["candles_without_signal"]) == (history, without)
    assert len(warmup["in_words"]) == (without > 0)
    assert line in told
    assert line in page(written)
    assert ("no signal on" in told) is ("no signal on" in page(written)) is (without > 0)
    assert ("no candle has a signal" in told) is (without == report["candles"])
    paper = json.loads(shown(say, "paper", str(folder / "spec.yaml"), "--replay", *span, "--json"))
    assert paper["report"]["warmup"] == warmup


def test_a_portfolio_says_it_of_each_run(say, folder):
    runs = folder / "both.yaml"
    runs.write_text("version: 1\nruns: [{strategy: quick.yaml}, {strategy: spec.yaml}]\n")
    told = shown(
        say, "portfolio", str(runs), "--from", "2024-01-03", "--html", str(folder / "p.html")
    )
    line = "2 · binance:spot:MADEUP 1h: no signal on the first 71 of 192 candles"
    assert line in told
    assert line in page(folder / "p.html")
    report = json.loads(shown(say, "portfolio", str(runs), "--from", "2024-01-03", "--json"))
    counts = [run["warmup"]["candles_without_signal"] for run in report["runs"]]
    assert counts == [0, 71]


def test_a_sweep_says_it_of_its_rows_as_their_runs_do(say, folder):
    grid = folder / "grid.yaml"
    grid.write_text(SPEC.replace("slow: 120", "slow: [8, 60, 120]"))
    words = (str(grid), "--from", "2024-01-03", "--threads", "1")
    told = shown(say, "grid", *words, "--html", str(folder / "sweep.html"))
    line = "2 of 3 rows have no signal on up to the first 71 of 192 candles"
    assert line in told
    assert line in page(folder / "sweep.html")
    sweep = json.loads(shown(say, "grid", *words, "--json"))
    assert any(line in text for text in sweep["in_words"])
    for row in sweep["top"]:
        spec = folder / "row.json"
        spec.write_text(json.dumps(row["spec"]))
        run = json.loads(shown(say, "backtest", str(spec), "--from", "2024-01-03", "--json"))
        assert run["warmup"]["candles_without_signal"] == row["candles_without_signal"]
    assert "have no signal" not in shown(say, "grid", str(grid), "--from", "2024-01-06")


def test_a_validation_says_it_of_the_strategy(say, folder):
    line = "no signal on the first 71 of 192 candles"
    words = ("--from", "2024-01-03", "--paths", "2")
    assert line in shown(say, "validate", str(folder / "spec.yaml"), *words)
    grid = folder / "grid.yaml"
    grid.write_text(SPEC.replace("slow: 120", "slow: [119, 120]"))
    found = json.loads(shown(say, "validate", str(grid), *words, "--threads", "1", "--json"))
    assert any(text.startswith("no signal on the first 7") for text in found["notes"])
