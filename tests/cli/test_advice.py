"""Advice can be followed where it is given: what a message names is there, with that command."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from bowline import cli
from bowline.cli.advice import command_in, commands, options_in, where_to_give

SOURCE = Path(cli.__file__).parents[1]
ROOT = typer.main.get_command(cli.app)
PATHS = dict(commands(ROOT))
GROUPS = {path[:at] for path in PATHS for at in range(1, len(path))}
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
#: `bowline backup list`, with whatever follows until a sentence or a mark ends
MENTION = re.compile(r"\bbowline ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)*)([^;`]*)")
#: words after the program's name that are prose
PROSE = {"is", "needs", "would", "was", "computes"}


def options_of(command) -> set[str]:
    return {"--help"} | {
        each for word in command.params for each in (*word.opts, *word.secondary_opts)
    }


EVERYWHERE = {each for command in PATHS.values() for each in options_of(command)} | {"--version"}


def texts(path: Path) -> Iterator[str]:
    """What a module may say: its strings, but for its docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    said = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            said |= {id(part) for part in node.values}
            yield "".join(
                part.value if isinstance(part, ast.Constant) else "X" for part in node.values
            )
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said
        ):
            yield node.value


TEXTS = [
    pytest.param(text, id=f"{path.relative_to(SOURCE)}: {text[:40]}")
    for path in sorted(SOURCE.rglob("*.py"))
    for text in texts(path)
    if MENTION.search(text) or OPTION.search(text)
    if "style=" not in text
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_a_message_names_is_there(text: str) -> None:
    for words, rest in MENTION.findall(text):
        named = [each for each in words.split() if each]
        if named[0] in PROSE or named[0] == "doctor":
            continue
        path = next(
            (
                tuple(named[:end])
                for end in range(len(named), 0, -1)
                if tuple(named[:end]) in PATHS or tuple(named[:end]) in GROUPS
            ),
            None,
        )
        assert path is not None, f"there is no command `bowline {words}`"
        _, command = command_in(ROOT, [*path, "X"])
        # options of a mention end with its sentence
        own = OPTION.findall(re.split(r"\. |, then|, or ", rest)[0])
        assert set(own) <= options_of(command), f"of `bowline {words}`"
    assert set(options_in(text)) <= EVERYWHERE


def test_the_texts_are_found() -> None:
    """The test above says nothing of a text that nobody sees."""
    assert len(TEXTS) > 150
    assert any("--allow-jumps" in text.values[0] for text in TEXTS)


@pytest.mark.parametrize("path", [p for p, c in PATHS.items() if "--candles" in options_of(c)])
def test_whoever_reads_a_candle_file_can_believe_its_jumps_and_gaps(path) -> None:
    missing = {"--allow-jumps", "--allow-gaps"} - options_of(PATHS[path])
    assert not missing, f"bowline {' '.join(path)}"


@pytest.mark.parametrize(
    "path", [("grid", "run"), ("jobs", "submit"), ("validate",), ("walk-forward",)]
)
def test_whoever_plans_a_grid_can_raise_its_limits(path) -> None:
    assert {"--max-variants", "--max-mib"} <= options_of(PATHS[path])


def test_an_option_of_another_command_is_said_to_be_that_ones() -> None:
    hint = "Say how many hours it is ahead of UTC: --utc-offset +2, or 0."
    assert where_to_give(ROOT, ["candles", "import", "x.csv"], hint) == ""
    said = where_to_give(ROOT, ["grid", "x.yaml", "--candles", "x.csv"], hint)
    assert "--utc-offset is an option of " in said
    assert "bowline candles import" in said
    assert said.endswith("not of bowline grid run")
    # advice that names its command is that command's
    assert where_to_give(ROOT, ["grid", "x"], "bowline candles import FILE --keep-good") == ""


def test_the_budget_of_a_validated_grid_is_the_one_that_was_said(say, tmp_path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(
        "version: 1\ntimeframe: 1h\ndirection: long-only\nsizing: {mode: all_in}\n"
        "indicators:\n  - {id: sma_cross, params: {fast: [5, 10], slow: [50]}}\n"
    )
    for command in ("validate", "walk-forward", "grid"):
        code, _, errors = say(command, str(path), "--max-variants", "1")
        assert (code, "variants: 2, at most 1" in errors) == (1, True), errors
