"""Candles into the store: judged first, the bad ones to quarantine, whatever they came by.

Every candle that is kept goes through here, once, to the raw table. Nothing is mended here. The
store is asked by one thread at a time: a store that is busy must hold up nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from bowline.core.model.instrument import Instrument, InstrumentId
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame
from bowline.core.model.values import DAY_NS, SECOND_NS, Timeframe
from bowline.core.quality import Columns, Fault, inspect, inspect_beside, to_frame
from bowline.storage.candles import Candles, Delivery, RefusedRow

Instruments = Callable[[InstrumentId], Instrument]
Answer = TypeVar("Answer")
#: a venue's clock may be this far ahead of ours when it says that a candle has closed
AHEAD_NS = 5 * SECOND_NS


class Taken(Struct, frozen=True):
    """What became of a frame: the candles that were kept, the rows that were refused."""

    kept: CandleFrame
    refused: tuple[RefusedRow, ...] = ()


class Intake:
    """`instrument` says what is known of an instrument, for the reference table of the store.

    `ahead_ns` is how far the local clock is ahead of its venue's, by which candles are judged.
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
        self._turn = asyncio.Lock()

    async def ask(self, work: Callable[[], Answer]) -> Answer:
        """Do this with the store, in a thread, when it is its turn."""
        async with self._turn:
            return await asyncio.to_thread(work)

    async def keep(self, source: str, frame: CandleFrame) -> Taken:
        """As `take`, in its turn."""
        return await self.ask(lambda: self.take(source, frame))

    def take(self, source: str, frame: CandleFrame) -> Taken:
        """Keep the good candles of `frame` durably, and say what was wrong with the others."""
        if not len(frame):
            return Taken(frame)
        now_ns = self._now_ns()
        rows = Columns(frame.open_ns, *(getattr(frame, name) for name in VALUE_COLUMNS))
        near = self._store.read(
            frame.instrument,
            Timeframe.M1,
            max(0, int(frame.open_ns[0]) - DAY_NS),
            int(frame.close_ns[-1]) + DAY_NS,
        )
        latest_ns = now_ns - self._ahead_ns(frame.instrument) + AHEAD_NS
        verdict = inspect_beside(rows, inspect(rows, Timeframe.M1, latest_ns), near)
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
        return Taken(good, refused)


def _refused(frame: CandleFrame, at: int, fault: Fault, source: str, now_ns: int) -> RefusedRow:
    values = ",".join(str(float(getattr(frame, name)[at])) for name in VALUE_COLUMNS)
    open_ns = int(frame.open_ns[at])
    # a minute that is refused again takes the place of what was said of it before
    known_by = f"{source} {open_ns}"
    return RefusedRow(frame.instrument, source, known_by, 1, open_ns, fault.reason, values, now_ns)
