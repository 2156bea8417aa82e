"""What a command prints of a strategy is a spec again: numbers are numbers, and it can be piped."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_file_sweeps import candles  # noqa: F401 - a fixture

GRID = """\
version: 1
timeframe: 1m
direction: long-short
sizing: {mode: fixed_quote, quote: 2500.25}
costs: {fee_pct: 0.05, slippage_pct: 0.01}
indicators:
  - id: bbands
    params: {period: [20], deviations: [1.5, 2.5]}
stops: {sl_pct: [0.75], tp_pct: [1.25]}
top: 2
"""


@pytest.fixture
def swept(say, tmp_path: Path, candles: Path) -> dict[str, Any]:  # noqa: F811
    path = tmp_path / "grid.yaml"
    path.write_text(GRID)
    code, out, errors = say("grid", str(path), "--candles", str(candles), "--json")
    assert code == 0, errors
    return json.loads(out)


@pytest.fixture
def pipe(say, monkeypatch) -> Callable[..., tuple[int, str, str]]:
    def run(text: str, *words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        return say(*words)

    return run


def test_the_numbers_of_a_row_are_those_that_were_written(swept) -> None:
    spec = swept["top"][0]["spec"]
    assert spec["sizing"] == {"mode": "fixed_quote", "quote": 2500.25}
    assert spec["stops"] == {"sl_pct": 0.75, "tp_pct": 1.25}
    assert spec["costs"] == {"fee_pct": 0.05, "slippage_pct": 0.01}
    assert spec["indicators"][0]["params"]["period"] == 20


def test_whatever_is_printed_of_a_strategy_makes_the_same_one(say, pipe, swept, candles) -> None:  # noqa: F811
    code, out, errors = say("grid", "save", "1", "1", "--json")
    assert code == 0, errors
    saved = json.loads(out)
    row = swept["top"][0]
    _, shown, _ = say("strategy", "show", saved["id"], "--json")
    _, as_yaml, _ = say("strategy", "show", saved["id"])
    _, cloned, _ = say("strategy", "clone", saved["id"], "--print", "--json")
    _, result, _ = say("jobs", "show", "1", "--result", "--json")
    texts = {
        "a row": json.dumps(row),
        "a row's spec": json.dumps(row["spec"]),
        "a row of a job": json.dumps(json.loads(result)["top"][0]),
        "save": out,
        "show": shown,
        "show, YAML": as_yaml,
        "clone": cloned,
    }
    for name, text in texts.items():
        code, made, errors = pipe(text, "strategy", "create", "-", "--json")
        assert code == 0, f"{name}: {errors}"
        assert json.loads(made)["id"] == saved["id"], name
        code, told, errors = pipe(text, "backtest", "-", "--candles", str(candles), "--json")
        assert code == 0, f"{name}: {errors}"
        again = json.loads(told)["fields"]["total_return_pct"]
        assert again == pytest.approx(row["total_return_pct"], rel=1e-9), name


def test_a_whole_sweep_is_no_strategy(pipe, swept) -> None:
    code, _, errors = pipe(json.dumps(swept), "strategy", "create", "-")
    assert code == 1
    assert "has 2 rows and no spec" in errors
    assert "bowline grid save JOB ROW" in errors


def test_what_is_piped_in_is_named_where_it_is_wrong(pipe, home) -> None:
    code, _, errors = pipe("version: 1\nfast: 1e99999\n", "strategy", "create", "-")
    assert (code, "standard input line 2, column 7" in errors) == (1, True), errors
