"""The book in C is the clear one: the same answers, refusals and prices after any calls."""

from __future__ import annotations

import gc
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.values import Side
from bowline.core.venue import Book
from bowline.core.venue.book import ClearBook
from tests.chance import seeded

BTC = InstrumentId(MarketId(4), "BTCUSDT")

prices = st.one_of(
    st.integers(1, 40).map(float), st.floats(1e-12, 1e12), st.sampled_from([0.1, 0.2, 0.1 + 0.2])
)
sizes = st.one_of(st.just(0.0), st.floats(0, 1e9), st.sampled_from([-1.0, -0.0, float("nan")]))
sides = st.lists(st.tuples(prices, sizes), max_size=12)
calls = st.lists(
    st.tuples(st.sampled_from(["replace", "change", "change", "keep"]), sides, sides), max_size=12
)


def test_the_book_that_everybody_uses_is_compiled_here() -> None:
    """Where it could not be compiled the tests below would compare a thing with itself."""
    assert Book is not ClearBook


decimals = st.integers(0, 16)


@given(calls, st.floats(1e-9, 1e10), st.integers(0, 20), decimals, decimals)
def test_any_calls_leave_the_same_book(
    calls, quantity: float, depth: int, price_decimals: int, size_decimals: int
) -> None:
    clear, fast = ClearBook(BTC), Book(BTC)
    for number, (name, bids, asks) in enumerate(calls):
        told = []
        for book in (clear, fast):
            try:
                if name == "keep":
                    book.keep(len(bids))
                else:
                    getattr(book, name)(bids, asks, number)
                told.append("")
            except ValueError as error:
                told.append(str(error))
        assert told[0] == told[1]
        for ask in (
            lambda book: (book.best_bid, book.best_ask, book.usable, book.event_ns),
            lambda book: (book.bids(depth), book.asks(depth), book.instrument),
            lambda book: [book.average_price(side, quantity) for side in Side],
            lambda book: book.by_turns(depth, price_decimals, size_decimals),
        ):
            assert ask(clear) == ask(fast)


@pytest.mark.chance
def test_a_thousand_levels_and_a_hundred_thousand_changes_end_the_same() -> None:
    random = seeded(3)
    clear, fast = ClearBook(BTC), Book(BTC)
    for number in range(100_000):
        price = float(random.randint(1, 2_000))
        size = random.choice((0.0, 0.0, random.random()))
        bids, asks = ([(price, size)], []) if number % 2 else ([], [(price + 3_000, size)])
        clear.change(bids, asks, number)
        fast.change(bids, asks, number)
    assert clear.bids(5_000) == fast.bids(5_000)
    assert clear.asks(5_000) == fast.asks(5_000)


@given(
    st.lists(st.tuples(st.integers(1, 10**12), st.integers(1, 10**9)), max_size=60),
    st.integers(0, 8),
    st.integers(0, 8),
)
def test_numbers_of_a_venue_are_written_as_the_venue_wrote_them(
    levels: list[tuple[int, int]], price_decimals: int, size_decimals: int
) -> None:
    """The float nearest to a decimal text gives the text back, in C as in Python."""
    clear, fast = ClearBook(BTC), Book(BTC)
    told = [(price / 10**price_decimals, size / 10**size_decimals) for price, size in levels]
    for book in (clear, fast):
        book.replace(told[::2], told[1::2], 1)
    wanted = clear.by_turns(25, price_decimals, size_decimals)
    assert fast.by_turns(25, price_decimals, size_decimals) == wanted
    if told:
        assert f"{told[0][0]:.{price_decimals}f}:".encode() in wanted + b":" or len(levels) > 50


@pytest.mark.parametrize("book", [ClearBook(BTC), Book(BTC)], ids=["clear", "compiled"])
def test_what_is_no_level_is_refused_and_leaves_a_book_that_works(book: ClearBook) -> None:
    book.replace([(100.0, 1.0)], [(101.0, 1.0)], 1)
    for wrong in ([(1.0,)], [(1.0, 2.0, 3.0)], [("1", "2")], [None], 7, [(None, 1.0)]):
        with pytest.raises((TypeError, ValueError)):
            book.change(wrong, [], 2)
    with pytest.raises(ValueError, match="not a number"):
        book.change([(float("nan"), 1.0)], [], 2)
    with pytest.raises(ValueError, match=r"size -1.0 at 99.5: a size is 0 or more"):
        book.change([], [(99.5, -1.0)], 2)
    assert (book.best_bid, book.best_ask, book.event_ns) == ((100.0, 1.0), (101.0, 1.0), 1)


def test_levels_may_be_lists_and_whole_numbers() -> None:
    book = Book(BTC)
    book.replace(([100, 1], (99, 2)), iter([(101, 1)]), 1)
    assert (book.bids(2), book.asks(9)) == ([(100.0, 1.0), (99.0, 2.0)], [(101.0, 1.0)])


def test_a_level_that_changes_the_list_while_it_is_read_does_no_harm() -> None:
    levels: list[object] = []

    class Sly:
        def __float__(self) -> float:
            levels.clear()
            return 5.0

    levels += [(Sly(), 1.0), (4.0, 1.0), (3.0, 1.0)]
    book = Book(BTC)
    book.change(levels, [], 1)
    assert book.bids(9) == [(5.0, 1.0)]


def test_no_memory_is_kept_and_no_reference_is_lost() -> None:
    def work() -> None:
        for _ in range(200):
            book = Book(BTC)
            book.replace([(float(n), 1.0) for n in range(200)], [(1e3, 1.0)], 1)
            book.change([(0.5, 1.0)], [(1e3, 0.0)], 2)
            (book.best_bid, book.bids(9), book.average_price(Side.SELL, 3.0))

    work()
    gc.collect()
    before = sys.getrefcount(BTC)
    tracemalloc.start()
    work()
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sys.getrefcount(BTC) == before
    assert kept < 20_000
