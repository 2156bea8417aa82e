"""The `bowline` command: reads arguments, calls the desk, prints tables or JSON. It holds no rule.

`bowline --help` must stay fast: the modules here import nothing heavy at the top, each command
imports what it needs when it runs.
"""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

import typer
import typer.main

from bowline import __version__
from bowline.cli import (
    backtest,
    backup,
    book,
    candles,
    demo,
    doctor,
    funding,
    grid,
    indicators,
    ingest,
    instruments,
    jobs,
    journal,
    paper,
    portfolio,
    runs,
    simex,
    strategy,
    tape,
    validate,
    venues,
    worker,
)
from bowline.cli.environment import as_user_error, check_arguments, check_empty_arguments
from bowline.cli.output import EXIT_USAGE, WrongUsage, fail
from bowline.cli.streams import OutputLost, StandardStreams
from bowline.core.errors import BowlineError

#: errors that the user can correct exit with 1, wrong usage with 2, a bug with this
EXIT_BUG = 70
#: what typer raises for arguments that a command does not take: the class above BadParameter
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    help="Crypto autotrading from market data and research to paper and live trading.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(candles.app, name="candles")
app.add_typer(funding.app, name="funding")
app.add_typer(indicators.app, name="indicators")
app.add_typer(instruments.app, name="instruments")
app.add_typer(venues.app, name="venues")
app.add_typer(strategy.app, name="strategy")
app.add_typer(journal.app, name="journal")
app.add_typer(jobs.app, name="jobs")
app.add_typer(runs.app, name="runs")
app.add_typer(backup.app, name="backup")
app.add_typer(grid.app, name="grid")
app.add_typer(tape.app, name="tape")
app.add_typer(backtest.app)
app.add_typer(paper.app)
app.add_typer(portfolio.app)
app.add_typer(validate.app)
app.add_typer(demo.app)
app.add_typer(doctor.app)
app.add_typer(worker.app)
app.add_typer(ingest.app)
app.add_typer(book.app)
app.add_typer(simex.app)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"bowline {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(  # noqa: ARG001 - typer reads it
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """Before every command."""
    # strategies, positions and recordings are private: files that a command writes are 600,
    # folders 700
    os.umask(0o077)
    from bowline.cli.lazy_logs import start_logs_on_first_record

    start_logs_on_first_record()


def main() -> None:
    """Run the command line; an error that the user can correct is one message and exit code 1."""
    streams = StandardStreams()
    try:
        _run()
    finally:
        streams.let_go()


def _run() -> NoReturn:
    try:
        check_arguments(sys.argv[1:])
        if any(not each or each.endswith("=") for each in sys.argv[1:]):
            _refuse_empty(sys.argv[1:])
        found = app(prog_name="bowline", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(found if isinstance(found, int) else 0)
    except _UsageError as error:
        _fail_usage(error)
    except typer.Abort:
        typer.echo("aborted", err=True)
        sys.exit(1)
    except OutputLost as error:
        fail(error, as_json="--json" in sys.argv)
    except BowlineError as error:
        _fail(error)
    except OSError as error:
        if (found := as_user_error(error)) is not None:
            _fail(found)
        _end_with_bug(error)
    except Exception as error:
        _end_with_bug(error)


def _refuse_empty(arguments: list[str]) -> None:
    from bowline.cli.advice import command_in

    check_empty_arguments(command_in(typer.main.get_command(app), arguments)[1], arguments)


def _fail(error: BowlineError) -> NoReturn:
    _complete_advice(error)
    fail(error, as_json="--json" in sys.argv)


def _complete_advice(error: BowlineError) -> None:
    """Name the command that has the options of a hint; without a hint, point to the help."""
    from bowline.cli.advice import command_in, options_in, where_to_give

    if not error.hint:
        path, _ = command_in(typer.main.get_command(app), sys.argv[1:])
        error.hint = " ".join(("bowline", *path, "--help"))
    if not options_in(error.hint):
        return
    if found := where_to_give(typer.main.get_command(app), sys.argv[1:], error.hint):
        error.hint = f"{error.hint.rstrip('.')} ({found})"


def _fail_usage(error: Any) -> NoReturn:  # noqa: ANN401 - of a library that typer hides
    """Print a usage error in the form of every other error."""
    if type(error).__name__ == "NoArgsIsHelpError":
        # a group without a command shows its help
        error.show()
        sys.exit(EXIT_USAGE)
    asked = error.ctx.command_path if error.ctx is not None else "bowline"
    message = error.format_message().rstrip(".")
    fail(
        WrongUsage(f"{message[:1].lower()}{message[1:]}", hint=f"{asked} --help"),
        as_json="--json" in sys.argv,
    )


def _end_with_bug(error: Exception) -> NoReturn:
    """Print the traceback without the secrets in it, and exit."""
    from bowline.logs import write_crash
    from bowline.settings import load_settings

    try:
        secrets = load_settings().secrets
    except BowlineError:
        secrets = frozenset()
    write_crash(error, secrets, sys.stderr)
    sys.exit(EXIT_BUG)
