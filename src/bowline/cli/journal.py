"""`bowline journal`: tail, export, verify, replay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import asdict

from bowline.cli.options import FORCE, MOST_NUMBER, MOST_ROWS, output_of
from bowline.cli.output import JSON_HELP, emit_json, emit_table

if TYPE_CHECKING:
    from bowline.desk.journal_end import KnownEnd
    from bowline.storage.journal import Journal

app = typer.Typer(
    help="Read, export, verify and replay the journals of runs.", no_args_is_help=True
)

_RUN_HELP = "Run number (default: the newest run with a journal)."


@app.command("tail")
def tail_command(
    run: int | None = typer.Option(None, min=1, max=MOST_NUMBER, help=_RUN_HELP),
    count: int = typer.Option(20, "-n", min=1, max=MOST_ROWS, help="Number of entries."),
    *,
    everything: bool = typer.Option(
        False, "--all", help="Include routine entries, such as each closed candle."
    ),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Show the last entries of a journal."""
    from bowline.desk import journal as desk

    with _opened(run) as (run_id, journal):
        last = desk.tail(journal, count, noise=everything)
    if as_json:
        emit_json(
            [
                {
                    "run": run_id,
                    "seq": line.entry.seq,
                    "seen_ns": line.entry.seen_ns,
                    "title": line.title,
                    "payload": line.entry.payload,
                }
                for line in last
            ]
        )
        return
    emit_table(
        ("seq", "time (UTC)", f"run {run_id}"),
        ((line.entry.seq, desk.moment(line.entry.seen_ns), line.title) for line in last),
    )


@app.command("export")
def export_command(
    *,
    to: Annotated[Path, typer.Option(help="File to write: .csv, .json or .parquet.")],
    run: int | None = typer.Option(None, min=1, max=MOST_NUMBER, help=_RUN_HELP),
    force: bool = FORCE,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Export every entry to a file, with exact numbers."""
    from bowline.desk.export import export_journal, writer_of

    writer_of(to)
    out = output_of("--to", to, force=force)
    with _opened(run) as (run_id, journal):
        count = export_journal(journal, run_id, out)
    if as_json:
        emit_json({"run": run_id, "entries": count, "file": str(to)})
    else:
        typer.echo(f"{count:,} entries of run {run_id} written to {to}")


@app.command("verify")
def verify_command(
    run: int | None = typer.Option(None, min=1, max=MOST_NUMBER, help=_RUN_HELP),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Verify the hash chain; exit code 1 if it is broken."""
    from bowline.desk.journal_end import checked

    with _opened(run, whole=False) as (run_id, journal):
        result = checked(journal, _known_end(run_id))
        head = "" if result.damage else journal.head
    if as_json:
        emit_json(
            {
                "run": run_id,
                "entries": result.entries,
                "snapshots": result.snapshots,
                "head": head,
                "damage": result.damage,
            }
        )
    elif result.damage is None:
        typer.echo(
            f"run {run_id}: {result.entries:,} entries and {result.snapshots:,} snapshots "
            f"are intact\nhead: {head}"
        )
    else:
        damage = result.damage
        typer.echo(f"error: run {run_id} is damaged at seq {damage.seq}: {damage.what}", err=True)
        typer.echo(f"{result.entries:,} entries before it are intact", err=True)
    if result.damage is not None:
        raise typer.Exit(1)


@app.command("replay")
def replay_command(
    run: int | None = typer.Option(None, min=1, max=MOST_NUMBER, help=_RUN_HELP),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Recompute the run from its candles and compare each command."""
    from bowline import wire
    from bowline.desk.paper_runs import replay_run, request_in
    from bowline.desk.setup import set_up

    home = wire.home()
    with (
        _opened(run) as (run_id, journal),
        wire.strategy_desk(home) as strategies,
        closing(wire.open_tables(home)) as tables,
    ):
        stored = tables.get_run(run_id)
        asked = request_in(stored)
        setup = set_up(
            strategies.load(asked.strategy_id),
            asked.options(),
            strategies.opinion,
            lambda: wire.open_candles(home),
            account="paper",
        )
        result = replay_run(setup, journal, stored)
    if as_json:
        emit_json({"run": run_id, **asdict(result)})
    else:
        typer.echo(
            f"run {run_id}: {result.candles:,} candles replayed, all {result.commands:,} "
            f"commands and {result.entries:,} entries are identical\nhead: {result.head}"
        )


@contextmanager
def _opened(run: int | None, *, whole: bool = True) -> Iterator[tuple[int, Journal]]:
    """The journal of the requested run, read-only; Damaged if it is cut off and must be `whole`."""
    from bowline import wire
    from bowline.desk.journal import choose_run, journal_path
    from bowline.desk.journal_end import refuse_cut

    home = wire.home()
    run_id = choose_run(home, run)
    journal = wire.open_journal(journal_path(home, run_id), read_only=True)
    try:
        if whole:
            refuse_cut(run_id, _known_end(run_id), journal)
        yield run_id, journal
    finally:
        journal.close()


def _known_end(run_id: int) -> KnownEnd | None:
    from bowline import wire

    return wire.journal_ends(wire.home()).get(run_id)
