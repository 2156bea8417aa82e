"""A made-up market: one seeded random walk a symbol, which every venue shows a little differently.

1. Each step moves a symbol's price by a normal draw.
2. Every venue and kind shows a book around that price and its own offset, which wanders too.
3. Now and then somebody trades at the best price; the perpetual's mark price is the walk's.

It must never be mistaken for a recording.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from decimal import Decimal

from bowline.core.model.values import MINUTE_NS, SECOND_NS
from bowline.simex.floor import Floor
from bowline.simex.markets.source import Funding, Outside
from bowline.simex.scheduler import Scheduler
from bowline.simex.symbol_specs import SymbolSpec

#: standard deviation of a return over one second
_VOLATILITY = 0.0001
#: how far a venue's price may wander from the walk's
_OFFSET = 0.0004
_TRADES_A_STEP = 0.4


class SyntheticMarket:
    """`step_s` is the time between two moves of a book, `levels` its depth a side."""

    def __init__(
        self,
        specs: Sequence[SymbolSpec],
        seed: int,
        *,
        step_s: float = 0.25,
        levels: int = 50,
        history_minutes: int = 120,
    ) -> None:
        self.specs = specs
        self.levels = levels
        self._step_s = step_s
        self._history_ns = history_minutes * MINUTE_NS
        self._draw = random.Random(f"market {seed}")  # noqa: S311 - a seeded world, no secret
        self._prices = {spec.symbol: float(spec.price) for spec in specs}
        self._offsets: dict[Outside, float] = {}
        self._outsides: dict[str, list[tuple[Floor, Outside]]] = {}

    def begin_ns(self, now_ns: int) -> int:
        """So many minutes ago, at a full one."""
        return now_ns - now_ns % MINUTE_NS - self._history_ns

    def start(self, scheduler: Scheduler, floors: Sequence[Floor]) -> None:
        """Print the past, show books, go on."""
        for floor in floors:
            Funding(floor, self._draw).start()
            for kind in ("spot", "linear"):
                for listing in floor.listings(kind):
                    outside = Outside(floor, listing, self._draw, self.levels)
                    self._offsets[outside] = self._draw.uniform(-_OFFSET, _OFFSET)
                    self._outsides.setdefault(outside.instrument.symbol, []).append(
                        (floor, outside)
                    )
        self._print_past(scheduler.now_ns)
        for spec in self.specs:
            self._move(scheduler, spec)

    def _print_past(self, now_ns: int) -> None:
        for at_ns in range(self.begin_ns(now_ns) + SECOND_NS, now_ns, 15 * SECOND_NS):
            for spec in self.specs:
                self._walk(spec.symbol, 15.0)
                for _, outside, price in self._seen(spec.symbol):
                    outside.print_at(at_ns, price)

    def _move(self, scheduler: Scheduler, spec: SymbolSpec) -> None:
        """One step of a symbol at every venue, and schedule the next."""
        now_ns = scheduler.now_ns
        self._walk(spec.symbol, self._step_s)
        mark = Decimal(repr(self._prices[spec.symbol]))
        for floor, outside, price in self._seen(spec.symbol):
            outside.show(now_ns, price)
            if self._draw.random() < _TRADES_A_STEP:
                outside.trade(now_ns)
            if outside.instrument in floor.funding:
                tick = floor.listing(outside.instrument).instrument.tick_size
                floor.engine_of(outside.instrument).set_mark_price(
                    now_ns, outside.instrument, mark.quantize(tick)
                )
        for floor in {id(each): each for each, _ in self._outsides[spec.symbol]}.values():
            floor.publish()
        scheduler.call_later(self._step_s, lambda: self._move(scheduler, spec))

    def _walk(self, symbol: str, seconds: float) -> None:
        self._prices[symbol] *= 1 + self._draw.gauss(0, _VOLATILITY) * seconds**0.5

    def _seen(self, symbol: str) -> Iterator[tuple[Floor, Outside, Decimal]]:
        for floor, outside in self._outsides[symbol]:
            offset = self._offsets[outside] * 0.999 + self._draw.gauss(0, _OFFSET / 50)
            self._offsets[outside] = offset
            yield floor, outside, Decimal(repr(self._prices[symbol] * (1 + offset)))
