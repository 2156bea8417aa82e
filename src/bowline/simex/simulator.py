"""The simulator: one seed, one clock, one source of prices, and the simulated venues.

async with serve(simulator) as address: ...      over real sockets
await simulator.advance(60)                      a virtual clock, advanced by a test
"""

from __future__ import annotations

from collections.abc import Sequence

from bowline.core.errors import BadInput
from bowline.simex.dialects import DIALECTS
from bowline.simex.fault_injector import FaultInjector
from bowline.simex.markets import MarketSource, SyntheticMarket
from bowline.simex.scheduler import Scheduler, SimulationClock, WallClock
from bowline.simex.symbol_specs import symbol_spec
from bowline.simex.venue import SimulatedVenue


class VenueSimulator:
    """The markets' history is printed at once. BadInput for a venue without a dialect."""

    def __init__(
        self,
        venues: Sequence[str] = tuple(DIALECTS),
        *,
        market: MarketSource | None = None,
        seed: int = 0,
        clock: SimulationClock | None = None,
        faults: FaultInjector | None = None,
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
        self.faults = faults or FaultInjector(seed=seed)
        if not self.market.specs:
            raise BadInput("no symbol is named", hint="expected some of BTCUSDT,ETHUSDT")
        begin_ns = self.market.begin_ns(self.scheduler.now_ns)
        self.dialects = {name: DIALECTS[name]() for name in venues}
        self.venues = {
            name: SimulatedVenue(dialect, self.scheduler, self.market.specs, seed, begin_ns)
            for name, dialect in self.dialects.items()
        }
        self.market.start(self.scheduler, list(self.venues.values()))
        for venue in self.venues.values():
            self.faults.attach(venue)

    async def advance(self, seconds: float) -> None:
        """Advance a virtual clock by this much."""
        await self.scheduler.advance(seconds)
