"""A fake venue that serves known one-minute candles by REST."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

import numpy as np

from bowline.core.model.instrument import Instrument, InstrumentId, market_by_name
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame, empty_frame
from bowline.core.model.values import MINUTE_NS, SECOND_NS, Timeframe
from bowline.core.venue import CandleSeen, Listing
from bowline.venues import Rejected, Retryable, VenueError

MARKET = market_by_name("bybit:linear")
BTC = InstrumentId(MARKET.market_id, "BTCUSDT")
LISTING = Listing(Instrument(BTC), "BTCUSDT", "BTC", "USDT")
#: a minute, some day in 2025
START_NS = 1_763_683_200 * SECOND_NS


def true_candles(minutes: int, seed: int = 1) -> CandleFrame:
    random = Random(seed)
    closes = [100.0]
    for _ in range(minutes):
        closes.append(round(closes[-1] * random.uniform(0.999, 1.001), 2))
    close, open_ = np.array(closes[1:]), np.array(closes[:-1])
    volume = np.array([round(random.uniform(0, 9), 3) for _ in range(minutes)])
    return CandleFrame(
        BTC,
        Timeframe.M1,
        START_NS + np.arange(minutes, dtype=np.int64) * MINUTE_NS,
        open_,
        np.maximum(open_, close) + 0.01,
        np.minimum(open_, close) - 0.01,
        close,
        volume,
    )


def rows(frame: CandleFrame, wanted: list[int]) -> CandleFrame:
    at = np.array(wanted, dtype=np.int64)
    columns = {name: getattr(frame, name)[at] for name in VALUE_COLUMNS}
    return CandleFrame(frame.instrument, frame.timeframe, frame.open_ns[at], **columns)


def seen(frame: CandleFrame, at: int, *, closed: bool = True, shift: float = 0.0) -> CandleSeen:
    values = [float(getattr(frame, name)[at]) + shift for name in VALUE_COLUMNS]
    open_ns = int(frame.open_ns[at])
    return CandleSeen(BTC, open_ns + MINUTE_NS, open_ns, *values, closed)


class FakeVenue:
    """REST of a venue that serves the true candles page by page; `errors` are raised first."""

    market = MARKET

    def __init__(self, truth: CandleFrame, now_ns: Callable[[], int], *, page: int = 100) -> None:
        self.truth = truth
        self.now_ns = now_ns
        self.candles_per_page = page
        self.asked: list[tuple[int, int]] = []
        self.errors: list[VenueError] = []
        self.without: set[int] = set()
        #: how far the local clock is ahead of `now_ns`
        self.ahead = 0

    async def candles(self, listing: Listing, start_ns: int, end_ns: int) -> CandleFrame:
        assert listing == LISTING
        self.asked.append((start_ns, end_ns))
        await asyncio.sleep(0.01)
        if self.errors:
            raise self.errors.pop(0)
        truth = self.truth
        inside = [
            at
            for at, open_ns in enumerate(truth.open_ns.tolist())
            if start_ns <= open_ns
            and open_ns + MINUTE_NS <= min(end_ns, self.now_ns())
            and at not in self.without
        ][: self.candles_per_page]
        return rows(truth, inside) if inside else empty_frame(BTC, Timeframe.M1)

    async def server_time_ns(self) -> int:
        return self.now_ns()

    async def venue_now_ns(self) -> int:
        return self.now_ns()

    @property
    def clock(self) -> FakeVenue:
        return self

    def ahead_ns(self) -> int:
        return self.ahead

    async def listings(self) -> tuple[Listing, ...]:
        return (LISTING,)

    async def close(self) -> None:
        return


class ShortHistoryVenue(FakeVenue):
    """A venue that serves only the newest minutes and refuses older ones."""

    def __init__(
        self, truth: CandleFrame, now_ns: Callable[[], int], keeps: int, error: Rejected
    ) -> None:
        super().__init__(truth, now_ns)
        self.keeps, self.error = keeps, error

    async def candles(self, listing: Listing, start_ns: int, end_ns: int) -> CandleFrame:
        if start_ns < self.now_ns() - self.keeps * MINUTE_NS:
            self.asked.append((start_ns, end_ns))
            raise self.error
        return await super().candles(listing, start_ns, end_ns)


BUSY = Retryable("busy", after_s=2.0, code="429")
