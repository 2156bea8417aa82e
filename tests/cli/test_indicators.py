"""Protects `bowline indicators`: for people a table, for machines JSON, for mistakes what to do."""

from __future__ import annotations

import csv
import json
from functools import partial
from typing import NamedTuple

import pytest

START_NS = 1_700_006_400_000_000_000  # 2023-11-15 00:00 UTC
MINUTES = 720


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def candle_file(tmp_path_factory):
    """Half a day of one-minute candles that rise and fall."""
    path = tmp_path_factory.mktemp("candles") / "BTCUSDT-1m.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("open_time", "open", "high", "low", "close", "volume"))
        price = 100.0
        for minute in range(MINUTES):
            close = round(price + (1 if minute // 60 % 2 else -1) * 0.05 + 0.01, 2)
            high, low = max(price, close) + 0.02, min(price, close) - 0.02
            stamp = START_NS // 1_000_000 + minute * 60_000
            writer.writerow((stamp, price, round(high, 2), round(low, 2), close, 3))
            price = close
    return path


@pytest.fixture
def bowline(say):
    return lambda *words: Done(*say(*map(str, words)))


@pytest.fixture
def indicators(bowline):
    return partial(bowline, "indicators")


def answer(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_list_is_json_that_a_form_can_be_built_from(indicators):
    entries = {each["id"]: each for each in answer(indicators("list", "--json"))}
    assert len(entries) >= 120
    for entry in entries.values():
        for parameter in entry["params"]:
            assert parameter["type"] in {"int", "float", "choice"}
            assert "default" in parameter
            assert {"min", "max", "step"} <= parameter.keys() or parameter["choices"]
    averages = answer(indicators("list", "--group", "average", "--json"))
    assert {each["id"] for each in averages} < entries.keys()


def test_a_group_that_is_not_there_is_told_what_is(indicators):
    done = indicators("list", "--group", "magic")
    assert done.returncode == 1
    assert "momentum" in done.stderr


def test_show_says_bounds_rule_formula_and_warm_up(indicators):
    shown = indicators("show", "sma_cross")
    assert shown.returncode == 0
    for said in ("fast_average > slow_average", "slow - 1", "int from 2 to 500 step 1",
                 "fast < slow", "https://"):  # fmt: skip
        assert said in shown.stdout
    assert answer(indicators("show", "sma_cross", "--json"))["id"] == "sma_cross"


def test_compute_is_the_same_from_a_file_and_from_what_was_imported(
    bowline, indicators, candle_file
):
    place = ("--market", "binance:spot", "--symbol", "BTCUSDT")
    assert bowline("candles", "import", candle_file, *place).returncode == 0
    asked = ("compute", "sma_cross", "--params", "fast=3,slow=8", "--timeframe", "5m", "--json")
    stored = answer(indicators(*asked, *place))
    direct = answer(indicators(*asked, "--candles", candle_file))
    assert stored == direct
    assert stored["params"] == {"fast": 3, "slow": 8}
    assert stored["warmup"] == 7
    assert stored["candles"] == len(stored["rows"]) == MINUTES // 5
    assert stored["rows"][6]["slow_average"] is None
    assert stored["rows"][6]["signal"] == "NEUTRAL"
    assert {row["signal"] for row in stored["rows"][7:]} >= {"LONG", "SHORT"}
    closes = [row["close"] for row in stored["rows"]]
    assert stored["rows"][50]["slow_average"] == pytest.approx(sum(closes[43:51]) / 8)


def test_a_span_begins_warm_and_the_last_are_the_last(indicators, candle_file):
    asked = ("compute", "ema", "--params", "period=5", "--candles", candle_file, "--json")
    whole = answer(indicators(*asked))["rows"]
    half_hour = ("--from", "2023-11-15T06:00", "--to", "2023-11-15T06:30")
    span = answer(indicators(*asked, *half_hour))["rows"]
    assert [row["open_ns"] for row in span] == [row["open_ns"] for row in whole[360:390]]
    assert span[0]["average"] == pytest.approx(whole[360]["average"], rel=1e-12)
    last = answer(indicators(*asked, "--last", 4))["rows"]
    assert last == whole[-4:]


def test_a_csv_file_holds_what_was_computed_and_is_not_replaced(indicators, candle_file, tmp_path):
    out = tmp_path / "rsi.csv"
    asked = ("compute", "rsi", "--candles", candle_file, "--csv", out)
    assert indicators(*asked).returncode == 0
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert len(rows) == MINUTES
    assert list(rows[0]) == ["open_ns", "time", "close", "rsi", "signal"]
    assert rows[0]["rsi"] == ""
    assert 0 <= float(rows[-1]["rsi"]) <= 100
    again = indicators(*asked)
    assert again.returncode == 1
    assert "--force" in again.stderr
    assert indicators(*asked, "--force").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "sma_cros"), "sma_cross"),
        (("compute", "rsi", "--params", "period=1,ovrsold=3"), "int from 2 to 500 step 1"),
        (("compute", "sma_cross", "--params", "fast=60"), "fast < slow"),
        (("compute", "rsi", "--params", "period"), "name=value"),
        (("compute", "rsi", "--params", "period=3,period=4"), "name=value"),
        (("compute", "rsi"), "--candles FILE"),
        (("compute", "rsi", "--market", "binance:spot"), "--candles FILE"),
        (("compute", "rsi", "--market", "binance:spot", "--symbol", "X", "--timeframe", "5m"),
         "candles import"),
        (("compute", "rsi", "--market", "binance:spot", "--symbol", "X", "--timeframe", "7m"),
         "15m"),
    ],
)  # fmt: skip
def test_a_mistake_ends_with_1_and_what_to_do(arguments, said, indicators):
    done = indicators(*arguments)
    assert done.returncode == 1, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_span_without_candles_is_said(indicators, candle_file):
    done = indicators("compute", "rsi", "--candles", candle_file, "--from", "2024-01-01")
    assert done.returncode == 1
    assert "no complete candle" in done.stderr


def test_the_reference_page_is_printed(indicators):
    done = indicators("reference")
    assert done.stdout.startswith("# Indicators")
    assert "### sma_cross" in done.stdout
