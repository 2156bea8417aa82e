"""A market that stands still until it is moved: what freqtrade does there is always the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal

from bowline.core.model.values import MINUTE_NS, SECOND_NS
from bowline.simex import SymbolSpec
from bowline.simex.markets.source import ExternalMarket, FundingSchedule
from bowline.simex.scheduler import Scheduler
from bowline.simex.venue import SimulatedVenue

_HISTORY_NS = 60 * MINUTE_NS
_LEVELS = 50
#: quote money at each of the best prices: one order never goes through them
_DEEP = Decimal(1_000_000)


class StillMarket:
    """A book around each symbol's price, and a trade at it every second."""

    def __init__(self, specs: Sequence[SymbolSpec], seed: int) -> None:
        self.specs = specs
        self.prices = {spec.symbol: spec.price for spec in specs}
        self._rng = random.Random(seed)
        self._markets: list[tuple[SimulatedVenue, ExternalMarket]] = []

    def begin_ns(self, now_ns: int) -> int:
        return now_ns - now_ns % MINUTE_NS - _HISTORY_NS

    def start(self, scheduler: Scheduler, venues: Sequence[SimulatedVenue]) -> None:
        for venue in venues:
            FundingSchedule(venue, self._rng).start()
            for kind in ("spot", "linear"):
                for listing in venue.listings(kind):
                    market = ExternalMarket(venue, listing, self._rng, _LEVELS)
                    self._markets.append((venue, market))
        now_ns = scheduler.now_ns
        for at_ns in range(self.begin_ns(now_ns) + SECOND_NS, now_ns, 15 * SECOND_NS):
            for _, market in self._markets:
                market.print_at(at_ns, self.prices[market.instrument.symbol])
        self._go_on(scheduler)

    def move(self, symbol: str, price: Decimal) -> None:
        """From the next second on this is the price."""
        self.prices[symbol] = price

    def _go_on(self, scheduler: Scheduler) -> None:
        now_ns = scheduler.now_ns
        for venue, market in self._markets:
            price = self.prices[market.instrument.symbol]
            tick = venue.listing(market.instrument).instrument.tick_size
            size = _DEEP / price
            market.set_best_levels(now_ns, (price - tick, size), (price, size))
            market.trade(now_ns)
            if market.instrument in venue.funding:
                engine = venue.engine_of(market.instrument)
                engine.set_mark_price(now_ns, market.instrument, price)
        for venue in {id(venue): venue for venue, _ in self._markets}.values():
            venue.publish()
        scheduler.call_later(1, lambda: self._go_on(scheduler))
