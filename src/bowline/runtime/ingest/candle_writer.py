"""Writing candles to the store: validated first; invalid candles go to quarantine.

Every candle from a feed or from REST is written here to the raw table. Values are never changed.
Only one thread at a time uses the store, so that a busy store delays nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from bowline.core.model.instrument import Instrument, InstrumentId
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame
from bowline.core.model.values import DAY_NS, SECOND_NS, Timeframe
from bowline.core.quality import Columns, RowDefect, inspect, inspect_against, to_frame
from bowline.storage.candles import CandleBatch, Candles, RefusedRow

Instruments = Callable[[InstrumentId], Instrument]
Result = TypeVar("Result")
#: a candle may be marked as closed this long before its close time by our estimate of venue time
CLOCK_TOLERANCE_NS = 5 * SECOND_NS


class WriteResult(Struct, frozen=True):
    """The candles of a frame that were stored, and the rows that were refused."""

    stored: CandleFrame
    refused: tuple[RefusedRow, ...] = ()


class CandleWriter:
    """Validates and stores candle frames.

    `instrument` returns the rules of an instrument for the reference table of the store.
    `ahead_ns` returns how far the local clock is ahead of the venue's clock, in ns.
    """

    def __init__(
        self,
        store: Candles,
        instrument: Instruments,
        now_ns: Callable[[], int],
        ahead_ns: Callable[[InstrumentId], int] = lambda _: 0,
    ) -> None:
        self._store = store
        self._instrument = instrument
        self._now_ns = now_ns
        self._ahead_ns = ahead_ns
        self._lock = asyncio.Lock()

    async def run_exclusive(self, work: Callable[[], Result]) -> Result:
        """Run `work` in a thread while no other work uses the store."""
        async with self._lock:
            return await asyncio.to_thread(work)

    async def write(self, source: str, frame: CandleFrame) -> WriteResult:
        """As `write_sync`, in a thread while no other work uses the store."""
        return await self.run_exclusive(lambda: self.write_sync(source, frame))

    def write_sync(self, source: str, frame: CandleFrame) -> WriteResult:
        """Store the valid candles of `frame` durably; the others go to quarantine."""
        if not len(frame):
            return WriteResult(frame)
        now_ns = self._now_ns()
        rows = Columns(frame.open_ns, *(getattr(frame, name) for name in VALUE_COLUMNS))
        near = self._store.read(
            frame.instrument,
            Timeframe.M1,
            max(0, int(frame.open_ns[0]) - DAY_NS),
            int(frame.close_ns[-1]) + DAY_NS,
        )
        latest_ns = now_ns - self._ahead_ns(frame.instrument) + CLOCK_TOLERANCE_NS
        verdict = inspect_against(rows, inspect(rows, Timeframe.M1, latest_ns), near)
        refused = tuple(
            _refused(frame, int(at), RowDefect(int(verdict.defects[at])), source, now_ns)
            for at in verdict.bad
        )
        good = to_frame(rows, verdict, frame.instrument, Timeframe.M1)
        self._store.write(
            CandleBatch(
                source=source,
                ingested_ns=now_ns,
                candles=good if len(good) else None,
                instrument=self._instrument(frame.instrument),
                refused=refused,
            )
        )
        return WriteResult(good, refused)


def _refused(frame: CandleFrame, at: int, fault: RowDefect, source: str, now_ns: int) -> RefusedRow:
    values = ",".join(str(float(getattr(frame, name)[at])) for name in VALUE_COLUMNS)
    open_ns = int(frame.open_ns[at])
    # a row that is refused again replaces its earlier entry
    known_by = f"{source} {open_ns}"
    return RefusedRow(
        instrument=frame.instrument,
        file=source,
        content_hash=known_by,
        row=1,
        open_ns=open_ns,
        reason=fault.reason,
        values=values,
        refused_ns=now_ns,
    )
