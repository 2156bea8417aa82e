"""A synthetic market: one seeded random walk a symbol, shown a little differently by each venue.

1. Each step moves a symbol's price by a normal draw.
2. Every venue and kind shows a book around that price plus its own offset, a mean-reverting walk.
3. At some steps a trade is printed at the best price; the perpetual's mark price is the walk's.

It is no recording, and nothing may be concluded about a real market from it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from decimal import Decimal

from bowline.core.model.values import MINUTE_NS, SECOND_NS
from bowline.simex.markets.source import ExternalMarket, FundingSchedule
from bowline.simex.scheduler import Scheduler
from bowline.simex.symbol_specs import SymbolSpec
from bowline.simex.venue import SimulatedVenue

#: standard deviation of a return over one second
_VOLATILITY_1S = 0.0001
#: how far a venue's price may wander from the walk's
_MAX_OFFSET = 0.0004
_TRADE_PROBABILITY = 0.4


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
        self._rng = random.Random(f"market {seed}")  # noqa: S311 - a seeded simulation, no secret
        self._prices = {spec.symbol: float(spec.price) for spec in specs}
        self._offsets: dict[ExternalMarket, float] = {}
        self._markets: dict[str, list[tuple[SimulatedVenue, ExternalMarket]]] = {}

    def begin_ns(self, now_ns: int) -> int:
        """`history_minutes` before the present minute."""
        return now_ns - now_ns % MINUTE_NS - self._history_ns

    def start(self, scheduler: Scheduler, venues: Sequence[SimulatedVenue]) -> None:
        """Print the history, set the first books, schedule the steps."""
        for venue in venues:
            FundingSchedule(venue, self._rng).start()
            for kind in ("spot", "linear"):
                for listing in venue.listings(kind):
                    market = ExternalMarket(venue, listing, self._rng, self.levels)
                    self._offsets[market] = self._rng.uniform(-_MAX_OFFSET, _MAX_OFFSET)
                    self._markets.setdefault(market.instrument.symbol, []).append((venue, market))
        self._print_history(scheduler.now_ns)
        for spec in self.specs:
            self._move(scheduler, spec)

    def _print_history(self, now_ns: int) -> None:
        for at_ns in range(self.begin_ns(now_ns) + SECOND_NS, now_ns, 15 * SECOND_NS):
            for spec in self.specs:
                self._walk(spec.symbol, 15.0)
                for _, market, price in self._venue_prices(spec.symbol):
                    market.print_at(at_ns, price)

    def _move(self, scheduler: Scheduler, spec: SymbolSpec) -> None:
        """One step of a symbol at every venue, and schedule the next."""
        now_ns = scheduler.now_ns
        self._walk(spec.symbol, self._step_s)
        mark = Decimal(repr(self._prices[spec.symbol]))
        for venue, market, price in self._venue_prices(spec.symbol):
            market.set_book(now_ns, price)
            if self._rng.random() < _TRADE_PROBABILITY:
                market.trade(now_ns)
            if market.instrument in venue.funding:
                tick = venue.listing(market.instrument).instrument.tick_size
                venue.engine_of(market.instrument).set_mark_price(
                    now_ns, market.instrument, mark.quantize(tick)
                )
        for venue in {id(each): each for each, _ in self._markets[spec.symbol]}.values():
            venue.publish()
        scheduler.call_later(self._step_s, lambda: self._move(scheduler, spec))

    def _walk(self, symbol: str, seconds: float) -> None:
        self._prices[symbol] *= 1 + self._rng.gauss(0, _VOLATILITY_1S) * seconds**0.5

    def _venue_prices(
        self, symbol: str
    ) -> Iterator[tuple[SimulatedVenue, ExternalMarket, Decimal]]:
        for venue, market in self._markets[symbol]:
            offset = self._offsets[market] * 0.999 + self._rng.gauss(0, _MAX_OFFSET / 50)
            self._offsets[market] = offset
            yield venue, market, Decimal(repr(self._prices[symbol] * (1 + offset)))
