"""ccxt as an independent client of a simulated world: unmodified but for its URLs.

`OPTIONS` holds what a user would set too (see the venue's how-to in ccxt): which markets to load,
and answers to questions that ccxt would otherwise ask the venue before its first call.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from bowline.simex import (
    Address,
    FaultInjector,
    SyntheticMarket,
    VenueSimulator,
    serve,
    symbol_spec,
)

#: our venue -> ccxt's class of the spot and of the linear market
CLASSES: dict[str, tuple[str, str]] = {
    "binance": ("binance", "binanceusdm"),
    "bybit": ("bybit", "bybit"),
    "bitget": ("bitget", "bitget"),
    "bingx": ("bingx", "bingx"),
    "gate": ("gate", "gate"),
    "okx": ("okx", "okx"),
    "htx": ("htx", "htx"),
    "mexc": ("mexc", "mexc"),
}
_SPOT_AND_SWAP = {"types": ["spot", "swap"]}
#: our venue, or one of its markets -> what its user would set
OPTIONS: dict[str, dict[str, Any]] = {
    # by the host's name ccxt tells the streams of the one market from those of the other
    "binance:spot": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False},
    "binance:linear": {"fetchMarkets": {"types": ["linear"]}, "fetchMargins": False},
    "bitget": {"fetchMarkets": _SPOT_AND_SWAP, "uta": False},
    "bingx": {"fetchMarkets": _SPOT_AND_SWAP},
    "gate": {"fetchMarkets": _SPOT_AND_SWAP, "unifiedAccount": False},
    "okx": {"fetchMarkets": _SPOT_AND_SWAP},
    "htx": {"fetchMarkets": {"types": {"spot": True, "linear": True, "inverse": False}}},
    "mexc": {"fetchMarkets": {"types": {"spot": True, "swap": {"linear": True, "inverse": False}}}},
}
#: venues whose list of currencies, a private call of no use to a trader, is played too
WITH_CURRENCIES = {"bybit"}


@dataclass
class Seat:
    """A client at a venue: what a test plays with."""

    venue: str
    kind: str
    client: Any
    simulator: VenueSimulator
    address: Address

    @property
    def symbol(self) -> str:
        """Our BTCUSDT in the words of ccxt."""
        return "BTC/USDT" if self.kind == "spot" else "BTC/USDT:USDT"


def point_at(client: Any, address: Address, venue: str) -> None:
    """Rewrite scheme and host of every URL: all that a foreign client needs."""

    def rewritten(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: rewritten(each) for name, each in value.items()}
        if isinstance(value, str):
            value = re.sub(r"^https?://[^/]+", address.http(venue), value)
            return re.sub(r"^wss?://[^/]+", address.ws(venue), value)
        return value

    client.urls["api"] = rewritten(client.urls["api"])


def make_client(simulator: VenueSimulator, address: Address, venue: str, kind: str) -> Any:
    """The client, with the test account's keys."""
    import ccxt.pro

    keys = simulator.venues[venue].credentials
    client = getattr(ccxt.pro, CLASSES[venue][kind == "linear"])(
        {
            "apiKey": keys.api_key,
            "secret": keys.secret,
            "password": keys.password,
            "uid": keys.user_id,
            "enableRateLimit": False,
            "options": {
                "defaultType": "spot" if kind == "spot" else "swap",
                **OPTIONS.get(venue, {}),
                **OPTIONS.get(f"{venue}:{kind}", {}),
            },
        }
    )
    if venue not in WITH_CURRENCIES:
        client.has["fetchCurrencies"] = False
    client.timeout_on_exit = 0
    point_at(client, address, venue)
    return client


@contextlib.asynccontextmanager
async def seated(
    venue: str,
    kind: str,
    *,
    faults: FaultInjector | None = None,
    seed: int = 1,
    step_s: float = 0.05,
) -> AsyncIterator[Seat]:
    """One venue with one symbol on real sockets, and a client that has loaded its markets.

    The market moves twenty times a second, so that nobody waits long for news; a test that moves
    it itself says a longer `step_s`.
    """
    market = SyntheticMarket([symbol_spec("BTCUSDT")], seed, step_s=step_s, history_minutes=30)
    simulator = VenueSimulator([venue], market=market, seed=seed, faults=faults)
    async with serve(simulator) as address:
        client = make_client(simulator, address, venue, kind)
        try:
            await client.load_markets()
            yield Seat(venue, kind, client, simulator, address)
        finally:
            await client.close()
