"""Missing candles: every command that reads candles says how many, and refuses too many."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bowline.core.model.market import VALUE_COLUMNS, CandleFrame
from bowline.core.model.values import Timeframe
from bowline.storage.files import write_candle_file
from tests.research.grids import START_NS, minutes

#: ten days of minutes from 2024-01-01 on, of which one is missing in each of these hours
DAYS, HOURS = 10, (7, 30, 31, 101, 150, 222)
SPEC = """
version: 1
timeframe: {timeframe}
instrument: {{market: "binance:spot", symbol: MADEUP}}
direction: {direction}
indicators: [{{id: {rule}}}]
sizing: {{mode: all_in}}
{more}
"""
GRID = """
version: 1
timeframe: {timeframe}
instrument: {{market: "binance:spot", symbol: MADEUP}}
direction: long-short
sizing: {{mode: all_in}}
indicators: [{{id: sma_cross, params: {{fast: [3, 5], slow: [20, 30]}}}}]
top: 4
"""
STORED = ("--market", "binance:spot", "--symbol", "MADEUP")


def without(frame: CandleFrame, gone: set[int]) -> CandleFrame:
    """The candles but for some rows."""
    kept = np.array([row for row in range(len(frame)) if row not in gone])
    columns = (getattr(frame, name)[kept] for name in ("open_ns", *VALUE_COLUMNS))
    return CandleFrame(frame.instrument, frame.timeframe, *columns)


def spec(folder: Path, name: str = "spec.yaml", **changes: str) -> str:
    words = {"timeframe": "1h", "direction": "long-short", "rule": "sma_cross", "more": ""}
    (folder / name).write_text(SPEC.format(**(words | changes)))
    return str(folder / name)


def grid(folder: Path, timeframe: str = "1h") -> str:
    (folder / "grid.yaml").write_text(GRID.format(timeframe=timeframe))
    return str(folder / "grid.yaml")


@pytest.fixture
def holed(home, tmp_path: Path) -> Path:
    path = tmp_path / "holed.csv"
    gone = {hour * 60 + 13 for hour in HOURS}
    write_candle_file(without(minutes(DAYS * 1440), gone), path, ".csv")
    return path


@pytest.fixture
def stored(say, holed: Path) -> Path:
    code, _, errors = say("candles", "import", str(holed), *STORED)
    assert code == 0, errors
    return holed.parent


@pytest.fixture
def two_years(home, tmp_path: Path) -> Path:
    """A file of hours: 105 days, nothing for 730 days, 95 days."""
    made = minutes(4_800)
    open_ns = START_NS + np.arange(4_800) * Timeframe.H1.ns
    open_ns[2_520:] += 730 * Timeframe.D1.ns
    columns = (getattr(made, name) for name in VALUE_COLUMNS)
    path = tmp_path / "two-years.csv"
    write_candle_file(CandleFrame(made.instrument, Timeframe.H1, open_ns, *columns), path, ".csv")
    return path


def answer(say, *words: str) -> dict:
    code, out, errors = say(*words, "--json")
    assert code == 0, errors
    return json.loads(out)


def refusal(say, *words: str) -> dict:
    code, out, errors = say(*words, "--json")
    assert (code, out) == (1, "")
    error = json.loads(errors.splitlines()[-1])["error"]
    assert error["kind"] == "BadInput"
    return error


def commands(folder: Path) -> dict[str, tuple[str, ...]]:
    """Every command that reads stored candles into a result, over hours."""
    (folder / "all.yaml").write_text("version: 1\nruns: [{strategy: spec.yaml}]\n")
    one, many = spec(folder), grid(folder)
    return {
        "backtest": ("backtest", one),
        "portfolio": ("portfolio", str(folder / "all.yaml")),
        "paper": ("paper", one, "--replay"),
        "grid": ("grid", many, "--threads", "1"),
        "validate": ("validate", one, "--paths", "2"),
        "validate grid": ("validate", many, "--paths", "2", "--threads", "1"),
        "walk-forward": ("walk-forward", many, "--threads", "1"),
        "indicators": ("indicators", "compute", "rsi", *STORED, "--timeframe", "1h"),
        "export": ("candles", "export", str(folder / "x.csv"), *STORED, "--timeframe", "1h"),
        "jobs": ("jobs", "submit", many),
    }


def completeness(name: str, document: dict) -> dict:
    match name:
        case "portfolio":
            return document["runs"][0]["completeness"]
        case "paper":
            return document["report"]["completeness"]
    return document["completeness"]


@pytest.mark.parametrize("name", [name for name in commands(Path("/tmp")) if name != "jobs"])
def test_too_many_are_refused_and_said_where_they_are_allowed(say, stored, name) -> None:
    """6 of 14,400 minutes lose 6 of 240 hours: 2.5 %, by hand."""
    words = commands(stored)[name]
    error = refusal(say, *words)
    assert "6 of 240 1h candles of MADEUP are lost (2.50 %), and at most 0.5 %" in error["message"]
    assert "--allow-gaps" in error["hint"]
    assert any("6 of 14,400 1m candles are missing" in line for line in error["problems"])
    found = completeness(name, answer(say, *words, "--allow-gaps"))
    assert (found["missing"], found["source_candles"]) == (6, 14_400)
    assert (found["lost"], found["candles"], found["lost_pct"]) == (6, 240, 2.5)
    assert (found["timeframe"], found["source_timeframe"]) == ("1h", "1m")
    assert (found["from"], found["to"]) == ("2024-01-01T00:00:00Z", "2024-01-11T00:00:00Z")
    assert found["longest_hole"] == {
        "from": "2024-01-01T07:13:00Z", "to": "2024-01-01T07:14:00Z", "seconds": 60,
        "in_words": "1 m",
    }  # fmt: skip
    assert (found["gaps_allowed"], found["gaps"], found["filled"]) == (True, [], 0)
    (stored / "x.csv").unlink(missing_ok=True)
    code, out, errors = say(*words, "--allow-gaps")
    assert code == 0, errors
    said = " ".join(out.split())
    assert "6 of 14,400 1m candles are missing (0.04 %), the longest hole 1 m" in said
    assert "6 of 240 1h candles are lost (2.50 %)" in said
    assert "allowed (--allow-gaps)" in said


def test_a_few_are_said_and_none_is_said_too(say, stored, monkeypatch) -> None:
    found = answer(say, "backtest", spec(stored, timeframe="1m"))["completeness"]
    assert (found["missing"], found["lost"], found["gaps_allowed"]) == (6, 6, False)
    span = ("--from", "2024-01-08", "--to", "2024-01-09")
    code, out, _ = say("backtest", spec(stored, timeframe="1m"), *span)
    assert code == 0
    assert "1m candles is missing" in out, "nothing is missing on this day"
    monkeypatch.setenv("BOWLINE_MAX_LOST_PCT", "2.5")
    assert not answer(say, "backtest", spec(stored))["completeness"]["gaps_allowed"]
    monkeypatch.setenv("BOWLINE_MAX_LOST_PCT", "0")
    assert "at most 0 %" in refusal(say, "backtest", spec(stored, timeframe="1m"))["message"]


def test_what_was_filled_flat_is_said_and_not_missing(say, holed, tmp_path) -> None:
    code, _, errors = say("candles", "import", str(holed), *STORED, "--fill-flat")
    assert code == 0, errors
    found = answer(say, "backtest", spec(tmp_path))["completeness"]
    assert (found["missing"], found["lost"], found["filled"]) == (0, 0, 6)
    assert found["in_words"][-1] == "6 minutes without a trade are filled flat, with volume 0"
    span = ("--from", "2024-01-05", "--to", "2024-01-07")
    words = ("backtest", spec(tmp_path, timeframe="1m"), *span)
    assert answer(say, *words)["completeness"]["filled"] == 1, "hour 101 is of 5 January"
    swept = answer(say, "grid", grid(tmp_path), "--threads", "1")
    assert (swept["completeness"]["filled"], swept["completeness"]["missing"]) == (6, 0)
    copied = tmp_path / "copied.csv"
    answer(say, "candles", "export", str(copied), *STORED)
    found = answer(say, "backtest", spec(tmp_path), "--candles", str(copied))["completeness"]
    assert (found["missing"], found["filled"]) == (0, 6), "a file can say so too"


def test_minutes_that_fill_no_longer_candle_are_said(say, home, tmp_path) -> None:
    """10 days of minutes without the first 100 and the last 200: 20 and 40 of them are left."""
    del home
    rows = minutes(DAYS * 1440).slice(100, DAYS * 1440 - 200)
    path, page = tmp_path / "ends.csv", tmp_path / "page.html"
    write_candle_file(rows, path, ".csv")
    code, _, errors = say("candles", "import", str(path), *STORED)
    assert code == 0, errors
    line = "60 1m candles at the ends are in no whole 1h candle and not used: "
    line += "20 before the first, 40 after the last"
    for more in ((), ("--candles", str(path))):
        words = ("backtest", spec(tmp_path), *more)
        found = answer(say, *words, "--html", str(page), "--force")["completeness"]
        assert (found["unused_before"], found["unused_after"], found["missing"]) == (20, 40, 0)
        assert line in found["in_words"]
        assert line in page.read_text()
        assert line in " ".join(say(*words)[1].split())
        swept = ("grid", grid(tmp_path), "--threads", "1", *more)
        assert (
            line in answer(say, *swept, "--html", str(page), "--force")["completeness"]["in_words"]
        )
        assert line in page.read_text()
    (tmp_path / "all.yaml").write_text("version: 1\nruns: [{strategy: spec.yaml}]\n")
    answer(say, "portfolio", str(tmp_path / "all.yaml"), "--html", str(page), "--force")
    assert line in page.read_text()
    assert (
        answer(say, "backtest", spec(tmp_path, timeframe="1m"))["completeness"]["unused_before"]
        == 0
    )


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (("--from", "2023-12-31"), "the candles begin at 2024-01-01 00:00, after --from"),
        (("--to", "2024-01-12"), "the candles end at 2024-01-11 00:00, before --to"),
    ],
)
def test_what_was_asked_for_and_is_not_there_is_missing(say, stored, span, said) -> None:
    words = ("backtest", spec(stored, timeframe="1m"), *span)
    assert said in refusal(say, *words)["problems"]
    found = answer(say, *words, "--allow-gaps")["completeness"]
    assert (found["missing"], found["candles"]) == (1440 + 6, 11 * 1440)


def test_a_timeframe_of_which_nothing_is_left_cannot_be_allowed(say, tmp_path, home) -> None:
    path = tmp_path / "daily.csv"
    gone = {day * 1440 + 5 for day in range(3)}
    write_candle_file(without(minutes(3 * 1440), gone), path, ".csv")
    say("candles", "import", str(path), *STORED)
    error = refusal(say, "backtest", spec(tmp_path, timeframe="1d"), "--allow-gaps")
    assert "3 of 3 1d candles" in error["message"]
    assert "shorter timeframe" in error["hint"]


def test_fills_by_the_minute_and_a_hole_in_the_warm_up_are_measured_too(say, stored) -> None:
    by_minute = spec(stored, more="fills: minutes\nstops: {sl_pct: 1}")
    found = answer(say, "backtest", by_minute, "--allow-gaps")["completeness"]
    assert (found["missing"], found["lost"]) == (6, 6)
    # hours 30 and 31 lie before the first decision, within the 50 candles of the warm-up
    words = ("backtest", spec(stored), "--from", "2024-01-03T10:00", "--to", "2024-01-05")
    found = answer(say, *words, "--allow-gaps")["completeness"]
    assert found["from"] < "2024-01-02T06:00:00Z"
    assert found["lost"] >= 2


def test_in_a_portfolio_the_run_with_holes_is_named(say, stored, tmp_path) -> None:
    write_candle_file(minutes(DAYS * 1440), tmp_path / "whole.csv", ".csv")
    spec(stored)
    (stored / "both.yaml").write_text(
        "version: 1\nruns:\n- {strategy: spec.yaml, symbol: OTHER, candles: whole.csv}\n"
        "- {strategy: spec.yaml, candles: holed.csv}\n"
    )
    words = ("portfolio", str(stored / "both.yaml"))
    assert "candles of MADEUP are lost" in refusal(say, *words)["message"]
    page = tmp_path / "page.html"
    found = answer(say, *words, "--allow-gaps", "--html", str(page))
    assert [run["completeness"]["missing"] for run in found["runs"]] == [0, 6]
    line = "2 · binance:spot:MADEUP 1h: 6 of 14,400 1m candles are missing"
    assert any(each.startswith(line) for each in found["missing_in_words"])
    assert 'class="panel warning"' in page.read_text()
    assert line in page.read_text()


def test_the_pages_say_it_before_the_figures(say, stored, tmp_path) -> None:
    for words in (("backtest", spec(stored)), ("grid", grid(stored), "--threads", "1")):
        page = tmp_path / f"{words[0]}.html"
        answer(say, *words, "--allow-gaps", "--html", str(page))
        text = page.read_text()
        panel = text.index('class="panel warning"')
        assert "6 of 240 1h candles are lost (2.50 %)" in text[panel:].split("</p>")[0]
        assert panel < text.index('class="cards')
        assert "<dt>Missing candles</dt>" in text


def test_a_job_keeps_what_was_allowed_and_a_paper_run_can_be_replayed(say, stored) -> None:
    assert "6 of 240" in refusal(say, "jobs", "submit", grid(stored))["message"]
    job = answer(say, "jobs", "submit", grid(stored), "--allow-gaps")
    assert job["payload"]["completeness"]["allowed"]
    assert say("worker", "--once", "--threads", "1")[0] == 0
    found = answer(say, "jobs", "show", "1", "--result")
    assert (found["completeness"]["lost"], found["completeness"]["gaps_allowed"]) == (6, True)
    assert [row["held_across_gaps"] for row in found["top"]] == [0] * len(found["top"])
    assert "6 of 240 1h candles are lost" in say("jobs", "show", "1")[1]
    assert answer(say, "grid", "save", "1", "1")["id"]
    answer(say, "paper", spec(stored), "--replay", "--allow-gaps")
    assert answer(say, "journal", "replay", "--run", "1")["commands"]
    kept = answer(say, "runs", "show", "1")["metadata"]
    assert (kept["gaps_allowed"], "6 of 240 1h" in kept["missing_candles"]) == (True, True)


def test_a_gap_of_two_years_and_what_was_held_through_it(say, two_years, tmp_path) -> None:
    one = spec(tmp_path)
    source = ("--candles", str(two_years))
    error = refusal(say, "backtest", one, *source)
    gap = "no 1h candle for 730 d (2024-04-15 00:00 to 2026-04-15 00:00)"
    assert any(line.startswith(gap) for line in error["problems"])
    trades = tmp_path / "trades.csv"
    found = answer(say, "backtest", one, *source, "--allow-gaps", "--trades", str(trades))
    across = found["completeness"]["across_gaps"]
    assert found["completeness"]["gaps"][0]["seconds"] == 730 * 86_400
    assert across["days"] == 730
    held = [
        number
        for number, trip in enumerate(found["round_trips"], start=1)
        if trip["opened_at"] < "2026-04-15" and trip["closed_at"] > "2024-04-15T00:00:00Z"
    ]
    assert len(held) == 1, "it is always long or short"
    assert across["round_trips"] == held
    assert found["round_trips"][held[0] - 1]["held_through_gap"] == "730 days 00:00:00"
    rows = trades.read_text().splitlines()
    assert rows[held[0]].endswith("730 days 00:00:00")
    assert sum(row.endswith("730 days 00:00:00") for row in rows) == 1
    code, out, _ = say("backtest", one, *source, "--allow-gaps")
    said = " ".join(out.split())
    assert code == 0
    assert f"1 round trip was held through a gap (number {held[0]})" in said
    assert "730 days in gaps count" in said


def test_a_warm_up_through_a_gap_is_said(say, two_years, tmp_path) -> None:
    """Decisions begin an hour after the gap: every candle of the warm-up lies before it."""
    words = ("backtest", spec(tmp_path), "--candles", str(two_years), "--from", "2026-04-15")
    assert refusal(say, *words)
    found = answer(say, *words, "--allow-gaps")["completeness"]
    assert found["across_gaps"]["warmup"]
    assert found["across_gaps"]["days"] == 0
    assert "the warm-up spans a gap" in found["in_words"]


def test_a_sweep_says_which_rows_rest_on_a_position_held_through_a_gap(
    say, two_years, tmp_path
) -> None:
    source = ("--candles", str(two_years), "--allow-gaps", "--threads", "1")
    page = tmp_path / "page.html"
    found = answer(say, "grid", grid(tmp_path), *source, "--html", str(page))
    # always long or short: every row holds a position through the gap
    assert [row["held_across_gaps"] for row in found["top"]] == [1] * len(found["top"])
    assert found["completeness"]["rows_held_across_gaps"] == list(range(1, len(found["top"]) + 1))
    assert "the best row rests on a position held through a gap" in page.read_text()
    code, out, _ = say("grid", grid(tmp_path), *source)
    assert code == 0
    assert "held through a gap" in out.splitlines()[1]
    assert "the best row rests on a position held through a gap" in out
    assert "730 days in gaps count" in out
    walked = answer(say, "walk-forward", grid(tmp_path), *source)
    assert sum(leg["lost"] for leg in walked["legs"]) == 730 * 24
    assert sum(leg["held_across_gaps"] for leg in walked["legs"]) == 1


def test_a_file_of_hours_with_missing_rows_is_refused_too(say, two_years, tmp_path) -> None:
    lines = two_years.read_text().splitlines()[:201]
    thin = tmp_path / "thin.csv"
    thin.write_text("\n".join(line for at, line in enumerate(lines) if at % 50 != 7) + "\n")
    for words in (
        ("backtest", spec(tmp_path)),
        ("indicators", "compute", "rsi"),
        ("grid", grid(tmp_path)),
    ):
        found = refusal(say, *words, "--candles", str(thin))
        assert "4 of 200 1h candles" in found["message"]


@pytest.mark.parametrize("name", ["backtest", "portfolio", "grid", "indicators"])
def test_a_warm_up_that_reaches_across_a_hole_is_said_and_the_advice_leaves_it_out(
    say, home, tmp_path, name
) -> None:
    """A span that begins after the hole is refused until the whole warm-up lies after it too."""
    gone = set(range(5 * 1440, 8 * 1440))
    path = tmp_path / "gap.csv"
    write_candle_file(without(minutes(30 * 1440), gone), path, ".csv")
    assert say("candles", "import", str(path), *STORED)[0] == 0
    words = commands(tmp_path)[name]
    # the hole ends on 9 January; 200 hours are 8 days and 8 hours
    for begins in ("2024-01-09", "2024-01-17T07:00"):
        error = refusal(say, *words, "--from", begins)
        assert "choose --from 2024-01-17T08:00 or later" in error["hint"]
        warmup = [line for line in error["problems"] if "are the warm-up" in line]
        # of the 200 that are wanted, 120 lie before the hole
        counts = {"2024-01-09": "120", "2024-01-17T07:00": "200"}
        assert [line.split()[1] for line in warmup] == [counts[begins]]
    answer(say, *words, "--from", "2024-01-17T08:00")
    assert "choose --from and --to without it" in refusal(say, *words)["hint"]
