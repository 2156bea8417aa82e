"""A document nobody means is refused with its line or its field, whichever command reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_file_sweeps import candles  # noqa: F401 - a fixture

SPEC = """\
version: 1
timeframe: 1m
direction: long-only
sizing: {mode: fixed_quote, quote: QUOTE}
stops: {sl_pct: STOP}
costs: {fee_pct: FEE}
indicators:
  - {id: sma_cross, params: {fast: FAST, slow: 30}}
"""
GOOD = {"QUOTE": "100", "STOP": "2", "FEE": "0.1", "FAST": "5"}
PORTFOLIO = """\
version: 1
cash: CASH
limits: {max_drawdown_pct: DRAWDOWN}
runs:
  - {strategy: spec.yaml, candles: minutes.csv, share_pct: SHARE}
"""
GOOD_PORTFOLIO = {"CASH": "1000", "DRAWDOWN": "50", "SHARE": "60"}
#: by what makes them hostile
VALUES = {
    "power": "1e9999999",
    "small power": "1e-9999999",
    "zero": "0e-999999999",
    "tag": "!!int abc",
    "python": "!!python/object/apply:os.system ['true']",
    "digits": "9" * 5000,
    "nan": ".nan",
    "inf": ".inf",
    "truth": "true",
    "depth": "[" * 5000,
    "anchor": "&a [*a, *a]",
    "surrogate": '"\\ud800"',
    "list": "[[1], {a: 1}]",
}


def written(text: str, good: dict[str, str], field: str, value: str) -> str:
    for name, usual in good.items():
        text = text.replace(name, value if name == field else usual)
    return text


def refused(said: tuple[int, str, str]) -> str:
    code, out, errors = said
    assert (code, out) == (1, ""), errors
    assert errors.startswith("error: ")
    assert "Traceback" not in errors
    assert len(errors) < 2_000
    return errors


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("field", GOOD)
def test_a_spec_and_a_grid(say, tmp_path: Path, candles: Path, field: str, value: str) -> None:  # noqa: F811
    path = tmp_path / "spec.yaml"
    path.write_text(written(SPEC, GOOD, field, value))
    place = {"QUOTE": "sizing.quote", "STOP": "stops.sl_pct", "FEE": "costs.fee_pct"}.get(
        field, "indicators[0].params.fast"
    )
    for words in (("strategy", "create", str(path)), ("grid", str(path))):
        told = refused(say(*words, *(("--candles", str(candles)) if words[0] == "grid" else ())))
        assert "line " in told or place in told


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("field", GOOD_PORTFOLIO)
def test_a_portfolio(say, tmp_path: Path, candles: Path, field: str, value: str) -> None:  # noqa: F811
    assert candles.parent == tmp_path
    (tmp_path / "spec.yaml").write_text(written(SPEC, GOOD, "", ""))
    path = tmp_path / "portfolio.yaml"
    path.write_text(written(PORTFOLIO, GOOD_PORTFOLIO, "", ""))
    assert say("portfolio", str(path))[0] == 0
    path.write_text(written(PORTFOLIO, GOOD_PORTFOLIO, field, value))
    told = refused(say("portfolio", str(path)))
    place = {"CASH": "cash", "DRAWDOWN": "limits.max_drawdown_pct", "SHARE": "runs[0].share_pct"}
    assert "line " in told or place[field] in told
