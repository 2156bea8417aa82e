"""Every report says what became of the first signal: to eyes, in JSON, on pages."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from bowline.storage.files import write_candle_file
from tests.research.grids import minutes

SAID = {
    "wait": "the first signal after the warm-up is no entry",
    "enter": "the first signal after the warm-up is an entry",
}
CHOICES = [("", "wait"), ("first_signal: wait\n", "wait"), ("first_signal: enter\n", "enter")]
SPEC = """\
version: 1
timeframe: 15m
instrument: {market: "binance:spot", symbol: MADEUP}
direction: long-short
sizing: {mode: all_in}
indicators:
  - {id: sma_cross, params: {fast: 4, slow: 16}}
"""
GRID = SPEC.replace("slow: 16", "slow: [16, 24, 32]")


@pytest.fixture
def folder(say, tmp_path: Path) -> Path:
    path = tmp_path / "MADEUP-1m.csv"
    write_candle_file(minutes(12_000, seed=6), path, ".csv")
    code, _, errors = say(
        "candles", "import", str(path), "--market", "binance:spot", "--symbol", "MADEUP"
    )
    assert code == 0, errors
    return tmp_path


def shown(say, *words: str) -> str:
    """What a command prints, on one line."""
    code, out, errors = say(*words)
    assert code == 0, errors
    return " ".join(out.split())


def page(path: Path) -> str:
    text = re.sub(r"<script.*?</script>", "", path.read_text(), flags=re.DOTALL)
    return html.unescape(text)


@pytest.mark.parametrize(("said", "choice"), CHOICES)
def test_a_run_says_what_held(say, folder, said, choice):
    """Backtest and paper; the first entry is where it must be."""
    spec, written = folder / "spec.yaml", folder / "report.html"
    spec.write_text(SPEC + said)
    assert SAID[choice] in shown(say, "backtest", str(spec), "--html", str(written))
    assert SAID[choice] in page(written)
    report = json.loads(shown(say, "backtest", str(spec), "--json"))
    assert report["first_signal"] == choice
    paper = json.loads(shown(say, "paper", str(spec), "--replay", "--json"))
    assert paper["differences"] == []
    assert paper["report"]["first_signal"] == choice
    assert paper["report"]["round_trips"] == report["round_trips"]
    assert SAID[choice] in shown(say, "paper", str(spec), "--replay", "--new")
    assert shown(say, "journal", "replay", "--run", str(paper["run"]))
    # the averages of 16 candles of a quarter of an hour are there after four hours
    first = report["round_trips"][0]["opened_at"]
    assert (first == "2024-01-01T04:00:00Z") is (choice == "enter")


@pytest.mark.parametrize(("said", "choice"), CHOICES[1:])
def test_a_portfolio_says_what_held_for_each_run(say, folder, said, choice):
    (folder / "mine.yaml").write_text(SPEC + said)
    (folder / "waits.yaml").write_text(SPEC.replace("15m", "1h"))
    runs = folder / "both.yaml"
    runs.write_text("version: 1\nruns: [{strategy: waits.yaml}, {strategy: mine.yaml}]\n")
    written = folder / "portfolio.html"
    text = shown(say, "portfolio", str(runs), "--html", str(written))
    expected = SAID["wait"] if choice == "wait" else f"run 2: {SAID['enter']}"
    assert expected in text
    assert page(written).count(SAID["wait"]) == (2 if choice == "wait" else 1)
    document = json.loads(shown(say, "portfolio", str(runs), "--json"))
    assert [run["first_signal"] for run in document["runs"]] == ["wait", choice]


@pytest.mark.parametrize(("said", "choice"), CHOICES)
def test_a_sweep_and_what_doubts_it_say_what_held(say, folder, said, choice):
    """Grid, its page, a saved row, validate and walk-forward; a job keeps the choice."""
    grid, written = folder / "grid.yaml", folder / "sweep.html"
    grid.write_text(GRID + said)
    assert SAID[choice] in shown(say, "grid", str(grid), "--html", str(written))
    assert SAID[choice] in page(written)
    document = json.loads(shown(say, "grid", str(grid), "--json"))
    assert document["first_signal"] == choice
    assert {row["spec"]["first_signal"] for row in document["top"]} == {choice}
    saved = json.loads(shown(say, "grid", "save", "1", "1", "--json"))
    spec = json.loads(shown(say, "strategy", "show", saved["id"], "--json"))["spec"]
    assert spec["first_signal"] == choice
    alone = json.loads(shown(say, "backtest", saved["id"], "--json"))
    figures = alone["fields"]["total_return_pct"]
    assert figures == pytest.approx(document["top"][0]["total_return_pct"], rel=1e-9)
    assert SAID[choice] in shown(say, "validate", "1", "--paths", "2")
    found = json.loads(shown(say, "validate", saved["id"], "--paths", "2", "--json"))
    assert found["first_signal"] == choice
    walk = ("walk-forward", str(grid), "--train-days", "2", "--test-days", "1")
    assert SAID[choice] in shown(say, *walk)
    assert json.loads(shown(say, *walk, "--json"))["first_signal"] == choice
    job = json.loads(shown(say, "jobs", "show", "1", "--json"))
    assert job["payload"]["request"]["template"]["first_signal"] == choice
