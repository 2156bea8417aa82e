"""Protects the documents: links lead somewhere, and every command, option and target exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from bowline.cli import app

REPO = Path(__file__).resolve().parent.parent
PAGES = sorted([*REPO.glob("*.md"), *(REPO / "docs").rglob("*.md")])

LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")
#: a line of a code block, or code within a line
COMMAND = re.compile(r"(?:^ +|^|`)(?:\$ )?(?:\.venv/bin/)?(bowline|make) +([^`\n]*)", re.MULTILINE)
TARGETS = set(re.findall(r"^([a-z-]+):", (REPO / "Makefile").read_text(), re.MULTILINE))


def commands(text: str, program: str) -> list[list[str]]:
    """The words after `program`, each time it is spelled out; a comment ends them."""
    found = [match[1].partition(" #")[0] for match in COMMAND.findall(text) if match[0] == program]
    return [line.replace("|", " ").split() for line in found]


def mistake(words: list[str]) -> str:
    """What is wrong with `bowline` and these words, or nothing."""
    command = typer.main.get_command(app)
    for word in words:
        group = getattr(command, "commands", None)
        if group is None or word.startswith("-"):
            break
        if word not in group and (unless_named := getattr(command, "unless_named", "")):
            command = group[unless_named]
            break
        if word not in group:
            return f"{word} is not among {sorted(group)}"
        command = group[word]
    known = {name for parameter in command.params for name in parameter.opts}
    options = {re.split("[=\\]),]", word.lstrip("["))[0] for word in words if "--" in word[:3]}
    unknown = options - known - {"--help"}
    return f"no option {sorted(unknown)}" if unknown else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
def test_every_command_that_is_shown_exists(page: Path) -> None:
    text = page.read_text()
    wrong = [(words, found) for words in commands(text, "bowline") if (found := mistake(words))]
    assert not wrong
    assert {words[0] for words in commands(text, "make") if words} - {"#"} <= TARGETS


def test_the_checks_have_teeth() -> None:
    text = "Say `bowline doctor --jsn` or\n\n    bowline fly --high  # away\n    make tea\n"
    assert commands(text, "make") == [["tea"]]
    assert [bool(mistake(words)) for words in commands(text, "bowline")] == [True, True]
    assert not mistake(["doctor", "--json"])
    assert not mistake(["--help"])
