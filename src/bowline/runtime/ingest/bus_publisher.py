"""Publishing what is recorded on the bus: every closed candle, and the latest trades and quotes.

Publishing must never delay recording. While a topic is full its candles wait here and none is
dropped; of trades and quotes only the newest per instrument waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress

import msgspec

from bowline.core.errors import Conflict
from bowline.core.model.instrument import Instrument, InstrumentId
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame
from bowline.core.venue import QuoteChanged, TradePrinted
from bowline.runtime.bus import Bus, BusFull, topic
from bowline.runtime.ingest.health import IngestHealth

_log = logging.getLogger(__name__)
_RAW = topic("market.raw")
#: how often pending candles are published, and how long ticks are collected before publishing
CHECK_EVERY_S = 1.0
BATCH_S = 0.05
#: how long publishing may take when the recording ends
FINISH_S = 2.0
#: seconds before an unreachable bus is tried again
RETRY_S = 5.0
#: pending candles per instrument, a week of them; older ones are in the store only
MAX_PENDING = 7 * 1_440


class BusPublisher:
    """Publishes ticks and candles on `bus` from its own task."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._candles: dict[str, deque[bytes]] = {}
        self._newest: dict[tuple[InstrumentId, str], TradePrinted | QuoteChanged] = {}
        self._added = asyncio.Event()

    def add_tick(self, tick: TradePrinted | QuoteChanged) -> None:
        """Queue a trade or quote; it replaces an older one of the same instrument and kind."""
        kind = "trade" if isinstance(tick, TradePrinted) else "quote"
        self._newest[tick.instrument, kind] = tick
        self._added.set()

    def add_candles(self, frame: CandleFrame) -> None:
        """Queue closed candles; every one is published."""
        key = Instrument(frame.instrument).key
        pending = self._candles.setdefault(key, deque(maxlen=MAX_PENDING))
        columns = [getattr(frame, name).tolist() for name in ("open_ns", *VALUE_COLUMNS)]
        for open_ns, *values in zip(*columns, strict=True):
            body = {"open_ns": open_ns} | dict(zip(VALUE_COLUMNS, values, strict=True))
            pending.append(msgspec.json.encode(body))

    async def run(self, health: IngestHealth) -> None:
        """Publish until cancelled; an unavailable bus is reported to `health`."""
        while True:
            self._added.clear()
            try:
                await self._publish_newest()
                await self._publish_candles()
            except Conflict as error:
                message = f"the bus is not available: {error.message}"
                health.trouble(message, what="bus", candles=self.pending)
                if not isinstance(error, BusFull):
                    # trying at every tick would cost more than the ticks themselves
                    await asyncio.sleep(RETRY_S)
            else:
                health.resolved("bus")
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_EVERY_S):
                    await self._added.wait()
            await asyncio.sleep(BATCH_S)

    async def finish(self) -> None:
        """Publish the pending candles, within `FINISH_S` seconds."""
        try:
            async with asyncio.timeout(FINISH_S):
                await self._publish_candles()
        except (Conflict, TimeoutError) as error:
            _log.warning("candles not published: %s", error, extra={"candles": self.pending})

    @property
    def pending(self) -> int:
        """The number of candles that are not published yet."""
        return sum(map(len, self._candles.values()))

    async def _publish_candles(self) -> None:
        """Publish pending candles; a full topic does not stop the others. Raises BusFull last."""
        full: BusFull | None = None
        for key, pending in list(self._candles.items()):
            try:
                while pending:
                    # removed only after publishing, so that a cancelled publish is repeated
                    body = pending[0]
                    await self._bus.publish(topic(f"md.candles.1m.{key}"), body, key=key)
                    if pending and pending[0] is body:
                        pending.popleft()
            except BusFull as error:
                full = error
        if full is not None:
            raise full

    async def _publish_newest(self) -> None:
        newest, self._newest = self._newest, {}
        for (instrument, kind), tick in newest.items():
            key = f"{Instrument(instrument).key}:{kind}"
            await self._bus.publish(_RAW, msgspec.json.encode(tick), key=key)
