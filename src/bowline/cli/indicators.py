"""`bowline indicators`: list, show, compute, reference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bowline.cli.options import ALLOW_GAPS, ALLOW_JUMPS, FORCE, MOST_NUMBER, gap_rule, outputs_of
from bowline.cli.output import JSON_HELP, emit_completeness, emit_json, emit_table

if TYPE_CHECKING:
    from bowline.core.signals import Catalogue, Indicator
    from bowline.desk.completeness import GapRule
    from bowline.desk.indicators import IndicatorCandles, IndicatorRequest, IndicatorSeries

app = typer.Typer(help="List, describe and compute indicators.", no_args_is_help=True)

_ID_HELP = "Indicator id, as in `bowline indicators list`."


@app.command("list")
def list_command(
    group: str = typer.Option("", help="Only this group, such as momentum."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """List the indicators with their parameters."""
    from bowline.desk import indicators as desk

    entries = desk.list_entries(_catalogue(), group)
    if as_json:
        emit_json(entries)
        return
    emit_table(
        ("id", "group", "title", "parameters", "rule"),
        (
            (
                entry.id,
                entry.group,
                entry.title,
                ", ".join(f"{each.name}={each.default}" for each in entry.params),
                "yes" if entry.rule else "no",
            )
            for entry in entries
        ),
    )


@app.command("show")
def show_command(
    indicator: str = typer.Argument(..., help=_ID_HELP),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Show an indicator: formula, parameters, warm-up, rule."""
    entry = _catalogue().get(indicator)
    if as_json:
        emit_json(entry)
    else:
        _show(entry)


@app.command("compute")
def compute_command(
    indicator: str = typer.Argument(..., help=_ID_HELP),
    *,
    params: str = typer.Option("", help="Parameters, such as fast=10,slow=50."),
    market: str = typer.Option("", help="The market, such as binance:spot."),
    symbol: str = typer.Option("", help="The venue's symbol, such as BTCUSDT."),
    candles: Annotated[
        Path | None, typer.Option(help="Candle file to use instead of stored candles.")
    ] = None,
    timeframe: str = typer.Option("", help="1m, 5m, 1h, 1d (default: that of the file)."),
    start: str = typer.Option("", "--from", help="Start (UTC), such as 2024-01-31."),
    end: str = typer.Option("", "--to", help="End (UTC): candles that have closed by then."),
    allow_jumps: bool = ALLOW_JUMPS,
    allow_gaps: bool = ALLOW_GAPS,
    last: int = typer.Option(0, min=0, max=MOST_NUMBER, help="Only the last N candles (0: all)."),
    csv: Annotated[Path | None, typer.Option("--csv", help="Write to this CSV file.")] = None,
    force: bool = FORCE,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Compute the series and the signal of an indicator."""
    from bowline.desk import indicators as desk

    (out,) = outputs_of({"--csv": csv}, candles, force=force)
    request = desk.indicator_request(_catalogue(), indicator, params)
    found = _found(
        request,
        (market, symbol, timeframe),
        candles,
        (start, end),
        gap_rule(allow=allow_gaps),
        allow_jumps=allow_jumps,
    )
    series = desk.compute_series(request, found, last)
    if out is not None:
        desk.write_series(series, out)
    if as_json:
        emit_json(_document(series, found, csv))
        return
    if csv is not None:
        typer.echo(f"{csv}: {len(series.open_ns):,} candles")
    else:
        emit_table(series.columns(), (_short(row) for row in series.rows()))
    emit_completeness(found.completeness)


@app.command("reference")
def reference_command(as_json: bool = typer.Option(False, "--json", help=JSON_HELP)) -> None:
    """Print the catalogue as a Markdown page."""
    from bowline.desk.indicator_page import reference_page

    page = reference_page(_catalogue())
    if as_json:
        emit_json({"markdown": page})
    else:
        typer.echo(page, nl=False)


def _catalogue() -> Catalogue:
    from bowline import wire

    return wire.load_catalogue()


def _found(
    request: IndicatorRequest,
    place: tuple[str, str, str],
    file: Path | None,
    span: tuple[str, str],
    rule: GapRule,
    *,
    allow_jumps: bool,
) -> IndicatorCandles:
    from bowline import wire
    from bowline.core.errors import BadInput
    from bowline.desk import indicators as desk

    market, symbol, timeframe = place
    if file is not None and not (market or symbol):
        return desk.from_file(request, file, timeframe, span, rule, allow_jumps=allow_jumps)
    if file is None and market and symbol and timeframe:
        return desk.from_store(request, wire.open_candles(wire.home()), place, span, rule)
    raise BadInput(
        "no candles are named", hint="give --market, --symbol and --timeframe, or --candles FILE"
    )


def _document(
    series: IndicatorSeries, found: IndicatorCandles, file: Path | None
) -> dict[str, Any]:
    from bowline.core.signals import warmup
    from bowline.desk.report import completeness_document

    request, timeframe = series.request, found.candles.timeframe
    document: dict[str, Any] = {
        "indicator": request.indicator.id,
        "version": request.indicator.version,
        "params": request.params,
        "timeframe": timeframe,
        "warmup": warmup(request.indicator, request.params, timeframe),
        "candles": len(series.open_ns),
        "completeness": completeness_document(found.completeness),
    }
    if file is not None:
        return {**document, "file": str(file)}
    rows = zip(series.open_ns.tolist(), series.rows(), strict=True)
    return {
        **document,
        "rows": [
            {"open_ns": at, **dict(zip(series.columns(), row, strict=True))} for at, row in rows
        ],
    }


def _short(row: tuple[str | float | None, ...]) -> list[str]:
    return [f"{cell:.10g}" if isinstance(cell, float) else str(cell or "") for cell in row]


def _show(entry: Indicator) -> None:
    typer.echo(f"{entry.id}: {entry.title} (version {entry.version}, group {entry.group})\n")
    typer.echo(f"formula   {entry.formula}")
    typer.echo(f"source    {entry.source}")
    typer.echo(f"inputs    {', '.join(entry.inputs)}")
    typer.echo(f"outputs   {', '.join(entry.outputs)}")
    typer.echo(f"warm-up   {entry.warmup} candles")
    if entry.rule is None:
        typer.echo(f"no rule   {entry.no_rule}")
    else:
        typer.echo(f"LONG      {entry.rule.long or 'never'}")
        typer.echo(f"SHORT     {entry.rule.short or 'never'}")
    for constraint in entry.constraints:
        typer.echo(f"needs     {constraint}")
    for output, step in entry.undefined.items():
        typer.echo(f"no value  {output}, where {step.text}")
    for output, text in entry.scale.items():
        typer.echo(f"scale     {output}, {text}")
    if entry.params:
        typer.echo("")
        emit_table(
            ("parameter", "default", "allowed"),
            ((each.name, each.default, each.allowed()) for each in entry.params),
        )
