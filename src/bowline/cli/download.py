"""`bowline candles download`: one-minute candles from a venue, only what is missing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

import typer

from bowline.cli.output import JSON_HELP, emit_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as Bar

    from bowline.desk.download import DownloadProgress, DownloadResult

_END_HELP = "End (UTC; default: the last closed minute)."


def download_command(
    *,
    market: str = typer.Option(..., help="The market, such as bybit:linear."),
    symbol: str = typer.Option(..., help="The symbol, such as BTCUSDT."),
    start: str = typer.Option(..., "--from", help="Start (UTC), such as 2025-06-01."),
    end: str = typer.Option("", "--to", help=_END_HELP),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Download the one-minute candles that are missing.

    An interrupted download is continued by the same command.
    """
    from bowline import wire
    from bowline.desk import download as desk
    from bowline.desk import instruments
    from bowline.desk.candles import instrument_of, parse_market, parse_span

    home, wanted = wire.home(), parse_market(market)
    start_ns, end_ns = parse_span(start, end)
    catalogue = wire.open_listings(home)

    async def fetch() -> DownloadResult:
        listing = instruments.find(catalogue, instrument_of(market, symbol))
        candles, absences = wire.open_candles(home), catalogue.absences
        async with wire.venues() as venues:
            venue = venues.public_venue(wanted)
            return await desk.download(
                candles, absences, venue, listing, start_ns, end_ns, progress.show
            )

    try:
        with _Progress() as progress:
            done = asyncio.run(fetch())
    finally:
        catalogue.close()
    if as_json:
        emit_json(done)
        return
    for line in sentences(done):
        typer.echo(line)


def sentences(done: DownloadResult) -> Iterator[str]:
    """The outcome of a download, and what to do about the minutes that were not received."""
    if done.wanted:
        yield f"{done.name}: {done.done.candles:,} of {done.wanted:,} missing candles stored"
    elif not done.absent:
        yield f"{done.name}: nothing is missing"
    if done.done.refused:
        yield f"{done.done.refused:,} refused: bowline candles quarantine shows them"
    if old := sum(each.minutes for each in done.done.too_old):
        yield (
            f"{old:,} minutes are older than the history of the venue, and another request "
            "does not bring them: import them from an archive (bowline candles import)"
        )
    if empty := sum(each.minutes for each in done.done.empty):
        yield f"{empty:,} minutes have no candle at the venue"
    if left := done.left:
        yield f"{left:,} minutes were not received: repeat the command to request them again"
    if done.absent:
        yield (
            f"{done.name}: {done.absent:,} minutes are missing and were not requested: the venue "
            "did not have them within the last day; they are requested again a day later"
        )


class _Progress:
    """Progress on stderr, from the first page on; it shows the last state when interrupted."""

    def __init__(self) -> None:
        self._shown: Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown is not None:
            self._shown.stop()

    def show(self, progress: DownloadProgress) -> None:
        """Show how much of the range is done."""
        from bowline.desk.download import settled_minutes

        done = progress.done
        handled = settled_minutes(done)
        if self._shown is None:
            self._shown = _new_display(progress.wanted)
        self._shown.update(self._shown.task_ids[0], completed=handled)


def _new_display(total: int) -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("candles"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Bar(*columns, console=Console(stderr=True))
    bar.add_task("", total=total)
    bar.start()
    return bar
