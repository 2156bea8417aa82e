"""`bowline validate` and `bowline walk-forward`, as a person and as a program would use them."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bowline.cli import app
from bowline.core.errors import BowlineError
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.research.synthetic import synthetic_minutes
from bowline.storage.files import write_candle_file

BTC = InstrumentId(MarketId(1), "BTCUSDT")
BOWLINE = str(Path(sys.executable).parent / "bowline")
GRID = """\
version: 1
timeframe: 15m
instrument: {market: "binance:spot", symbol: BTCUSDT}
direction: long-short
sizing: {mode: all_in}
indicators:
  - id: sma_cross
    params: {fast: [5, 10, 15], slow: {start: 20, stop: 60, step: 10}}
stops: {sl_pct: [off, 2]}
top: 3
"""
SPEC = """\
version: 1
timeframe: 15m
instrument: {market: "binance:spot", symbol: BTCUSDT}
direction: long-short
sizing: {mode: all_in}
indicators:
  - id: sma_cross
    params: {fast: 5, slow: 20}
"""
PLUGIN = """\
import numpy as np
from bowline.core.signals import Strategy

class Turns(Strategy):
    id = "turns"
    title = "Turns with the last close"

    def warmup(self, params):
        return 1

    def signals(self, candles, params):
        moved = np.diff(candles.close, prepend=candles.close[:1])
        return np.sign({which}).astype(np.int8)
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with 31 days of candles, a grid and a spec beside it; to be copied."""
    folder = tmp_path_factory.mktemp("prepared")
    minutes = synthetic_minutes(BTC, seed=3, minutes=31 * 1440, start_ns=1_735_689_600 * 10**9)
    write_candle_file(minutes, folder / "minutes.csv", ".csv")
    bring_in = ("candles", "import", "minutes.csv", "--market", "binance:spot")
    subprocess.run(
        [BOWLINE, *bring_in, "--symbol", "BTCUSDT"], cwd=folder, check=True, capture_output=True,
        env={**os.environ, "BOWLINE_HOME": str(folder)},
    )  # fmt: skip
    (folder / "grid.yaml").write_text(GRID)
    (folder / "spec.yaml").write_text(SPEC)
    return folder


@pytest.fixture
def filled(home: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test's own copy of it, and the folder it works in."""
    shutil.copytree(prepared, home, dirs_exist_ok=True)
    monkeypatch.chdir(home)
    return home


def run(*words: str) -> str:
    """What the command prints on stdout; a BowlineError comes through."""
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_grid_is_validated_and_its_tries_are_remembered(filled: Path) -> None:
    words = ("validate", "grid.yaml", "--paths", "5", "--json")
    found = json.loads(run(*words))
    figures = found["verdict"]["figures"]
    assert (figures["trials"], figures["earlier_trials"]) == (30, 0)
    assert found["verdict"]["headline"]
    assert {each["question"] for each in found["verdict"]["findings"]} >= {
        "deflated Sharpe ratio", "probability of backtest overfitting", "plateau score",
    }  # fmt: skip
    assert (found["markets"]["paths"], found["round_trips"]["paths"]) == (5, 50)
    assert set(found["walk_forward"]) == {"rolling", "anchored"}
    assert json.loads(run(*words)) == found

    # the same variants over a part of the same days were tried before
    later = json.loads(run(*words, "--from", "2025-01-05"))
    assert later["verdict"]["figures"]["earlier_trials"] == 30
    alone = json.loads(run("validate", "spec.yaml", "--paths", "5", "--json"))
    assert alone["verdict"]["figures"]["earlier_trials"] == 60


def test_a_job_is_validated_as_its_grid_is(filled: Path) -> None:
    """And the sweep that was judged when it ended is the same one, not another try."""
    swept = json.loads(run("grid", "grid.yaml", "--json"))
    found = json.loads(run("validate", "1", "--paths", "2", "--json"))
    assert found["verdict"] == swept["verdict"]
    assert found["verdict"]["figures"]["earlier_trials"] == 0
    again = json.loads(run("validate", "grid.yaml", "--paths", "2", "--json"))
    assert again == found
    with pytest.raises(BowlineError, match="no job 2"):
        run("validate", "2")


def test_what_a_person_sees(filled: Path) -> None:
    shown = run("validate", "grid.yaml", "--paths", "3")
    for words in ("deflated Sharpe ratio", "Monte Carlo", "walk-forward, rolling", "out of sample"):
        assert words in shown
    assert "nan" not in shown


def test_a_walk_of_given_lengths_and_its_equity(filled: Path) -> None:
    words = ("walk-forward", "grid.yaml", "--train-days", "14", "--test-days", "7", "--anchored")
    walk = json.loads(run(*words, "--equity", "equity.csv", "--json"))
    # 31 days: 14 to choose on, then 7 and 10, because the 3 left over are no half of 7
    assert len(walk["legs"]) == 2
    with (filled / "equity.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["close_ns", "equity"]
    assert len(rows) - 1 == (31 - 14) * 96
    assert float(rows[-1][1]) == walk["equity"][-1]["equity"]
    assert 100 * (float(rows[-1][1]) / 10_000 - 1) == pytest.approx(walk["return_pct"])
    assert walk["legs"][0]["to_ns"] == walk["legs"][1]["from_ns"]


def test_a_walk_over_few_days_says_that_it_is_too_little_to_judge(filled: Path) -> None:
    """Of 31 days the first are chosen on; 20 days of tests are needed, as for a verdict."""
    for train, days, said in (("14", 17, True), ("7", 24, False)):
        words = ("walk-forward", "grid.yaml", "--train-days", train, "--test-days", "7")
        shown = " ".join(run(*words).split())
        assert (f"Too little to judge: {days} days and " in shown) is said
        walk = json.loads(run(*words, "--json"))
        assert (walk["days"], walk["too_little"]) == (days, said)
        assert walk["round_trips"] >= 10


def test_what_made_up_markets_do_not_have_is_not_made_up(filled: Path) -> None:
    """There are no minutes inside a made-up candle, so such a strategy is not tried on any."""
    (filled / "minutes.yaml").write_text(SPEC + "stops: {sl_pct: 1}\nfills: minutes\n")
    found = json.loads(run("validate", "minutes.yaml", "--json"))
    assert found["markets"] is None
    assert any("no minutes" in note for note in found["notes"])
    assert found["round_trips"]["paths"] == 1000
    assert found["verdict"]["figures"]["stressed_return_pct"] is not None


def test_an_honest_plugin_is_tested_for_looking_ahead(filled: Path) -> None:
    assert "no look-ahead seen in" in validate_plugin(filled, "moved")


def test_a_plugin_that_looks_ahead_is_refused(filled: Path) -> None:
    with pytest.raises(BowlineError, match="looks ahead"):
        validate_plugin(filled, "np.roll(moved, -1)")


def validate_plugin(home: Path, which: str) -> str:
    folder = home / "strategies"
    folder.mkdir()
    (folder / "turns.py").write_text(PLUGIN.replace("{which}", which))
    run("strategy", "trust", "turns.py")
    spec = SPEC[: SPEC.index("indicators")] + "strategy: {id: turns}\n"
    (home / "plugin.yaml").write_text(spec)
    return run("validate", "plugin.yaml", "--paths", "2")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("validate", "nothing.yaml"), "nothing.yaml"),
        (("validate", "grid.yaml", "--symbol", "ADAUSDT"), "no candles of binance:spot ADAUSDT"),
        (("walk-forward", "grid.yaml", "--train-days", "400"), "no fold fits"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    filled: Path, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(BowlineError, match=message):
        run(*words)
