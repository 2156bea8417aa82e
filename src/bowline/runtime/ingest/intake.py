"""Candles into the store: judged first, the bad ones to quarantine, whatever they came by.

Every candle that is kept goes through here, once, to the raw table. Nothing is mended here.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from bowline.core.model.instrument import Instrument, InstrumentId
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame
from bowline.core.model.values import DAY_NS, Timeframe
from bowline.core.quality import Columns, Fault, inspect, inspect_beside, to_frame
from bowline.storage.candles import Candles, Delivery, RefusedRow

Instruments = Callable[[InstrumentId], Instrument]


class Taken(Struct, frozen=True):
    """What became of a frame: candles kept, rows refused."""

    kept: int
    refused: tuple[RefusedRow, ...] = ()


class Intake:
    """`instrument` says what is known of an instrument, for the reference table of the store."""

    def __init__(self, store: Candles, instrument: Instruments, now_ns: Callable[[], int]) -> None:
        self._store = store
        self._instrument = instrument
        self._now_ns = now_ns

    def take(self, source: str, frame: CandleFrame) -> Taken:
        """Keep the good candles of `frame` durably, and say what was wrong with the others."""
        if not len(frame):
            return Taken(0)
        now_ns = self._now_ns()
        rows = Columns(frame.open_ns, *(getattr(frame, name) for name in VALUE_COLUMNS))
        near = self._store.read(
            frame.instrument,
            Timeframe.M1,
            max(0, int(frame.open_ns[0]) - DAY_NS),
            int(frame.close_ns[-1]) + DAY_NS,
        )
        verdict = inspect_beside(rows, inspect(rows, Timeframe.M1, now_ns), near)
        refused = tuple(
            _refused(frame, int(at), Fault(int(verdict.faults[at])), source, now_ns)
            for at in verdict.bad
        )
        good = to_frame(rows, verdict, frame.instrument, Timeframe.M1)
        self._store.write(
            Delivery(
                source,
                now_ns,
                good if len(good) else None,
                self._instrument(frame.instrument),
                refused,
            )
        )
        return Taken(len(good), refused)


def _refused(frame: CandleFrame, at: int, fault: Fault, source: str, now_ns: int) -> RefusedRow:
    values = ",".join(str(float(getattr(frame, name)[at])) for name in VALUE_COLUMNS)
    open_ns = int(frame.open_ns[at])
    return RefusedRow(frame.instrument, source, "", at + 1, open_ns, fault.reason, values, now_ns)
