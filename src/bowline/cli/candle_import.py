"""`bowline candles import`: files of one-minute candles into the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bowline.cli.options import steps_of
from bowline.cli.output import JSON_HELP, emit_json, emit_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bowline.desk.candle_import import FileWords, ImportOutcome, ImportRequest

_FILES_HELP = "CSV, zip, gzip, feather, JSON or Parquet of one-minute candles."
MARKET_HELP = "The market, such as binance:spot or bybit:linear."
SYMBOL_HELP = "The venue's symbol, such as BTCUSDT."
_OFFSET_HELP = "Hours the clock of a file without a zone is ahead of UTC, such as +3."
_COLUMN_HELP = "A column by its heading, or its number from 1: time=Date, volume=Vol, open=2 ..."
_LISTED_HELP = "The venue does not list it (any more), and it is meant all the same."


def import_command(
    files: Annotated[list[Path], typer.Argument(help=_FILES_HELP)],
    *,
    market: str = typer.Option(..., help=MARKET_HELP),
    symbol: str = typer.Option(..., help=SYMBOL_HELP),
    tick_size: str = typer.Option("", help="The price step of the instrument."),
    lot_step: str = typer.Option("", help="Its quantity step."),
    min_notional: str = typer.Option("", help="The least an order must be worth."),
    contract_size: str = typer.Option("", help="Base units a contract, for volume in contracts."),
    timeframe: str = typer.Option("", help="What thin files hold that do not tell: 1m."),
    utc_offset: str = typer.Option("", help=_OFFSET_HELP),
    column: Annotated[
        list[str] | None, typer.Option(metavar="ROLE=HEADING", help=_COLUMN_HELP)
    ] = None,
    decimal: str = typer.Option("", help="The decimal sign, where a comma may be either: , or ."),
    keep_good: bool = typer.Option(False, help="Store the good rows of a file with bad ones."),
    allow_jumps: bool = typer.Option(False, help="Believe jumps (a real flash crash)."),
    fill_flat: bool = typer.Option(
        False, help="Fill minutes in which nothing traded: last close, volume 0, counted apart."
    ),
    fill_longest: int = typer.Option(1440, min=1, help="Leave holes of more minutes than this."),
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
        _file_words(timeframe, utc_offset, column or (), decimal),
        keep_good=keep_good,
        allow_jumps=allow_jumps,
        fill_longest=fill_longest if fill_flat else None,
    )
    request = _listed(request, unlisted=unlisted)
    told = _Progress(len(files))
    try:
        outcomes = desk.import_files(wire.open_candles(wire.home()), files, request, told.tell)
    except KeyboardInterrupt:
        typer.echo(f"stopped after {told.done} of {len(files)} files: repeat to go on", err=True)
        raise
    if as_json:
        emit_json({"instrument": name_of(request.instrument), "files": outcomes})
    else:
        _show_outcomes(outcomes)
    refused = [outcome for outcome in outcomes if outcome.status == "refused"]
    if refused:
        _fail_import(refused, len(files))


class _Progress:
    """A line a file on stderr; what holds for many files alike is said once."""

    def __init__(self, files: int) -> None:
        self._files = files
        self._said: set[str] = set()
        self.done = 0

    def tell(self, outcome: ImportOutcome) -> None:
        """What became of the next file."""
        self.done += 1
        new = [note for note in outcome.notes if note not in self._said]
        self._said.update(new)
        line = "; ".join((_sentence(outcome), *new))
        typer.echo(f"[{self.done}/{self._files}] {line}", err=True)


def _file_words(timeframe: str, offset: str, columns: Sequence[str], decimal: str) -> FileWords:
    from bowline.desk.candle_import import FileWords, parse_columns
    from bowline.desk.candles import parse_timeframe
    from bowline.desk.funding import parse_offset

    return FileWords(
        parse_timeframe(timeframe) if timeframe else None,
        parse_offset(offset),
        parse_columns(columns),
        _decimal_sign(decimal),
    )


def _decimal_sign(text: str) -> str:
    from bowline.core.errors import BadInput

    if text not in {"", ",", "."}:
        raise BadInput(f"--decimal is {text!r}", hint="Expected , or .")
    return text


def _listed(request: ImportRequest, *, unlisted: bool) -> ImportRequest:
    """The request with what the venue lists of its instrument, if it was ever asked."""
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
    left = f", {done.left_minutes:,} in {done.left:,} holes left" if done.left else ""
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
