"""`bowline runs`: list, show, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from bowline.cli.deletes import delete_run
from bowline.cli.options import MOST_ROWS, RUN
from bowline.cli.output import JSON_HELP, emit_json, emit_table

if TYPE_CHECKING:
    from bowline.desk.runs import RunView
    from bowline.storage.tables import StoredRun

app = typer.Typer(help="List, show and delete runs.", no_args_is_help=True)
app.command("delete")(delete_run)


@app.command("list")
def list_command(
    count: int = typer.Option(20, "-n", min=1, max=MOST_ROWS, help="Number of runs, newest first."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """List the newest runs."""
    from contextlib import closing

    from bowline import wire
    from bowline.desk.journal import moment
    from bowline.desk.runs import list_runs

    with closing(wire.open_tables(wire.home())) as tables:
        found = list_runs(tables, count)
    if as_json:
        emit_json([{**_fields(run), "strategy": name} for run, name in found])
        return
    emit_table(
        ("run", "kind", "state", "strategy", "instrument", "timeframe", "created (UTC)"),
        (
            (
                run.id,
                run.kind,
                run.state.value,
                name,
                _instrument(run),
                run.timeframe.value,
                moment(run.created_ns),
            )
            for run, name in found
        ),
    )


@app.command("show")
def show_command(
    run: int = RUN,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Show a run, its configuration and its state history."""
    from contextlib import closing

    from bowline import wire
    from bowline.desk.runs import show_run

    home = wire.home()
    with closing(wire.open_tables(home)) as tables:
        view = show_run(tables, home, run)
    if as_json:
        emit_json(
            {
                **_fields(view.run),
                "strategy": view.strategy,
                "events": view.events,
                "may_become": view.may_become,
                "journal": None if view.journal is None else str(view.journal),
            }
        )
    else:
        _show(view)


def _show(view: RunView) -> None:
    from bowline.desk.journal import moment
    from bowline.desk.journal_end import JOURNAL_END, kept_end
    from bowline.desk.titles import amount

    run = view.run
    metadata = dict(run.metadata)
    if metadata.pop(JOURNAL_END, None):
        metadata["journal end"] = kept_end(run)
    facts = {
        "kind": run.kind,
        "state": run.state.value,
        "strategy": f"{view.strategy} ({run.strategy_id[:12]})",
        "instrument": f"{_instrument(run)} {run.timeframe.value}",
        "initial cash": amount(run.initial_cash),
        "journal": view.journal or "none",
        **metadata,
    }
    emit_table((f"run {run.id}", ""), facts.items())
    emit_table(
        ("time (UTC)", "from", "to", "reason"),
        (
            (
                moment(event.at_ns),
                event.from_state.value if event.from_state else "",
                event.to_state.value,
                event.reason,
            )
            for event in view.events
        ),
        title="state history",
    )


def _instrument(run: StoredRun) -> str:
    from bowline.core.model.instrument import Instrument

    return Instrument(run.instrument).key


def _fields(run: StoredRun) -> dict[str, Any]:
    import msgspec

    # the request is JSON already: as an object, not as text
    return {
        **msgspec.structs.asdict(run),
        "instrument": _instrument(run),
        "request": msgspec.Raw(run.request.encode()),
    }
