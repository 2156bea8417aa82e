"""`bowline instruments`: what venues list, and which of it is recorded."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import typer

from bowline.cli.output import JSON_HELP, emit_json, emit_table

if TYPE_CHECKING:
    from bowline.desk.instruments import SyncResult

app = typer.Typer(help="List venue instruments and choose which to record.", no_args_is_help=True)

_MARKETS_HELP = "Markets such as bybit:linear, whole venues such as okx, or all."
_MARKET = typer.Option(..., help="The market, such as bybit:linear.")
_SYMBOLS = typer.Argument(..., help="Symbols, such as BTCUSDT ETHUSDT.")


@app.command("sync")
def sync_command(
    *,
    markets: list[str] = typer.Option(..., help=_MARKETS_HELP),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Update the stored listings from the venues."""
    from bowline import wire
    from bowline.desk import instruments as desk

    wanted = desk.parse_markets(markets)
    store = wire.open_listings(wire.home())

    async def ask() -> tuple[SyncResult, ...]:
        async with wire.venues() as venues:
            report = (lambda _: None) if as_json else (lambda each: typer.echo(_sentence(each)))
            return await desk.sync(store, [venues.public_venue(each) for each in wanted], report)

    try:
        done = asyncio.run(ask())
    finally:
        store.close()
    if as_json:
        emit_json(done)
    if any(each.error for each in done):
        sys.exit(1)


@app.command("list")
def list_command(
    *,
    markets: list[str] = typer.Option(["all"], help=_MARKETS_HELP),
    quote: str = typer.Option("", help="Only instruments quoted in this asset, such as USDT."),
    everything: bool = typer.Option(False, "--all", help="Include instruments that do not trade."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """List the instruments that trade."""
    from bowline import wire
    from bowline.desk import instruments as desk
    from bowline.desk.candles import name_of

    store = wire.open_listings(wire.home())
    wanted = desk.parse_markets(markets)
    listings = desk.list_instruments(store, wanted, quote=quote, everything=everything)
    recorded = set(store.recorded())
    store.close()
    if as_json:
        emit_json([{"name": name_of(each.instrument.id), "listing": each} for each in listings])
        return
    emit_table(
        (
            "instrument",
            "venue symbol",
            "status",
            "tick",
            "lot",
            "min. qty",
            "min. value",
            "leverage",
            "recorded",
        ),
        (
            (
                name_of(each.instrument.id),
                each.venue_symbol,
                each.status.value,
                f"{each.instrument.tick_size:f}",
                f"{each.instrument.lot_step:f}",
                f"{each.min_quantity:f}",
                f"{each.instrument.min_notional:f}",
                "" if each.max_leverage is None else f"{each.max_leverage:f}",
                "yes" if each.instrument.id in recorded else "",
            )
            for each in listings
        ),
    )
    if not listings:
        typer.echo("update the listings: bowline instruments sync --markets bybit:linear")


@app.command("show")
def show_command(
    symbol: str = typer.Argument(..., help="The symbol, such as BTCUSDT."),
    *,
    market: str = _MARKET,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Show an instrument's trading rules and their history."""
    from bowline import wire
    from bowline.desk import instruments as desk
    from bowline.desk.candles import instrument_of, utc_text

    store = wire.open_listings(wire.home())
    shown = desk.show(store, instrument_of(market, symbol))
    store.close()
    if as_json:
        emit_json(shown)
        return
    rules = shown.listing.instrument
    size = f"{rules.contract_size:f}"
    emit_table(
        ("", shown.name),
        (
            ("venue symbol", shown.listing.venue_symbol),
            ("base, quote", f"{shown.listing.base}, {shown.listing.quote}"),
            ("status", shown.listing.status.value),
            ("price step", f"{rules.tick_size:f}"),
            ("quantity step", f"{rules.lot_step:f} {shown.listing.base}"),
            ("minimum quantity", f"{shown.listing.min_quantity:f} {shown.listing.base}"),
            ("minimum value", f"{rules.min_notional:f} {shown.listing.quote}"),
            ("base units per contract", size if rules.contract_size != 1 else "no contracts"),
            ("maximum leverage", shown.listing.max_leverage or ""),
            ("recorded", "yes" if shown.subscribed else "no"),
            ("unchanged since", utc_text(shown.history[-1][0])),
            ("earlier versions", len(shown.history) - 1),
        ),
    )


@app.command("record")
def record_command(
    symbols: list[str] = _SYMBOLS,
    *,
    market: str = _MARKET,
    off: bool = typer.Option(False, "--off", help="Remove them from the list."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Add instruments to the recording list, or remove them."""
    from bowline import wire
    from bowline.desk import instruments as desk
    from bowline.desk.candles import instrument_of, name_of

    store = wire.open_listings(wire.home())
    ids = [instrument_of(market, each) for each in symbols]
    recorded = desk.unsubscribe(store, ids) if off else desk.subscribe(store, ids)
    store.close()
    names = [name_of(each) for each in recorded]
    if as_json:
        emit_json(names)
    else:
        typer.echo("recorded: " + (", ".join(names) or "nothing"))


def _sentence(synced: SyncResult) -> str:
    if synced.error or synced.changes is None:
        return f"{synced.market}: {synced.error}"
    changes = synced.changes
    new, other, gone = len(changes.added), len(changes.changed), len(changes.delisted)
    return (
        f"{synced.market}: {synced.listed:,} listed, {synced.tradable:,} trading; "
        f"{new:,} new, {other:,} changed, {gone:,} delisted"
    )
