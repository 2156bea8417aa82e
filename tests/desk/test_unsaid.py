"""Protects: costs and limits in the settings hold where a spec says nothing, and nowhere else."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bowline.cli import main
from tests.core.signals.test_opinion import walk

SPEC = "version: 1\ntimeframe: 1m\ndirection: long-short\nsizing: {mode: all_in}\n"
SPEC += "indicators: [{id: sma_cross, params: {fast: 5, slow: 20}}]\n"
AT = ("--market", "binance:spot", "--symbol", "BTCUSDT")


@pytest.fixture
def bowline(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """The command in this process, with these settings, its JSON read."""

    def run(*words: str, **environ: str) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["bowline", *words, "--json"])
            for name, value in environ.items():
                patch.setenv(f"BOWLINE_{name.upper()}", value)
            with pytest.raises(SystemExit) as ended:
                main()
        out, err = capsys.readouterr()
        assert not ended.value.code, err
        return json.loads(out)

    return run


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A day and a half of candles, and a spec that says nothing of costs and limits."""
    frame = walk(2000)
    rows = zip(
        frame.open_ns // 1_000_000, frame.open, frame.high, frame.low, frame.close, frame.volume,
        strict=True,
    )  # fmt: skip
    lines = ["open_time,open,high,low,close,volume"]
    day_ms = 1_748_736_000_000  # 2025-06-01
    for open_ms, *values in rows:
        lines.append(",".join([str(day_ms + int(open_ms)), *(f"{v:.8f}" for v in values)]))
    candles, spec = tmp_path / "candles.csv", tmp_path / "spec.yaml"
    candles.write_text("\n".join(lines) + "\n")
    spec.write_text(SPEC)
    return str(candles), str(spec)


def policy(report: Any) -> dict[str, Any]:
    """Costs and limits wherever they are in a report."""
    found: dict[str, Any] = {}
    waiting = [report]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            found |= {k: v for k, v in value.items() if k in ("costs", "limits")}
            waiting.extend(value.values())
    return found


def test_a_backtest_takes_what_the_spec_leaves_open(
    bowline: Callable[..., Any], files: tuple[str, str], tmp_path: Path
) -> None:
    candles, spec = files
    words = ("backtest", spec, "--candles", candles)
    settings = {"fee_pct": "0.5", "slippage_pct": "0.25", "risk_preset": "balanced"}
    plain, own = bowline(*words), bowline(*words, **settings)
    assert policy(plain)["costs"] == {"fee_pct": "0.075", "slippage_pct": "0.01"}
    assert policy(own)["costs"] == {"fee_pct": "0.5", "slippage_pct": "0.25"}
    assert policy(own)["limits"] == {"daily_loss_pct": "4", "cooldown_candles": 5}
    closed = tmp_path / "closed.yaml"
    closed.write_text(SPEC + "costs: {fee_pct: 0.075, slippage_pct: 0.01}\n"
                      "limits: {daily_loss_pct: 0, cooldown_candles: 0}\n")  # fmt: skip
    said = bowline("backtest", str(closed), "--candles", candles, **settings)
    assert policy(said) == policy(plain)


def test_a_paper_run_keeps_what_it_was_made_with(
    bowline: Callable[..., Any], files: tuple[str, str]
) -> None:
    """Other settings make another run, and a replay decides with those of the run."""
    candles, spec = files
    bowline("candles", "import", candles, *AT)
    words = ("paper", spec, "--replay", *AT)
    first = bowline(*words, fee_pct="0.5")
    other = bowline(*words, fee_pct="0.25")
    assert policy(first)["costs"]["fee_pct"] == "0.5"
    assert policy(other)["costs"]["fee_pct"] == "0.25"
    assert len(bowline("runs", "list")) == 2
    for run in ("1", "2"):
        replayed = bowline("journal", "replay", "--run", run, fee_pct="1.5")
        assert replayed["commands"] > 0
