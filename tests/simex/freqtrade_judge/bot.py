"""One freqtrade process, trading live, and the REST API by which it is asked and told.

It is unmodified: the addresses of the venue come from its own `ccxt_config`, which freqtrade hands
to ccxt as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from bowline.simex import Address, ApiCredentials
from tests.simex.freqtrade_judge.environment import Environment

_STRATEGIES = Path(__file__).parent / "strategies"
_NAME = _PASSWORD = "judge"
_LOGIN = {"Authorization": aiohttp.encode_basic_auth(_NAME, _PASSWORD)}
_SECRET = "only for this machine, only for this run"
LEVERAGE = 3
STAKE = 3_000


class Bot:
    """What its REST API answers, and what it has logged."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, log: Path,
        process: asyncio.subprocess.Process,
    ) -> None:  # fmt: skip
        self._session = session
        self._url = url
        self._log = log
        self._process = process

    @property
    def ended(self) -> bool:
        """Whether it has given up."""
        return self._process.returncode is not None

    async def get(self, name: str) -> Any:
        """One of its questions; None as long as it does not answer."""
        try:
            async with self._session.get(f"{self._url}/{name}", headers=_LOGIN) as reply:
                return await reply.json() if reply.status == 200 else None
        except aiohttp.ClientError:
            return None

    async def post(self, name: str, **words: object) -> Any:
        """One of its commands."""
        async with self._session.post(f"{self._url}/{name}", json=words, headers=_LOGIN) as reply:
            said = await reply.json()
            assert reply.status == 200, f"{name}: {said}"
            return said

    def complaints(self) -> list[str]:
        """What it has logged as an error or a warning, oldest first."""
        lines = self._log.read_text("utf-8").splitlines() if self._log.exists() else []
        return [line for line in lines if " - ERROR - " in line or " - WARNING - " in line]


@contextlib.asynccontextmanager
async def trading(
    environment: Environment,
    folder: Path,
    venue: str,
    kind: str,
    address: Address,
    keys: ApiCredentials,
    stop: str,
) -> AsyncIterator[Bot]:
    """Run freqtrade at a venue's spot or linear market, until the block ends."""
    port = _free_port()
    urls = environment.urls(venue, address.http(venue), address.ws(venue))
    config = folder / "config.json"
    config.write_text(json.dumps(_config(venue, kind, keys, urls, port, stop)), "utf-8")
    log = folder / "freqtrade.log"
    with (folder / "output.txt").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            environment.freqtrade, "trade", "--config", config, "--userdir", folder,
            "--strategy-path", _STRATEGIES, "--logfile", log,
            "--strategy", "EnterAtOnce" if kind == "spot" else "EnterBothWays",
            "--db-url", f"sqlite:///{folder}/trades.sqlite",
            stdout=output, stderr=output,
        )  # fmt: skip
        try:
            timeout = aiohttp.ClientTimeout(total=30)
            async with aiohttp.ClientSession(timeout=timeout) as session:
                yield Bot(session, f"http://127.0.0.1:{port}/api/v1", log, process)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 20)
            except TimeoutError:
                process.kill()
                await process.wait()


def _config(
    venue: str, kind: str, keys: ApiCredentials, urls: Any, port: int, stop: str
) -> dict[str, object]:
    suffix = "" if kind == "spot" else ":USDT"
    priced = {"price_side": "other", "use_order_book": True, "order_book_top": 1}
    return {
        "dry_run": False,
        "initial_state": "running",
        "trading_mode": "spot" if kind == "spot" else "futures",
        "margin_mode": "" if kind == "spot" else "isolated",
        "max_open_trades": 2,
        "stake_currency": "USDT",
        "stake_amount": STAKE,
        "entry_pricing": priced,
        "exit_pricing": priced,
        "order_types": {
            "entry": "limit",
            "exit": "limit",
            "force_exit": "market" if venue in _MARKET_EXITS else "limit",
            "emergency_exit": "limit",
            "stoploss": stop,
            # freqtrade refuses to start where it does not do it
            "stoploss_on_exchange": (venue, kind) not in WITHOUT_STOPS,
            "stoploss_on_exchange_interval": 5,
        },
        "internals": {"process_throttle_secs": 2},
        "pairlists": [{"method": "StaticPairList"}],
        "exchange": {
            "name": venue,
            "key": keys.api_key,
            "secret": keys.secret,
            "password": keys.password,
            "ccxt_config": {"urls": {"api": urls}},
            "pair_whitelist": [f"BTC/USDT{suffix}", f"ETH/USDT{suffix}"],
        },
        "api_server": {
            "enabled": True,
            "listen_ip_address": "127.0.0.1",
            "listen_port": port,
            "verbosity": "error",
            "username": _NAME,
            "password": _PASSWORD,
            "jwt_secret_key": _SECRET,
            "ws_token": _SECRET,
        },
    }


#: markets whose stops freqtrade 2026.9 does not rest on the exchange (freqtrade/exchange/bybit.py)
WITHOUT_STOPS = {("bybit", "spot")}
#: and those at which it has limit stops alone, whatever is asked for (its `stoploss_order_types`)
LIMIT_STOPS_ALONE = {("binance", "spot"), ("gate", "spot"), ("gate", "linear")}
#: left at once, so that market orders are seen too
_MARKET_EXITS = {"binance", "bybit"}


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
