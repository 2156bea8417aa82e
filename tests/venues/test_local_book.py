"""Protects the one promise of a book: what is served is what the venue has, or nothing is.

Faults B7, B8 and B9 by name; then a world of random changes, lost, doubled, swapped and split on
their way, against the plain dictionary that they were made from.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.core.venue import Book, BookChanged, BookReplaced, Level
from bowline.venues import FeedRules, Sequencing
from bowline.venues.checksums import BookCrc32, format_shortest
from bowline.venues.local_book import (
    MAX_BUFFERED,
    TRANSITIONS,
    BookState,
    BookTrigger,
    InvalidReason,
    LocalBook,
)

BTC = InstrumentId(market_by_name("bybit:linear").market_id, "BTCUSDT")
Tick = BookReplaced | BookChanged


def rules(sequencing: Sequencing, *, rest: bool = False, every: int = 0) -> FeedRules:
    return FeedRules(
        url="wss://x", sequencing=sequencing, snapshot_by_rest=rest, checksum_every=every
    )


def checksum(book: Book) -> int:
    return BookCrc32(format_shortest, format_shortest)(book)


def local_book(sequencing: Sequencing = Sequencing.CONTIGUOUS, *, rest: bool = False) -> LocalBook:
    every = 1 if sequencing is Sequencing.INCREASING else 0
    return LocalBook(BTC, rules(sequencing, rest=rest, every=every), checksum)


def start(number: int, bids: list[Level] | None = None, asks: list[Level] | None = None) -> Tick:
    bids = [(10.0, 1.0)] if bids is None else bids
    return BookReplaced(BTC, number, bids, [(20.0, 1.0)] if asks is None else asks, number)


def change(first: int, last: int, bids: list[Level], asks: list[Level] | None = None) -> Tick:
    return BookChanged(BTC, last, bids, asks or [], first, last, first - 1)


@pytest.fixture
def valid() -> LocalBook:
    kept = local_book()
    assert not kept.apply(start(5), 0)
    assert kept.valid_at(0, 0) is not None
    return kept


def test_every_move_of_the_table_leads_to_a_state_and_no_state_is_a_dead_end() -> None:
    assert TRANSITIONS.keys() == set(BookState)
    for moves in TRANSITIONS.values():
        assert {BookTrigger.SNAPSHOT, BookTrigger.INVALIDATED, BookTrigger.RESET} <= moves.keys()
    reached = {state for moves in TRANSITIONS.values() for state in moves.values()}
    assert reached == set(BookState)


def test_b7_a_gap_is_never_served_and_asks_once(valid: LocalBook) -> None:
    assert valid.apply(change(7, 7, [(10.0, 9.0)]), 0)
    assert (valid.state, valid.reason) == (BookState.INVALID, InvalidReason.GAP)
    assert valid.valid_at(0, 10**18) is None
    assert not any(valid.apply(change(n, n, [(10.0, 9.0)]), 0) for n in range(8, 99))
    assert valid.snapshots_requested == valid.invalidations[InvalidReason.GAP] == 1
    assert not valid.apply(start(99, [(11.0, 1.0)]), 1)
    book = valid.valid_at(1, 0)
    assert book is not None
    assert book.best_bid == (11.0, 1.0)


def test_b7_a_checksum_that_differs_is_never_served_and_asks_once() -> None:
    kept = local_book(Sequencing.INCREASING)
    assert not kept.apply(start(5), 0)
    good = BookChanged(BTC, 6, [(10.0, 2.0)], [], 6, 6, None, crc("10:2:20:1"))
    assert not kept.apply(good, 0)
    assert kept.apply(replace(good, first=7, last=7, checksum=1), 0)
    assert (kept.reason, kept.snapshots_requested) == (InvalidReason.CHECKSUM, 1)
    assert kept.valid_at(0, 10**18) is None


def crc(text: str) -> int:
    from zlib import crc32

    value = crc32(text.encode())
    return value - 2**32 if value >= 2**31 else value


def test_checks_are_sampled_and_off_they_cost_no_call() -> None:
    calls = []

    def counting(book: Book) -> int:
        calls.append(book)
        return 0

    for every, expected in ((0, 0), (1, 31), (10, 4)):
        calls.clear()
        kept = LocalBook(BTC, rules(Sequencing.INCREASING, every=every), counting)
        kept.apply(replace(start(1), checksum=0), 0)
        for number in range(2, 32):
            kept.apply(replace(change(number, number, [(10.0, 2.0)]), checksum=0), 0)
        assert len(calls) == expected
        assert kept.state is BookState.VALID


@pytest.mark.parametrize(
    ("bids", "asks", "loss"),
    [
        ([(20.0, 1.0)], [], InvalidReason.CROSSED),
        ([(21.0, 1.0)], [], InvalidReason.CROSSED),
        ([(10.0, 0.0)], [], InvalidReason.ONE_SIDED),
        ([], [(20.0, 0.0)], InvalidReason.ONE_SIDED),
        ([(10.0, 0.0)], [(20.0, 0.0)], InvalidReason.ONE_SIDED),
        ([(10.0, -1.0)], [], InvalidReason.NEGATIVE),
        ([], [(30.0, -0.5)], InvalidReason.NEGATIVE),
    ],
)
def test_b8_a_book_that_no_market_can_have_is_never_served_and_asks_once(
    valid: LocalBook, bids: list[Level], asks: list[Level], loss: InvalidReason
) -> None:
    assert valid.apply(change(6, 6, bids, asks), 0)
    assert (valid.reason, valid.invalidations[loss], valid.snapshots_requested) == (loss, 1, 1)
    assert valid.valid_at(0, 10**18) is None
    assert not valid.apply(change(7, 7, [(9.0, 1.0)]), 0)
    assert valid.snapshots_requested == 1


def test_a_venue_whose_own_book_is_one_sided_is_followed_without_a_storm(valid: LocalBook) -> None:
    assert valid.apply(change(6, 6, [(10.0, 0.0)]), 0)
    assert not valid.apply(start(6, bids=[]), 0)
    assert (valid.state, valid.reason) == (BookState.UNUSABLE, InvalidReason.ONE_SIDED)
    assert not valid.apply(change(7, 7, [], [(19.0, 1.0)]), 0)
    assert valid.valid_at(0, 10**18) is None
    assert not valid.apply(change(8, 8, [(9.0, 1.0)]), 3)
    assert valid.snapshots_requested == 1
    book = valid.valid_at(3, 0)
    assert book is not None
    assert (book.best_bid, book.best_ask) == ((9.0, 1.0), (19.0, 1.0))


def test_b9_a_snapshot_older_than_the_changes_is_asked_for_again() -> None:
    for sequencing in (Sequencing.CONTIGUOUS, Sequencing.PREVIOUS):
        kept = local_book(sequencing, rest=True)
        snapshots_requested = [kept.apply(change(n, n, [(10.0, float(n))]), 0) for n in (8, 9, 10)]
        assert snapshots_requested == [True, False, False]
        assert kept.state is BookState.BUFFERING
        assert kept.apply(start(5), 0)
        assert kept.invalidations[InvalidReason.SNAPSHOT_TOO_OLD] == 1
        assert kept.valid_at(0, 10**18) is None
        assert not kept.apply(start(8), 0)
        assert (kept.state, kept.snapshots_requested) == (BookState.VALID, 2)
        book = kept.valid_at(0, 0)
        assert book is not None
        assert book.best_bid == (10.0, 10.0)


def test_b9_a_snapshot_newer_than_all_changes_waits_for_one_that_joins() -> None:
    """A cached answer looks like this too: only a change that follows proves it."""
    kept = local_book(rest=True)
    assert kept.apply(change(8, 8, [(10.0, 8.0)]), 0)
    assert not kept.apply(start(12), 0)
    assert kept.valid_at(0, 10**18) is None
    assert not kept.apply(change(9, 12, [(10.0, 99.0)]), 0)
    assert kept.valid_at(0, 10**18) is None
    assert not kept.apply(change(12, 13, [(10.0, 13.0)]), 0)
    book = kept.valid_at(0, 0)
    assert book is not None
    assert book.best_bid == (10.0, 13.0)


def test_a_snapshot_that_nobody_waits_for_changes_nothing() -> None:
    kept = local_book(rest=True)
    kept.apply(change(6, 6, [(10.0, 6.0)]), 0)
    kept.apply(start(5), 0)
    assert not kept.apply(start(1, [(3.0, 1.0)]), 0)
    book = kept.valid_at(0, 0)
    assert book is not None
    assert book.best_bid == (10.0, 6.0)
    snapshots_requested = [kept.apply(change(n, n, [(10.0, 9.0)]), 0) for n in (9, 10, 11)]
    assert snapshots_requested == [True, False, False]


def test_more_changes_than_are_kept_need_a_newer_snapshot() -> None:
    kept = local_book(rest=True)
    for number in range(6, 6 + MAX_BUFFERED + 10):
        kept.apply(change(number, number, [(10.0, float(number))]), 0)
    assert kept.apply(start(5), 0)
    assert not kept.apply(start(20), 0)
    assert kept.valid_at(0, 0) is not None


def test_a_quiet_stream_is_not_believed_for_ever(valid: LocalBook) -> None:
    assert valid.valid_at(1_000, 1_000) is not None
    assert valid.valid_at(1_001, 1_000) is None
    assert not valid.apply(change(6, 6, []), 1_001)
    assert valid.valid_at(1_001, 1_000) is not None
    assert not valid.apply(change(6, 6, []), 9_000)  # old news proves no life
    assert valid.valid_at(9_000, 1_000) is None


def test_another_connection_begins_from_nothing(valid: LocalBook) -> None:
    valid.reset()
    assert (valid.state, valid.valid_at(0, 10**18)) == (BookState.WAITING, None)
    assert not valid.apply(change(6, 6, [(10.0, 7.0)]), 0)
    assert valid.valid_at(0, 10**18) is None
    assert not valid.apply(start(3), 0)
    assert valid.valid_at(0, 0) is not None


@pytest.mark.parametrize(
    ("sequencing", "rest"),
    [
        (Sequencing.CONTIGUOUS, False), (Sequencing.CONTIGUOUS, True),
        (Sequencing.PREVIOUS, False), (Sequencing.PREVIOUS, True), (Sequencing.INCREASING, False),
    ],
)  # fmt: skip
@given(new=st.integers(1, 6_900), steps=st.integers(1, 9))
def test_numbers_that_begin_anew_break_a_book_at_once_and_it_starts_again(
    sequencing: Sequencing, rest: bool, new: int, steps: int
) -> None:
    """A venue that was restarted counts from another number and sends no whole book of itself."""
    kept = local_book(sequencing, rest=rest)
    first = start(7_000)
    if sequencing is Sequencing.INCREASING:
        first = replace(first, checksum=crc("10:1:20:1"))
    kept.apply(change(7_001, 7_001, [(10.0, 1.0)]), 0)
    kept.apply(first, 0)
    anew = [replace(change(n, n, [(10.0, 5.0)]), event_ns=9_000) for n in range(new, new + steps)]
    snapshots_requested = [kept.apply(tick, 1) for tick in anew]
    assert snapshots_requested[0]
    assert kept.valid_at(1, 10**18) is None
    assert (kept.state, kept.reason) == (BookState.INVALID, InvalidReason.GAP)
    assert kept.snapshots_requested == 1 + rest
    last = new + steps - 1
    kept.apply(start(last, [(11.0, 1.0)]), 2)
    kept.apply(
        replace(change(last + 1, last + 1, [(12.0, 1.0)]), checksum=crc("12:1:20:1:11:1")), 3
    )
    book = kept.valid_at(3, 0)
    assert book is not None
    assert book.best_bid == (12.0, 1.0)


def test_a_start_of_numbers_that_the_stream_has_left_is_asked_for_again() -> None:
    kept = local_book(rest=True)
    assert kept.apply(change(1, 1, [(10.0, 8.0)]), 0)
    assert not kept.apply(start(7_000), 0)
    snapshots_requested = [kept.apply(change(n, n, [(10.0, 8.0)]), n * 10**9) for n in range(2, 30)]
    assert snapshots_requested.index(True) == 9, "ten seconds without a change that joins"
    assert sum(snapshots_requested) == 1
    assert kept.invalidations[InvalidReason.SNAPSHOT_TOO_OLD] == 1
    assert not kept.apply(start(28), 30 * 10**9)
    assert kept.state is BookState.VALID


def test_a_whole_book_with_a_lower_number_starts_anew_unless_its_time_is_older_too() -> None:
    """BingX tells whole books with a number; after a restart it is lower, and the book is whole."""
    kept = LocalBook(BTC, rules(Sequencing.INCREASING))
    whole = start(9_000, [(15.0, 1.0)])
    kept.apply(whole, 0)
    assert not kept.apply(replace(start(8_999, [(11.0, 1.0)]), event_ns=8_000), 1)  # late
    book = kept.valid_at(1, 1)
    assert book is not None
    assert book.best_bid == (15.0, 1.0)
    assert not kept.apply(replace(start(10, [(12.0, 1.0)]), event_ns=9_001), 2)
    assert book.best_bid == (12.0, 1.0)
    for n in range(3):  # a clock that was set back too: three in a row are not late
        kept.apply(replace(start(n, [(13.0, 1.0)]), event_ns=n), 3)
    assert book.best_bid == (13.0, 1.0)
    assert kept.snapshots_requested == 0


def test_a_change_that_nothing_proves_is_not_believed() -> None:
    """Bitget, `books`: a number that only rises. Without checksum and `pseq` one may be missing."""
    kept = local_book(Sequencing.INCREASING)
    kept.apply(start(10), 0)
    bare = BookChanged(BTC, 30, [(11.0, 1.0)], [], 30, 30, None, None)
    assert kept.apply(bare, 1)
    assert (kept.state, kept.reason) == (BookState.INVALID, InvalidReason.UNPROVEN)
    assert kept.valid_at(1, 10**18) is None
    kept.apply(start(30, [(11.0, 1.0)]), 2)
    assert not kept.apply(replace(bare, first=31, last=31, previous=30), 3), "the number proves it"
    assert kept.state is BookState.VALID
    assert kept.apply(replace(bare, first=40, last=40, previous=35), 4)
    assert kept.reason is InvalidReason.GAP


@pytest.mark.parametrize("sequencing", [Sequencing.INCREASING, Sequencing.NONE])
def test_whole_books_replace_one_another_and_old_ones_do_not(sequencing: Sequencing) -> None:
    kept = LocalBook(BTC, rules(sequencing))
    number = 1 if sequencing is Sequencing.INCREASING else 0
    for price in (10.0, 11.0):
        assert not kept.apply(start(5 * number, [(price, 1.0)]), 0)
    kept.apply(start(4 * number, [(12.0, 1.0)]), 0)
    book = kept.valid_at(0, 0)
    assert book is not None
    assert book.best_bid == ((11.0, 1.0) if number else (12.0, 1.0))
    assert not kept.apply(start(9 * number, [(30.0, 1.0)]), 0)  # crossed: the next one will tell
    assert kept.valid_at(0, 10**18) is None
    assert not kept.apply(start(10 * number, [(10.0, 1.0)]), 0)
    assert kept.valid_at(0, 0) is not None


# A world of changes and what may happen to them -----------------------------------------------

Sides = tuple[dict[float, float], dict[float, float]]
#: sequencing, and whether the start comes by REST
KINDS = [
    (Sequencing.CONTIGUOUS, False), (Sequencing.CONTIGUOUS, True),
    (Sequencing.PREVIOUS, False), (Sequencing.PREVIOUS, True), (Sequencing.INCREASING, False),
]  # fmt: skip
SIZES = st.sampled_from([0.0, 0.0, 1.0, 2.5, 7.0])
#: 49 and 51 are never taken away, so that the true book is always usable
MOVES_OF_BIDS = st.lists(st.tuples(st.integers(40, 48).map(float), SIZES), max_size=4)
MOVES_OF_ASKS = st.lists(st.tuples(st.integers(52, 60).map(float), SIZES), max_size=4)
CHANGES = st.lists(
    st.tuples(MOVES_OF_BIDS, MOVES_OF_ASKS, st.integers(1, 3)), min_size=1, max_size=30
)
FAULTS = st.lists(
    st.tuples(st.sampled_from(["lose", "double", "swap", "split"]), st.integers(0, 29)), max_size=6
)
ANSWERS = st.lists(st.integers(-6, 3), max_size=12)


class World:
    """The venue: the true book after every number, and the changes that made it."""

    def __init__(
        self, steps: list[tuple[list[Level], list[Level], int]], sequencing: Sequencing
    ) -> None:
        self.named = (
            sequencing is not Sequencing.INCREASING
        )  # whether a change names the one before
        self.number = 100
        self.truth: dict[int, Sides] = {100: ({49.0: 1.0}, {51.0: 1.0})}
        self.ticks: list[BookChanged] = []
        for bids, asks, width in steps:
            first, last = self.number + 1, self.number + width
            sides = (dict(self.truth[self.number][0]), dict(self.truth[self.number][1]))
            for side, levels in zip(sides, (bids, asks), strict=True):
                for price, size in levels:
                    if size:
                        side[price] = size
                    else:
                        side.pop(price, None)
            before = self.number if self.named else None
            tick = BookChanged(BTC, last, bids, asks, first, last, before)
            self.ticks.append(replace(tick, checksum=self._checksum(sides)))
            self.truth[last] = sides
            self.number = last

    def start(self, number: int) -> BookReplaced:
        """The whole book as of the last change not after `number`."""
        at = max(n for n in self.truth if n <= max(number, 100))
        bids, asks = self.truth[at]
        sides = (list(bids.items()), list(asks.items()))
        return BookReplaced(BTC, at, *sides, at, self._checksum(self.truth[at]))

    def _checksum(self, sides: Sides) -> int:
        book = Book(BTC)
        book.replace(sides[0].items(), sides[1].items(), 0)
        return checksum(book)


def damaged(ticks: list[BookChanged], faults: list[tuple[str, int]]) -> list[BookChanged]:
    ticks = list(ticks)
    for fault, at in faults:
        if at >= len(ticks):
            continue
        tick = ticks[at]
        if fault == "lose":
            del ticks[at]
        elif fault == "double":
            ticks.insert(min(at + 2, len(ticks)), tick)
        elif fault == "swap" and at:
            ticks[at - 1], ticks[at] = ticks[at], ticks[at - 1]
        elif fault == "split" and tick.last > tick.first:
            half = replace(tick, asks=[], last=tick.first, event_ns=-1, checksum=None)
            rest = replace(tick, bids=[], first=tick.first + 1, previous=None)
            ticks[at : at + 1] = [half, rest]
    return ticks


def run(
    kept: LocalBook, world: World, ticks: list[BookChanged], answers: Iterator[int], *, rest: bool
) -> None:
    """Feed the keeper; answer what it asks with a start that may be older or newer; judge it."""
    waiting = not rest  # a stream begins with a whole book of itself
    for tick in ticks:
        if waiting and (late := next(answers, 0)) <= 0:
            waiting = feed(kept, world, world.start(tick.first - 1 + late))
        snapshots_requested = feed(kept, world, tick)
        assert not (snapshots_requested and waiting), "asked twice for one loss"
        waiting = waiting or snapshots_requested
    for _ in range(9):
        if waiting:
            waiting = feed(kept, world, world.start(world.number))


def feed(kept: LocalBook, world: World, tick: Tick) -> bool:
    snapshots_requested = kept.apply(tick, 0)
    book = kept.valid_at(0, 0)
    if book is not None and book.event_ns >= 0:
        assert not snapshots_requested
        bids, asks = world.truth[book.event_ns]
        assert dict(book.bids(99)) == bids
        assert dict(book.asks(99)) == asks
    return snapshots_requested


def following(world: World) -> BookChanged:
    last = world.number + 1
    tick = BookChanged(BTC, last, [], [], last, last, world.number if world.named else None)
    world.truth[last] = world.truth[world.number]
    return replace(tick, checksum=world.start(last).checksum)


@pytest.mark.parametrize(("sequencing", "rest"), KINDS)
@given(steps=CHANGES, late=st.integers(-3, 3))
def test_a_whole_stream_gives_the_true_book(
    sequencing: Sequencing, rest: bool, steps: list[tuple[list[Level], list[Level], int]], late: int
) -> None:
    world = World(steps, sequencing)
    kept = local_book(sequencing, rest=rest)
    run(kept, world, world.ticks, iter([0 if not rest else late]), rest=rest)
    feed(kept, world, following(world))
    assert kept.state is BookState.VALID
    assert not any(
        count
        for loss, count in kept.invalidations.items()
        if loss is not InvalidReason.SNAPSHOT_TOO_OLD
    )
    book = kept.valid_at(0, 0)
    assert book is not None
    assert book.event_ns == world.number + 1


@pytest.mark.parametrize(("sequencing", "rest"), KINDS)
@given(steps=CHANGES, faults=FAULTS, answers=ANSWERS)
@example(steps=[([], [], 1)] * 4, faults=[("lose", 1)], answers=[0, 2])
def test_whatever_is_lost_doubled_swapped_or_split_no_wrong_book_is_served(
    sequencing: Sequencing,
    rest: bool,
    steps: list[tuple[list[Level], list[Level], int]],
    faults: list[tuple[str, int]],
    answers: list[int],
) -> None:
    """And when the faults are over, it is served again."""
    if sequencing is Sequencing.PREVIOUS:
        # a half that names a number nobody sent proves itself a stranger; what it holds is true
        faults = [fault for fault in faults if fault[0] != "split"]
    world = World(steps, sequencing)
    kept = local_book(sequencing, rest=rest)
    run(kept, world, damaged(world.ticks, faults), iter(answers), rest=rest)
    if feed(kept, world, following(world)):
        feed(kept, world, world.start(world.number + 1))
    world.number += 1
    if feed(kept, world, following(world)):
        feed(kept, world, world.start(world.number + 1))
        world.number += 1
        feed(kept, world, following(world))
    assert kept.state is BookState.VALID
