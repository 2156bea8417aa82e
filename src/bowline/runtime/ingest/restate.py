"""Candles looked at again when they have aged: a venue may have changed what it once told (J3).

At +5 minutes, +1 hour and +24 hours each stored candle is asked for again. One that is different
now is stored as a new version; the raw table keeps the first. Signals that were acted on are not
asked again: this only says how far the past drifts.
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
from bowline.runtime.ingest.intake import Intake
from bowline.storage.candles import Candles
from bowline.venues import PublicVenue

#: how old a candle is when it is looked at again, and how many are looked at together
AGES_NS: dict[int, int] = {
    5 * MINUTE_NS: 5 * MINUTE_NS,
    60 * MINUTE_NS: 60 * MINUTE_NS,
    DAY_NS: 6 * 60 * MINUTE_NS,
}


class Drift(Struct, frozen=True):
    """How many candles were looked at again, and how many of them had changed."""

    looked_at: int = 0
    changed: int = 0

    def __add__(self, other: Drift) -> Drift:
        return Drift(self.looked_at + other.looked_at, self.changed + other.changed)


class Restatement:
    """One market's candles, looked at again as they age."""

    def __init__(
        self, store: Candles, intake: Intake, venue: PublicVenue, now_ns: Callable[[], int]
    ) -> None:
        self._store = store
        self._intake = intake
        self._venue = venue
        self._now_ns = now_ns
        #: up to where candles have been looked at, by instrument and age
        self._done_ns: dict[tuple[InstrumentId, int], int] = {}

    async def look(self, listing: Listing, since_ns: int) -> Drift:
        """Look at what has come of age since the last call; the first call: since `since_ns`.

        Raises VenueError; what was looked at before stays done.
        """
        drift = Drift()
        for age_ns, together_ns in AGES_NS.items():
            key = listing.instrument.id, age_ns
            begin_ns = (since_ns - age_ns) // MINUTE_NS * MINUTE_NS
            at_ns = self._done_ns.setdefault(key, begin_ns)
            due_ns = (self._now_ns() - age_ns) // MINUTE_NS * MINUTE_NS
            while due_ns - at_ns >= together_ns:
                drift += await self._compare(listing, at_ns, at_ns + together_ns)
                at_ns = self._done_ns[key] = at_ns + together_ns
        return drift

    async def _compare(self, listing: Listing, start_ns: int, end_ns: int) -> Drift:
        drift, at_ns = Drift(), start_ns
        while at_ns < end_ns:
            told = await self._venue.candles(listing, at_ns, end_ns)
            if not len(told):
                break
            drift += await self._intake.ask(partial(self._keep_changed, told))
            at_ns = int(told.close_ns[-1])
        return drift

    def _keep_changed(self, told: CandleFrame) -> Drift:
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
            self._intake.take("restated", changed)
        return Drift(len(both), int(different.sum()))
