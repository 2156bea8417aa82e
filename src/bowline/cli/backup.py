"""`bowline backup`: create, list, verify, restore, vacuum."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from bowline.cli.options import MOST_ROWS
from bowline.cli.output import JSON_HELP, emit_json, emit_table

app = typer.Typer(
    help="Create, list, verify and restore backups; compact stores.", no_args_is_help=True
)

_BACKUP_HELP = "The backup: its name in `bowline backup list`, or its folder."
_IN_HELP = "Folder of the backups (default: `backups` in the home)."


@app.command("create")
def create_command(
    to: Annotated[
        Path | None, typer.Option(help="Folder for backups (default: `backups` in the home).")
    ] = None,
    keep: int = typer.Option(
        7, min=1, max=MOST_ROWS, help="Number of backups to keep there, the newest."
    ),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Back up all data that cannot be recreated, also during runs."""
    from bowline import wire
    from bowline.desk import backup as desk

    home = wire.home()
    folder = to or desk.backups_folder(home)
    made = desk.create(wire.stores_to_copy(home), folder, keep, _progress)
    manifest = made.manifest
    if as_json:
        emit_json(
            {
                "backup": str(made.path),
                "created_ns": manifest.created_ns,
                "files": manifest.files,
                "bytes": manifest.bytes,
                "journals": manifest.journals,
                "left_out": manifest.left_out,
                "removed": [str(path) for path in made.removed],
                "gone": made.gone,
                "ahead": [str(path) for path in made.ahead],
            }
        )
        return
    typer.echo(f"{made.path}: {len(manifest.files)} files, {manifest.bytes:,} bytes")
    if manifest.journals:
        entries = sum(each.entries for each in manifest.journals)
        typer.echo(f"{len(manifest.journals)} journals with {entries:,} entries were verified")
    for each in manifest.left_out:
        typer.echo(f"not included: {each}")
    for name in made.gone:
        typer.echo(f"no longer in the backups, because its run was deleted: {name}")
    for path in made.removed:
        typer.echo(f"removed: {path}")
    for path in made.ahead:
        typer.echo(f"dated later than now, by a wrong clock; it stays and does not count: {path}")


@app.command("list")
def list_command(
    folder: Annotated[Path | None, typer.Option("--in", help=_IN_HELP)] = None,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """List the backups, newest first."""
    from bowline.desk.backup import find_backups
    from bowline.desk.journal import moment

    found = find_backups(_folder(folder))
    if as_json:
        emit_json(
            [
                {
                    "backup": str(each.path),
                    "created_ns": each.manifest and each.manifest.created_ns,
                    "files": each.manifest and len(each.manifest.files),
                    "bytes": each.manifest and each.manifest.bytes,
                    "problem": each.problem,
                }
                for each in found
            ]
        )
        return
    emit_table(
        ("backup", "created (UTC)", "files", "bytes", "problem"),
        (
            (each.path.name, moment(it.created_ns), len(it.files), f"{it.bytes:,}", "")
            if (it := each.manifest)
            else (each.path.name, "", "", "", each.problem)
            for each in found
        ),
    )


@app.command("verify")
def verify_command(
    backup: str = typer.Argument(help=_BACKUP_HELP),
    folder: Annotated[Path | None, typer.Option("--in", help=_IN_HELP)] = None,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Check every file of a backup; exit code 1 if one is damaged."""
    from bowline.desk import backup as desk

    path = desk.choose_backup(_folder(folder), backup)
    manifest, problems = desk.verify(path, _progress)
    if as_json:
        emit_json(
            {
                "backup": str(path),
                "files": len(manifest.files),
                "bytes": manifest.bytes,
                "problems": problems,
            }
        )
    elif not problems:
        size = f"{len(manifest.files)} files, {manifest.bytes:,} bytes"
        typer.echo(f"{path}: {size}, all intact")
    else:
        typer.echo(f"error: backup {path} is damaged", err=True)
        for line in problems:
            typer.echo(f"  - {line}", err=True)
    if problems:
        raise typer.Exit(1)


@app.command("restore")
def restore_command(
    backup: str = typer.Argument(help=_BACKUP_HELP),
    *,
    into: Annotated[Path, typer.Option(help="Target folder: empty, or not existing yet.")],
    folder: Annotated[Path | None, typer.Option("--in", help=_IN_HELP)] = None,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Restore a backup into an empty folder, for use as BOWLINE_HOME.

    An interrupted restore is continued by the same command.
    """
    from bowline import wire
    from bowline.desk import backup as desk
    from bowline.desk.restore import restore

    where = folder or desk.backups_folder(wire.home(restored=False))
    path = desk.choose_backup(where, backup)
    found = restore(path, into, wire.file_lock, _progress)
    home = into.absolute()
    if as_json:
        emit_json(
            {
                "backup": str(path),
                "home": str(home),
                "files": len(found.files),
                "bytes": found.bytes,
                "left_out": found.manifest.left_out,
                "untrusted": found.untrusted,
            }
        )
        return
    typer.echo(f"{len(found.files)} files, {found.bytes:,} bytes restored into {home}")
    for each in found.manifest.left_out:
        typer.echo(f"not included: {each}")
    for plugin in found.untrusted:
        typer.echo(f"not trusted: {plugin}; read it, then run `bowline strategy trust`")
    typer.echo(f"to use it, set: export BOWLINE_HOME={quote(str(home))}")


@app.command("vacuum")
def vacuum_command(as_json: bool = typer.Option(False, "--json", help=JSON_HELP)) -> None:
    """Compact the tables and the candle file.

    Journals are append-only and are never rewritten.
    """
    from bowline import wire
    from bowline.desk.backup import vacuum

    done = vacuum(wire.stores_to_compact(wire.home()))
    if as_json:
        emit_json(done)
        return
    emit_table(
        ("store", "bytes before", "bytes after"),
        ((each.store, f"{each.before_bytes:,}", f"{each.after_bytes:,}") for each in done),
    )
    typer.echo("journals are append-only: they are never rewritten")


def _folder(said: Path | None) -> Path:
    from bowline import wire
    from bowline.desk.backup import backups_folder

    return said or backups_folder(wire.home())


def _progress(name: str, size: int) -> None:
    """A line on stderr for each file, if stderr is a terminal."""
    if sys.stderr.isatty():
        typer.echo(f"{name}: {size:,} bytes", err=True)
