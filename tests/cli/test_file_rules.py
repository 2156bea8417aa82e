"""A run over a file keeps to its instrument's rules: as said, else recorded; a report says so."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from bowline.core.errors import BadInput

FIRST_S = 1_735_689_600
SPEC = """\
version: 1
timeframe: 1m
instrument: {market: "binance:spot", symbol: BTCUSDT}
direction: long-short
indicators: [{id: sma_cross, params: {fast: 2, slow: 5}}]
sizing: {mode: fixed_quote, quote: 1000}
costs: {fee_pct: 0, slippage_pct: 0}
"""
MARKET = ("--market", "binance:spot", "--symbol", "BTCUSDT")


@pytest.fixture
def waves(tmp_path: Path) -> str:
    """A price that rises and falls by steps of 1 between 100 and 120."""
    rows = []
    for m in range(400):
        price = 100 + (m % 40 if m % 40 < 20 else 40 - m % 40)
        rows.append(f"{FIRST_S + 60 * m},{price},{price},{price},{price},1\n")
    path = tmp_path / "waves.csv"
    path.write_text("time,open,high,low,close,volume\n" + "".join(rows))
    return str(path)


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC)
    return str(path)


def quantities(out: str) -> list[Decimal]:
    found = [Decimal(str(trip["quantity"])) for trip in json.loads(out)["round_trips"]]
    assert found
    return found


def test_a_lot_step_that_is_said_rounds_every_quantity(say, waves: str, spec: str) -> None:
    free = say("backtest", spec, "--candles", waves, "--json")[1]
    assert any(each % Decimal("0.5") for each in quantities(free))
    code, out, _ = say("backtest", spec, "--candles", waves, "--lot-step", "0.5", "--json")
    assert code == 0
    assert not any(each % Decimal("0.5") for each in quantities(out))
    assert json.loads(out)["instrument"]["lot_step"] == "0.5"
    assert "lot step 0.5" in say("backtest", spec, "--candles", waves, "--lot-step", "0.5")[1]
    assert "no lot step known" in say("backtest", spec, "--candles", waves)[1]


def test_recorded_rules_hold_for_the_instrument_that_is_named(say, waves: str, spec: str) -> None:
    steps = ("--lot-step", "0.25", "--min-notional", "5")
    assert say("candles", "import", waves, *MARKET, *steps)[0] == 0
    out = say("backtest", spec, "--candles", waves, "--json")[1]
    assert not any(each % Decimal("0.25") for each in quantities(out))
    assert json.loads(out)["instrument"]["min_notional"] == "5"
    # what is said goes before what is recorded, and another instrument has none
    said = say("backtest", spec, "--candles", waves, "--lot-step", "2", "--json")[1]
    assert not any(each % 2 for each in quantities(said))
    other = say("backtest", spec, "--candles", waves, "--symbol", "ETHUSDT", "--json")[1]
    assert json.loads(other)["instrument"]["lot_step"] == "0"


def test_a_least_order_above_every_order_refuses_them_and_says_so(
    say, waves: str, spec: str
) -> None:
    code, out, _ = say("backtest", spec, "--candles", waves, "--min-notional", "2000", "--json")
    assert code == 0
    assert json.loads(out)["round_trips"] == []
    assert json.loads(out)["refusals"]


def test_steps_are_for_files_and_must_be_numbers(say, waves: str, spec: str) -> None:
    assert say("candles", "import", waves, *MARKET)[0] == 0
    code, _, err = say("backtest", spec, "--lot-step", "1")
    assert code == 1
    assert "to candles of a file" in err
    for text in ("-1", "nan", "x", "1e99"):
        code, _, err = say("backtest", spec, "--candles", waves, "--lot-step", text)
        assert code == 1
        assert "--lot-step is" in err


def test_a_portfolio_takes_the_rules_of_each_of_its_runs(
    say, waves: str, spec: str, tmp_path: Path
) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(
        f"""\
version: 1
runs:
  - {{strategy: {spec}, candles: {waves}, lot_step: 0.5}}
  - {{strategy: {spec}, candles: {waves}, symbol: ETHUSDT}}
"""
    )
    code, out, err = say("portfolio", str(path), "--json")
    assert code == 0, err
    steps = [run["instrument"]["lot_step"] for run in json.loads(out)["runs"]]
    assert steps == ["0.5", "0"]
    assert "run 1: rules of the instrument: lot step 0.5" in say("portfolio", str(path))[1]


def test_a_file_of_several_instruments_is_read_as_the_one_that_is_named(
    say, waves: str, spec: str, tmp_path: Path
) -> None:
    """OKX's archive of swaps: 50 contracts of 0.01 are 0.5 base units beside them."""
    head, *rows = Path(waves).read_text().splitlines()
    assert head.startswith("time,")
    lines = ["open_time,open,high,low,close,vol,vol_ccy,instrument_name,confirm"]
    for name in ("BTC-USDT-SWAP", "ETH-USDT-SWAP"):
        lines += [f"{row.rpartition(',')[0]},50,0.5,{name},1" for row in rows]
    archive = tmp_path / "okx.csv"
    archive.write_text("\n".join(lines) + "\n")
    code, _, err = say("backtest", spec, "--candles", str(archive), "--market", "okx:linear")
    assert code == 0, err
    assert "400 rows of other instruments left out (ETH-USDT-SWAP)" in err
    grid = tmp_path / "grid.yaml"
    grid.write_text(SPEC.replace("fast: 2", "fast: [2, 3]"))
    words = ("--candles", str(archive), "--market", "okx:linear", "--json")
    code, out, err = say("grid", str(grid), *words)
    assert code == 0, err
    assert json.loads(out)
    code, _, err = say("backtest", spec, "--candles", str(archive), "--symbol", "XRPUSDT")
    assert code == 1


def test_a_hint_that_only_an_import_can_follow_says_so(say, spec: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("Datum,Auf,Hoch,Tief,Schluss,Menge\n" + f"{FIRST_S},1,1,1,1,1\n" * 3)
    code, _, err = say("backtest", spec, "--candles", str(path))
    assert code == 1
    assert "--column volume=HEADING" in err
    assert "an option of `bowline candles import`" in err


# --- symbols: one rule ---------------------------------------------------------------------------

LONGEST = "A" * 36 + "USDT"


@pytest.mark.parametrize("symbol", [LONGEST, "1000PEPEUSDT", "BTC-USDT.P", "币安人生USDT"])
def test_a_symbol_that_is_imported_runs_as_a_saved_strategy(
    say, waves: str, tmp_path: Path, symbol: str
) -> None:
    market = ("--market", "binance:spot", "--symbol", symbol.lower())
    assert say("candles", "import", waves, *market)[0] == 0
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC.replace("BTCUSDT", f'"{symbol}"'))
    code, out, err = say("strategy", "create", str(spec), "--json")
    assert code == 0, err
    saved = json.loads(out)["id"]
    assert say("backtest", saved)[0] == 0


def test_what_is_no_symbol_is_none_everywhere(say, waves: str, spec: str, tmp_path: Path) -> None:
    from bowline.desk.candles import parse_symbol

    for symbol in ("A" * 41, "BTC USDT", "-BTC", "BTC\x1b", "", "BTC;DROP"):
        with pytest.raises(BadInput, match="not a symbol"):
            parse_symbol(symbol)
        bad = tmp_path / "bad.yaml"
        bad.write_text(SPEC.replace("BTCUSDT", json.dumps(symbol)))
        assert say("strategy", "create", str(bad))[0] == 1
        if symbol:
            assert say("backtest", spec, "--candles", waves, "--symbol", symbol)[0] == 1


def test_a_symbol_that_is_not_stored_is_guessed(say, waves: str, spec: str) -> None:
    assert say("candles", "import", waves, *MARKET)[0] == 0
    code, _, err = say("backtest", spec, "--symbol", "BTCUSTD")
    assert code == 1
    assert "Did you mean binance:spot:BTCUSDT?" in err


@pytest.mark.parametrize(
    "words",
    [
        ("backtest", "SPEC", "--candles", "FILE"),
        ("indicators", "compute", "sma_cross", "--candles", "FILE"),
        ("candles", "export", "out.csv", *MARKET),
        ("candles", "download", *MARKET),
        ("candles", "delete", *MARKET),
    ],
)
def test_a_start_that_has_not_come_yet_is_said(
    say, waves: str, spec: str, words: tuple[str, ...]
) -> None:
    named = [{"SPEC": spec, "FILE": waves}.get(word, word) for word in words]
    code, _, err = say(*named, "--from", "2130-01-01")
    assert code == 1
    assert "--from 2130-01-01 is in the future" in err
