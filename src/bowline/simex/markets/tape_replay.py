"""A recorded market: the trades and quotes of a tape, as they came, at every venue.

The first tick comes at the simulation's start and all others as long after it as they did. A
book is the recorded best bid and ask with levels made up behind them; a tape without quotes has
books made up around its trades. When the tape ends the last book stays.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from bowline.core.errors import NotFound
from bowline.core.model.values import to_decimals
from bowline.core.venue import QuoteChanged
from bowline.simex.markets.source import ExternalMarket, FundingSchedule
from bowline.simex.scheduler import Scheduler
from bowline.simex.symbol_specs import SymbolSpec
from bowline.simex.venue import SimulatedVenue
from bowline.storage.tape import Tape, TapeKind, TapeTick

_FOR_EVER_NS = 1 << 62


class ReplayedTape:
    """One symbol's ticks, each with when it was seen, in that order. `levels` a side."""

    def __init__(
        self,
        spec: SymbolSpec,
        ticks: Iterator[tuple[int, TapeTick]],
        seed: int,
        *,
        quoted: bool,
        levels: int = 50,
    ) -> None:
        self.specs: Sequence[SymbolSpec] = (spec,)
        self._ticks = ticks
        self._quoted = quoted
        self._levels = levels
        self._rng = random.Random(f"tape {seed}")  # noqa: S311 - a seeded simulation, no secret
        self._markets: list[tuple[SimulatedVenue, ExternalMarket]] = []
        self._shift_ns = 0

    @classmethod
    def from_folder(cls, root: Path, spec: SymbolSpec, seed: int) -> ReplayedTape:
        """The first market on the tape that has this symbol; NotFound if none has."""
        tape = Tape(root)
        days = [each.day for each in tape.coverage() if each.day.instrument.symbol == spec.symbol]
        if not days:
            raise NotFound(f"no tape of {spec.symbol} at {root}")
        instrument = min(each.instrument for each in days)
        quoted = any(e.kind is TapeKind.QUOTES for e in days if e.instrument == instrument)
        return cls(spec, tape.replay(instrument, 0, _FOR_EVER_NS), seed, quoted=quoted)

    def begin_ns(self, now_ns: int) -> int:
        """Now: a tape has no history."""
        return now_ns

    def start(self, scheduler: Scheduler, venues: Sequence[SimulatedVenue]) -> None:
        """Apply the first tick, then schedule the next."""
        for venue in venues:
            FundingSchedule(venue, self._rng).start()
            for kind in ("spot", "linear"):
                for listing in venue.listings(kind):
                    market = ExternalMarket(venue, listing, self._rng, self._levels)
                    self._markets.append((venue, market))
        first = next(self._ticks, None)
        if first is not None:
            self._shift_ns = scheduler.now_ns - first[0]
            self._apply(scheduler, first[1])

    def _apply(self, scheduler: Scheduler, tick: TapeTick) -> None:
        """One tick at every venue, and schedule the next."""
        now_ns = scheduler.now_ns
        for _, market in self._markets:
            self._apply_to(market, now_ns, tick)
        for venue in {id(each): each for each, _ in self._markets}.values():
            venue.publish()
        if (following := next(self._ticks, None)) is not None:
            seen_ns, after = following
            scheduler.call_at(seen_ns + self._shift_ns, lambda: self._apply(scheduler, after))

    def _apply_to(self, market: ExternalMarket, now_ns: int, tick: TapeTick) -> None:
        if isinstance(tick, QuoteChanged):
            bid, bid_size, ask, ask_size = to_decimals(
                [tick.bid, tick.bid_size, tick.ask, tick.ask_size]
            )
            market.set_best_levels(now_ns, (bid, bid_size), (ask, ask_size))
            return
        price, quantity = to_decimals([tick.price, tick.quantity])
        if not self._quoted:
            market.set_book(now_ns, price)
        market.print_trade(now_ns, price, quantity, tick.side)
