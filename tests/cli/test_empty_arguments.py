"""An empty path is refused before any work: as a path it would be the present folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import command_lines
from tests.conftest import Say

PATHS = [
    (line.path, word.spellings)
    for line in command_lines()
    for word in line.words or ()
    if word.kind is Path
]
ARGUMENTS = [
    line.path for line in command_lines() if any(word.is_argument for word in line.words or ())
]


def test_there_are_such_commands() -> None:
    assert (("backup", "create"), ("--to",)) in PATHS
    assert ("strategy", "create") in ARGUMENTS


@pytest.mark.parametrize("form", ["apart", "equals"])
@pytest.mark.parametrize(("path", "spellings"), [each for each in PATHS if each[1]])
def test_an_empty_path_of_an_option_is_refused(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path, spellings, form
) -> None:
    folder = tmp_path / "present"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for spelling in spellings:
        given = (spelling, "") if form == "apart" else (f"{spelling}=",)
        code, out, errors = say(*path, *given)
        assert (code, out) == (2, "")
        assert errors.startswith(f"error: {spelling} is empty\nhint: ")
        assert "Traceback" not in errors
    assert not [*folder.iterdir()]


@pytest.mark.parametrize("path", ARGUMENTS, ids=" ".join)
def test_an_empty_argument_is_refused(say: Say, path) -> None:
    code, out, errors = say(*path, "")
    assert (code, out) == (2, "")
    assert errors.startswith("error: an argument is empty\n")


def test_an_option_that_is_empty_unless_it_is_given_may_be_empty(say: Say) -> None:
    """`--from "$START"` of a script that leaves it out."""
    assert say("jobs", "list", "-n", "")[0] == 2
    code, _, errors = say("backtest", "nobody", "--from", "", "--market=")
    assert (code, "no strategy" in errors) == (1, True)
