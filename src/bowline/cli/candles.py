"""`bowline candles`: import, download, list, gaps, quarantine, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bowline.cli.download import download_command
from bowline.cli.output import JSON_HELP, emit_json, emit_table

if TYPE_CHECKING:
    from decimal import Decimal

    from bowline.core.model.instrument import InstrumentId
    from bowline.desk.candles import ImportOutcome
    from bowline.storage.candles import Candles

app = typer.Typer(
    help="Candles: import files, download, see what is stored, export.", no_args_is_help=True
)
app.command("download")(download_command)

_FILES_HELP = "CSV, zip, feather, JSON or Parquet of one-minute candles."
_MARKET_HELP = "The market, such as binance:spot or bybit:linear."
_SYMBOL_HELP = "The venue's symbol, such as BTCUSDT."


@app.command("import")
def import_command(
    files: Annotated[list[Path], typer.Argument(help=_FILES_HELP)],
    *,
    market: str = typer.Option(..., help=_MARKET_HELP),
    symbol: str = typer.Option(..., help=_SYMBOL_HELP),
    tick_size: str = typer.Option("", help="The price step of the instrument."),
    lot_step: str = typer.Option("", help="Its quantity step."),
    min_notional: str = typer.Option("", help="The least an order must be worth."),
    keep_good: bool = typer.Option(False, help="Store the good rows of a file with bad ones."),
    allow_jumps: bool = typer.Option(False, help="Believe jumps (a real flash crash)."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Import files of one-minute candles of one instrument."""
    from bowline.desk import candles as desk

    steps = desk.Steps(
        _decimal("--tick-size", tick_size),
        _decimal("--lot-step", lot_step),
        _decimal("--min-notional", min_notional),
    )
    request = desk.import_request(
        market, symbol, steps, keep_good=keep_good, allow_jumps=allow_jumps
    )
    done = 0

    def progress(outcome: ImportOutcome) -> None:
        nonlocal done
        done += 1
        typer.echo(f"[{done}/{len(files)}] {_sentence(outcome)}", err=True)

    try:
        outcomes = desk.import_files(_store(), files, request, progress)
    except KeyboardInterrupt:
        typer.echo(f"stopped after {done} of {len(files)} files: repeat to go on", err=True)
        raise
    if as_json:
        emit_json({"instrument": desk.name_of(request.instrument), "files": outcomes})
    else:
        _show_outcomes(outcomes)
    refused = [outcome for outcome in outcomes if outcome.status == "refused"]
    if refused:
        _fail_import(refused, len(files))


@app.command("list")
def list_command(as_json: bool = typer.Option(False, "--json", help=JSON_HELP)) -> None:
    """What is stored, by instrument."""
    from bowline.desk import candles as desk

    coverage = desk.list_candles(_store())
    if as_json:
        emit_json([{"name": desk.name_of(c.instrument), **_fields(c)} for c in coverage])
        return
    emit_table(
        ("market", "symbol", "first", "last", "candles", "gaps"),
        (
            (
                *desk.name_of(c.instrument).rsplit(":", 1),
                desk.utc_text(c.first_ns),
                desk.utc_text(c.last_ns),
                f"{c.candles:,}",
                c.gaps,
            )
            for c in coverage
        ),
    )


@app.command("gaps")
def gaps_command(
    market: str = typer.Option("", help=_MARKET_HELP),
    symbol: str = typer.Option("", help=_SYMBOL_HELP),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Minutes that are missing and why, of one instrument or of all."""
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
    market: str = typer.Option("", help=_MARKET_HELP),
    symbol: str = typer.Option("", help=_SYMBOL_HELP),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Rows of files that did not become candles, and why."""
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
    file: Annotated[Path, typer.Argument(help="The file to write: .csv or .parquet.")],
    *,
    market: str = typer.Option(..., help=_MARKET_HELP),
    symbol: str = typer.Option(..., help=_SYMBOL_HELP),
    timeframe: str = typer.Option("1m", help="1m, 5m, 1h, 1d …"),
    start: str = typer.Option("", "--from", help="First moment (UTC), such as 2024-01-31."),
    end: str = typer.Option("", "--to", help="The moment (UTC) before which candles have closed."),
    force: bool = typer.Option(False, help="Replace the file if it exists."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Write stored candles of any timeframe to a file."""
    from bowline.desk import candles as desk

    instrument = desk.instrument_of(market, symbol)
    span = desk.parse_span(start, end)
    frame = desk.read_candles(_store(), instrument, desk.parse_timeframe(timeframe), *span)
    desk.export_candles(frame, file, force=force)
    first, last = int(frame.open_ns[0]), int(frame.open_ns[-1])
    if as_json:
        emit_json({"file": str(file), "candles": len(frame), "first_ns": first, "last_ns": last})
        return
    typer.echo(
        f"{file}: {len(frame):,} candles of {timeframe},"
        f" {desk.utc_text(first)} to {desk.utc_text(last)}"
    )


def _store() -> Candles:
    from bowline import wire

    return wire.open_candles(wire.home())


def _instrument(market: str, symbol: str) -> InstrumentId | None:
    from bowline.core.errors import BadInput
    from bowline.desk import candles as desk

    if bool(market) != bool(symbol):
        raise BadInput("--market and --symbol go together", hint="Give both, or neither for all.")
    return desk.instrument_of(market, symbol) if market else None


def _decimal(option: str, text: str) -> Decimal | None:
    from decimal import Decimal, InvalidOperation

    from bowline.core.errors import BadInput

    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0:
        raise BadInput(f"{option} is {text!r}", hint="Expected a number of 0 or more.")
    return value


def _fields(record: object) -> dict[str, object]:
    import msgspec

    return msgspec.structs.asdict(record)  # type: ignore[arg-type]


def _sentence(outcome: ImportOutcome) -> str:
    if outcome.status == "refused":
        return f"{outcome.file}: refused"
    if outcome.status == "known":
        return f"{outcome.file}: already imported, nothing added"
    missing = f", {outcome.missing:,} minutes missing" if outcome.missing else ""
    refused = f", {outcome.refused:,} rows quarantined" if outcome.refused else ""
    return f"{outcome.file}: {outcome.format}: {outcome.candles:,} candles{missing}{refused}"


def _show_outcomes(outcomes: tuple[ImportOutcome, ...]) -> None:
    emit_table(
        ("file", "status", "candles", "missing", "quarantined"),
        (
            (Path(o.file).name, o.status, f"{o.candles:,}", f"{o.missing:,}", f"{o.refused:,}")
            for o in outcomes
        ),
    )


def _fail_import(refused: list[ImportOutcome], tried: int) -> None:
    from bowline.core.errors import BadInput

    if tried == 1:
        raise BadInput(refused[0].error, hint=refused[0].hint, problems=refused[0].problems)
    problems = [line for o in refused for line in (o.error, *o.problems)]
    hints = dict.fromkeys(o.hint for o in refused if o.hint)
    raise BadInput(
        f"{len(refused)} of {tried} files were refused",
        hint=" ".join(hints),
        problems=tuple(problems),
    )
