"""A market that stands still until it is moved: what freqtrade does there is always the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal

from bowline.core.model.values import MINUTE_NS, SECOND_NS
from bowline.simex import SymbolSpec
from bowline.simex.floor import Floor
from bowline.simex.markets.source import Funding, Outside
from bowline.simex.scheduler import Scheduler

_HISTORY_NS = 60 * MINUTE_NS
_LEVELS = 50
#: quote money at each of the best prices: one order never goes through them
_DEEP = Decimal(1_000_000)


class StillMarket:
    """A book around each symbol's price, and a trade at it every second."""

    def __init__(self, specs: Sequence[SymbolSpec], seed: int) -> None:
        self.specs = specs
        self.prices = {spec.symbol: spec.price for spec in specs}
        self._draw = random.Random(seed)
        self._outsides: list[tuple[Floor, Outside]] = []

    def begin_ns(self, now_ns: int) -> int:
        return now_ns - now_ns % MINUTE_NS - _HISTORY_NS

    def start(self, scheduler: Scheduler, floors: Sequence[Floor]) -> None:
        for floor in floors:
            Funding(floor, self._draw).start()
            for kind in ("spot", "linear"):
                for listing in floor.listings(kind):
                    outside = Outside(floor, listing, self._draw, _LEVELS)
                    self._outsides.append((floor, outside))
        now_ns = scheduler.now_ns
        for at_ns in range(self.begin_ns(now_ns) + SECOND_NS, now_ns, 15 * SECOND_NS):
            for _, outside in self._outsides:
                outside.print_at(at_ns, self.prices[outside.instrument.symbol])
        self._go_on(scheduler)

    def move(self, symbol: str, price: Decimal) -> None:
        """From the next second on this is the price."""
        self.prices[symbol] = price

    def _go_on(self, scheduler: Scheduler) -> None:
        now_ns = scheduler.now_ns
        for floor, outside in self._outsides:
            price = self.prices[outside.instrument.symbol]
            tick = floor.listing(outside.instrument).instrument.tick_size
            size = _DEEP / price
            outside.show_quote(now_ns, (price - tick, size), (price, size))
            outside.trade(now_ns)
            if outside.instrument in floor.funding:
                engine = floor.engine_of(outside.instrument)
                engine.set_mark_price(now_ns, outside.instrument, price)
        for floor in {id(floor): floor for floor, _ in self._outsides}.values():
            floor.publish()
        scheduler.call_later(1, lambda: self._go_on(scheduler))
