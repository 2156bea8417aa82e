"""A page as a test sees it: the commands that it shows, in order, and what it prints below them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPO = Path(__file__).resolve().parent.parent.parent
#: in a comment behind a command: it goes on until it is stopped
UNTIL_STOPPED = "until Ctrl-C"
#: in a comment behind a command: nothing runs it but its reader
NOT_TESTED = "not tested: "
_FENCE = re.compile(r"```(\w*)")
_COMMAND = re.compile(r"^(?:cat (?P<piped>\S+) \| )?bowline (?P<words>.*)$")


class Step(NamedTuple):
    """A command of a page: its words, what is said behind it, what is piped in and out."""

    line: int
    words: str
    comment: str
    piped: str
    written: str

    @property
    def until_stopped(self) -> bool:
        """Whether it goes on until it is stopped."""
        return UNTIL_STOPPED in self.comment

    @property
    def not_tested(self) -> str:
        """Why nothing runs it; empty for the others."""
        return self.comment.partition(NOT_TESTED)[2]


class Export(NamedTuple):
    """`export NAME=value ...`."""

    line: int
    values: tuple[tuple[str, str], ...]


class Printed(NamedTuple):
    """What the page says that the commands above it print; `of_tested` if a test runs the last."""

    line: int
    lines: tuple[str, ...]


def steps_of(page: str) -> Iterator[Step | Export | Printed]:
    """Everything a page has to be tried, in its order."""
    for line, language, block in blocks(page):
        if language in {"", "sh"}:
            found = [each for n, text in enumerate(block, line) if (each := _step(n, text))]
            if found:
                yield from found
            elif language == "" and fenced(page, line):
                yield Printed(line, tuple(block))


def blocks(page: str) -> Iterator[tuple[int, str, list[str]]]:
    """Every block of code: the number of its first line, its language, its lines."""
    inside: list[str] | None = None
    language, began = "", 0
    indented: list[str] = []
    for number, text in enumerate((REPO / page).read_text("utf-8").splitlines(), start=1):
        fence = _FENCE.match(text)
        if fence and inside is None:
            inside, language, began = [], fence[1], number + 1
        elif fence and inside is not None:
            yield began, language, inside
            inside = None
        elif inside is not None:
            inside.append(text)
        elif text.startswith("    ") and text.strip():
            indented.append(text.strip())
        elif indented and text.strip():
            yield number - len(indented) - 1, "", indented
            indented = []
    if indented:
        yield 0, "", indented


def fenced(page: str, line: int) -> bool:
    """Whether the block that begins at a line stands between fences."""
    return (REPO / page).read_text("utf-8").splitlines()[line - 2].startswith("```")


def code_of(page: str, language: str) -> list[str]:
    """The blocks of a page in a language."""
    return ["\n".join(lines) + "\n" for _, each, lines in blocks(page) if each == language]


def _step(line: int, text: str) -> Step | Export | None:
    text, _, comment = text.strip().partition(" #")
    text = text.strip()
    if text.startswith("export "):
        values = [each.partition("=") for each in text.removeprefix("export ").split()]
        return Export(line, tuple((name, value) for name, _, value in values))
    found = _COMMAND.match(text)
    if found is None:
        return None
    words, _, written = found["words"].partition(" > ")
    return Step(line, words, comment.strip(), found["piped"] or "", written)
