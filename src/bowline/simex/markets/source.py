"""What a source of prices is, and the external market of one instrument that it drives.

The external market is every participant but the test account: their levels around a price, and
their trades with each other. Prices are whole ticks and sizes whole lots of the listing, whatever
the source says: a book off its steps must never reach an engine.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Protocol

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO, Side
from bowline.core.sim.exchange import BookLevel
from bowline.core.venue import Listing
from bowline.simex.scheduler import Scheduler
from bowline.simex.symbol_specs import SymbolSpec
from bowline.simex.venue import SimulatedVenue

#: the usual interval of the venues' perpetuals, here that of all of them
_FUNDING_INTERVAL_NS = 8 * 3_600_000_000_000


class MarketSource(Protocol):
    """Moves every venue's markets from `start` on, by callbacks of the scheduler."""

    @property
    def specs(self) -> Sequence[SymbolSpec]:
        """What is listed."""

    def begin_ns(self, now_ns: int) -> int:
        """When the history of a simulation that starts now begins: not after now."""

    def start(self, scheduler: Scheduler, venues: Sequence[SimulatedVenue]) -> None:
        """Print the history, then schedule what follows."""


class ExternalMarket:
    """All participants but the test account, in one instrument of one venue. `levels` a side."""

    def __init__(
        self, venue: SimulatedVenue, listing: Listing, rng: random.Random, levels: int
    ) -> None:
        self._venue = venue
        self._rng = rng
        self._levels = levels
        self.instrument: InstrumentId = listing.instrument.id
        self._engine = venue.engine_of(self.instrument)
        self._bid_sizes: dict[int, int] = {}
        self._ask_sizes: dict[int, int] = {}
        self._best_bid = self._best_ask = 0

    def set_book(self, now_ns: int, price: Decimal) -> None:
        """Set a book around this price; most levels keep the size they had."""
        tick, _ = self._steps()
        middle = int((price / tick).to_integral_value(ROUND_HALF_EVEN))
        self._best_bid, self._best_ask = middle - 1, middle + self._rng.choice((0, 0, 0, 1))
        self._set_book(now_ns)

    def set_best_levels(self, now_ns: int, bid: BookLevel, ask: BookLevel) -> None:
        """Set a book with these best levels, rounded outwards, and other levels behind them."""
        tick, lot = self._steps()
        self._best_bid = int((bid[0] / tick).to_integral_value(ROUND_FLOOR))
        self._best_ask = max(
            int((ask[0] / tick).to_integral_value(ROUND_CEILING)), self._best_bid + 1
        )
        self._bid_sizes[self._best_bid] = max(1, int(bid[1] / lot))
        self._ask_sizes[self._best_ask] = max(1, int(ask[1] / lot))
        self._set_book(now_ns, mutable=slice(1, None))

    def _set_book(self, now_ns: int, mutable: slice = slice(None)) -> None:
        tick, lot = self._steps()
        bids = range(self._best_bid, max(0, self._best_bid - self._levels), -1)
        asks = range(self._best_ask, self._best_ask + self._levels)
        self._bid_sizes = self._sizes(self._bid_sizes, bids, mutable)
        self._ask_sizes = self._sizes(self._ask_sizes, asks, mutable)
        self._engine.set_external_book(
            now_ns,
            self.instrument,
            [(at * tick, size * lot) for at, size in self._bid_sizes.items()],
            [(at * tick, size * lot) for at, size in self._ask_sizes.items()],
        )

    def trade(self, now_ns: int, quantity: Decimal = ZERO) -> None:
        """Print a trade at the best level of a random side: of `quantity`, or of a random size."""
        tick, lot = self._steps()
        side = self._rng.choice((Side.BUY, Side.SELL))
        at = self._best_ask if side is Side.BUY else self._best_bid
        lots = max(1, int(quantity / lot)) if quantity else self._rng.randint(1, 60)
        self._engine.print_trade(now_ns, self.instrument, at * tick, lots * lot, side)

    def print_trade(self, now_ns: int, price: Decimal, quantity: Decimal, side: Side) -> None:
        """Print this trade, rounded to the listing's steps."""
        tick, lot = self._steps()
        lots = max(1, int((quantity / lot).to_integral_value(ROUND_HALF_EVEN)))
        at = max(1, int((price / tick).to_integral_value(ROUND_HALF_EVEN)))
        self._engine.print_trade(now_ns, self.instrument, at * tick, lots * lot, side)

    def print_at(self, now_ns: int, price: Decimal, quantity: Decimal = ZERO) -> None:
        """Print a trade at this price, whatever the book is."""
        tick, _ = self._steps()
        self._best_bid = self._best_ask = max(1, int(price / tick))
        self.trade(now_ns, quantity)

    def _steps(self) -> tuple[Decimal, Decimal]:
        instrument = self._venue.listing(self.instrument).instrument
        return instrument.tick_size, instrument.lot_step

    def _sizes(self, before: dict[int, int], ticks: range, mutable: slice) -> dict[int, int]:
        sizes = {at: before.get(at) or self._rng.randint(1, 400) for at in ticks}
        for at in self._rng.choices(ticks[mutable], k=3):
            sizes[at] = self._rng.randint(1, 400)
        return sizes


class FundingSchedule:
    """Pays every perpetual's funding at each full eight hours UTC, at random rates."""

    def __init__(self, venue: SimulatedVenue, rng: random.Random) -> None:
        self._venue = venue
        self._rng = rng

    def start(self) -> None:
        """Make up the last three payments and schedule the next."""
        now_ns = self._venue.scheduler.now_ns
        due_ns = now_ns - now_ns % _FUNDING_INTERVAL_NS + _FUNDING_INTERVAL_NS
        for listing in self._venue.listings("linear"):
            instrument = listing.instrument.id
            past = [(self._rate(), due_ns - back * _FUNDING_INTERVAL_NS) for back in (3, 2, 1)]
            self._venue.funding_paid[instrument] = past
            self._venue.funding[instrument] = (self._rate(), due_ns)
        self._venue.scheduler.call_at(due_ns, self._pay)

    def _pay(self) -> None:
        venue = self._venue
        for instrument, (rate, due_ns) in list(venue.funding.items()):
            venue.engine_of(instrument).pay_funding(venue.scheduler.now_ns, instrument, rate)
            venue.funding_paid[instrument].append((rate, due_ns))
            venue.funding[instrument] = (self._rate(), due_ns + _FUNDING_INTERVAL_NS)
        venue.publish()
        venue.scheduler.call_at(due_ns + _FUNDING_INTERVAL_NS, self._pay)

    def _rate(self) -> Decimal:
        return Decimal(self._rng.randint(-50, 150)).scaleb(-6)
