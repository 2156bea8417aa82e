"""A refused file's hint helps: it names no option that would change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

HEAD = "time,open,high,low,close,volume\n"
GOOD = [f"2025-01-01 00:0{at},1,1.2,0.9,1.1,10\n" for at in range(4)]
NO_HIGH, JUMP = "2025-01-01 00:04,1,0.5,2,1.1,10\n", "2025-01-01 00:05,9,9.2,8.9,9.1,10\n"
KEEP, JUMPS = "--keep-good", "--allow-jumps"


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([*GOOD, NO_HIGH], {KEEP}),
        ([*GOOD, NO_HIGH, JUMP], {KEEP, JUMPS}),
        ([*GOOD, JUMP.replace(":05", ":04")], {JUMPS}),
        ([NO_HIGH, NO_HIGH.replace(":04", ":05"), NO_HIGH.replace(":04", ":06")], set()),
    ],
)
def test_what_a_hint_names_would_change_something(say, tmp_path: Path, rows, named) -> None:
    path = tmp_path / "made.csv"
    path.write_text(HEAD + "".join(rows))
    words = ("candles", "import", str(path), "--market", "binance:spot", "--symbol", "MADEUP")
    code, _, said = say(*words, "--timeframe", "1m")
    assert code == 1
    hint = said[said.rindex("hint: ") :]
    assert {option for option in (KEEP, JUMPS) if option in hint} == named
    if named:
        code, _, said = say(*words, "--timeframe", "1m", *named)
        assert code == 0, said


def test_rows_of_the_future_ask_for_the_clock(say, tmp_path: Path) -> None:
    path = tmp_path / "ahead.csv"
    path.write_text(HEAD + "".join(row.replace("2025", "2199") for row in GOOD))
    code, _, said = say(
        "candles", "import", str(path), "--market", "binance:spot", "--symbol", "MADEUP"
    )
    assert code == 1
    assert "Is the clock of this machine right?" in said
    assert KEEP not in said


def test_two_minutes_apart_is_asked_for_the_only_timeframe_it_may_be(say, tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text(HEAD + GOOD[0] + GOOD[2])
    code, _, said = say(
        "candles", "import", str(path), "--market", "binance:spot", "--symbol", "MADEUP"
    )
    assert code == 1
    assert "hint: Say it: --timeframe 1m.\n" in said
    assert "shorter" not in said
