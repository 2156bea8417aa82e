"""`bowline simex`: simulated venues on this machine, until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bowline.cli.options import ALLOW_JUMPS, MOST_NUMBER
from bowline.cli.output import emit_json, emit_table
from bowline.core.errors import BadInput

if TYPE_CHECKING:
    from bowline.simex import FaultInjector, MarketSource, SimulationClock, VenueSimulator

app = typer.Typer()

_VENUES = "Venues to serve: all, or a list such as bybit,okx."
_MARKET = "synthetic, or replay:PATH of a candle file or tape folder."
_CLOCK = "wall, or virtual:60 to run 60 times as fast as real time."
_SEED = "Random seed of prices, keys and faults."
_JSON = "Print the port and the keys as one line of JSON."


@app.command("simex")
def simex_command(
    venues: str = typer.Option("all", help=_VENUES),
    market: str = typer.Option("synthetic", help=_MARKET),
    symbols: str = typer.Option("BTCUSDT,ETHUSDT", help="Symbols that every venue lists."),
    *,
    allow_jumps: bool = ALLOW_JUMPS,
    faults: Path | None = typer.Option(None, help="Fault script (YAML)."),
    seed: int = typer.Option(0, min=0, max=MOST_NUMBER, help=_SEED),
    port: int = typer.Option(0, min=0, max=65_535, help="Port on 127.0.0.1 (0: a free one)."),
    clock: str = typer.Option("wall", help=_CLOCK),
    as_json: bool = typer.Option(False, "--json", help=_JSON),
) -> None:
    """Serve simulated venues over REST and WebSocket.

    Each venue has the REST and WebSocket interface of the exchange it simulates.
    """
    import asyncio

    from bowline.simex import DIALECTS, FaultInjector, VenueSimulator, read_fault_script

    script = FaultInjector(read_fault_script(faults) if faults is not None else (), seed)
    simulator = VenueSimulator(
        list(DIALECTS) if venues == "all" else _names(venues),
        market=_market(market, _names(symbols), seed, allow_jumps=allow_jumps),
        seed=seed,
        clock=_clock(clock),
        faults=script,
    )
    asyncio.run(_serve(simulator, port, as_json=as_json))
    if script.fired and not as_json:
        _show_fired(script)


async def _serve(simulator: VenueSimulator, port: int, *, as_json: bool) -> None:
    import asyncio
    import signal

    from bowline.simex import serve

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with serve(simulator, port) as address:
        keys = {name: venue.credentials for name, venue in simulator.venues.items()}
        if as_json:
            emit_json(
                {
                    "port": address.port,
                    "venues": {
                        venue: {
                            "api_key": each.api_key,
                            "secret": each.secret,
                            "password": each.password,
                        }
                        for venue, each in keys.items()
                    },
                }
            )
        else:
            rows = [
                (venue, address.http(venue), each.api_key, each.secret, each.password)
                for venue, each in keys.items()
            ]
            emit_table(("venue", "in place of https://host", "key", "secret", "password"), rows)
            typer.echo("\nThe keys are valid for this server only. Press Ctrl-C to stop it.")
        await stop.wait()


def _market(text: str, symbols: list[str], seed: int, *, allow_jumps: bool) -> MarketSource:
    from bowline.simex import ReplayedCandles, ReplayedTape, SyntheticMarket, symbol_spec

    specs = [symbol_spec(each) for each in symbols]
    kind, _, name = text.partition(":")
    if kind == "synthetic" and not name:
        return SyntheticMarket(specs, seed)
    if kind == "replay" and name:
        if len(specs) != 1:
            raise BadInput(
                "a replay has exactly one symbol", hint="give one, such as --symbols BTCUSDT"
            )
        path = Path(name)
        if path.is_dir():
            return ReplayedTape.from_folder(path, specs[0], seed)
        return ReplayedCandles.from_file(path, specs[0], seed, allow_jumps=allow_jumps)
    raise BadInput(
        f"--market {text} is not a market source", hint="expected synthetic, or replay:PATH"
    )


def _clock(text: str) -> SimulationClock:
    from bowline.simex import AcceleratedClock, WallClock

    kind, _, speed = text.partition(":")
    if text == "wall":
        return WallClock()
    try:
        factor = float(speed)
    except ValueError:
        factor = 0.0
    if kind != "virtual" or not 0 < factor <= 10_000:  # noqa: PLR2004 - the fastest clock that is served
        raise BadInput(f"--clock {text} is not a clock", hint="expected wall, or virtual:60")
    return AcceleratedClock(factor)


def _names(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _show_fired(script: FaultInjector) -> None:
    rows = [(each.fault, each.venue, each.where, each.line or "") for each in script.fired]
    emit_table(("fault", "venue", "where", "line"), rows, title="Faults that occurred")
