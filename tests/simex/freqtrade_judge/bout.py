"""What freqtrade is put through at one market, step by step. The first that fails ends it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from bowline.core.model.values import floor_to_step
from bowline.core.sim.exchange import VenueOrder
from bowline.simex import ACCOUNT, VenueSimulator, serve, symbol_spec
from bowline.simex.dialect import Dialect
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiCall, ApiError
from tests.simex.freqtrade_judge import books
from tests.simex.freqtrade_judge.bot import LIMIT_STOPS_ALONE, WITHOUT_STOPS, Bot, trading
from tests.simex.freqtrade_judge.environment import Environment
from tests.simex.freqtrade_judge.market import StillMarket

STEPS = ("start", "enter", "stop rests", "books agree", "exit", "books agree after", "stop fires")
#: how long a step may take on a machine that has other work to do
_PATIENCE_S = 120.0
_SYMBOLS = ("BTCUSDT", "ETHUSDT")


class Bout:
    """One market of a venue with freqtrade in it."""

    def __init__(
        self, bot: Bot, venue: SimulatedVenue, market: StillMarket, kind: str, stop: str
    ) -> None:
        self._bot = bot
        self._venue = venue
        self._market = market
        self._kind = kind
        self._stop = stop

    async def start(self) -> None:
        """It has loaded the markets and begun to trade."""
        await self._until("running", self._running)

    async def _running(self) -> bool:
        config = await self._bot.get("show_config")
        return config is not None and config["state"] == "running" and config["dry_run"] is False

    async def enter(self) -> None:
        """Every pair is entered, in whole."""
        await self._until("in every pair", self._in_every_pair)

    async def _in_every_pair(self) -> bool:
        found = await self._open()
        return len(found) == len(_SYMBOLS) and all(
            any(each["ft_order_side"] != "stoploss" and not each["is_open"] for each in t["orders"])
            for t in found
        )

    async def stop_rests(self) -> None:
        """Each has a stop on the exchange that is what was asked for."""

        async def rests() -> bool:
            stops = [self._stop_of(each) for each in await self._open()]
            return None not in stops

        await self._until("a stop for each", rests)
        for trade in await self._open():
            stop = self._stop_of(trade)
            assert stop is not None
            books.check_stop(stop, trade, self._stop)

    async def books_agree(self) -> None:
        """Orders, fees, positions and balances of what is open."""
        await self._settled()

    async def exit(self) -> None:
        """It leaves when it is told to, and leaves nothing behind."""
        await self._bot.post("stopentry")
        await self._bot.post("forceexit", tradeid="all")

        async def left() -> bool:
            orders = self._venue.view(self._kind).open_orders(ACCOUNT)
            return not await self._open() and not orders

        await self._until("out of every pair", left)

    async def books_agree_after(self) -> None:
        """The same of what is closed."""
        await self._settled()

    async def stop_fires(self) -> None:
        """It enters again, the market goes through its stops, and it knows."""
        await self._bot.post("reload_config")
        await self.enter()
        await self.stop_rests()
        for trade in await self._open():
            stop = self._stop_of(trade)
            assert stop is not None
            assert stop.requested.trigger is not None
            through = Decimal("1.003") if trade["is_short"] else Decimal("0.997")
            tick = self._venue.listing(stop.instrument).instrument.tick_size
            price = floor_to_step(stop.requested.trigger * through, tick)
            await self._bot.post("stopentry")
            self._market.move(stop.instrument.symbol, price)

        async def stopped() -> bool:
            return not await self._open()

        await self._until("stopped out", stopped)
        done = (await self._bot.get("trades"))["trades"][-len(_SYMBOLS) :]
        reasons = {each["exit_reason"] for each in done}
        assert reasons == {"stoploss_on_exchange"}, f"it left for {reasons}"
        await self._settled()

    def _stop_of(self, trade: dict[str, Any]) -> VenueOrder | None:
        return books.resting_stop(self._venue, self._kind, trade["pair"])

    async def _open(self) -> list[dict[str, Any]]:
        return await self._bot.get("status") or []

    async def _settled(self) -> None:
        """The books agree, at the latest once freqtrade has asked for everything again."""

        async def agree() -> bool:
            open_now = await self._open()
            done = (await self._bot.get("trades"))["trades"]
            every = {each["trade_id"]: each for each in [*done, *open_now]}
            books.check_trades(self._venue, self._kind, every.values())
            books.check_positions(self._venue, self._kind, open_now)
            held = await self._bot.get("balance")
            books.check_balances(self._venue, self._kind, held, flat=not open_now)
            return True

        await self._until("books that agree", agree)

    async def _until(self, what: str, holds: Callable[[], Awaitable[bool]]) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + _PATIENCE_S
        wrong: AssertionError | None = None
        while loop.time() < end and not self._bot.ended:
            wrong = None
            try:
                if await holds():
                    return
            except AssertionError as error:
                wrong = error
            await asyncio.sleep(1)
        after = "it gave up" if self._bot.ended else f"after {_PATIENCE_S:.0f} s"
        raise wrong or AssertionError(f"not {what}: {after}")


async def judge(
    environment: Environment, venue: str, kind: str, stop: str, keep: Path | None = None
) -> tuple[dict[str, str], list[str]]:
    """What became of each step, "" if it passed; and what freqtrade complained about."""
    specs = [symbol_spec(each) for each in _SYMBOLS]
    market = StillMarket(specs, seed=1)
    simulator = VenueSimulator([venue], market=market, seed=1)
    unknown = _watch_unknown(simulator.dialects[venue])
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = (keep or Path(temporary)) / f"{venue}-{kind}"
        folder.mkdir(parents=True, exist_ok=True)
        async with (
            serve(simulator) as address,
            trading(
                environment, folder, venue, kind, address, simulator.venues[venue].credentials, stop
            ) as bot,
        ):
            kept = "limit" if (venue, kind) in LIMIT_STOPS_ALONE else stop
            bout = Bout(bot, simulator.venues[venue], market, kind, kept)
            for step in STEPS:
                if step.startswith("stop ") and (venue, kind) in WITHOUT_STOPS:
                    continue
                try:
                    await getattr(bout, step.replace(" ", "_"))()
                except AssertionError as error:
                    found[step] = str(error) or "an assertion"
                    break
                found[step] = ""
        return found, bot.complaints() + [f"not played: {each}" for each in unknown]


def _watch_unknown(dialect: Dialect) -> dict[str, None]:
    """What is asked for from now on that the venue does not play."""
    unknown: dict[str, None] = {}
    said = dialect.unknown_path_error

    def unknown_path_error(call: ApiCall) -> ApiError:
        unknown[f"{call.method} {call.path}"] = None
        return said(call)

    dialect.unknown_path_error = unknown_path_error  # type: ignore[method-assign]
    return unknown
