"""A recorded market: the candles of a file, replayed minute by minute at every venue.

1. The file's first candle begins at the simulation's present minute: there is no history.
2. Within a minute the price goes from open to the nearer extreme, to the other one, to the close,
   with a quarter of the volume traded at each: the minute's candle comes out as it is in the file.
3. When the file ends the last price stays.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path

from bowline.core.model.market import CandleFrame
from bowline.core.model.values import MINUTE_NS, Timeframe, to_decimals
from bowline.simex.markets.source import ExternalMarket, FundingSchedule
from bowline.simex.scheduler import Scheduler
from bowline.simex.symbol_specs import SymbolSpec
from bowline.simex.venue import SimulatedVenue
from bowline.storage.files import read_candle_file

#: when within a minute its four prices are printed
_PRICE_OFFSETS_NS = tuple(MINUTE_NS * share // 100 for share in (1, 35, 65, 98))


class ReplayedCandles:
    """One symbol's one-minute candles, in the order of the file."""

    def __init__(
        self, spec: SymbolSpec, frame: CandleFrame, seed: int, *, levels: int = 50
    ) -> None:
        self.specs: Sequence[SymbolSpec] = (spec,)
        self._frame = frame
        self._levels = levels
        self._rng = random.Random(f"replay {seed}")  # noqa: S311 - a seeded simulation, no secret
        self._index = 0
        self._markets: list[tuple[SimulatedVenue, ExternalMarket]] = []

    @classmethod
    def from_file(
        cls, path: Path, spec: SymbolSpec, seed: int, *, allow_jumps: bool = False
    ) -> ReplayedCandles:
        """Read the file; BadInput if it does not hold one-minute candles."""
        return cls(spec, read_candle_file(path, Timeframe.M1, allow_jumps=allow_jumps), seed)

    def begin_ns(self, now_ns: int) -> int:
        """The present minute."""
        return now_ns - now_ns % MINUTE_NS

    def start(self, scheduler: Scheduler, venues: Sequence[SimulatedVenue]) -> None:
        """Set books at the first price, then schedule the first candle."""
        for venue in venues:
            FundingSchedule(venue, self._rng).start()
            for kind in ("spot", "linear"):
                for listing in venue.listings(kind):
                    market = ExternalMarket(venue, listing, self._rng, self._levels)
                    self._markets.append((venue, market))
        self._apply(scheduler, to_decimals([float(self._frame.open[0])])[0])
        start_ns = self.begin_ns(scheduler.now_ns)
        if scheduler.now_ns > start_ns:
            start_ns += MINUTE_NS
        scheduler.call_at(start_ns, lambda: self._schedule_minute(scheduler, start_ns))

    def _schedule_minute(self, scheduler: Scheduler, open_ns: int) -> None:
        """Schedule one candle's four prices, and the next candle."""
        frame, at = self._frame, self._index
        self._index += 1
        open_, high, low, close, volume = to_decimals(
            [float(getattr(frame, name)[at]) for name in ("open", "high", "low", "close", "volume")]
        )
        turns = (low, high) if high - open_ > open_ - low else (high, low)
        for offset_ns, price in zip(_PRICE_OFFSETS_NS, (open_, *turns, close), strict=True):
            scheduler.call_at(
                open_ns + offset_ns, partial(self._apply, scheduler, price, volume / 4)
            )
        if self._index < len(frame):
            next_ns = open_ns + int(frame.open_ns[self._index] - frame.open_ns[at])
            scheduler.call_at(next_ns, lambda: self._schedule_minute(scheduler, next_ns))

    def _apply(self, scheduler: Scheduler, price: Decimal, volume: Decimal | None = None) -> None:
        now_ns = scheduler.now_ns
        for venue, market in self._markets:
            if volume is not None:
                market.print_at(now_ns, price, volume)
            market.set_book(now_ns, price)
            if market.instrument in venue.funding:
                venue.engine_of(market.instrument).set_mark_price(now_ns, market.instrument, price)
        for venue in {id(each): each for each, _ in self._markets}.values():
            venue.publish()
