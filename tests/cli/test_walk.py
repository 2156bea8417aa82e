"""The walk of a user: import, backtest, paper run, journal, and the same words again."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing, suppress
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bowline.core.errors import BowlineError
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.research.synthetic import synthetic_minutes
from bowline.storage.files import write_candle_file

BOWLINE = str(Path(sys.executable).parent / "bowline")
SPEC = """\
version: 1
timeframe: 5m
instrument: {market: "binance:spot", symbol: BTCUSDT}
direction: long-short
indicators:
  - id: sma_cross
    params: {fast: 4, slow: 12}
stops: {sl_pct: 0.8, tp_pct: 1.6}
sizing: {mode: all_in}
"""
#: BTC-USD daily closes, SMA 10/50, long only, no costs, 100 to start with: published by vectorbt
PUBLISHED_PROFIT = 34417.80960086067
DAILY = """\
version: 1
timeframe: 1d
direction: long-only
indicators:
  - id: sma_cross
    params: {fast: 10, slow: 50}
sizing: {mode: all_in}
costs: {fee_pct: 0, slippage_pct: 0}
"""


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC)
    return str(path)


@pytest.fixture
def candles(tmp_path):
    minutes = synthetic_minutes(
        InstrumentId(MarketId(1), "BTCUSDT"), seed=3, minutes=20_000, start_ns=1_735_689_600 * 10**9
    )
    path = tmp_path / "minutes.csv"
    write_candle_file(minutes, path, ".csv")
    return str(path)


@pytest.fixture
def imported(say, candles):
    code, _, _ = say(
        "candles", "import", candles, "--market", "binance:spot", "--symbol", "BTCUSDT",
        "--lot-step", "0.00001", "--min-notional", "5",
    )  # fmt: skip
    assert code == 0


@pytest.mark.parametrize("first_signal", ["wait", "enter"])
def test_the_published_profit_comes_out_of_the_command(say, shared_data, tmp_path, first_signal):
    """PUBLISHED.md no. 2, straight from the file of daily candles, nothing stored.

    The first signal is SHORT there, and it is long only: either choice comes to it.
    """
    daily = tmp_path / "daily.yaml"
    daily.write_text(f"{DAILY}first_signal: {first_signal}\n")
    file = shared_data / "macro" / "BTC-USD_yahoo_daily_2014_2026.csv"
    code, out, _ = say(
        "backtest", str(daily), "--candles", str(file), "--timeframe", "1d", "--cash", "100",
        "--to", "2025-12-01", "--json",
    )  # fmt: skip
    assert code == 0
    assert json.loads(out)["metrics"]["Total Profit"] == pytest.approx(PUBLISHED_PROFIT, abs=1e-6)


def test_entries_are_those_of_a_tool_that_waits_for_a_cross(say, shared_data, tmp_path):
    """PUBLISHED.md no. 1: GOOG, SMA 10 and 20, always in the market, by backtesting.py.

    It enters at the open after the close that crossed. With its first average it does nothing; a
    run that enters on the first signal has one round trip more before all of its 93.
    """
    folder = shared_data / "ref" / "backtesting_py"
    with (folder / "goog_smacross_10_20_trades.csv").open() as file:
        entered = [(int(t["EntryBar"]) - 1, int(t["Size"]) > 0) for t in csv.DictReader(file)]
    with (folder / "GOOG.csv").open() as file:
        days = [next(iter(row.values()))[:10] for row in csv.DictReader(file)]
    spec = tmp_path / "cross.yaml"
    published = DAILY.replace("long-only", "long-short").replace("slow: 50", "slow: 20")
    found = {}
    for choice, said in (("wait", ""), ("enter", "first_signal: enter\n")):
        spec.write_text(published + said)
        words = ("backtest", str(spec), "--candles", str(folder / "GOOG.csv"), "--json")
        assert say(*words)[0] == 1, "an exchange of shares closes: three days in ten are missing"
        code, out, errors = say(*words, "--allow-gaps")
        assert code == 0, errors
        report = json.loads(out)
        assert report["first_signal"] == choice
        trips = [*report["round_trips"], report["open_position"]]
        # a daily candle closes at the midnight that begins the next day
        opened = [datetime.fromisoformat(t["opened_at"]).date() - timedelta(days=1) for t in trips]
        found[choice] = [
            (days.index(day.isoformat()), t["direction"] == "long")
            for day, t in zip(opened, trips, strict=True)
        ]
    assert len(entered) == 93
    assert found["wait"][:93] == entered
    assert found["enter"][0][0] == 19, "both averages are there for the first time"
    assert found["enter"][1:] == found["wait"]


@pytest.mark.usefixtures("imported")
def test_backtest_writes_its_page_and_its_round_trips(say, spec, tmp_path):
    page, trips = tmp_path / "r.html", tmp_path / "t.csv"
    code, out, _ = say("backtest", spec, "--html", str(page), "--trades", str(trips), "--json")
    assert code == 0
    report = json.loads(out)
    assert "<html" in page.read_text()
    closed = [
        row for row in csv.DictReader(trips.read_text().splitlines()) if "closed" in row.values()
    ]
    assert len(closed) == report["metrics"]["Num. Trades"] > 20


@pytest.mark.usefixtures("imported")
def test_warm_up_comes_from_before_the_first_decision(say, spec):
    """Decisions begin at --from, and the averages are ready by then."""
    _, out, _ = say("backtest", spec, "--from", "2025-01-03", "--to", "2025-01-10", "--json")
    report = json.loads(out)
    assert report["metrics"]["Start"].startswith("2025-01-03")
    assert min(t["opened_at"] for t in report["round_trips"]) < "2025-01-03T03"


@pytest.mark.usefixtures("imported")
def test_paper_makes_the_round_trips_of_the_backtest_and_replays(say, spec):
    _, out, _ = say("backtest", spec, "--from", "2025-01-03", "--json")
    tested = json.loads(out)
    code, out, _ = say("paper", spec, "--replay", "--from", "2025-01-03", "--json")
    assert code == 0
    paper = json.loads(out)
    assert paper["differences"] == []
    assert paper["report"]["round_trips"] == tested["round_trips"]
    assert all(Decimal(t["quantity"]) % Decimal("0.00001") == 0 for t in tested["round_trips"]), (
        "quantities are whole lot steps"
    )
    code, out, _ = say("journal", "replay", "--json")
    again = json.loads(out)
    assert (code, again["head"]) == (0, paper["head"])
    assert again["commands"] > 40
    assert say("journal", "verify")[0] == 0
    runs = json.loads(say("runs", "list", "--json")[1])
    assert [run["state"] for run in runs] == ["stopped"]


@pytest.mark.usefixtures("imported")
def test_a_replay_notices_that_candles_were_restated(say, spec, candles, tmp_path):
    """One close changed since the run: the replay says so instead of deciding on other candles."""
    assert say("paper", spec, "--replay")[0] == 0
    lines = Path(candles).read_text().splitlines()
    cells = lines[500].split(",")
    cells[4] = cells[2]
    restated = tmp_path / "restated.csv"
    restated.write_text("\n".join([*lines[:500], ",".join(cells), *lines[501:]]))
    importing = ("candles", "import", str(restated), "--market", "binance:spot")
    assert say(*importing, "--symbol", "BTCUSDT")[0] == 0
    code, _, err = say("journal", "replay")
    assert code == 1
    assert "the stored candles differ from those of run 1" in err


@pytest.mark.usefixtures("imported")
def test_older_candles_that_arrive_later_do_not_disturb_a_replay(say, spec, tmp_path):
    """The run's anchor is its own: more history before it changes none of its signals."""
    first = json.loads(say("paper", spec, "--replay", "--from", "2025-01-01T08:00", "--json")[1])
    older = synthetic_minutes(
        InstrumentId(MarketId(1), "BTCUSDT"), seed=4, minutes=2_880, start_ns=1_735_516_800 * 10**9
    )
    path = tmp_path / "older.csv"
    write_candle_file(older, path, ".csv")
    importing = ("candles", "import", str(path), "--market", "binance:spot")
    assert say(*importing, "--symbol", "BTCUSDT", "--allow-jumps")[0] == 0
    code, out, _ = say("journal", "replay", "--json")
    assert (code, json.loads(out)["head"]) == (0, first["head"])


def paper_process(spec: str, home: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [BOWLINE, "paper", spec, "--replay", "--json", *more],
        env={**os.environ, "BOWLINE_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_entries(journal: Path, entries: int) -> None:
    from bowline.storage.embedded.sqlite_journal import SqliteJournal

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        # a file that is there may still be on its way to being a journal
        with suppress(BowlineError), closing(SqliteJournal(journal, read_only=True)) as reading:
            if sum(1 for _ in reading.entries()) >= entries:
                return
        time.sleep(0.05)
    pytest.fail(f"{journal} did not get {entries} entries within a minute")


@pytest.mark.slow
@pytest.mark.usefixtures("imported")
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_process_is_taken_up_by_the_same_words(say, spec, home, blow):
    """Kill -9 and Ctrl-C in the middle: the same command goes on and ends as an undisturbed one."""
    slow = paper_process(spec, home, "--speed", "60000x")
    wait_for_entries(home / "journals" / "run-1.db", 12)
    slow.send_signal(blow)
    out, _ = slow.communicate(timeout=60)
    assert slow.returncode == (-9 if blow == signal.SIGKILL else 0)
    if blow == signal.SIGINT:
        assert json.loads(out)["finished"] is False
    first = json.loads(say("paper", spec, "--replay", "--json")[1])
    assert (first["run"], first["taken_up"], first["finished"]) == (1, True, True)
    assert first["differences"] == []
    undisturbed = json.loads(say("paper", spec, "--replay", "--new", "--json")[1])
    assert (undisturbed["run"], undisturbed["taken_up"]) == (2, False)
    assert first["head"] == undisturbed["head"]


def test_demo_ends_with_one_json_object(say, home):
    code, out, _ = say("demo", "--json")
    assert code == 0
    summary = json.loads(out)
    assert set(summary) == {
        "candles", "round_trips", "differences", "report", "journal", "completeness",
    }  # fmt: skip
    assert summary["completeness"]["missing"] == 0
    assert summary["candles"] == 129_600
    assert summary["round_trips"] > 50
    assert summary["differences"] == 0
    assert Path(summary["report"]).stat().st_size > 10_000
    assert Path(summary["journal"]).is_file()
    again = json.loads(say("demo", "--json")[1])
    assert again["round_trips"] == summary["round_trips"]
    assert (home / "demo").is_dir()
    assert [path.name for path in home.iterdir()] == ["demo"], "nothing lies outside its folder"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--speed", "fast"), "--speed fast is not a speed"),
        (("--cash", "-5"), "--cash -5 is not an amount of money"),
        (("--cash", "1e30"), "--cash 1e30 is not an amount of money"),
        (("--cash", "nan"), "--cash nan is not an amount of money"),
        (("--from", "2030-01-01"), "--from 2030-01-01 is in the future"),
        (("--from", "2025-01-09", "--to", "2025-01-02"), "--from is not before --to"),
        (("--from", "yesterday"), "'yesterday' is not a time"),
        (("--symbol", "ETHUSDT"), "no candles of binance:spot ETHUSDT are stored"),
        (("--market", "nyse:spot"), "unknown market 'nyse:spot'"),
        (("--timeframe", "7m"), "unknown timeframe '7m'"),
    ],
)
@pytest.mark.usefixtures("imported")
def test_wrong_words_are_answered_with_what_was_expected(say, spec, words, expected):
    code, out, err = say("paper", spec, "--replay", *words)
    assert code == 1
    assert expected in err
    assert "hint: " in err or "expected one of" in err
    assert out == ""


@pytest.mark.usefixtures("imported")
def test_off_a_terminal_the_log_of_a_paper_run_is_json_lines(spec, home):
    """O4: stdout is the answer, stderr the log, and each line names its run."""
    done = paper_process(spec, home)
    out, err = done.communicate(timeout=60)
    assert json.loads(out)["finished"] is True
    begun, stopped = (json.loads(line) for line in err.splitlines())
    assert (begun["event"], begun["run"], begun["level"]) == ("run started", 1, "info")
    assert stopped["event"] == "run stopped: the last candle"
    assert stopped["entries"] > 0
