"""LocalBook: the book of one instrument, kept from snapshots and changes, and whether it is valid.

It takes decoded ticks and checks that none is missing. As soon as it cannot, the book is no longer
handed out, and one new snapshot is requested. It must never serve a book that may be wrong, never
request twice for one fault, never read a clock and never do I/O.

1. A *snapshot* is a whole book; *changes* follow it. `FeedRules.sequencing` says how a change
   proves that none is missing before it: its first number follows on the last one, it names the
   last one, or numbers only increase and the venue's checksum is the proof.
2. Where the snapshot comes by REST, changes are buffered until it arrives. Those that it contains
   are dropped, and the first of the others must reach back to it; otherwise the snapshot is too old
   and is requested again. The book becomes valid only when a change has joined, because a cached
   reply looks like any other.
3. Decreasing numbers mean that the venue restarted them: a change with one invalidates the book, a
   snapshot with one replaces it unless its time says that it is late. A change without a number or
   a checksum as proof is not accepted.
4. A gap, a different checksum, a book that a change left crossed, one-sided or with a negative
   size: invalid at once, and `apply` returns once that a snapshot is needed. Until it arrives,
   further changes are buffered (REST) or dropped.
5. A snapshot that is itself crossed or one-sided is what the venue has: it is followed and not
   served, and not requested again; the book becomes valid when a change repairs it.

`TRANSITIONS` is the state machine of a book; only `apply` and `reset` move it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum, StrEnum
from typing import Protocol, runtime_checkable

from bowline.core.model.instrument import InstrumentId
from bowline.core.venue import Book, BookChanged, BookReplaced
from bowline.venues.feed_codec import FeedChannel, FeedCodec, FeedRules, Sequencing

#: computes a book's checksum as the venue does
Checksum = Callable[[Book], int]

#: changes buffered while a snapshot is requested; of more, the oldest are dropped
MAX_BUFFERED = 2_000
#: a snapshot that no change joins for this long is requested again: the numbers differ
JOIN_TIMEOUT_NS = 10_000_000_000
#: after so many seemingly late snapshots in a row they are accepted
MAX_LATE_SNAPSHOTS = 3


class BookState(Enum):
    """The state of a book; only a `VALID` one is served."""

    WAITING = "waiting"
    BUFFERING = "buffering"
    VALID = "valid"
    UNUSABLE = "unusable"
    INVALID = "invalid"


class InvalidReason(StrEnum):
    """Why a book is not valid."""

    GAP = "gap"
    UNPROVEN = "unproven"
    CHECKSUM = "checksum"
    CROSSED = "crossed"
    ONE_SIDED = "one_sided"
    NEGATIVE = "negative"
    SNAPSHOT_TOO_OLD = "old_start"


class BookTrigger(Enum):
    """What moves a book to another state."""

    SNAPSHOT_REQUESTED = "a change came first, and a snapshot was requested"
    SNAPSHOT = "a usable snapshot"
    UNUSABLE_SNAPSHOT = "a crossed or one-sided snapshot"
    REPAIRED = "a change that made it usable"
    INVALIDATED = "a fault"
    RESET = "the connection or subscription ended"


_ON_SNAPSHOT = {
    BookTrigger.SNAPSHOT: BookState.VALID,
    BookTrigger.UNUSABLE_SNAPSHOT: BookState.UNUSABLE,
    BookTrigger.RESET: BookState.WAITING,
}
_ON_FAULT = {BookTrigger.INVALIDATED: BookState.INVALID}

TRANSITIONS: dict[BookState, dict[BookTrigger, BookState]] = {
    BookState.WAITING: {
        **_ON_SNAPSHOT,
        **_ON_FAULT,
        BookTrigger.SNAPSHOT_REQUESTED: BookState.BUFFERING,
    },
    BookState.BUFFERING: {**_ON_SNAPSHOT, **_ON_FAULT},
    BookState.VALID: {**_ON_SNAPSHOT, **_ON_FAULT},
    BookState.UNUSABLE: {**_ON_SNAPSHOT, **_ON_FAULT, BookTrigger.REPAIRED: BookState.VALID},
    BookState.INVALID: {**_ON_SNAPSHOT, **_ON_FAULT},
}

# used at every change: an attribute of an Enum costs more than a name
_VALID, _UNUSABLE = BookState.VALID, BookState.UNUSABLE
_CONTIGUOUS, _PREVIOUS = Sequencing.CONTIGUOUS, Sequencing.PREVIOUS


class LocalBook:
    """The book of one instrument under the rules of its feed.

    `checksum` computes the venue's checksum; it is needed only if `rules.checksum_every` is not 0.
    `invalidations` counts faults by reason, `snapshots_requested` the snapshots.
    """

    __slots__ = (
        "_book", "_buffered", "_changes_since_check", "_checksum", "_checksum_interval",
        "_following", "_last_sequence", "_late_snapshots", "_seen_ns", "_sequencing", "_snapshot",
        "_snapshot_by_rest", "_snapshot_ns", "invalidations", "reason", "snapshots_requested",
        "state",
    )  # fmt: skip

    def __init__(
        self, instrument: InstrumentId, rules: FeedRules, checksum: Checksum | None = None
    ) -> None:
        self.state = BookState.WAITING
        self.reason: InvalidReason | None = None
        self.invalidations = dict.fromkeys(InvalidReason, 0)
        self.snapshots_requested = 0
        self._following = False
        self._book = Book(instrument)
        self._sequencing = rules.sequencing
        self._snapshot_by_rest = rules.snapshot_by_rest
        self._checksum_interval = rules.checksum_every
        self._checksum = checksum if self._checksum_interval else None
        self._changes_since_check = 0
        self._last_sequence = 0
        self._seen_ns = 0
        self._late_snapshots = 0
        self._snapshot: BookReplaced | None = None
        self._snapshot_ns = 0
        self._buffered: deque[BookChanged] = deque(maxlen=MAX_BUFFERED)

    def valid_at(self, now_ns: int, max_age_ns: int) -> Book | None:
        """The book if it is valid and was updated within `max_age_ns`; else None."""
        if self.state is _VALID and now_ns - self._seen_ns <= max_age_ns:
            return self._book
        return None

    def apply(self, tick: BookReplaced | BookChanged, seen_ns: int) -> bool:
        """Apply a tick; `seen_ns` is when it was received, by the clock of `valid_at`.

        True: get a new snapshot now (by REST, or by a new subscription). It is returned once per
        fault, and again only after a snapshot that could not be used.
        """
        if isinstance(tick, BookChanged):
            if self._following:
                return self._apply_change(tick, seen_ns)
            return self._buffer_change(tick, seen_ns) if self._snapshot_by_rest else False
        return (
            self._hold_snapshot(tick, seen_ns)
            if self._snapshot_by_rest
            else self._apply_snapshot(tick, seen_ns)
        )

    def reset(self) -> None:
        """Forget everything: the stream ended, and what follows belongs to another."""
        self._transition(BookTrigger.RESET)
        self.reason = None
        self._last_sequence = 0
        self._snapshot = None
        self._buffered.clear()

    def _apply_change(self, tick: BookChanged, seen_ns: int) -> bool:
        last_sequence, last = self._last_sequence, tick.last
        reason = None
        if self._sequencing is _CONTIGUOUS:
            if last == last_sequence:
                return False  # repeated
            if not tick.first <= last_sequence + 1 <= last:
                reason = InvalidReason.GAP
        elif self._sequencing is _PREVIOUS:
            if tick.previous != last_sequence:
                reason = InvalidReason.GAP
        else:
            reason = self._missing_proof(tick)
        if reason is not None:
            return self._invalidate(reason, tick)
        book = self._book
        try:
            book.change(tick.bids, tick.asks, tick.event_ns)
        except ValueError:
            return self._invalidate(InvalidReason.NEGATIVE, tick)
        self._last_sequence = last
        self._seen_ns = seen_ns
        if self._checksum is not None and self._checksum_differs(tick):
            return self._invalidate(InvalidReason.CHECKSUM, tick)
        if book.usable and self.state is _VALID:
            return False
        return self._check_usable(tick)

    def _check_usable(self, tick: BookChanged) -> bool:
        """Handle a change that left the book unusable, or may have repaired it."""
        if not self._book.usable:
            return (
                self._invalidate(self._crossed_or_one_sided(), tick)
                if self.state is _VALID
                else False
            )
        self._transition(BookTrigger.REPAIRED)
        self.reason = None
        return False

    def _missing_proof(self, tick: BookChanged) -> InvalidReason | None:
        """What speaks against a change whose number only rises: that proves an order, no more.

        That none is missing the number before it proves, or a checksum, which is looked at now.
        """
        if self._sequencing is Sequencing.NONE or tick.previous not in {None, self._last_sequence}:
            return InvalidReason.GAP
        if tick.last <= self._last_sequence and tick.last:
            return InvalidReason.GAP
        if tick.previous is not None:
            return None
        self._changes_since_check = self._checksum_interval
        proven = self._checksum is not None and tick.checksum is not None
        return None if proven else InvalidReason.UNPROVEN

    def _apply_snapshot(self, tick: BookReplaced, seen_ns: int) -> bool:
        """Begin anew from a whole book, unless it is older than what we have."""
        rising = self._sequencing is Sequencing.INCREASING and self._following
        if rising and tick.sequence < self._last_sequence and tick.event_ns < self._book.event_ns:
            self._late_snapshots += 1
            if self._late_snapshots < MAX_LATE_SNAPSHOTS:
                return False
        self._late_snapshots = 0
        if any(size < 0 for levels in (tick.bids, tick.asks) for _, size in levels):
            return self._invalidate(InvalidReason.NEGATIVE)
        self._book.replace(tick.bids, tick.asks, tick.event_ns)
        self._last_sequence = tick.sequence
        self._seen_ns = seen_ns
        self._changes_since_check = self._checksum_interval
        if self._checksum is not None and self._checksum_differs(tick):
            return self._invalidate(InvalidReason.CHECKSUM)
        if self._book.usable:
            self._transition(BookTrigger.SNAPSHOT)
            self.reason = None
        else:
            self._transition(BookTrigger.UNUSABLE_SNAPSHOT)
            self.reason = self._crossed_or_one_sided()
            self.invalidations[self.reason] += 1
        return False

    def _hold_snapshot(self, tick: BookReplaced, seen_ns: int) -> bool:
        if self._following:
            return False  # not awaited, and what is followed is newer
        self._snapshot, self._snapshot_ns = tick, seen_ns
        return self._join_buffered(seen_ns)

    def _buffer_change(self, tick: BookChanged, seen_ns: int) -> bool:
        self._buffered.append(tick)
        if self.state is BookState.WAITING:
            self._transition(BookTrigger.SNAPSHOT_REQUESTED)
            if self._snapshot is None:
                self.snapshots_requested += 1
                return True
        return self._join_buffered(seen_ns) if self._snapshot is not None else False

    def _join_buffered(self, seen_ns: int) -> bool:
        """Apply the buffered changes to the REST snapshot if they reach back to it."""
        snapshot, buffered = self._snapshot, self._buffered
        assert snapshot is not None
        while buffered and buffered[0].last <= snapshot.sequence:
            buffered.popleft()
        if not buffered and seen_ns - self._snapshot_ns <= JOIN_TIMEOUT_NS:
            return False
        self._snapshot = None
        if not buffered or not self._reaches_back(buffered[0], snapshot.sequence):
            self.invalidations[InvalidReason.SNAPSHOT_TOO_OLD] += 1
            self.snapshots_requested += 1
            return True
        changes = list(buffered)
        buffered.clear()
        if self._apply_snapshot(snapshot, seen_ns):
            return True
        if self._sequencing is _PREVIOUS:
            self._last_sequence = changes[0].previous or 0  # it reaches further back
        for at, tick in enumerate(changes, 1):
            if self._apply_change(tick, seen_ns):
                buffered.extend(changes[at:])
                return True
        return False

    def _reaches_back(self, tick: BookChanged, sequence: int) -> bool:
        if self._sequencing is Sequencing.PREVIOUS:
            return tick.previous is not None and tick.previous <= sequence
        return tick.first <= sequence + 1

    def _checksum_differs(self, tick: BookReplaced | BookChanged) -> bool:
        """Whether the book's checksum differs from the one in the tick, if it is checked now."""
        self._changes_since_check += 1
        if tick.checksum is None or self._changes_since_check < self._checksum_interval:
            return False
        assert self._checksum is not None
        self._changes_since_check = 0
        return self._checksum(self._book) != tick.checksum

    def _crossed_or_one_sided(self) -> InvalidReason:
        both = self._book.best_bid is not None and self._book.best_ask is not None
        return InvalidReason.CROSSED if both else InvalidReason.ONE_SIDED

    def _invalidate(self, reason: InvalidReason, by: BookChanged | None = None) -> bool:
        self._transition(BookTrigger.INVALIDATED)
        self.reason = reason
        self.invalidations[reason] += 1
        self.snapshots_requested += 1
        self._buffered.clear()
        if self._snapshot_by_rest and by is not None:
            self._buffered.append(by)
        return True

    def _transition(self, trigger: BookTrigger) -> None:
        self.state = TRANSITIONS[self.state][trigger]
        self._following = self.state in {_VALID, _UNUSABLE}


@runtime_checkable
class Checksummed(Protocol):
    """A codec whose venue sends checksums of its books."""

    def checksum(self, instrument: InstrumentId) -> Checksum:
        """The function that computes the checksum of this instrument's book."""


def local_book_of(codec: FeedCodec, instrument: InstrumentId) -> LocalBook:
    """An empty book of this instrument, as `codec` feeds it."""
    checksum = codec.checksum(instrument) if isinstance(codec, Checksummed) else None
    return LocalBook(instrument, codec.rules(FeedChannel.BOOK), checksum)
