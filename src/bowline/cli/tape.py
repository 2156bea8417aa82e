"""`bowline tape`: list, replay and prune recorded trades and quotes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from bowline.cli.options import MOST_DAYS
from bowline.cli.output import JSON_HELP, emit_json, emit_table

if TYPE_CHECKING:
    from bowline.desk.tape import TapeLine

app = typer.Typer(help="List, replay and prune recorded trades and quotes.", no_args_is_help=True)

_MIB = 1024 * 1024


@app.command("list")
def list_command(as_json: bool = typer.Option(False, "--json", help=JSON_HELP)) -> None:
    """List the recorded days."""
    from bowline import wire
    from bowline.desk import tape as desk
    from bowline.desk.candles import name_of

    days = desk.list_tape(wire.open_tape(wire.home()))
    if as_json:
        emit_json([{"name": name_of(each.day.instrument), "coverage": each} for each in days])
        return
    emit_table(
        ("day", "kind", "instrument", "ticks", "files", "MiB"),
        (
            (
                each.day.day,
                each.day.kind,
                name_of(each.day.instrument),
                f"{each.ticks:,}",
                each.files,
                f"{each.size_bytes / _MIB:,.1f}",
            )
            for each in days
        ),
    )


@app.command()
def replay(
    *,
    market: str = typer.Option(..., help="The market, such as bybit:linear."),
    symbol: str = typer.Option(..., help="The venue's symbol, such as BTCUSDT."),
    start: str = typer.Option("", "--from", help="Start (UTC)."),
    end: str = typer.Option("", "--to", help="End (UTC)."),
    speed: float = typer.Option(
        0.0, min=0.0, max=1e9, help="Multiple of the recorded speed; 0 prints without delay."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object per line."),
) -> None:
    """Print the ticks of an instrument in order of receipt."""
    import msgspec

    from bowline import wire
    from bowline.desk import tape as desk
    from bowline.desk.candles import instrument_of, parse_span

    instrument = instrument_of(market, symbol)
    lines = desk.replay(
        wire.open_tape(wire.home()), instrument, *parse_span(start, end), speed or None
    )
    for line in lines:
        typer.echo(msgspec.json.encode(line).decode() if as_json else _sentence(line))


@app.command()
def prune(
    *,
    keep_days: int = typer.Option(
        ..., min=0, max=MOST_DAYS, help="Full days to keep besides today."
    ),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Delete older days of the tape."""
    import time

    from bowline import wire
    from bowline.desk import tape as desk

    deleted = desk.prune(wire.open_tape(wire.home()), keep_days, time.time_ns())
    freed = sum(held for _, held in deleted)
    if as_json:
        emit_json({"deleted": [day for day, _ in deleted], "freed_bytes": freed})
        return
    days = "1 folder" if len(deleted) == 1 else f"{len(deleted)} folders"
    typer.echo(f"{days} of old days deleted, {freed / _MIB:,.1f} MiB freed")


def _sentence(line: TapeLine) -> str:
    import numpy as np

    at = str(np.datetime64(line.event_ns, "ns").astype("datetime64[ms]")).replace("T", " ")
    if line.kind == "trade":
        return f"{at} trade {line.name} {line.taker} {line.size:g} at {line.price:.10g}"
    return (
        f"{at} quote {line.name} {line.bid_size:g} at {line.bid:.10g} | "
        f"{line.ask_size:g} at {line.ask:.10g}"
    )
