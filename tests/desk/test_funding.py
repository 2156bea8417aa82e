"""Funding files: clocks that are not UTC, late stamps, holes; and what a run makes of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pyarrow import feather

from bowline.core.errors import BadInput
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.market import CandleFrame, FundingFrame
from bowline.core.model.values import Timeframe
from bowline.desk.funding import HOUR_NS, due_funding, funding_frame, parse_offset
from bowline.storage.files import write_candle_file
from bowline.storage.files.funding import load_funding_file
from tests.candle_files import made_frame

PERP = InstrumentId(MarketId(2), "BTCUSDT")
MULTI = "funding/multi/BTC-USDT_{}_2024-01-01_funding_history.csv"
SPEC = """\
version: 1
timeframe: 1h
instrument: {market: "binance:linear", symbol: BTCUSDT}
direction: long-short
indicators: [{id: sma_cross, params: {fast: 2, slow: 5}}]
sizing: {mode: all_in}
first_signal: enter
funding: true
"""


def read(path, offset: str = "", **options):
    return funding_frame(load_funding_file(path), PERP, parse_offset(offset), **options)[0]


def csv(tmp_path, *rows: str, head: str = "Date,Funding Rate"):
    path = tmp_path / "funding.csv"
    path.write_text("\n".join((head, *rows)) + "\n")
    return path


@pytest.mark.parametrize(
    "name", ["binance_2020-01-01", "bybit_2021-01-01", "kucoin_2021-01-01", "mexc_2021-01-01"]
)
def test_a_clock_that_is_not_utc_is_refused_until_its_offset_is_said(shared_data, name):
    path = shared_data / MULTI.format(name)
    with pytest.raises(BadInput, match="beside the 8h grid"):
        read(path)
    phases = set((read(path, "+3").event_ns % (8 * HOUR_NS) // HOUR_NS).tolist())
    assert phases == {4 if name.startswith("kucoin") else 0}


def test_the_same_rates_from_two_sources_meet_only_with_the_right_clock(shared_data):
    """A stranger's file in UTC says which hour the local clock's rates belong to."""
    local = read(shared_data / MULTI.format("binance_2020-01-01"), "+3")
    utc = read(shared_data / "funding/binance_usdm_BTCUSDT_funding_2023-01-01_2024-05-14.feather")
    mine = dict(zip(local.event_ns.tolist(), local.rate.tolist(), strict=True))
    theirs = dict(zip(utc.event_ns.tolist(), utc.rate.tolist(), strict=True))
    common = mine.keys() & theirs.keys()
    assert len(common) == 1095
    assert sum(abs(mine[ns] - theirs[ns]) < 1e-8 for ns in common) == len(common)


def test_a_late_settlement_is_a_mistake_unless_it_is_said_to_be_true(shared_data):
    path = shared_data / MULTI.format("htx_2021-01-01")
    with pytest.raises(BadInput, match="not on the 8h grid") as caught:
        read(path, "+3")
    assert "--off-grid" in caught.value.hint
    rates = read(path, "+3", off_grid=True)
    holes = np.flatnonzero(np.diff(rates.event_ns) > rates.interval_ns[1:])
    assert (len(rates), len(holes)) == (3284, 1)


def test_a_freqtrade_file_keeps_its_rate_in_open_and_one_of_prices_is_refused(shared_data):
    folder = shared_data / "funding"
    name = "binance_usdm_ADAUSDT_funding_2023-07_2023-08-17.feather"
    rates = read(folder / name)
    assert rates.rate.tolist() == feather.read_table(folder / name)["open"].to_pylist()
    # some of its stamps are milliseconds late
    assert not np.any(rates.event_ns % (8 * HOUR_NS))
    with pytest.raises(BadInput, match="prices, not funding rates"):
        read(folder / "binance_usdm_ADAUSDT_mark8h_2023-07_2023-08-17.feather")
    with pytest.raises(BadInput, match="a zone of their own"):
        read(folder / name, "+3")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["2024-01-01 00:00:00,0.0001", "2024-01-01 08:20:00,0.0001"], "not on a full hour"),
        (["2024-01-01 08:00:00,0.0001", "2024-01-01 08:00:00,0.0002"], "contradicts another row"),
        (["2024-01-01 00:00:00,0.0001", "2024-01-01 08:00:00,1.5"], "more than 0.05"),
        (["2024-01-01 00:00:00,0.0001", "2024-01-01 08:00:00,"], "missing or no number"),
        (["2024-01-01 00:00:00,0.0001", "2024-01-01 08:00:00,x"], "not all numbers"),
        (["2024-01-01 00:00:00,0.0001", "2024-01-01 05:00:00,0.0001"], "usually 5 h apart"),
        (["2024-01-01 00:00:00,0.0001"], "usually 0 h apart"),
        ([], "no row"),
    ],
)
def test_what_is_no_series_of_rates_is_refused_with_its_row(tmp_path, rows, said):
    with pytest.raises(BadInput, match=said):
        read(csv(tmp_path, *rows))


def test_columns_that_are_not_known_and_offsets_that_are_none_are_refused(tmp_path):
    with pytest.raises(BadInput, match="no column is a funding rate"):
        read(csv(tmp_path, "2024-01-01 00:00:00,1", head="Date,Price"))
    for text in ("three", "+15", "0.1", "nan"):
        with pytest.raises(BadInput, match="not an offset"):
            parse_offset(text)


def test_columns_of_one_name_and_text_of_no_kind_are_refused(tmp_path):
    with pytest.raises(BadInput, match="cannot be told apart"):
        read(csv(tmp_path, "2024-01-01 00:00:00,1,2", head="Date,Funding Rate,Funding Rate"))
    path = csv(tmp_path, "2024-01-01 00:00:00,1")
    path.write_bytes(path.read_bytes().replace(b"00:00:00", b"00:00:\x80"))
    with pytest.raises(BadInput, match="not a table"):
        read(path)


def test_a_run_pays_what_is_stored_and_refuses_a_hole(say, tmp_path):
    """The whole walk: import, a run that pays, the figures of its report, and a missing rate."""
    minutes = made_frame(3 * 1440, start_ns=1_704_067_200 * 10**9, instrument=PERP)
    write_candle_file(minutes, tmp_path / "candles.csv", ".csv")
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC)
    market = ("--market", "binance:linear", "--symbol", "BTCUSDT")
    assert say("candles", "import", str(tmp_path / "candles.csv"), *market)[0] == 0
    code, _, err = say("backtest", str(spec))
    assert code == 1
    assert "no funding rates of binance:linear BTCUSDT are stored" in err
    rows = [f"2024-01-0{day} {hour:02}:00:00,0.001" for day in (1, 2, 3) for hour in (0, 8, 16)]
    path = csv(tmp_path, *rows, "2024-01-04 00:00:00,0.001")
    assert say("funding", "import", str(path), "--market", "binance:spot", "--symbol", "X")[0] == 1
    assert say("funding", "import", str(path), *market)[0] == 0
    assert json.loads(say("funding", "list", "--json")[1])[0]["coverage"]["rates"] == 10
    code, out, _ = say("backtest", str(spec), "--json")
    report = json.loads(out)
    assert code == 0
    assert report["funding"]["payments"] > 0
    plain = tmp_path / "plain.yaml"
    plain.write_text(SPEC.replace("funding: true\n", ""))
    other = json.loads(say("backtest", str(plain), "--json")[1])
    assert "funding" not in other
    assert report["strategy"]["id"] != other["strategy"]["id"]
    net = float(report["funding"]["paid_quote"]) - float(report["funding"]["received_quote"])
    lost = float(other["fields"]["total_profit_quote"])
    lost -= float(report["fields"]["total_profit_quote"])
    # what was paid is missing from what is put in next, so the two are near and not the same
    assert lost == pytest.approx(net, rel=0.2)
    code, out, _ = say("paper", str(spec), "--replay", "--json")
    paper = json.loads(out)
    assert (code, paper["differences"]) == (0, [])
    assert paper["report"]["funding"] == report["funding"]
    assert say("journal", "replay", "--run", str(paper["run"]))[0] == 0


def test_a_missing_rate_inside_the_span_is_named(say, tmp_path):
    minutes = made_frame(2 * 1440, start_ns=1_704_067_200 * 10**9, instrument=PERP)
    write_candle_file(minutes, tmp_path / "candles.csv", ".csv")
    (tmp_path / "spec.yaml").write_text(SPEC)
    market = ("--market", "binance:linear", "--symbol", "BTCUSDT")
    say("candles", "import", str(tmp_path / "candles.csv"), *market)
    rows = [f"2024-01-01 {hour:02}:00:00,0.001" for hour in (0, 8, 16)]
    path = csv(tmp_path, *rows, "2024-01-02 16:00:00,0.001", "2024-01-03 00:00:00,0.001")
    code, out, _ = say("funding", "import", str(path), *market)
    assert (code, "missing between 2024-01-01 16:00 and 2024-01-02 16:00" in out) == (0, True)
    code, _, err = say("backtest", str(tmp_path / "spec.yaml"))
    assert code == 1
    assert "between 2024-01-01 16:00 and 2024-01-02 16:00" in err


class Stored:
    """Rates as a store gives them: due at or after the start, and at or before the end."""

    def __init__(self, *hours: int) -> None:
        self.hours = hours

    def read_funding(self, instrument, start_ns: int, end_ns: int) -> FundingFrame:
        found = [hour * HOUR_NS for hour in self.hours if start_ns <= hour * HOUR_NS <= end_ns]
        event_ns = np.array(found, dtype=np.int64)
        rates = np.full(len(found), 0.0001)
        return FundingFrame(instrument, event_ns, np.full(len(found), 8 * HOUR_NS), rates)


def marks(hours: int) -> CandleFrame:
    """Hourly candles from 0 h on whose close is the hour at which they close."""
    open_ns = np.arange(hours, dtype=np.int64) * HOUR_NS
    column = np.arange(1.0, hours + 1)
    return CandleFrame(PERP, Timeframe.H1, open_ns, *(column for _ in range(5)))


def test_a_run_owes_what_falls_due_after_its_start_at_the_close_of_that_moment():
    """What is due at the start itself was owed by who held before."""
    due = due_funding(Stored(0, 8, 16, 24), PERP, 8 * HOUR_NS, marks(24))
    assert [(each.seen_ns // HOUR_NS, each.mark) for each in due] == [(16, 16), (24, 24)]


@pytest.mark.parametrize(("hours", "missing"), [(24, False), (25, True)])
def test_rates_may_end_one_interval_before_the_candles_and_no_more(hours, missing):
    """A month's file of rates has none for the moment at which its candles end."""
    rates = Stored(0, 8, 16)
    if not missing:
        assert len(due_funding(rates, PERP, 0, marks(hours))) == 2
        return
    with pytest.raises(BadInput, match="between 1970-01-01 16:00 and 1970-01-02 01:00"):
        due_funding(rates, PERP, 0, marks(hours))
