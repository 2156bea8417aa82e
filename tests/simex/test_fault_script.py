"""Protects fault scripts: what is wrong in one is said with its line, and nothing else passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bowline.core.errors import BadInput, NotFound
from bowline.simex import FaultInjector, read_fault_script

GOOD = """\
- fault: drop_reply
  venue: bybit
  request: POST /v5/order/*
  nth: 3
- {fault: gap, channel: book, symbol: BTCUSDT, every: 50}
- {fault: freeze, every_s: 10, seconds: 2}
"""


def test_a_script_is_read_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(GOOD)
    dropped, gap, freeze = read_fault_script(path)
    assert (dropped.trigger, dropped.nth, dropped.max_times, dropped.line) == ("request", 3, 1, 1)
    assert (gap.trigger, gap.symbol, gap.max_times, gap.line) == ("frame", "BTCUSDT", 0, 5)
    assert (freeze.trigger, freeze.seconds, freeze.max_times, freeze.line) == ("time", 2, 0, 6)


BAD = {
    "- {fault: nonsense, at_s: 1}": "no such fault",
    "- {fault: delay, request: x, second: 3}": "delay knows no word second",
    "- {fault: delay, seconds: 3}": "nothing to set it off",
    "- {fault: gap, at_s: 3}": "gap is set off by frame",
    "- {fault: freeze, at_s: soon}": "at_s",
    "- {fault: gap, channel: depth, nth: 1}": "channel depth is none of",
    "- {fault: partial_fill, request: x, ratio: 2}": "from 0 to 1",
    "- {fault: delay, request: x, nth: 1, every: 2}": "one of nth, every and chance",
    "- just words": "no such fault",
    "- {fault: listing, at_s: 1, tick: abc}": "tick",
    "- {fault: listing, at_s: 1, lot: '-1'}": "lot",
    "- {fault: [delay], at_s: 1}": "no such fault",
    "- {fault: freeze, at_s: 1, seconds: .nan}": "seconds",
    "- {fault: freeze, at_s: 1e29}": "no number of seconds",
    "- {fault: delay, request: x, seconds: -1}": "no number of seconds",
    "- {fault: delay, request: x, nth: 1000000000000}": "nth",
    "- {fault: freeze, every_s: 0}": "would never end",
    "- {fault: status, request: x, status: 99999}": "status 99999",
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(f"# a comment\n{text}\n")
    with pytest.raises(BadInput) as caught:
        read_fault_script(path)
    (problem,) = caught.value.problems
    assert problem.startswith("line 2: ")
    assert BAD[text] in problem


@pytest.mark.parametrize(
    "text",
    ["- {fault: delay, request: x, nth: !!int abc}", "- {fault: delay, request: x, nth: 1e9999999}",
     "- &a {fault: delay, request: x}\n- *a", "- " + "[" * 50_000, '- {fault: "\\ud800"}'],
    ids=("tag", "power", "alias", "depth", "surrogate"),
)  # fmt: skip
def test_what_is_hostile_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(f"# a comment\n{text}\n")
    with pytest.raises(BadInput, match=r"line [23], column"):
        read_fault_script(path)


def test_a_clock_may_be_slow(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text("- {fault: clock_skew, at_s: 1, seconds: -90}\n")
    (fault,) = read_fault_script(path)
    assert fault.seconds == -90


@pytest.mark.parametrize("text", ["", "3", "a: [", "a: 1\nb: 2"])
def test_what_is_no_list_is_no_script(tmp_path: Path, text: str) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    with pytest.raises(BadInput):
        read_fault_script(path)


def test_a_script_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_fault_script(tmp_path / "none.yaml")


def test_a_fault_made_in_a_program_is_checked_the_same() -> None:
    with pytest.raises(BadInput):
        FaultInjector().add(fault="gap", at_s=3)
