"""Words that a command does not take: said as every other mistake is, before anything is done."""

from __future__ import annotations

import json

import pytest

from bowline.core.model.job import JobState
from tests.cli.commands import command_lines
from tests.cli.test_file_sweeps import GRID, candles  # noqa: F401 - a fixture

NUMBERS = [
    (line.path, word)
    for line in command_lines()
    for word in line.words or ()
    if word.kind in {int, float}
]
_NAMES = [f"{' '.join(path)} {word.parameter}" for path, word in NUMBERS]


def test_the_tree_is_read_whole() -> None:
    """The other tests here ask for what this finds."""
    paths = {line.path for line in command_lines()}
    assert {("grid", "save"), ("jobs", "resume"), ("worker",), ("candles", "import")} <= paths
    assert len(NUMBERS) > 30


@pytest.mark.parametrize(("path", "word"), NUMBERS, ids=_NAMES)
def test_a_number_beyond_what_is_meant_is_wrong_usage(say, path, word) -> None:
    """An absurd count fills memory or a database's columns: none is taken unbounded."""
    spelling = [] if word.is_argument else [word.spellings[0]]
    for absurd in ("-1", "1" + "0" * 30, "nan", "inf"):
        code, out, errors = say(*path, *spelling, f"{absurd}", "--json")
        assert (code, out) == (2, ""), f"{absurd}: {errors}"
        said = json.loads(errors)["error"]
        assert said["kind"] == "WrongUsage"
        assert said["hint"] == f"bowline {' '.join(path)} --help"


def test_wrong_usage_is_said_in_two_lines_for_people(say) -> None:
    code, out, errors = say("worker", "--threads", "-1")
    assert (code, out) == (2, "")
    first, second = errors.splitlines()
    assert first.startswith("error: invalid value for '--threads'")
    assert second == "hint: bowline worker --help"


def test_a_misspelt_command_says_what_was_meant(say) -> None:
    code, _, errors = say("gird", "x")
    assert (code, "Did you mean 'grid'?" in errors) == (2, True)


def test_a_group_by_itself_says_what_it_has(say) -> None:
    code, out, errors = say("jobs")
    assert (code, "resume" in out + errors) == (2, True)


def test_a_workers_bad_setting_parks_no_job(say, tmp_path, candles, monkeypatch) -> None:  # noqa: F811
    grid = tmp_path / "grid.yaml"
    grid.write_text(GRID)
    assert say("jobs", "submit", str(grid), "--candles", str(candles))[0] == 0
    monkeypatch.setenv("BOWLINE_KERNEL", "abacus")
    code, _, errors = say("worker", "--once")
    assert (code, "BOWLINE_KERNEL" in errors) == (1, True)
    monkeypatch.delenv("BOWLINE_KERNEL")
    _, out, _ = say("jobs", "show", "1", "--json")
    assert json.loads(out)["state"] == JobState.QUEUED.value


def test_a_workers_bad_option_parks_no_job(say, tmp_path, candles) -> None:  # noqa: F811
    """The option is the worker's: the job has done nothing wrong."""
    grid = tmp_path / "grid.yaml"
    grid.write_text(GRID)
    assert say("jobs", "submit", str(grid), "--candles", str(candles))[0] == 0
    for words in (("--threads", "-1"), ("--threads", "99999999"), ("--cluster", "?")):
        code, _, errors = say("worker", "--once", *words)
        assert code in {1, 2}, errors
        assert "hint" in errors
        _, out, _ = say("jobs", "show", "1", "--json")
        job = json.loads(out)
        assert (job["state"], job["attempts"]) == (JobState.QUEUED.value, 0)
