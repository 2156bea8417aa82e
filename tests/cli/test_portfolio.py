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


def hours(closes: list[int]) -> str:
    rows = [f"{1735689600 + 3600 * n},{p},{p},{p},{p},1" for n, p in enumerate(closes)]
    return "time,open,high,low,close,volume\n" + "\n".join(rows) + "\n"


def test_a_position_that_outlives_its_candles_is_named(say, tmp_path: Path) -> None:
    """Its profit is in the whole and in no round trip.

    A market that is delisted before the others end: github.com/mementum/backtrader/pull/469,
    github.com/HKUDS/Vibe-Trading/pull/1332.
    """
    rising = [100] * 12 + [100 + n for n in range(1, 21)]
    (tmp_path / "whole.csv").write_text(hours([100] * 80))
    (tmp_path / "short.csv").write_text(hours(rising))
    (tmp_path / "cross.yaml").write_text(
        "{version: 1, timeframe: 1h, direction: long-only, sizing: {mode: all_in},"
        " costs: {fee_pct: 0, slippage_pct: 0},"
        " indicators: [{id: sma_cross, params: {fast: 2, slow: 5}}]}"
    )
    (tmp_path / "runs.yaml").write_text(
        "{version: 1, cash: 1000, runs: [{strategy: cross.yaml, candles: whole.csv},"
        " {strategy: cross.yaml, candles: short.csv}]}"
    )
    page = tmp_path / "page.html"
    code, out, errors = say("portfolio", str(tmp_path / "runs.yaml"), "--html", str(page))
    assert code == 0, errors
    # half of 1,000 bought at 101, the first close of the rise, and held at 120
    expected = (
        "2 · file:candles:short 1h: a long position is still open at +18.81 %, 94.06,"
        " by its last close of 2025-01-02 08:00"
    )
    assert expected in out
    assert expected in page.read_text()
    whole = answer(say, "portfolio", str(tmp_path / "runs.yaml"))
    assert whole["open_in_words"] == [expected]
    assert whole["fields"]["round_trip_count"] == 0
    assert round(float(whole["fields"]["total_profit_quote"]), 2) == 94.06


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
