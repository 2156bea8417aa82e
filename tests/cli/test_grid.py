"""`bowline grid` end to end: a file and candles in; rows, a verdict, a page and a strategy out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bowline.storage.files import write_candle_file
from tests.research.grids import minutes

GRID = """
version: 1
timeframe: 1m
instrument: {market: "binance:spot", symbol: MADEUP}
direction: long-short
sizing: {mode: all_in}
indicators:
  - id: ema_cross
    params: {fast: [5, 10], slow: [30, 260]}
stops: {sl_pct: [off, 0.5]}
top: 3
"""


@pytest.fixture
def grid_file(tmp_path: Path) -> Path:
    path = tmp_path / "grid.yaml"
    path.write_text(GRID)
    return path


@pytest.fixture
def stored(say, tmp_path: Path) -> None:
    path = tmp_path / "MADEUP-1m.parquet"
    write_candle_file(minutes(2_000), path, ".parquet")
    code, _, errors = say(
        "candles", "import", str(path), "--market", "binance:spot", "--symbol", "MADEUP"
    )
    assert code == 0, errors


SPAN = ("--from", "2024-01-01T08:20")


def test_a_sweep_ends_with_rows_a_verdict_and_how_to_keep_one(say, stored, grid_file) -> None:
    code, out, errors = say("grid", str(grid_file), *SPAN)
    assert code == 0, errors
    assert "best of 8 variants by total_return_pct" in out
    assert "3 backtested again by the core, with equal figures" in out
    assert "deflated Sharpe" in out
    assert "bowline grid save 1 ROW" in errors


def test_the_settings_bound_a_grid_unless_the_command_says_otherwise(
    say, stored, grid_file, monkeypatch
) -> None:
    monkeypatch.setenv("BOWLINE_GRID_MAX_VARIANTS", "7")
    code, _, errors = say("grid", str(grid_file), *SPAN)
    assert code == 1
    assert "8, at most 7" in errors
    assert say("jobs", "submit", str(grid_file), *SPAN)[0] == 1
    assert say("grid", str(grid_file), *SPAN, "--max-variants", "8")[0] == 0
    monkeypatch.setenv("BOWLINE_GRID_MAX_MIB", "1")
    code, _, errors = say("jobs", "submit", str(grid_file), *SPAN, "--max-variants", "8")
    assert code == 1
    assert "at most 1 MiB" in errors
    assert (
        say("jobs", "submit", str(grid_file), *SPAN, "--max-variants", "8", "--max-mib", "200")[0]
        == 0
    )


def test_a_saved_row_is_a_strategy_whose_backtest_says_the_same(say, stored, grid_file) -> None:
    code, out, errors = say("grid", str(grid_file), *SPAN, "--json")
    assert code == 0, errors
    found = json.loads(out)
    assert found["verdict"]["headline"]
    for row in (1, 3):
        code, out, errors = say("grid", "save", "1", str(row), "--json")
        assert code == 0, errors
        saved = json.loads(out)
        assert saved["created"] is True
        assert saved["name"] == found["top"][row - 1]["name"]
        code, out, errors = say("backtest", saved["id"], *SPAN, "--json")
        assert code == 0, errors
        metrics = json.loads(out)["fields"]
        assert metrics["total_return_pct"] == pytest.approx(
            found["top"][row - 1]["total_return_pct"], rel=1e-9
        )
    code, out, _ = say("grid", "save", "1", "1", "--json")
    assert json.loads(out)["created"] is False


def test_a_page_is_written(say, stored, grid_file, tmp_path: Path) -> None:
    page = tmp_path / "sweep.html"
    code, _, errors = say("grid", "run", str(grid_file), "--top", "2", "--html", str(page))
    assert code == 0, errors
    assert page.read_text().startswith("<!doctype html>")


def test_mistakes_are_told_with_their_place(say, stored, grid_file) -> None:
    grid_file.write_text(GRID.replace("[30, 260]", "[30, 2600]").replace("top: 3", "topp: 3"))
    code, _, errors = say("grid", str(grid_file))
    assert code == 1
    assert "indicators[0].params.slow: 2600 is not allowed: expected int from 3 to 1000" in errors
    assert "topp: no such field: did you mean top?" in errors


def test_a_grid_over_budget_is_refused_before_it_starts(say, stored, grid_file) -> None:
    code, out, errors = say("grid", str(grid_file), "--max-variants", "7")
    assert (code, out) == (1, "")
    assert "variants: 8, at most 7" in errors
    code, out, _ = say("jobs", "list", "--json")
    assert json.loads(out) == []


def test_there_is_no_such_row(say, stored, grid_file) -> None:
    assert say("grid", str(grid_file), *SPAN)[0] == 0
    code, _, errors = say("grid", "save", "1", "4")
    assert code == 1
    assert "rows are 1 to 3" in errors
