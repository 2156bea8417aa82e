"""A sweep over a file can do whatever one over stored candles can: it is a job like any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bowline.storage.files import write_candle_file
from tests.research.grids import minutes

GRID = """\
version: 1
timeframe: 1m
direction: long-short
sizing: {mode: all_in}
indicators:
  - id: ema_cross
    params: {fast: [5, 10], slow: [30, 60]}
top: 3
"""
#: a close that no market makes within a minute, and the way back
JUMP_AT, JUMP = 900, 4


@pytest.fixture
def grid(tmp_path: Path) -> str:
    path = tmp_path / "grid.yaml"
    path.write_text(GRID)
    return str(path)


@pytest.fixture
def candles(home, tmp_path: Path) -> Path:
    path = tmp_path / "minutes.csv"
    write_candle_file(minutes(2_100).slice(0, 2_000), path, ".csv")
    return path


@pytest.fixture
def jumping(candles: Path) -> Path:
    lines = candles.read_text().splitlines()
    time, opened, high, low, close, volume = lines[JUMP_AT].split(",")
    far = repr(float(close) * JUMP)
    lines[JUMP_AT] = f"{time},{opened},{float(high) * JUMP!r},{low},{far},{volume}"
    path = candles.with_name("jumping.csv")
    path.write_text("\n".join(lines) + "\n")
    return path


def swept(say, grid: str, candles: Path) -> dict[str, object]:
    code, out, errors = say("grid", grid, "--candles", str(candles), "--json")
    assert code == 0, errors
    return json.loads(out)


def test_a_row_is_saved_validated_and_shown(say, grid, candles) -> None:
    found = swept(say, grid, candles)
    code, out, errors = say("grid", "save", "1", "1", "--json")
    assert code == 0, errors
    saved = json.loads(out)
    code, out, errors = say("backtest", saved["id"], "--candles", str(candles), "--json")
    assert code == 0, errors
    again = json.loads(out)["fields"]["total_return_pct"]
    assert again == pytest.approx(found["top"][0]["total_return_pct"], rel=1e-9)
    code, out, errors = say("validate", "1", "--paths", "2", "--json")
    assert code == 0, errors
    assert json.loads(out)["strategy"] == saved["name"]
    code, out, errors = say("jobs", "show", "1", "--result", "--json")
    assert code == 0, errors
    assert json.loads(out)["top"] == found["top"]
    code, out, errors = say("jobs", "show", "1")
    assert (code, str(candles) in out) == (0, True), errors
    kept = candles.read_bytes()
    code, out, errors = say("jobs", "show", "1", "--html", str(candles), "--force")
    assert (code, candles.read_bytes() == kept) == (1, True)
    assert "is read by this command" in errors


@pytest.mark.parametrize("way", ["worker", "resume"])
def test_a_submitted_sweep_is_worked_on(say, grid, candles, way: str) -> None:
    code, out, errors = say("jobs", "submit", grid, "--candles", str(candles), "--json")
    assert code == 0, errors
    job = json.loads(out)
    assert job["title"] == "minutes.csv 1m: ema_cross"
    assert job["payload"]["file"] == str(candles)
    if way == "worker":
        assert say("worker", "--once", "--threads", "1")[0] == 0
    else:
        say("jobs", "cancel", "1")
        code, _, errors = say("jobs", "resume", "1", "--here", "--threads", "1")
        assert code == 0, errors
    code, out, errors = say("jobs", "show", "1", "--result", "--json")
    assert code == 0, errors
    assert json.loads(out)["top"] == swept(say, grid, candles)["top"]


def test_a_file_that_grew_is_still_the_one_that_was_swept(say, grid, candles) -> None:
    """The span is part of the job: candles after it change nothing."""
    found = swept(say, grid, candles)
    write_candle_file(minutes(2_100), candles, ".csv")
    code, out, errors = say("jobs", "show", "1", "--result", "--json")
    assert code == 0, errors
    assert json.loads(out)["top"] == found["top"]


@pytest.mark.parametrize(
    "asked",
    [("grid", "save", "1", "1"), ("validate", "1"), ("jobs", "show", "1", "--result")],
    ids=" ".join,
)
def test_a_file_that_changed_or_is_gone_is_refused_by_name(say, grid, candles, asked) -> None:
    swept(say, grid, candles)
    lines = candles.read_text().splitlines()
    time, opened, high, low, close, volume = lines[1_500].split(",")
    lines[1_500] = f"{time},{opened},{high},{low},{low},{volume}"
    assert close != low
    candles.write_text("\n".join(lines) + "\n")
    code, _, errors = say(*asked)
    assert (code, f"{candles} has changed" in errors) == (1, True), errors
    candles.unlink()
    code, _, errors = say(*asked)
    assert (code, f"the candle file of job 1 is missing: {candles}" in errors) == (1, True), errors


def test_a_worker_parks_a_job_whose_file_is_gone(say, grid, candles) -> None:
    assert say("jobs", "submit", grid, "--candles", str(candles))[0] == 0
    candles.unlink()
    assert say("worker", "--once", "--threads", "1")[0] == 0
    _, out, _ = say("jobs", "show", "1", "--json")
    job = json.loads(out)
    assert (job["state"], str(candles) in job["error"]) == ("parked", True)


@pytest.mark.parametrize(
    "asked",
    [
        ("grid", "GRID"),
        ("jobs", "submit", "GRID"),
        ("validate", "GRID", "--paths", "1"),
        ("walk-forward", "GRID"),
        ("indicators", "compute", "ema_cross"),
    ],
    ids=" ".join,
)
def test_a_jump_is_believed_by_the_option_that_the_refusal_names(
    say, grid, jumping, asked: tuple[str, ...]
) -> None:
    words = [grid if each == "GRID" else each for each in asked]
    code, _, errors = say(*words, "--candles", str(jumping))
    assert code == 1
    assert "price jumps" in errors
    assert "--allow-jumps" in errors
    code, _, errors = say(*words, "--candles", str(jumping), "--allow-jumps")
    assert code == 0, errors


def test_a_job_over_a_file_that_jumps_believes_it_again(say, grid, jumping) -> None:
    assert say("grid", grid, "--candles", str(jumping), "--allow-jumps")[0] == 0
    code, _, errors = say("grid", "save", "1", "1")
    assert code == 0, errors


def test_a_figure_that_does_not_exist_is_said_so(say, tmp_path, candles) -> None:
    """RSI is never below 1 here: no round trip, so no win rate and no Sharpe ratio."""
    grid = tmp_path / "never.yaml"
    grid.write_text(
        "version: 1\ntimeframe: 1m\ndirection: long-only\nsizing: {mode: all_in}\n"
        "rank_by: win_rate_pct\nindicators:\n"
        "  - {id: rsi, params: {period: [14, 20], oversold: [1], overbought: [99]}}\n"
    )
    code, out, errors = say("grid", str(grid), "--candles", str(candles))
    assert code == 0, errors
    _, shown, _ = say("jobs", "show", "1")
    for text in (out, errors, shown):
        assert "nan" not in text.lower().split()
    assert "n/a" in out
    assert "of the first 2: n/a" in errors
    code, out, errors = say("grid", str(grid), "--candles", str(candles), "--json")
    (*_, last) = json.loads(out)["top"]
    assert last["sharpe"] is None
    assert "NaN" not in out
    assert "Infinity" not in out
