"""Rechecking stored candles: a venue may restate candles after it published them (J3).

Each stored candle is fetched again 5 minutes, 1 hour and 24 hours after its close. A changed candle
is stored as a new version; the raw table keeps the first. Signals are not recomputed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame
from bowline.core.model.values import DAY_NS, MINUTE_NS, Timeframe
from bowline.core.venue import Listing
from bowline.runtime.ingest.candle_writer import CandleWriter
from bowline.storage.candles import Candles
from bowline.venues import PublicVenue

#: by the age at which candles are rechecked: the span that is fetched together
AGES_NS: dict[int, int] = {
    5 * MINUTE_NS: 5 * MINUTE_NS,
    60 * MINUTE_NS: 60 * MINUTE_NS,
    DAY_NS: 6 * 60 * MINUTE_NS,
}


class RecheckResult(Struct, frozen=True):
    """The number of candles that were rechecked, and of those that had changed."""

    checked: int = 0
    changed: int = 0

    def __add__(self, other: RecheckResult) -> RecheckResult:
        return RecheckResult(self.checked + other.checked, self.changed + other.changed)


class CandleRecheck:
    """Rechecks the candles of one market. `now_ns` returns the venue's time."""

    def __init__(
        self,
        store: Candles,
        candle_writer: CandleWriter,
        venue: PublicVenue,
        now_ns: Callable[[], int],
    ) -> None:
        self._store = store
        self._candle_writer = candle_writer
        self._venue = venue
        self._now_ns = now_ns
        #: by instrument and age: up to where candles have been rechecked
        self._done_ns: dict[tuple[InstrumentId, int], int] = {}

    async def recheck(self, listing: Listing, since_ns: int) -> RecheckResult:
        """Recheck what is due since the last call; on the first call, since `since_ns`.

        Raises VenueError; what was rechecked before stays done.
        """
        drift = RecheckResult()
        for age_ns, together_ns in AGES_NS.items():
            key = listing.instrument.id, age_ns
            begin_ns = (since_ns - age_ns) // MINUTE_NS * MINUTE_NS
            at_ns = self._done_ns.setdefault(key, begin_ns)
            due_ns = (self._now_ns() - age_ns) // MINUTE_NS * MINUTE_NS
            while due_ns - at_ns >= together_ns:
                drift += await self._compare(listing, at_ns, at_ns + together_ns)
                at_ns = self._done_ns[key] = at_ns + together_ns
        return drift

    async def _compare(self, listing: Listing, start_ns: int, end_ns: int) -> RecheckResult:
        drift, at_ns = RecheckResult(), start_ns
        while at_ns < end_ns:
            told = await self._venue.candles(listing, at_ns, end_ns)
            if not len(told):
                break
            drift += await self._candle_writer.run_exclusive(partial(self._keep_changed, told))
            at_ns = int(told.close_ns[-1])
        return drift

    def _keep_changed(self, told: CandleFrame) -> RecheckResult:
        first, last = int(told.open_ns[0]), int(told.close_ns[-1])
        stored = self._store.read(told.instrument, Timeframe.M1, first, last)
        both, ours, theirs = np.intersect1d(stored.open_ns, told.open_ns, return_indices=True)
        different = np.zeros(len(both), dtype=np.bool_)
        for name in VALUE_COLUMNS:
            different |= getattr(stored, name)[ours] != getattr(told, name)[theirs]
        if different.any():
            rows = theirs[different]
            columns = {name: getattr(told, name)[rows] for name in VALUE_COLUMNS}
            changed = CandleFrame(told.instrument, Timeframe.M1, told.open_ns[rows], **columns)
            self._candle_writer.write_sync("restated", changed)
        return RecheckResult(len(both), int(different.sum()))
