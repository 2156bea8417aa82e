"""Candles from a feed: closed candles to store, and minutes that are missing.

A forming candle is never stored (J4). Some venues mark closed candles. For the others the next
minute proves only that the last one has ended, not its final values: that minute counts as missing
and is fetched by REST. So does every minute that the feed skipped.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame
from bowline.core.model.values import MINUTE_NS, Timeframe
from bowline.core.venue import CandleSeen


class ClosedCandles(Struct, frozen=True):
    """ClosedCandles candles of one instrument, by open time."""

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
    """Collects feed candles of any number of instruments."""

    def __init__(self) -> None:
        self._closed: dict[InstrumentId, dict[int, CandleSeen]] = {}
        self._missing: set[InstrumentId] = set()
        #: up to here every minute since the first was received as closed, or marked as missing
        self._complete_until_ns: dict[InstrumentId, int] = {}

    def add(self, candle: CandleSeen) -> None:
        """Add a candle that the feed sent."""
        instrument, open_ns = candle.instrument, candle.open_ns
        complete_until_ns = self._complete_until_ns.get(instrument, open_ns)
        if open_ns > complete_until_ns:
            self._missing.add(instrument)
        if candle.closed:
            self._closed.setdefault(instrument, {})[open_ns] = candle
            open_ns += MINUTE_NS
        self._complete_until_ns[instrument] = max(complete_until_ns, open_ns)

    def take_closed(self) -> list[ClosedCandles]:
        """The closed candles added since the last call, by instrument."""
        taken, self._closed = self._closed, {}
        return [ClosedCandles(instrument, candles) for instrument, candles in taken.items()]

    def put_back(self, closed: ClosedCandles) -> None:
        """Return candles that could not be stored; newer versions of a candle take precedence."""
        newer = self._closed.setdefault(closed.instrument, {})
        self._closed[closed.instrument] = closed.candles | newer

    def take_missing(self) -> set[InstrumentId]:
        """Instruments with a finished minute that the feed did not send as closed."""
        missing, self._missing = self._missing, set()
        return missing
