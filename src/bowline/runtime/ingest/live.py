"""What a feed says of candles: the closed ones to keep, and minutes that have to be asked for.

A forming candle is never kept (J4). A venue that marks a closed candle is believed; of one that
does not, the next minute only proves that the last one is over, not what it came to, so that
minute is asked for by REST. So is every minute that the feed skipped.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame
from bowline.core.model.values import MINUTE_NS, Timeframe
from bowline.core.venue import CandleSeen


class Closed(Struct, frozen=True):
    """Closed candles of one instrument, by open time."""

    instrument: InstrumentId
    candles: dict[int, CandleSeen]

    @property
    def frame(self) -> CandleFrame:
        """The same as columns."""
        ordered = [self.candles[open_ns] for open_ns in sorted(self.candles)]
        columns: dict[str, Any] = {
            name: np.array([getattr(each, name) for each in ordered], dtype=np.float64)
            for name in VALUE_COLUMNS
        }
        opens = np.array([each.open_ns for each in ordered], dtype=np.int64)
        return CandleFrame(self.instrument, Timeframe.M1, opens, **columns)


class LiveCandles:
    """Candles of any number of instruments as they come in."""

    def __init__(self) -> None:
        self._closed: dict[InstrumentId, dict[int, CandleSeen]] = {}
        self._owed: set[InstrumentId] = set()
        #: every minute from the first that was seen up to here was told closed, or is owed
        self._settled_ns: dict[InstrumentId, int] = {}

    def see(self, candle: CandleSeen) -> None:
        """Take what the venue said of a minute."""
        instrument, open_ns = candle.instrument, candle.open_ns
        settled_ns = self._settled_ns.get(instrument, open_ns)
        if open_ns > settled_ns:
            self._owed.add(instrument)
        if candle.closed:
            self._closed.setdefault(instrument, {})[open_ns] = candle
            open_ns += MINUTE_NS
        self._settled_ns[instrument] = max(settled_ns, open_ns)

    def take_closed(self) -> list[Closed]:
        """The closed candles since the last call, by instrument."""
        taken, self._closed = self._closed, {}
        return [Closed(instrument, candles) for instrument, candles in taken.items()]

    def give_back(self, closed: Closed) -> None:
        """They could not be kept now: hand them out again, but for what was told anew since."""
        newer = self._closed.setdefault(closed.instrument, {})
        self._closed[closed.instrument] = closed.candles | newer

    def take_owed(self) -> set[InstrumentId]:
        """Instruments of which a minute is over that nobody told as closed."""
        owed, self._owed = self._owed, set()
        return owed
