"""BookKeeper: one instrument's book, and whether it may be believed.

It takes what a codec read and proves that nothing is missing. The moment that it cannot, the book
is no longer handed out, and one fresh start is asked for. It must never serve a book that it
doubts, never ask twice for one loss, never read a clock and never do I/O.

1. A *start* is a whole book; *changes* follow it. `FeedRules.sequencing` says how a change proves
   that it follows: its first number adjoins, it names the one before it, or its number only rises
   and the venue's checksum is the proof.
2. Where the start comes by REST, changes are kept until it is there. Those that are in it are left
   out, the first of the others must reach back to it; else the start is too old: ask again. The
   book counts as valid only when one change has joined, for a cached answer looks like any other.
3. Numbers that fall are the venue's numbers begun anew, not old news: a change with one breaks the
   book, a whole book with one starts it again unless its time says that it is late. A change that
   neither a number nor a checksum proves is not believed.
4. A gap, a checksum that differs, a book that a change left crossed, one-sided or with a negative
   size: invalid at once, and `take` says once that a start is needed. Further changes are kept
   (REST) or left out until it comes.
5. A start that is itself crossed or one-sided is what the venue has: it is followed, not served,
   and not asked for again; it becomes valid when a change mends it.

`MOVES` is the whole life of a book; `take` and `drop` are the only ways along it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum, StrEnum
from typing import Protocol, runtime_checkable

from bowline.core.model.instrument import InstrumentId
from bowline.core.venue import Book, BookChanged, BookReplaced
from bowline.venues.feed import Channel, FeedCodec, FeedRules, Sequencing

#: what a book's checksum is by the venue's recipe
Checksum = Callable[[Book], int]

#: changes kept while a start is on its way; the oldest go first, and the start must then be newer
KEPT = 2_000
#: a start that no change has joined for this long is of other numbers: it is asked for again
JOIN_NS = 10_000_000_000
#: so many whole books in a row that seem late are not late
LATE_BOOKS = 3


class BookState(Enum):
    """How far a book may be believed; only a `VALID` one is served."""

    WAITING = "waiting"
    BUFFERING = "buffering"
    VALID = "valid"
    UNUSABLE = "unusable"
    INVALID = "invalid"


class Loss(StrEnum):
    """Why a book is not believed."""

    GAP = "gap"
    UNPROVEN = "unproven"
    CHECKSUM = "checksum"
    CROSSED = "crossed"
    ONE_SIDED = "one_sided"
    NEGATIVE = "negative"
    OLD_START = "old_start"


class Happening(Enum):
    """What moves a book from one state to another."""

    ASKED = "a change came first, and a start was asked for"
    STARTED = "a usable start"
    STARTED_UNUSABLE = "a crossed or one-sided start"
    MENDED = "a change that made it usable"
    BROKE = "a loss"
    DROPPED = "the connection or subscription ended"


_STARTS = {
    Happening.STARTED: BookState.VALID,
    Happening.STARTED_UNUSABLE: BookState.UNUSABLE,
    Happening.DROPPED: BookState.WAITING,
}
_BREAKS = {Happening.BROKE: BookState.INVALID}

MOVES: dict[BookState, dict[Happening, BookState]] = {
    BookState.WAITING: {**_STARTS, **_BREAKS, Happening.ASKED: BookState.BUFFERING},
    BookState.BUFFERING: {**_STARTS, **_BREAKS},
    BookState.VALID: {**_STARTS, **_BREAKS},
    BookState.UNUSABLE: {**_STARTS, **_BREAKS, Happening.MENDED: BookState.VALID},
    BookState.INVALID: {**_STARTS, **_BREAKS},
}

# looked up at every change: an attribute of an Enum costs more than a name
_VALID, _UNUSABLE = BookState.VALID, BookState.UNUSABLE
_ADJOINING, _PREVIOUS = Sequencing.ADJOINING, Sequencing.PREVIOUS


class BookKeeper:
    """Keeps the book of one instrument under the rules of its feed.

    `checksum` is the venue's recipe, needed only if `rules.checksum_every` is not 0. `losses`
    counts what broke the book, `asked` the starts asked for, `state` and `reason` say how it is.
    """

    __slots__ = (
        "_book", "_checksum", "_every", "_followed", "_held", "_held_ns", "_kept", "_known",
        "_late", "_rest", "_rule", "_seen_ns", "_unchecked", "asked", "losses", "reason", "state",
    )  # fmt: skip

    def __init__(
        self, instrument: InstrumentId, rules: FeedRules, checksum: Checksum | None = None
    ) -> None:
        self.state = BookState.WAITING
        self.reason: Loss | None = None
        self.losses = dict.fromkeys(Loss, 0)
        self.asked = 0
        self._followed = False
        self._book = Book(instrument)
        self._rule = rules.sequencing
        self._rest = rules.snapshot_by_rest
        self._every = rules.checksum_every
        self._checksum = checksum if self._every else None
        self._unchecked = 0
        self._known = 0
        self._seen_ns = 0
        self._late = 0
        self._held: BookReplaced | None = None
        self._held_ns = 0
        self._kept: deque[BookChanged] = deque(maxlen=KEPT)

    def valid_at(self, now_ns: int, max_age_ns: int) -> Book | None:
        """The book if it may be believed: proven whole, and heard of within `max_age_ns`."""
        if self.state is _VALID and now_ns - self._seen_ns <= max_age_ns:
            return self._book
        return None

    def take(self, tick: BookReplaced | BookChanged, seen_ns: int) -> bool:
        """Take what the venue said; `seen_ns` is when we saw it, by the clock of `valid_at`.

        True: get a fresh start now (the REST snapshot, or a new subscription). Said once a loss;
        it is said again only of a start that came and would not do.
        """
        if isinstance(tick, BookChanged):
            if self._followed:
                return self._follow(tick, seen_ns)
            return self._keep(tick, seen_ns) if self._rest else False
        return self._start_by_rest(tick, seen_ns) if self._rest else self._start(tick, seen_ns)

    def drop(self) -> None:
        """Forget everything: the stream behind it ended, and what comes next is another."""
        self._move(Happening.DROPPED)
        self.reason = None
        self._known = 0
        self._held = None
        self._kept.clear()

    def _follow(self, tick: BookChanged, seen_ns: int) -> bool:
        known, last = self._known, tick.last
        loss = None
        if self._rule is _ADJOINING:
            if last == known:
                return False  # told twice
            if not tick.first <= known + 1 <= last:
                loss = Loss.GAP
        elif self._rule is _PREVIOUS:
            if tick.previous != known:
                loss = Loss.GAP
        else:
            loss = self._doubt(tick)
        if loss is not None:
            return self._break(loss, tick)
        book = self._book
        try:
            book.change(tick.bids, tick.asks, tick.event_ns)
        except ValueError:
            return self._break(Loss.NEGATIVE, tick)
        self._known = last
        self._seen_ns = seen_ns
        if self._checksum is not None and self._differs(tick):
            return self._break(Loss.CHECKSUM, tick)
        if book.usable and self.state is _VALID:
            return False
        return self._weigh(tick)

    def _weigh(self, tick: BookChanged) -> bool:
        """A change that left the book unusable, or may have mended it."""
        if not self._book.usable:
            return self._break(self._flaw(), tick) if self.state is _VALID else False
        self._move(Happening.MENDED)
        self.reason = None
        return False

    def _doubt(self, tick: BookChanged) -> Loss | None:
        """What speaks against a change whose number only rises: that proves an order, no more.

        That none is missing the number before it proves, or a checksum, which is looked at now.
        """
        if self._rule is Sequencing.NONE or tick.previous not in {None, self._known}:
            return Loss.GAP
        if tick.last <= self._known and tick.last:
            return Loss.GAP
        if tick.previous is not None:
            return None
        self._unchecked = self._every
        proven = self._checksum is not None and tick.checksum is not None
        return None if proven else Loss.UNPROVEN

    def _start(self, tick: BookReplaced, seen_ns: int) -> bool:
        """Begin anew from a whole book, unless it is older than what we have."""
        rising = self._rule is Sequencing.RISING and self._followed
        if rising and tick.sequence < self._known and tick.event_ns < self._book.event_ns:
            self._late += 1
            if self._late < LATE_BOOKS:
                return False
        self._late = 0
        if any(size < 0 for levels in (tick.bids, tick.asks) for _, size in levels):
            return self._break(Loss.NEGATIVE)
        self._book.replace(tick.bids, tick.asks, tick.event_ns)
        self._known = tick.sequence
        self._seen_ns = seen_ns
        self._unchecked = self._every
        if self._checksum is not None and self._differs(tick):
            return self._break(Loss.CHECKSUM)
        if self._book.usable:
            self._move(Happening.STARTED)
            self.reason = None
        else:
            self._move(Happening.STARTED_UNUSABLE)
            self.reason = self._flaw()
            self.losses[self.reason] += 1
        return False

    def _start_by_rest(self, tick: BookReplaced, seen_ns: int) -> bool:
        if self._followed:
            return False  # nobody waits for it, and what we follow is newer
        self._held, self._held_ns = tick, seen_ns
        return self._join(seen_ns)

    def _keep(self, tick: BookChanged, seen_ns: int) -> bool:
        self._kept.append(tick)
        if self.state is BookState.WAITING:
            self._move(Happening.ASKED)
            if self._held is None:
                self.asked += 1
                return True
        return self._join(seen_ns) if self._held is not None else False

    def _join(self, seen_ns: int) -> bool:
        """Put the kept changes onto the start that came by REST, if they reach back to it."""
        start, kept = self._held, self._kept
        assert start is not None
        while kept and kept[0].last <= start.sequence:
            kept.popleft()
        if not kept and seen_ns - self._held_ns <= JOIN_NS:
            return False
        self._held = None
        if not kept or not self._reaches(kept[0], start.sequence):
            self.losses[Loss.OLD_START] += 1
            self.asked += 1
            return True
        changes = list(kept)
        kept.clear()
        if self._start(start, seen_ns):
            return True
        if self._rule is _PREVIOUS:
            self._known = changes[0].previous or 0  # it reaches further back than the start
        for at, tick in enumerate(changes, 1):
            if self._follow(tick, seen_ns):
                kept.extend(changes[at:])
                return True
        return False

    def _reaches(self, tick: BookChanged, sequence: int) -> bool:
        if self._rule is Sequencing.PREVIOUS:
            return tick.previous is not None and tick.previous <= sequence
        return tick.first <= sequence + 1

    def _differs(self, tick: BookReplaced | BookChanged) -> bool:
        """Whether the book is not the one that the venue computed its checksum of."""
        self._unchecked += 1
        if tick.checksum is None or self._unchecked < self._every:
            return False
        assert self._checksum is not None
        self._unchecked = 0
        return self._checksum(self._book) != tick.checksum

    def _flaw(self) -> Loss:
        both = self._book.best_bid is not None and self._book.best_ask is not None
        return Loss.CROSSED if both else Loss.ONE_SIDED

    def _break(self, loss: Loss, by: BookChanged | None = None) -> bool:
        self._move(Happening.BROKE)
        self.reason = loss
        self.losses[loss] += 1
        self.asked += 1
        self._kept.clear()
        if self._rest and by is not None:
            self._kept.append(by)
        return True

    def _move(self, happening: Happening) -> None:
        self.state = MOVES[self.state][happening]
        self._followed = self.state in {_VALID, _UNUSABLE}


@runtime_checkable
class Checksummed(Protocol):
    """A codec whose venue sends checksums of its books."""

    def checksum(self, instrument: InstrumentId) -> Checksum:
        """The venue's recipe for this instrument's book."""


def keeper_of(codec: FeedCodec, instrument: InstrumentId) -> BookKeeper:
    """A keeper for this instrument as `codec` feeds it."""
    checksum = codec.checksum(instrument) if isinstance(codec, Checksummed) else None
    return BookKeeper(instrument, codec.rules(Channel.BOOK), checksum)
