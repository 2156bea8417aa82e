"""A recorded market: the candles of a file, walked through minute by minute at every venue.

1. The file's first candle begins at the world's present minute; those before it are no past.
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
from bowline.simex.floor import Floor
from bowline.simex.markets.source import Funding, Outside
from bowline.simex.scheduler import Scheduler
from bowline.simex.symbol_specs import SymbolSpec
from bowline.storage.files import read_candle_file

#: where in a minute its four prices are
_MOMENTS_NS = tuple(MINUTE_NS * share // 100 for share in (1, 35, 65, 98))


class ReplayedCandles:
    """One symbol's one-minute candles, in the order of the file."""

    def __init__(
        self, spec: SymbolSpec, frame: CandleFrame, seed: int, *, levels: int = 50
    ) -> None:
        self.specs: Sequence[SymbolSpec] = (spec,)
        self._frame = frame
        self._levels = levels
        self._draw = random.Random(f"replay {seed}")  # noqa: S311 - a seeded world, no secret
        self._at = 0
        self._outsides: list[tuple[Floor, Outside]] = []

    @classmethod
    def of_file(
        cls, path: Path, spec: SymbolSpec, seed: int, *, allow_jumps: bool = False
    ) -> ReplayedCandles:
        """Read the file; BadInput if it does not hold one-minute candles."""
        return cls(spec, read_candle_file(path, Timeframe.M1, allow_jumps=allow_jumps), seed)

    def begin_ns(self, now_ns: int) -> int:
        """The present minute."""
        return now_ns - now_ns % MINUTE_NS

    def start(self, scheduler: Scheduler, floors: Sequence[Floor]) -> None:
        """Show the first price, then walk."""
        for floor in floors:
            Funding(floor, self._draw).start()
            for kind in ("spot", "linear"):
                for listing in floor.listings(kind):
                    outside = Outside(floor, listing, self._draw, self._levels)
                    self._outsides.append((floor, outside))
        self._show(scheduler, to_decimals([float(self._frame.open[0])])[0])
        start_ns = self.begin_ns(scheduler.now_ns)
        if scheduler.now_ns > start_ns:
            start_ns += MINUTE_NS
        scheduler.call_at(start_ns, lambda: self._minute(scheduler, start_ns))

    def _minute(self, scheduler: Scheduler, open_ns: int) -> None:
        """Schedule one candle's four prices, and the next candle."""
        frame, at = self._frame, self._at
        self._at += 1
        open_, high, low, close, volume = to_decimals(
            [float(getattr(frame, name)[at]) for name in ("open", "high", "low", "close", "volume")]
        )
        turns = (low, high) if high - open_ > open_ - low else (high, low)
        for moment_ns, price in zip(_MOMENTS_NS, (open_, *turns, close), strict=True):
            scheduler.call_at(
                open_ns + moment_ns, partial(self._show, scheduler, price, volume / 4)
            )
        if self._at < len(frame):
            next_ns = open_ns + int(frame.open_ns[self._at] - frame.open_ns[at])
            scheduler.call_at(next_ns, lambda: self._minute(scheduler, next_ns))

    def _show(self, scheduler: Scheduler, price: Decimal, volume: Decimal | None = None) -> None:
        now_ns = scheduler.now_ns
        for floor, outside in self._outsides:
            if volume is not None:
                outside.print_at(now_ns, price, volume)
            outside.show(now_ns, price)
            if outside.instrument in floor.funding:
                floor.engine_of(outside.instrument).set_mark_price(
                    now_ns, outside.instrument, price
                )
        for floor in {id(each): each for each, _ in self._outsides}.values():
            floor.publish()
