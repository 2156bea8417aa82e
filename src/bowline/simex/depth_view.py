"""The part of a book that a topic shows: the best levels of each side, and the changes to them.

A level that leaves the shown part is sent as removed and one that moves up into it as new, so that
a client that applies every change has exactly the shown part. Each view counts its own changes, and
restarts its count when the book restarts its sequence.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from heapq import nlargest, nsmallest

from msgspec import Struct
from msgspec.structs import replace

from bowline.core.model.values import ONE, ZERO
from bowline.core.sim.exchange import BookLevel, BookSnapshot, BookUpdated


class DepthChange(Struct, frozen=True, kw_only=True):
    """Levels that changed, best first; a size of 0 takes a level away.

    `update_number` counts the changes of this view. The update ids count levels, for venues whose
    messages carry a range; `previous_update_id` is the last of the change before. `sequence` is the
    book's own number of this change, the same at every depth; `previous_sequence` that of the
    change before at this depth.
    """

    event_ns: int
    update_number: int
    first_update_id: int
    last_update_id: int
    previous_update_id: int
    sequence: int
    previous_sequence: int
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]


class DepthView:
    """The best `depth` levels of a side, 0: all of them, kept up with a book."""

    def __init__(self, book: BookSnapshot, depth: int) -> None:
        self.instrument = book.instrument
        self.depth = depth
        self.event_ns = book.event_ns
        self.update_number = book.sequence
        self.last_update_id = book.sequence
        self.sequence = book.sequence
        self._all_bids = dict(book.bids)
        self._all_asks = dict(book.asks)
        self._bids = self._top(self._all_bids, best_is_high=True)
        self._asks = self._top(self._all_asks, best_is_high=False)

    @property
    def bids(self) -> list[BookLevel]:
        """The shown bids, best first."""
        return sorted(self._bids.items(), reverse=True)

    @property
    def asks(self) -> list[BookLevel]:
        """The shown asks, best first."""
        return sorted(self._asks.items())

    def apply(self, moved: BookUpdated) -> DepthChange | None:
        """Take a change of the book; None if the shown part is as before."""
        _apply(self._all_bids, moved.bids)
        _apply(self._all_asks, moved.asks)
        bids = self._top(self._all_bids, best_is_high=True)
        asks = self._top(self._all_asks, best_is_high=False)
        new_bids = tuple(sorted(_difference(self._bids, bids), reverse=True))
        new_asks = tuple(sorted(_difference(self._asks, asks)))
        self.event_ns = moved.now_ns
        if not new_bids and not new_asks:
            return None
        self._bids, self._asks = bids, asks
        restarted = moved.sequence < self.sequence
        start = 0 if restarted else self.last_update_id
        previous_update_id, self.last_update_id = (
            self.last_update_id,
            start + len(new_bids) + len(new_asks),
        )
        previous_sequence, self.sequence = self.sequence, moved.sequence
        self.update_number = 1 if restarted else self.update_number + 1
        return DepthChange(
            event_ns=moved.now_ns,
            update_number=self.update_number,
            first_update_id=start + 1,
            last_update_id=self.last_update_id,
            previous_update_id=previous_update_id,
            sequence=moved.sequence,
            previous_sequence=previous_sequence,
            bids=new_bids,
            asks=new_asks,
        )

    def crossed(self, change: DepthChange) -> DepthChange:
        """The same with a bid above the best ask, as no venue should ever send it."""
        if not self._asks:
            return change
        worst = max(self._asks)
        return replace(change, bids=((worst, ONE), *change.bids))

    def _top(self, levels: dict[Decimal, Decimal], *, best_is_high: bool) -> dict[Decimal, Decimal]:
        if not self.depth or len(levels) <= self.depth:
            return dict(levels)
        best = nlargest if best_is_high else nsmallest
        return {price: levels[price] for price in best(self.depth, levels)}


def _apply(levels: dict[Decimal, Decimal], changes: Iterable[BookLevel]) -> None:
    for price, size in changes:
        if size:
            levels[price] = size
        else:
            levels.pop(price, None)


def _difference(
    before: dict[Decimal, Decimal], after: dict[Decimal, Decimal]
) -> Iterable[BookLevel]:
    if before == after:
        return
    for price, size in after.items():
        if before.get(price) != size:
            yield price, size
    for price in before.keys() - after.keys():
        yield price, ZERO
