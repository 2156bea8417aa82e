"""Hints that name an option which the present command does not have: which commands have it.

The packages below write hints and do not know which command was run. Where a hint names an option
of another command, that command is added here. Nothing else of a hint may change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
#: a hint that names its command says whose the options are
_NAMED = re.compile(r"\bbowline [a-z][^;.`]*(?:\.[a-z][^;.`]*)*")


def options_in(text: str) -> tuple[str, ...]:
    """The options that a text names without a command, each once."""
    return tuple(dict.fromkeys(_OPTION.findall(_NAMED.sub("", text))))


def where_to_give(root: Any, words: Sequence[str], text: str) -> str:  # noqa: ANN401 - typer's command, whose type moves
    """For each option in `text` that the command in `words` lacks, which commands have it."""
    path, command = command_in(root, words)
    lacking = [each for each in options_in(text) if each not in _options(command)]
    said = []
    for option in lacking:
        others = [
            " ".join(("bowline", *at)) for at, each in commands(root) if option in _options(each)
        ]
        if others:
            said.append(f"{option} is an option of {' and '.join(others)}")
    here = " ".join(("bowline", *path))
    return f"{'; '.join(said)}, not of {here}" if said else ""


def command_in(root: Any, words: Sequence[str]) -> tuple[tuple[str, ...], Any]:  # noqa: ANN401
    """The command that a command line asks for: its path and itself."""
    path: list[str] = []
    command = root
    for word in words:
        inner = getattr(command, "commands", None)
        if not inner:
            break
        name = word if word in inner else getattr(command, "unless_named", "")
        if name not in inner:
            break
        path.append(name)
        command = inner[name]
    return tuple(path), command


def commands(root: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401
    """All commands below `root`, each with its path; groups are not among them."""
    for name, command in root.commands.items():
        if getattr(command, "commands", None):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def _options(command: Any) -> frozenset[str]:  # noqa: ANN401
    found = {"--help"}
    for parameter in command.params:
        found.update((*parameter.opts, *parameter.secondary_opts))
    return frozenset(found)
