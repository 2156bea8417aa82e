"""Protects the help: on a terminal of 80 columns every command and option is described uncut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from bowline.cli import app

COLUMNS = 80
#: what typer itself writes with dots: values that may be repeated
_REPEATED = re.compile(r"^Usage: .*|\b\w+\.\.\. <list|\{\w+\}\.\.\.")


def _paths(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from _paths(inner, (*path, name))


PATHS = tuple(_paths(typer.main.get_command(app)))


def _help(path: tuple[str, ...]) -> str:
    found = CliRunner().invoke(
        app, [*path, "--help"], env={"COLUMNS": str(COLUMNS)}, prog_name="bowline"
    )
    assert found.exit_code == 0, found.output
    return found.output


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_fits_a_terminal_of_80_columns_uncut(path: tuple[str, ...]) -> None:
    text = _help(path)
    assert all(len(line) <= COLUMNS for line in text.splitlines())
    cut = [line for line in text.splitlines() if "…" in line or "..." in _REPEATED.sub("", line)]
    assert not cut


def test_every_command_is_looked_at() -> None:
    """The list of paths comes from the commands themselves, groups and the root included."""
    assert {(), ("candles",), ("candles", "import"), ("walk-forward",)} <= set(PATHS)
    assert len(PATHS) > 60


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_a_summary_is_a_sentence_that_begins_with_a_verb(path: tuple[str, ...]) -> None:
    """`List the stored candles by instrument.`: the form of every summary."""
    summaries = re.findall(
        r"^  [a-z-]+ {2,}(\S.*)$", _help(path).partition("Commands:")[2], re.MULTILINE
    )
    for summary in summaries:
        assert summary.endswith("."), summary
        assert re.match(r"[A-Z][a-z]+[ ,]", summary), summary
