"""`bowline strategy`: create, list, show, clone, delete; and plugins: trust, plugins."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bowline.cli.deletes import delete_strategy
from bowline.cli.output import JSON_HELP, emit_json, emit_table

if TYPE_CHECKING:
    from bowline.core.signals import StrategySpec
    from bowline.desk.strategies import SavedStrategy, StrategyDesk
    from bowline.storage.tables import StrategyRecord

app = typer.Typer(
    help="Create, list, show, clone and delete strategies; plugins.",
    no_args_is_help=True,
)
app.command("delete")(delete_strategy)

_SPEC_HELP = "Spec file (YAML or JSON; -: standard input)."
_WORD_HELP = "Id, beginning of the id, or name of a saved strategy."
_SET_HELP = "Change, such as indicators[0].params.fast=12; null removes a field."


@app.command("create")
def create_command(
    spec: str = typer.Argument(..., help=_SPEC_HELP),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Save the strategy of a spec file."""
    with _desk() as desk:
        # a bare file name is a path too
        place = spec if spec == "-" else str(Path(spec).absolute())
        saved = desk.create(desk.load(place), time.time_ns())
    _show_saved(saved, as_json=as_json)


@app.command("list")
def list_command(as_json: bool = typer.Option(False, "--json", help=JSON_HELP)) -> None:
    """List the saved strategies, oldest first."""
    with _desk() as desk:
        records = desk.saved()
    if as_json:
        emit_json([_fields(record) for record in records])
        return
    emit_table(
        ("id", "name", "created (UTC)", "owner"),
        ((each.id[:12], each.name, _utc(each.created_ns), each.owner) for each in records),
    )


@app.command("show")
def show_command(
    strategy: str = typer.Argument(..., help=_WORD_HELP),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Show the spec of a saved strategy as YAML."""
    with _desk() as desk:
        record = desk.show(strategy)
    _show_record(record, as_json=as_json)


@app.command("clone")
def clone_command(
    strategy: str = typer.Argument(..., help=_WORD_HELP),
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help=_SET_HELP)
    ] = None,
    *,
    only_print: bool = typer.Option(False, "--print", help="Print the spec instead of saving it."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Save a changed copy of a strategy under a new id."""
    with _desk() as desk:
        spec = desk.load(strategy, changes or ())
        if not only_print:
            _show_saved(desk.create(spec, time.time_ns()), as_json=as_json)
            return
    _show_spec(spec, as_json=as_json)


@app.command("trust")
def trust_command(
    file: str = typer.Argument(..., help="Plugin file in the strategies folder, by path or name."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Allow a plugin file to run, as it is now.

    Read it first: it runs with all rights of the user.
    """
    from bowline import wire

    trusted = wire.plugin_folder().trust(file)
    if as_json:
        emit_json(trusted)
    else:
        typer.echo(f"trusted {trusted.path}\nsha256  {trusted.sha256}")


@app.command("plugins")
def plugins_command(as_json: bool = typer.Option(False, "--json", help=JSON_HELP)) -> None:
    """List strategy plugins, with the reason if not loaded."""
    from bowline import wire

    plugins = wire.load_strategy_plugins()
    if as_json:
        loaded = [
            {
                "id": entry.strategy.id,
                "version": entry.strategy.version,
                "title": entry.strategy.title,
                "parameters": entry.strategy.parameters,
                "code": entry.code,
                "origin": entry.origin,
            }
            for entry in plugins
        ]
        emit_json({"plugins": loaded, "not_loaded": plugins.failures})
        return
    emit_table(
        ("id", "version", "title", "parameters", "code", "from"),
        (
            (
                entry.strategy.id,
                entry.strategy.version,
                entry.strategy.title,
                "; ".join(f"{each.name}: {each.allowed()}" for each in entry.strategy.parameters),
                entry.code[:12],
                entry.origin,
            )
            for entry in plugins
        ),
    )
    for failure in plugins.failures:
        typer.echo(f"not loaded: {failure.message}", err=True)
        typer.echo(f"  hint: {failure.hint}", err=True)


def _desk() -> StrategyDesk:
    from bowline import wire

    return wire.strategy_desk(wire.home())


def _show_saved(saved: SavedStrategy, *, as_json: bool) -> None:
    record = saved.record
    if as_json:
        fields: dict[str, Any] = {"id": record.id, "name": record.name, "created": saved.created}
        emit_json(fields)
    else:
        typer.echo(f"{'created' if saved.created else 'exists already'}: {record.name}")
        typer.echo(f"id: {record.id}")


def _show_record(record: StrategyRecord, *, as_json: bool) -> None:
    from bowline.desk.spec_text import write_yaml
    from bowline.desk.strategies import document_in

    if as_json:
        emit_json(_fields(record))
        return
    created = f"created {_utc(record.created_ns)} UTC by {record.owner}"
    typer.echo(f"# {record.name}\n# id: {record.id}\n# {created}")
    typer.echo(write_yaml(document_in(record)), nl=False)


def _show_spec(spec: StrategySpec, *, as_json: bool) -> None:
    import msgspec

    from bowline.core.signals import document_of, spec_json
    from bowline.desk.spec_text import write_yaml

    if as_json:
        emit_json(msgspec.Raw(spec_json(document_of(spec))))
    else:
        typer.echo(write_yaml(document_of(spec)), nl=False)


def _fields(record: StrategyRecord) -> dict[str, Any]:
    import msgspec

    from bowline.core.signals import spec_json
    from bowline.desk.strategies import document_in

    # numbers as numbers, not as text
    return msgspec.structs.asdict(record) | {"spec": msgspec.Raw(spec_json(document_in(record)))}


def _utc(moment_ns: int) -> str:
    return datetime.fromtimestamp(moment_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M")
