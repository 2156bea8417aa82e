"""`bowline candles import`: stores files of one-minute candles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bowline.cli.options import steps_of
from bowline.cli.output import JSON_HELP, emit_json, emit_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bowline.desk.candle_import import FileOptions, ImportOutcome, ImportRequest

_FILES_HELP = "Files of one-minute candles: CSV, zip, gzip, feather, JSON, Parquet."
MARKET_HELP = "The market, such as binance:spot or bybit:linear."
SYMBOL_HELP = "The venue's symbol, such as BTCUSDT."
_OFFSET_HELP = "Hours ahead of UTC, such as +3, of times without a zone."
_COLUMN_HELP = "A column by heading or number (from 1): time=Date, volume=Vol, open=2."
_LISTED_HELP = "Accept a symbol that the venue does not list (any more)."


def import_command(
    files: Annotated[list[Path], typer.Argument(help=_FILES_HELP)],
    *,
    market: str = typer.Option(..., help=MARKET_HELP),
    symbol: str = typer.Option(..., help=SYMBOL_HELP),
    tick_size: str = typer.Option("", help="Price step of the instrument."),
    lot_step: str = typer.Option("", help="Quantity step of the instrument."),
    min_notional: str = typer.Option("", help="Minimum value of an order."),
    contract_size: str = typer.Option(
        "", help="Base units per contract, if volume is in contracts."
    ),
    timeframe: str = typer.Option("", help="Timeframe of files too short to tell: 1m."),
    utc_offset: str = typer.Option("", help=_OFFSET_HELP),
    column: Annotated[
        list[str] | None, typer.Option(metavar="ROLE=HEADING", help=_COLUMN_HELP)
    ] = None,
    decimal: str = typer.Option("", help="Decimal sign where a comma is ambiguous: , or ."),
    keep_good: bool = typer.Option(False, help="Store the valid rows of a file that has bad ones."),
    allow_jumps: bool = typer.Option(False, help="Accept price jumps, such as a real flash crash."),
    fill_flat: bool = typer.Option(
        False, help="Fill minutes without trades: last close, volume 0, counted apart."
    ),
    fill_longest: int = typer.Option(1440, min=1, help="Longest gap to fill, in minutes."),
    unlisted: bool = typer.Option(False, help=_LISTED_HELP),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Import files of one-minute candles of one instrument."""
    from bowline import wire
    from bowline.desk import candle_import as desk
    from bowline.desk.candles import name_of

    request = desk.import_request(
        market,
        symbol,
        steps_of(tick_size, lot_step, min_notional, contract_size),
        _file_options(timeframe, utc_offset, column or (), decimal),
        keep_good=keep_good,
        allow_jumps=allow_jumps,
        fill_longest=fill_longest if fill_flat else None,
    )
    request = _listed(request, unlisted=unlisted)
    progress = _Progress(len(files))
    try:
        outcomes = desk.import_files(wire.open_candles(wire.home()), files, request, progress.show)
    except KeyboardInterrupt:
        typer.echo(
            f"stopped after {progress.done} of {len(files)} files: repeat the command to continue",
            err=True,
        )
        raise
    if as_json:
        emit_json({"instrument": name_of(request.instrument), "files": outcomes})
    else:
        _show_outcomes(outcomes)
    refused = [outcome for outcome in outcomes if outcome.status == "refused"]
    if refused:
        _fail_import(refused, len(files))


class _Progress:
    """A line per file on stderr; a note that several files share is printed once."""

    def __init__(self, files: int) -> None:
        self._files = files
        self._printed: set[str] = set()
        self.done = 0

    def show(self, outcome: ImportOutcome) -> None:
        """Print the outcome of the next file."""
        self.done += 1
        new = [note for note in outcome.notes if note not in self._printed]
        self._printed.update(new)
        line = "; ".join((_sentence(outcome), *new))
        typer.echo(f"[{self.done}/{self._files}] {line}", err=True)


def _file_options(timeframe: str, offset: str, columns: Sequence[str], decimal: str) -> FileOptions:
    from bowline.desk.candle_import import FileOptions, parse_columns
    from bowline.desk.candles import parse_timeframe
    from bowline.desk.funding import parse_offset

    return FileOptions(
        parse_timeframe(timeframe) if timeframe else None,
        parse_offset(offset),
        parse_columns(columns),
        _decimal_sign(decimal),
    )


def _decimal_sign(text: str) -> str:
    from bowline.core.errors import BadInput

    if text not in {"", ",", "."}:
        raise BadInput(f"--decimal {text!r} is not a decimal sign", hint="expected , or .")
    return text


def _listed(request: ImportRequest, *, unlisted: bool) -> ImportRequest:
    """The request with the venue's listing of its instrument, if listings are stored."""
    from contextlib import closing

    import msgspec

    from bowline import wire
    from bowline.desk.instruments import listing_if_known

    with closing(wire.open_listings(wire.home())) as listings:
        found = listing_if_known(listings, request.instrument, unlisted=unlisted)
    return msgspec.structs.replace(request, listed=found and found.instrument)


def _sentence(outcome: ImportOutcome) -> str:
    if outcome.status == "refused":
        return f"{outcome.file}: refused"
    if outcome.status == "known":
        return f"{outcome.file}: already imported, nothing added{_filled(outcome)}"
    missing = f", {outcome.missing:,} minutes missing" if outcome.missing else ""
    refused = f", {outcome.refused:,} rows quarantined" if outcome.refused else ""
    counts = f"{outcome.candles:,} candles{missing}{refused}{_filled(outcome)}"
    return f"{outcome.file}: {outcome.format}: {counts}"


def _filled(outcome: ImportOutcome) -> str:
    done = outcome.filled
    if done is None:
        return ""
    left = f", {done.left_minutes:,} in {done.left:,} gaps not filled" if done.left else ""
    return f", {done.minutes:,} minutes filled flat{left}"


def _show_outcomes(outcomes: tuple[ImportOutcome, ...]) -> None:
    emit_table(
        ("file", "status", "candles", "missing", "filled", "quarantined"),
        (
            (
                Path(o.file).name,
                o.status,
                f"{o.candles:,}",
                f"{o.missing:,}",
                f"{o.filled.minutes:,}" if o.filled else "0",
                f"{o.refused:,}",
            )
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
