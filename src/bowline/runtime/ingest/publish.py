"""What is recorded, told to others: closed candles as facts, trades and quotes conflated.

Publishing must never hold up recording. Candles wait here while their topic is full, and none is
dropped; of market data only the newest of a key waits.
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
#: candles are looked for this often, and ticks of this long go out together
LOOK_EVERY_S = 1.0
TOGETHER_S = 0.05
#: what still waits when the recording ends is given this long
FINISH_S = 2.0
#: a bus that does not answer is asked again after
AGAIN_S = 5.0
#: candles of an instrument that wait while the bus takes none: a week; the store has them all
MOST_WAITING = 7 * 1_440


class Publisher:
    """Hands on to `bus` what it hears, in a task of its own."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._candles: dict[str, deque[bytes]] = {}
        self._newest: dict[tuple[InstrumentId, str], TradePrinted | QuoteChanged] = {}
        self._news = asyncio.Event()

    def hear(self, tick: TradePrinted | QuoteChanged) -> None:
        """Market data: the newest of an instrument and kind counts."""
        kind = "trade" if isinstance(tick, TradePrinted) else "quote"
        self._newest[tick.instrument, kind] = tick
        self._news.set()

    def candles(self, frame: CandleFrame) -> None:
        """Closed candles: every one counts."""
        key = Instrument(frame.instrument).key
        waiting = self._candles.setdefault(key, deque(maxlen=MOST_WAITING))
        columns = [getattr(frame, name).tolist() for name in ("open_ns", *VALUE_COLUMNS)]
        for open_ns, *values in zip(*columns, strict=True):
            body = {"open_ns": open_ns} | dict(zip(VALUE_COLUMNS, values, strict=True))
            waiting.append(msgspec.json.encode(body))

    async def run(self, health: IngestHealth) -> None:
        """Publish until cancelled; a bus that takes nothing is trouble, told once."""
        while True:
            self._news.clear()
            try:
                await self._publish_newest()
                await self._publish_candles()
            except Conflict as error:
                waits = f"the bus takes nothing: {error.message}"
                health.trouble(waits, what="bus", candles=self.waiting)
                if not isinstance(error, BusFull):
                    # asked at every tick, a server that is gone would cost more than the ticks
                    await asyncio.sleep(AGAIN_S)
            else:
                health.mended("bus")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._news.wait()
            await asyncio.sleep(TOGETHER_S)

    async def finish(self) -> None:
        """Publish the candles that wait, if the bus takes them in time."""
        try:
            async with asyncio.timeout(FINISH_S):
                await self._publish_candles()
        except (Conflict, TimeoutError) as error:
            _log.warning("bus missed candles: %s", error, extra={"candles": self.waiting})

    @property
    def waiting(self) -> int:
        """Candles that are not published yet."""
        return sum(map(len, self._candles.values()))

    async def _publish_candles(self) -> None:
        """A topic that is full must not hold up another. Raises the last Conflict."""
        full: BusFull | None = None
        for key, waiting in list(self._candles.items()):
            try:
                while waiting:
                    # on its way it is still the oldest: whoever is interrupted sends it again
                    body = waiting[0]
                    await self._bus.publish(topic(f"md.candles.1m.{key}"), body, key=key)
                    if waiting and waiting[0] is body:
                        waiting.popleft()
            except BusFull as error:
                full = error
        if full is not None:
            raise full

    async def _publish_newest(self) -> None:
        newest, self._newest = self._newest, {}
        for (instrument, kind), tick in newest.items():
            key = f"{Instrument(instrument).key}:{kind}"
            await self._bus.publish(_RAW, msgspec.json.encode(tick), key=key)
