"""What a venue has no candles of is remembered as ranges, in both databases (M5)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.storage.absences import Absence, Absences, outside
from tests.databases import open_engine

BTC, ETH = (InstrumentId(MarketId(4), each) for each in ("BTCUSDT", "ETHUSDT"))


@pytest.fixture
def store(database_url: str) -> Iterator[Absences]:
    made = Absences(open_engine(database_url))
    yield made
    made.close()


def test_ranges_that_touch_are_one_and_the_oldest_question_counts(store: Absences) -> None:
    store.note(BTC, 10, 20, 100)
    store.note(BTC, 30, 40, 200)
    assert store.of(BTC) == (Absence(10, 20, 100), Absence(30, 40, 200))
    store.note(BTC, 20, 30, 300)
    assert store.of(BTC) == (Absence(10, 40, 100),)
    assert store.of(ETH) == ()


def test_a_range_that_is_asked_for_again_as_a_whole_is_fresh(store: Absences) -> None:
    store.note(BTC, 10, 20, 100)
    store.note(BTC, 5, 25, 200)
    assert store.of(BTC) == (Absence(5, 25, 200),)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9)), max_size=9), st.integers(0, 50))
def test_what_is_outside_of_ranges_is_the_rest_of_the_span(
    spans: list[tuple[int, int]], end: int
) -> None:
    ranges = sorted((start, start + size) for start, size in spans)
    rest = {at for first, last in outside(5, end, ranges) for at in range(first, last)}
    inside = {at for first, last in ranges for at in range(first, last)}
    assert rest == set(range(5, end)) - inside
