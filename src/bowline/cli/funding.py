"""`bowline funding`: import, list, delete."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bowline.cli.deletes import delete_funding
from bowline.cli.output import JSON_HELP, emit_json, emit_table

if TYPE_CHECKING:
    from bowline.desk.funding import IntervalPeriod

#: changes of the interval that are shown
_SHOWN = 5

app = typer.Typer(help="Import, list and delete funding rates of perpetuals.")
app.command("delete")(delete_funding)

_OFFSET_HELP = "Hours ahead of UTC, such as +3, of times without a zone."


@app.command("import")
def import_command(
    file: Path = typer.Argument(..., help="CSV, feather or Parquet with times and rates."),
    *,
    market: str = typer.Option(..., help="The market, such as binance:linear."),
    symbol: str = typer.Option(..., help="The venue's symbol, such as BTCUSDT."),
    utc_offset: str = typer.Option("", help=_OFFSET_HELP),
    off_grid: bool = typer.Option(False, help="Accept rates outside the regular interval."),
    unit: str = typer.Option("", help="Unit where it is ambiguous: fraction or percent."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Import funding rates of one perpetual from a file."""
    from bowline import wire
    from bowline.desk import funding as desk
    from bowline.desk.candles import name_of, utc_text

    offset_ns = desk.parse_offset(utc_offset)
    store = wire.open_candles(wire.home())
    outcome = desk.import_funding(
        store, file, market, symbol, offset_ns, off_grid=off_grid, unit=unit.strip().lower()
    )
    if as_json:
        emit_json({"name": name_of(outcome.instrument), "outcome": outcome})
        return
    typer.echo(
        f"{outcome.rates:,} rates of {name_of(outcome.instrument)},"
        f" {utc_text(outcome.first_ns)} to {utc_text(outcome.last_ns)}:"
        f" {_intervals(outcome.stretches)}"
    )
    for note in outcome.notes:
        typer.echo(note)
    for before, after in outcome.holes:
        typer.echo(f"missing between {utc_text(before)} and {utc_text(after)}")


@app.command("list")
def list_command(as_json: bool = typer.Option(False, "--json", help=JSON_HELP)) -> None:
    """List the stored rates by instrument."""
    from bowline import wire
    from bowline.desk import funding as desk
    from bowline.desk.candles import name_of, utc_text

    found = desk.list_funding(wire.open_candles(wire.home()))
    if as_json:
        emit_json(
            [
                {
                    "name": name_of(each.coverage.instrument),
                    "coverage": each.coverage,
                    "stretches": each.stretches,
                    "holes": each.holes,
                }
                for each in found
            ]
        )
        return
    emit_table(
        ("market", "symbol", "first", "last", "rates", "intervals", "gaps"),
        (
            (
                *name_of(each.coverage.instrument).rsplit(":", 1),
                utc_text(each.coverage.first_ns),
                utc_text(each.coverage.last_ns),
                f"{each.coverage.rates:,}",
                _intervals(each.stretches),
                len(each.holes),
            )
            for each in found
        ),
    )


def _intervals(stretches: tuple[IntervalPeriod, ...]) -> str:
    """`every 8 h`, and since when another interval held."""
    from bowline.desk.candles import utc_text

    first, *rest = stretches
    changes = [f"every {each.interval_hours} h from {utc_text(each.first_ns)}" for each in rest]
    shown = [
        *changes[:_SHOWN],
        *([f"{len(changes) - _SHOWN} more changes"] * (len(changes) > _SHOWN)),
    ]
    return ", ".join((f"every {first.interval_hours} h", *shown))
