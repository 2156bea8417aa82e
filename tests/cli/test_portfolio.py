"""`bowline portfolio` end to end: a file and candles in; figures, a page and a CSV out."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest

from bowline.storage.files import write_candle_file
from tests.desk.pages import Elements
from tests.research.grids import minutes

SPEC = """
version: 1
timeframe: {timeframe}
instrument: {{market: "binance:linear", symbol: MADEUP}}
direction: long-only
indicators: [{{id: sma_cross, params: {{fast: 3, slow: 8}}}}]
stops: {{sl_pct: 1}}
sizing: {{mode: risk_pct, risk_pct: 2}}
margin: {{leverage: 4}}
"""
RUNS = """
version: 1
cash: 5000
limits: {max_positions: 1}
runs:
  - {strategy: quick.yaml}
  - {strategy: slow.yaml, share_pct: 80}
"""
ALONE = "version: 1\ncash: 5000\nruns: [{strategy: quick.yaml}]\n"
SPAN = ("--from", "2024-01-03")


@pytest.fixture
def folder(say, tmp_path: Path) -> Path:
    """Two specs, and candles of their instrument in the store."""
    path = tmp_path / "MADEUP-1m.parquet"
    write_candle_file(minutes(6_000), path, ".parquet")
    code, _, errors = say(
        "candles", "import", str(path), "--market", "binance:linear", "--symbol", "MADEUP"
    )
    assert code == 0, errors
    (tmp_path / "quick.yaml").write_text(SPEC.format(timeframe="5m"))
    (tmp_path / "slow.yaml").write_text(SPEC.format(timeframe="15m"))
    (tmp_path / "both.yaml").write_text(RUNS)
    (tmp_path / "alone.yaml").write_text(ALONE)
    return tmp_path


def answer(say, *words: str) -> dict:
    code, out, errors = say(*words, "--json")
    assert code == 0, errors
    return json.loads(out)


def test_a_portfolio_of_one_run_says_what_backtest_says(say, folder) -> None:
    whole = answer(say, "portfolio", str(folder / "alone.yaml"), *SPAN)
    alone = answer(say, "backtest", str(folder / "quick.yaml"), "--cash", "5000", *SPAN)
    for name in ("metrics", "fields", "closed", "months", "refusals"):
        assert whole[name] == alone[name], name
    (run,) = whole["runs"]
    del run["part"]
    assert run == alone
    assert alone["metrics"]["Num. Trades"] > 10


def test_the_parts_add_up_and_every_refusal_has_its_reason(say, folder) -> None:
    whole = answer(say, "portfolio", str(folder / "both.yaml"), *SPAN)
    parts = [run["part"] for run in whole["runs"]]
    assert [part["share_pct"] for part in parts] == ["50", "80"]
    total = sum(Decimal(part["profit_quote"]) for part in parts)
    assert abs(total - Decimal(whole["fields"]["total_profit_quote"])) < Decimal("1e-15")
    assert whole["refusals"]["max_positions"] > 0
    assert len(whole["correlations"]) == 2


def test_a_person_gets_a_table_a_csv_and_a_page(say, folder) -> None:
    trades, page = folder / "trades.csv", folder / "page.html"
    code, out, errors = say(
        "portfolio", str(folder / "both.yaml"), *SPAN, "--trades", str(trades), "--html", str(page)
    )
    assert code == 0, errors
    for words in ("both · 2 runs", "Total Return [%]", "1 · binance:linear:MADEUP 5m"):
        assert words in out
    assert "× the portfolio holds as many positions as it may" in out
    rows = list(csv.DictReader(trades.read_text().splitlines()))
    assert {row["run"] for row in rows} == {"1", "2"}
    text = page.read_text()
    elements = Elements(text)
    assert not [attrs for _, attrs in elements.tags if {"src", "srcset"} & attrs.keys()]
    assert "2 · binance:linear:MADEUP 15m" in text
    assert "the portfolio holds as many positions as it may" in text


def test_the_page_shows_hostile_names_as_text(say, folder) -> None:
    hostile = folder / "<img src=x onerror=alert(1)>.yaml"
    hostile.write_text(RUNS)
    page = folder / "page.html"
    code, _, errors = say("portfolio", str(hostile), *SPAN, "--html", str(page))
    assert code == 0, errors
    assert not [tag for tag, _ in Elements(page.read_text()).tags if tag == "img"]


@pytest.mark.slow
def test_a_browser_draws_the_page_without_complaint(say, folder, browser) -> None:
    page = folder / "page.html"
    say("portfolio", str(folder / "both.yaml"), *SPAN, "--html", str(page))
    drawn = browser.open(page)
    assert drawn.complaints == []
    readout = drawn.ask("document.getElementById('runs-readout').textContent")
    assert "2 · binance:linear:MADEUP 15m" in readout
