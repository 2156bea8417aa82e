"""`bowline book`: live order books of a symbol at several venues, side by side."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import typer

from bowline.cli.options import MOST_SECONDS
from bowline.core.errors import BadInput

if TYPE_CHECKING:
    from rich.table import Table

    from bowline.core.venue import Listing
    from bowline.desk.books import BookComparison

app = typer.Typer()

_SIZE_HELP = "Quantity in base units: show the average price for it at each venue."
_ONCE_HELP = "Exit when every book has arrived, or after --wait seconds."


@app.command("book")
def book_command(
    symbol: str = typer.Argument(..., help="The symbol, such as BTCUSDT."),
    *,
    venues: str = typer.Option("all", help="Markets such as bybit:linear, venues, or all."),
    kind: str = typer.Option(
        "linear", help="Market kind where --venues names a venue: linear or spot."
    ),
    size: float = typer.Option(0.0, min=0.0, max=1e12, help=_SIZE_HELP),
    once: bool = typer.Option(False, "--once", help=_ONCE_HELP),
    wait: float = typer.Option(
        15.0, min=1.0, max=MOST_SECONDS, help="Timeout of --once in seconds."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object per line."),
) -> None:
    """Compare live order books of a symbol across venues.

    With --size, mark where that quantity is bought and sold at the best average price.
    """
    listings = _listings(symbol, venues, kind)
    comparison = asyncio.run(_watch(listings, size, wait if once else None, as_json=as_json))
    if once and not any(each.state == "valid" for each in comparison.books):
        sys.exit(1)


def _listings(symbol: str, venues: str, kind: str) -> list[Listing]:
    """The listings of the symbol at the named markets."""
    from bowline import wire
    from bowline.desk.candles import parse_symbol
    from bowline.desk.instruments import find, parse_markets

    if kind not in {"spot", "linear"}:
        raise BadInput(f"--kind {kind}: no such kind of market", hint="expected spot or linear")
    named = [part.strip() for part in venues.split(",")]
    markets = [m for m in parse_markets(named) if m.kind == kind or m.name in named]
    name = parse_symbol(symbol)
    catalogue = wire.open_listings(wire.home())
    try:
        from bowline.core.model.instrument import InstrumentId

        if len(markets) == 1:
            return [find(catalogue, InstrumentId(markets[0].market_id, name))]
        found = [
            each
            for market in markets
            for each in catalogue.listings(market.market_id)
            if each.instrument.id.symbol == name and each.tradable
        ]
    finally:
        catalogue.close()
    if not found:
        raise BadInput(
            f"{name} is not known to trade at any of {', '.join(m.name for m in markets)}",
            hint=f"update the listings: bowline instruments sync --markets {venues}",
        )
    there = {each.instrument.id.market_id for each in found}
    left_out = [market.name for market in markets if market.market_id not in there]
    if left_out:
        typer.echo(f"skipped, {name} is not known to trade there: {', '.join(left_out)}", err=True)
    return found


async def _watch(
    listings: list[Listing], size: float, wait_s: float | None, *, as_json: bool
) -> BookComparison:
    import signal
    import time
    from contextlib import suppress

    from bowline import wire
    from bowline.desk import books as desk

    board, stop = desk.BookBoard(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    screen = None if as_json else _Screen()
    show = screen or _lines
    async with wire.venues() as venues:
        listening = asyncio.create_task(desk.listen(venues, listings, board))
        try:
            if wait_s is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await board.wait_complete([each.instrument.id for each in listings])
                show(comparison := board.compare(listings, time.time_ns(), size))
                return comparison
            comparison = board.compare(listings, time.time_ns(), size)
            while not (stop.is_set() or listening.done()):
                show(comparison := board.compare(listings, time.time_ns(), size))
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await stop.wait()
        finally:
            if screen is not None:
                screen.close()
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
    return comparison


def _lines(comparison: BookComparison) -> None:
    import msgspec

    typer.echo(msgspec.json.encode(comparison).decode())


class _Screen:
    """A table that is redrawn on a terminal; elsewhere each is printed after the last."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console()
        self._live = Live(console=self._console, auto_refresh=False)
        if self._console.is_terminal:
            self._live.start()

    def __call__(self, comparison: BookComparison) -> None:
        if self._console.is_terminal:
            self._live.update(_table(comparison), refresh=True)
        else:
            self._console.print(_table(comparison))

    def close(self) -> None:
        """Stop redrawing; the last table stays."""
        self._live.stop()


def _table(comparison: BookComparison) -> Table:
    from rich.table import Table

    what = f" {comparison.size:g}" if comparison.size else ""
    table = Table(box=None, header_style="bold")
    for column in ("market", "state", "bid", "ask", "bps", f"buy{what}", f"sell{what}", "age, s"):
        words = column in {"market", "state"}
        table.add_column(column, justify="left" if words else "right", no_wrap=words)
    for book in comparison.books:
        best_buy = "bold green" if book.market == comparison.best_buy else ""
        best_sell = "bold green" if book.market == comparison.best_sell else ""
        table.add_row(
            book.market,
            book.state,
            _number(book.bid),
            _number(book.ask),
            "" if book.spread_bps is None else f"{book.spread_bps:.2f}",
            f"[{best_buy}]{_number(book.buys_at)}" if best_buy else _number(book.buys_at),
            f"[{best_sell}]{_number(book.sells_at)}" if best_sell else _number(book.sells_at),
            "" if book.age_s is None else f"{book.age_s:.2f}",
        )
    gain = comparison.gain_bps
    if gain is not None and len(comparison.books) > 1:
        buy, sell = comparison.best_buy, comparison.best_sell
        table.caption = f"buy at {buy}, sell at {sell}: {gain:+.2f} bps before fees"
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"
