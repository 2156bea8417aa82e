"""`bowline candles`: import, download, list, gaps, fill, quarantine, export, delete."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bowline.cli.candle_import import MARKET_HELP, SYMBOL_HELP, import_command
from bowline.cli.deletes import delete_candles
from bowline.cli.download import download_command
from bowline.cli.options import ALLOW_GAPS, FORCE, gap_rule, output_of
from bowline.cli.output import JSON_HELP, emit_completeness, emit_json, emit_table

if TYPE_CHECKING:
    from bowline.core.model.instrument import InstrumentId
    from bowline.storage.candles import Candles

app = typer.Typer(
    help="Import, download, inspect, export and delete candles.", no_args_is_help=True
)
app.command("import")(import_command)
app.command("download")(download_command)
app.command("delete")(delete_candles)


@app.command("list")
def list_command(as_json: bool = typer.Option(False, "--json", help=JSON_HELP)) -> None:
    """List the stored candles by instrument."""
    from bowline.desk import candles as desk

    coverage = desk.list_candles(_store())
    if as_json:
        emit_json([{"name": desk.name_of(c.instrument), **_fields(c)} for c in coverage])
        return
    emit_table(
        ("market", "symbol", "first", "last", "candles", "filled", "gaps"),
        (
            (
                *desk.name_of(c.instrument).rsplit(":", 1),
                desk.utc_text(c.first_ns),
                desk.utc_text(c.last_ns),
                f"{c.candles:,}",
                f"{c.filled:,}",
                c.gaps,
            )
            for c in coverage
        ),
    )


@app.command("gaps")
def gaps_command(
    market: str = typer.Option("", help=MARKET_HELP),
    symbol: str = typer.Option("", help=SYMBOL_HELP),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """List missing minutes with the reason."""
    from bowline import wire
    from bowline.desk import candles as desk

    catalogue = wire.open_listings(wire.home())
    try:
        gaps = desk.find_gaps(_store(), catalogue.absences, _instrument(market, symbol))
    finally:
        catalogue.close()
    if as_json:
        emit_json(
            [{"name": desk.name_of(g.instrument), "missing": g.missing, **_fields(g)} for g in gaps]
        )
        return
    emit_table(
        ("instrument", "from", "until", "missing", "reason"),
        (
            (
                desk.name_of(g.instrument),
                desk.utc_text(g.start_ns),
                desk.utc_text(g.end_ns),
                f"{g.missing:,}",
                g.reason,
            )
            for g in gaps
        ),
    )


@app.command("quarantine")
def quarantine_command(
    market: str = typer.Option("", help=MARKET_HELP),
    symbol: str = typer.Option("", help=SYMBOL_HELP),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """List rows of files that were refused, with the reason."""
    from bowline.desk import candles as desk

    refused = desk.refused_rows(_store(), _instrument(market, symbol))
    if as_json:
        emit_json([{"name": desk.name_of(r.instrument), **_fields(r)} for r in refused])
        return
    emit_table(
        ("instrument", "file", "row", "reason", "values"),
        ((desk.name_of(r.instrument), r.file, r.row, r.reason, r.values) for r in refused),
    )


@app.command("export")
def export_command(
    file: Annotated[Path, typer.Argument(help="File to write: .csv or .parquet.")],
    *,
    market: str = typer.Option(..., help=MARKET_HELP),
    symbol: str = typer.Option(..., help=SYMBOL_HELP),
    timeframe: str = typer.Option("1m", help="Timeframe: 1m, 5m, 1h, 1d."),
    start: str = typer.Option("", "--from", help="Start (UTC), such as 2024-01-31."),
    end: str = typer.Option("", "--to", help="End (UTC): candles that have closed by then."),
    allow_gaps: bool = ALLOW_GAPS,
    force: bool = FORCE,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Export stored candles of any timeframe to a file."""
    from bowline.desk import candles as desk
    from bowline.desk.completeness import accept_stored
    from bowline.desk.report import completeness_document

    desk.check_export(file)
    out = output_of("FILE", file, force=force)
    instrument = desk.instrument_of(market, symbol)
    span = desk.parse_span(start, end)
    asked = (span[0] if start else None, span[1] if end else None)
    store = _store()
    frame = desk.read_candles(store, instrument, desk.parse_timeframe(timeframe), *span)
    completeness = accept_stored(store, frame, *asked, gap_rule(allow=allow_gaps))
    filled = desk.filled_minutes(store, frame)
    desk.export_candles(frame, out, filled)
    first, last, flat = int(frame.open_ns[0]), int(frame.open_ns[-1]), int(filled.sum())
    if as_json:
        said = {"file": str(file), "candles": len(frame), "first_ns": first, "last_ns": last}
        missing = completeness_document(completeness)
        emit_json({**said, "filled_minutes": flat, "completeness": missing})
        return
    typer.echo(
        f"{file}: {len(frame):,} candles of {timeframe},"
        f" {desk.utc_text(first)} to {desk.utc_text(last)}"
        + (f", {flat:,} minutes of them filled flat (column `filled`)" if flat else "")
    )
    emit_completeness(completeness)


@app.command("fill")
def fill_command(
    *,
    market: str = typer.Option(..., help=MARKET_HELP),
    symbol: str = typer.Option(..., help=SYMBOL_HELP),
    start: str = typer.Option("", "--from", help="Start (UTC), such as 2024-01-31."),
    end: str = typer.Option("", "--to", help="End (UTC): candles that have closed by then."),
    longest: int = typer.Option(1440, min=1, help="Longest gap to fill, in minutes."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Fill minutes without trades with flat candles.

    A filled minute has the last close and volume 0, and is counted apart wherever it is used.
    """
    from bowline.desk import candles as desk
    from bowline.desk.fill_flat import fill_flat

    instrument = desk.instrument_of(market, symbol)
    done = fill_flat(_store(), instrument, *desk.parse_span(start, end), longest=longest)
    if as_json:
        emit_json({"name": desk.name_of(instrument), **_fields(done)})
        return
    typer.echo(
        f"{desk.name_of(instrument)}: {done.minutes:,} minutes filled flat with volume 0;"
        f" {done.left_minutes:,} minutes in {done.left:,} gaps not filled"
        " (too long, or with refused rows)"
    )


def _store() -> Candles:
    from bowline import wire

    return wire.open_candles(wire.home())


def _instrument(market: str, symbol: str) -> InstrumentId | None:
    from bowline.core.errors import BadInput
    from bowline.desk import candles as desk

    if bool(market) != bool(symbol):
        raise BadInput(
            "--market and --symbol need each other",
            hint="give both, or neither for all instruments",
        )
    return desk.instrument_of(market, symbol) if market else None


def _fields(record: object) -> dict[str, object]:
    import msgspec

    return msgspec.structs.asdict(record)  # type: ignore[arg-type]
