"""Output of the command line: JSON for machines, tables for people, one form of errors.

Results go to stdout; progress and errors go to stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NoReturn

import msgspec
import typer

from bowline.cli.streams import OutputLost
from bowline.core.errors import BadInput, BowlineError
from bowline.core.symbols import printable

if TYPE_CHECKING:
    from bowline.core.completeness import Completeness

#: every command takes it: `as_json: JsonFlag = False`
JSON_HELP = "Print one JSON document instead of a table."

_WIDER_THAN_ANY_ROW = 10_000
EXIT_USAGE = 2


def emit_json(value: object) -> None:
    """Print `value` (plain types, structs, Decimals, enums) as one JSON document."""
    typer.echo(msgspec.json.encode(value, order="sorted").decode())


def emit_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Print rows under headings, within the terminal's width; elsewhere cells are not wrapped."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", header_style="bold", box=None)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else _plain(str(cell)) for cell in row))
    if not table.row_count:
        table.add_row("none")
    # brackets and colons in names are text, not markup
    width = None if sys.stdout.isatty() else _WIDER_THAN_ANY_ROW
    console = Console(width=width, markup=False, emoji=False)
    console.print(table)


def emit_completeness(found: Completeness, *, err: bool = False) -> None:
    """Print how complete the candles of a result were, a sentence per line."""
    from bowline.desk.report import completeness_lines

    for line in completeness_lines(found):
        typer.echo(line, err=err)


class WrongUsage(BadInput):
    """Arguments that a command does not accept."""


def fail(error: BowlineError, *, as_json: bool) -> NoReturn:
    """Print the error and its hint; exit with 2 for wrong usage, else with 1.

    Output that nobody reads to its end has an exit code of its own.
    """
    if as_json:
        document = {
            "error": {
                "kind": type(error).__name__,
                "message": error.message,
                "problems": list(error.problems),
                "hint": error.hint,
            }
        }
        typer.echo(msgspec.json.encode(document).decode(), err=True)
    else:
        typer.echo(_plain(f"error: {error.message}"), err=True)
        for problem in error.problems:
            typer.echo(_plain(f"  - {problem}"), err=True)
        if error.hint:
            typer.echo(_plain(f"hint: {error.hint}"), err=True)
    match error:
        case WrongUsage():
            sys.exit(EXIT_USAGE)
        case OutputLost():
            sys.exit(error.exit_code)
    sys.exit(1)


def _plain(text: str) -> str:
    """Text with its line breaks, without other control characters."""
    return "\n".join(printable(line) for line in text.split("\n"))
