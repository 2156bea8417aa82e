"""`bowline ingest`: record markets until Ctrl-C, and show the state of the recording."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import typer

from bowline.cli.options import MOST_DAYS
from bowline.cli.output import emit_json, emit_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bowline.core.model.instrument import InstrumentId
    from bowline.desk.ingest import IngestRequest
    from bowline.runtime.ingest import HealthReport
    from bowline.storage.listings import ListingStore

app = typer.Typer()

_MARKETS = typer.Option([], help="Markets, such as bybit:linear (default: the recording list).")
_SYMBOLS = typer.Option([], help="Symbols of these markets (default: the recording list).")
_CHANNELS = typer.Option([], help="candles, trades, quotes (default: all three).")
_SINCE = typer.Option("", "--since", help="Repair gaps since this UTC time (default: 1 day ago).")
_KEEP_HELP = "Delete recorded ticks older than this many full days (default: keep all)."
_STATUS = typer.Option(False, "--status", help="Show the state of the recording and exit.")


@app.command("ingest")
def ingest_command(
    *,
    markets: list[str] = _MARKETS,
    symbols: list[str] = _SYMBOLS,
    channels: list[str] = _CHANNELS,
    since: str = _SINCE,
    keep_days: int | None = typer.Option(None, min=1, max=MOST_DAYS, help=_KEEP_HELP),
    status: bool = _STATUS,
    as_json: bool = typer.Option(False, "--json", help="Reports as JSON, one per line."),
) -> None:
    """Record candles, trades and quotes from live feeds.

    Gaps in the candles are repaired by REST.
    """
    if status:
        _show_status(as_json=as_json)
        return
    from bowline import wire
    from bowline.desk import ingest as desk
    from bowline.desk.candles import parse_start

    wire.start_logs()
    home = wire.home()
    catalogue = wire.open_listings(home)
    try:
        wanted = _instruments(catalogue.recorded(), markets, symbols)
        since_ns = parse_start(since, "--since") if since else None
        asked = [part for each in channels for part in each.split(",")]
        request = desk.ingest_request(catalogue, wanted, since_ns, asked)
        handle = show_and_keep(_lines if as_json else _screen(), home)
        with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
            runner.run(_record(request, catalogue, keep_days, handle))
    finally:
        catalogue.close()


def show_and_keep(
    show: Callable[[HealthReport], None], home: Path
) -> Callable[[HealthReport], None]:
    """Print a report and keep it for other processes, each even if the other fails.

    The BowlineError is raised then: the recorder reports it as its last error and continues.
    """
    from bowline.desk import ingest as desk

    def handle(report: HealthReport) -> None:
        try:
            show(report)
        finally:
            desk.keep_report(home, report)

    return handle


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop, with the extra `fast`: a third less CPU time for the same feeds."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop


async def _record(
    request: IngestRequest,
    catalogue: ListingStore,
    keep_days: int | None,
    report: Callable[[HealthReport], None],
) -> None:
    import signal

    from bowline import wire
    from bowline.desk import ingest as desk
    from bowline.runtime.ingest import BusPublisher, IngestStores
    from bowline.storage.tape import TapeWriter

    home, bus = wire.home(), wire.open_bus()
    with wire.tape_lock(home):
        stores = IngestStores(
            wire.open_candles(home),
            catalogue,
            TapeWriter(wire.tape_folder(home)),
            wire.open_tape(home),
            BusPublisher(bus),
            keep_days,
        )
        async with wire.venues() as venues:
            task = asyncio.create_task(desk.record(request, venues, stores, report))
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, task.cancel)
            try:
                await task
            except asyncio.CancelledError:
                typer.echo("stopped: everything received is stored", err=True)
            finally:
                await bus.close()


def _instruments(
    listed: tuple[InstrumentId, ...], markets: list[str], symbols: list[str]
) -> list[InstrumentId]:
    """The instruments to record: the named symbols and markets, or the recording list."""
    from bowline.core.errors import BadInput
    from bowline.core.model.instrument import InstrumentId
    from bowline.desk.candles import parse_symbol
    from bowline.desk.instruments import parse_markets

    if not markets:
        if symbols:
            raise BadInput("--symbols needs --markets", hint="add --markets bybit:linear")
        return list(listed)
    ids = [each.market_id for each in parse_markets(markets)]
    names = [parse_symbol(part) for each in symbols for part in each.split(",")]
    if names:
        return [InstrumentId(market_id, name) for market_id in ids for name in names]
    chosen = [each for each in listed if each.market_id in ids]
    if not chosen:
        raise BadInput(
            f"no instrument of {', '.join(markets)} is on the recording list",
            hint="name --symbols, or bybit: bowline instruments record BTCUSDT --market ...",
        )
    silent = [m.name for m in parse_markets(markets) if m.market_id not in _markets_of(chosen)]
    if silent:
        typer.echo(f"skipped, not on the recording list: {', '.join(silent)}", err=True)
    return chosen


def _markets_of(chosen: list[InstrumentId]) -> set[int]:
    return {each.market_id for each in chosen}


def _lines(report: HealthReport) -> None:
    import msgspec

    typer.echo(msgspec.json.encode(report).decode())


def _screen() -> Callable[[HealthReport], None]:
    """A line that is redrawn on a terminal, and printed repeatedly elsewhere."""
    last: dict[str, int] = {}

    def show(report: HealthReport) -> None:
        counts = report.counts
        before_ns, ticks = last.get("ns", report.started_ns), last.get("ticks", 0)
        passed_s = max((report.seen_ns - before_ns) / 1e9, 1e-9)
        rate = (counts["ticks"] - ticks) / passed_s
        last.update(ns=report.seen_ns, ticks=counts["ticks"])
        late = f"; LATE: {', '.join(report.late)}" if report.late else ""
        trouble = f"; last error: {report.trouble}" if report.trouble else ""
        candles = counts["candles_live"] + counts["candles_repaired"]
        line = (
            f"{rate:,.0f} ticks/s, {candles:,} candles ({counts['candles_repaired']:,} by REST), "
            f"{counts['connections_lost']} connections lost{late}{trouble}"
        )
        typer.echo(f"\r\x1b[K{line}" if sys.stderr.isatty() else line, err=True, nl=not _tty())

    return show


def _tty() -> bool:
    return sys.stderr.isatty()


def _show_status(*, as_json: bool) -> None:
    import time

    from bowline import wire
    from bowline.desk import ingest as desk
    from bowline.desk.candles import utc_text

    report = desk.last_report(wire.home())
    alive = desk.running(report, time.time_ns())
    if as_json:
        emit_json({"running": alive, "report": report})
    else:
        typer.echo(f"{'running' if alive else 'NOT running'}, seen {utc_text(report.seen_ns)} UTC")
        emit_table(
            ("instrument", "newest candle ends", "behind, s", "late"),
            (
                (
                    each.name,
                    utc_text(each.candle_ns) if each.candle_ns else "none",
                    each.candle_lag_s,
                    "LATE" if each.late else "",
                )
                for each in report.instruments
            ),
        )
        emit_table(("counted", "times"), report.counts.items())
        if report.trouble:
            typer.echo(f"last error: {report.trouble}")
    if not alive or report.late:
        sys.exit(1)
