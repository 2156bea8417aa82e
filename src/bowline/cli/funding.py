"""`bowline funding`: rates of perpetuals, imported from files and listed."""

from __future__ import annotations

from pathlib import Path

import typer

from bowline.cli.deletes import delete_funding
from bowline.cli.output import JSON_HELP, emit_json, emit_table

app = typer.Typer(help="Funding rates of perpetuals: import files, see what is stored, delete.")
app.command("delete")(delete_funding)

_OFFSET_HELP = "Hours the clock of a file without a zone is ahead of UTC, such as +3."


@app.command("import")
def import_command(
    file: Path = typer.Argument(..., help="CSV, feather or Parquet of stamps and rates."),
    *,
    market: str = typer.Option(..., help="The market, such as binance:linear."),
    symbol: str = typer.Option(..., help="The venue's symbol, such as BTCUSDT."),
    utc_offset: str = typer.Option("", help=_OFFSET_HELP),
    off_grid: bool = typer.Option(False, help="Believe rates at other hours than the rest."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Import funding rates of one perpetual."""
    from bowline import wire
    from bowline.desk import funding as desk
    from bowline.desk.candles import name_of, utc_text

    offset_ns = desk.parse_offset(utc_offset)
    store = wire.open_candles(wire.home())
    outcome = desk.import_funding(store, file, market, symbol, offset_ns, off_grid=off_grid)
    if as_json:
        emit_json({"name": name_of(outcome.instrument), "outcome": outcome})
        return
    typer.echo(
        f"{outcome.rates:,} rates of {name_of(outcome.instrument)}, one every "
        f"{outcome.interval_hours} h, {utc_text(outcome.first_ns)} to {utc_text(outcome.last_ns)}"
    )
    for before, after in outcome.holes:
        typer.echo(f"missing between {utc_text(before)} and {utc_text(after)}")


@app.command("list")
def list_command(as_json: bool = typer.Option(False, "--json", help=JSON_HELP)) -> None:
    """Which rates are stored, by instrument."""
    from bowline import wire
    from bowline.desk import funding as desk
    from bowline.desk.candles import name_of, utc_text

    found = desk.list_funding(wire.open_candles(wire.home()))
    if as_json:
        emit_json([{"name": name_of(each.instrument), "coverage": each} for each in found])
        return
    emit_table(
        ("market", "symbol", "first", "last", "rates"),
        (
            (
                *name_of(each.instrument).rsplit(":", 1),
                utc_text(each.first_ns),
                utc_text(each.last_ns),
                f"{each.rates:,}",
            )
            for each in found
        ),
    )
