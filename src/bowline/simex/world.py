"""The simulated world: one seed, one clock, a floor for each venue, one source of prices.

async with serve(world) as address: ...      over real sockets
await world.advance(60)                      a virtual clock, moved by a test
"""

from __future__ import annotations

from collections.abc import Sequence

from bowline.core.errors import BadInput
from bowline.simex.dialects import DIALECTS
from bowline.simex.faults import Faults
from bowline.simex.floor import Floor
from bowline.simex.markets import MarketSource, SyntheticMarket
from bowline.simex.scheduler import Scheduler, SimulationClock, WallClock
from bowline.simex.symbol_specs import symbol_spec


class World:
    """The past of the markets is printed at once. BadInput for a venue that nobody here plays."""

    def __init__(
        self,
        venues: Sequence[str] = tuple(DIALECTS),
        *,
        market: MarketSource | None = None,
        seed: int = 0,
        clock: SimulationClock | None = None,
        faults: Faults | None = None,
    ) -> None:
        if not venues:
            raise BadInput("no venue is named", hint=f"expected some of {', '.join(DIALECTS)}")
        if unknown := [each for each in venues if each not in DIALECTS]:
            raise BadInput(
                f"nobody here plays {', '.join(unknown)}",
                hint=f"expected some of {', '.join(DIALECTS)}",
            )
        self.seed = seed
        self.scheduler = Scheduler(clock or WallClock())
        self.market = market or SyntheticMarket(
            [symbol_spec("BTCUSDT"), symbol_spec("ETHUSDT")], seed
        )
        self.faults = faults or Faults(seed=seed)
        if not self.market.specs:
            raise BadInput("no symbol is named", hint="expected some of BTCUSDT,ETHUSDT")
        begin_ns = self.market.begin_ns(self.scheduler.now_ns)
        self.floors = {
            venue: Floor(DIALECTS[venue](), self.scheduler, self.market.specs, seed, begin_ns)
            for venue in venues
        }
        self.market.start(self.scheduler, list(self.floors.values()))
        for floor in self.floors.values():
            self.faults.watch(floor)

    async def advance(self, seconds: float) -> None:
        """Let this much time pass; for a virtual clock."""
        await self.scheduler.advance(seconds)
