"""Every command of the command line with its words, read from the typer tree."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from bowline import cli


class Word(NamedTuple):
    """An argument or an option of a command: its spellings, its plain type, its bounds."""

    parameter: str
    spellings: tuple[str, ...]
    kind: type
    least: float | None
    most: float | None

    @property
    def is_argument(self) -> bool:
        """Whether it stands by its place."""
        return not self.spellings


class CommandLine(NamedTuple):
    """One command: `("grid", "save")` and its words; of a group `words` are None."""

    path: tuple[str, ...]
    words: tuple[Word, ...] | None


def command_lines() -> list[CommandLine]:
    """All commands and groups."""
    return [CommandLine((), ()), *_of(cli.app, ())]


def _of(app: typer.Typer, path: tuple[str, ...]) -> Iterator[CommandLine]:
    for command in app.registered_commands:
        callback = command.callback
        assert callback is not None
        name = command.name or callback.__name__.replace("_", "-")
        yield CommandLine((*path, name), tuple(_words(callback)))
    for group in app.registered_groups:
        inner = group.typer_instance
        assert inner is not None
        if group.name:
            yield CommandLine((*path, group.name), None)
        yield from _of(inner, (*path, group.name) if group.name else path)


def _words(callback: Any) -> Iterator[Word]:
    hints = get_type_hints(callback, include_extras=True)
    for name, parameter in inspect.signature(callback).parameters.items():
        found, kind = parameter.default, hints[name]
        if get_origin(kind) is Annotated:
            kind, *extras = get_args(kind)
            found = next(each for each in extras if isinstance(each, OptionInfo | ArgumentInfo))
        if not isinstance(found, OptionInfo | ArgumentInfo):
            continue
        kinds = [each for each in get_args(kind) if each is not type(None)]
        if get_origin(kind) in {Union, type(int | None)} and kinds:
            kind = kinds[0]
        spellings: tuple[str, ...] = ()
        if isinstance(found, OptionInfo):
            # in an annotation the first spelling stands where a default does elsewhere
            first = (found.default,) if str(found.default).startswith("-") else ()
            said = (*first, *(found.param_decls or ()))
            spellings = said or (f"--{name.replace('_', '-')}",)
        yield Word(name, spellings, kind, found.min, found.max)
