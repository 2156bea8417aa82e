"""Terminal, JSON and CSV say the same figures, exactly, and no name from outside breaks them."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from bowline.core.errors import BadInput
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.model.intent import Refusal
from bowline.core.model.values import Side, Timeframe
from bowline.core.report import METRICS, make_report
from bowline.desk.output_files import Output
from bowline.desk.report import Caption, print_report, report_json, write_trades_csv
from bowline.desk.report.text import duration_text, exact_text, money_text, trimmed, verdict
from tests.core.report.runs import START_NS, execution, flipping_record, frame, record_of

HOUR = Timeframe.H1.ns
CAPTION = Caption("trend-1", ("sma_cross fast=10 slow=50",))


@pytest.fixture(scope="module")
def report():
    candles = frame(100 * np.exp(0.2 * np.sin(np.arange(24 * 60) / 37.0)))
    record = flipping_record(candles, 21)
    return make_report(replace(record, refusals={Refusal.COOLDOWN: 2}, conflicting_signals=5))


def printed(report, caption=CAPTION):
    out = io.StringIO()
    print_report(report, caption, out)
    return out.getvalue()


def test_the_json_document_has_the_titles_in_order_and_exact_money(report):
    text = msgspec.json.encode(report_json(report, CAPTION)).decode()
    document = msgspec.json.decode(text)

    assert list(document["metrics"]) == [m.title for m in METRICS]
    assert list(document["fields"]) == [m.field for m in METRICS]
    assert document["metrics"]["Total Return [%]"] == report.metrics.total_return_pct
    assert document["metrics"]["Start"] == "2025-06-16T00:00:00Z"
    assert document["metrics"]["Duration"] == "60 days 00:00:00"
    exact = Decimal(document["fields"]["total_profit_quote"])
    assert exact == report.metrics.total_profit_quote
    trips = document["round_trips"]
    assert [Decimal(t["pnl_quote"]) for t in trips] == [t.pnl for t in report.round_trips]
    assert document["refusals"] == {"cooldown": 2}
    assert document["conflicting_signals"] == 5
    assert document["costs"] == {"fee_pct": "0.1", "slippage_pct": "0.01"}
    assert document["open_position"]["direction"] in ("long", "short")


def test_what_does_not_exist_is_null_in_json_and_n_a_in_words():
    report = make_report(record_of(frame([1.0, 2.0])))
    document = msgspec.json.decode(msgspec.json.encode(report_json(report, CAPTION)))

    assert document["metrics"]["Sharpe Ratio"] is None
    assert document["metrics"]["Avg. Trade Duration"] is None
    assert document["open_position"] is None
    assert "n/a" in printed(report)


def test_the_terminal_shows_every_metric_the_last_round_trips_and_the_refusals(report, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    text = printed(report)

    assert all(m.title in text for m in METRICS)
    assert verdict(report)[:60] in text
    assert f"Last 10 of {len(report.round_trips)} round trips" in text
    assert f"{report.round_trips[-1].return_pct:+,.2f} %" in text
    assert "2 × cooling down after the last exit" in text
    assert "5 × rules signalled LONG and SHORT at once" in text


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_narrow_terminal_cuts_no_figure(report, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    text = printed(report)

    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert all(m.title in text for m in METRICS)


def test_a_hostile_name_neither_colours_nor_moves_the_terminal(report):
    text = printed(report, Caption("[bold red]x[/]\x1b[2J\rgone"))

    assert "[bold red]x[/]" in text
    assert not {"\x1b", "\r"} & set(text)


def test_the_csv_has_every_round_trip_exactly_and_the_open_position_last(report, tmp_path):
    path = tmp_path / "trades.csv"
    write_trades_csv(report, Output(path))
    *closed, held = csv.DictReader(io.StringIO(path.read_text()))

    assert [Decimal(row["pnl_quote"]) for row in closed] == [t.pnl for t in report.round_trips]
    assert [row["status"] for row in closed] == ["closed"] * len(report.round_trips)
    assert (held["status"], held["closed_at"]) == ("open", "")
    assert Decimal(held["pnl_quote"]) == report.open_position.pnl


def test_a_symbol_is_never_a_formula_in_the_csv(report, tmp_path):
    symbol = '=HYPERLINK("x")'
    instrument = Instrument(InstrumentId(MarketId(1), symbol))
    run = replace(report.record.run, instrument=instrument)
    write_trades_csv(
        replace(report, record=replace(report.record, run=run)), Output(tmp_path / "t.csv")
    )

    rows = list(csv.DictReader(io.StringIO((tmp_path / "t.csv").read_text())))
    assert {row["symbol"] for row in rows} == {f"'{symbol}"}


def test_a_csv_that_cannot_be_written_is_said(report, tmp_path):
    with pytest.raises(BadInput, match="cannot write"):
        write_trades_csv(report, Output(tmp_path / "absent" / "trades.csv"))


def test_the_verdict_says_what_happened():
    candles = frame([100.0, 110.0, 121.0])
    bought = execution(START_NS + HOUR, Side.BUY, "5", "100", "10")
    sold = execution(START_NS + 2 * HOUR, Side.SELL, "5", "90", "10")
    again = execution(START_NS + 2 * HOUR, Side.BUY, "1", "110")
    lost = verdict(make_report(record_of(candles, [bought, sold])))
    held = verdict(make_report(record_of(candles, [bought, sold, again])))

    assert lost == (
        "Lost 7.0 % while buy and hold gained 21.0 %. 1 round trip, 0 % of them won; "
        "fees took 2.0 % of the initial cash."
    )
    assert held.endswith("a long position is still open at +10.00 %.")
    assert verdict(make_report(record_of(candles))) == (
        "Was unchanged while buy and hold gained 21.0 %. There were no trades."
    )


def test_exact_amounts_have_no_zeros_at_the_end_and_no_exponent(tmp_path):
    candles = frame([100.0, 110.0, 121.0])
    bought = execution(START_NS + HOUR, Side.BUY, "0.3000", "10000.00", "0E-20")
    sold = execution(START_NS + 2 * HOUR, Side.SELL, "0.3000", "20000.00", "0E-20")
    report = make_report(record_of(candles, [bought, sold]))
    write_trades_csv(report, Output(tmp_path / "trades.csv"))
    (row,) = csv.DictReader(io.StringIO((tmp_path / "trades.csv").read_text()))
    (trip,) = msgspec.json.decode(msgspec.json.encode(report_json(report, CAPTION)))["round_trips"]

    names = ("quantity", "entry_price", "exit_price", "fees_quote", "pnl_quote")
    assert [row[n] for n in names] == ["0.3", "10000", "20000", "0", "3000"]
    assert [trip[n] for n in names] == ["0.3", "10000", "20000", "0", "3000"]


def test_words_keep_what_counts():
    assert [duration_text(ns) for ns in (None, 0, 59 * 10**9, 25 * HOUR, 90 * 24 * HOUR)] == [
        "n/a", "0 m", "59 s", "1 d 1 h", "90 d",
    ]  # fmt: skip
    assert money_text(Decimal("-1234.567")) == "-1,234.57"
    assert money_text(Decimal("0.00045123")) == "0.0004512"
    assert exact_text(Decimal("0.0000123456")) == "0.000012346"
    assert exact_text(Decimal("1500.50")) == "1,500.5"
    assert str(trimmed(Decimal("1.50E+40"))) == "15" + 39 * "0"
