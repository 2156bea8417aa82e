"""The `bowline` command: words in, verbs of the desk called, tables or JSON out. It holds no rule.

`bowline --help` must stay fast: the modules here import nothing heavy at the top, each command
imports what it needs when it runs.
"""

from __future__ import annotations

import sys

import typer

from bowline import __version__
from bowline.cli import candles
from bowline.cli.output import fail
from bowline.core.errors import BowlineError

app = typer.Typer(
    help="Crypto autotrading from market data and research to paper and live trading.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(candles.app, name="candles")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"bowline {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True),
) -> None:
    """Nothing to do before a command."""


def main() -> None:
    """Run the command line; what a person can mend ends as one message and exit code 1."""
    try:
        app()
    except BowlineError as error:
        fail(error, as_json="--json" in sys.argv)
    except BrokenPipeError:
        # the reader (head, less) has gone: that is its right
        sys.stderr.close()
        sys.exit(141)
