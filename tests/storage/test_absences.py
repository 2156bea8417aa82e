"""Ranges without candles at a venue are stored and merged, in both databases (M5)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.storage.absences import AbsenceStore, AbsentRange, subtract_ranges
from tests.databases import open_engine

BTC, ETH = (InstrumentId(MarketId(4), each) for each in ("BTCUSDT", "ETHUSDT"))


@pytest.fixture
def store(database_url: str) -> Iterator[AbsenceStore]:
    engine = open_engine(database_url)
    yield AbsenceStore(engine)
    engine.dispose()


def test_touching_ranges_are_merged_with_the_oldest_request_time(store: AbsenceStore) -> None:
    store.record(BTC, 10, 20, 100)
    store.record(BTC, 30, 40, 200)
    assert store.ranges(BTC) == (AbsentRange(10, 20, 100), AbsentRange(30, 40, 200))
    store.record(BTC, 20, 30, 300)
    assert store.ranges(BTC) == (AbsentRange(10, 40, 100),)
    assert store.ranges(ETH) == ()


def test_a_range_that_is_requested_again_as_a_whole_gets_the_new_time(store: AbsenceStore) -> None:
    store.record(BTC, 10, 20, 100)
    store.record(BTC, 5, 25, 200)
    assert store.ranges(BTC) == (AbsentRange(5, 25, 200),)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9)), max_size=9), st.integers(0, 50))
def test_subtracting_ranges_leaves_the_rest_of_the_span(
    spans: list[tuple[int, int]], end: int
) -> None:
    ranges = sorted((start, start + size) for start, size in spans)
    rest = {at for first, last in subtract_ranges(5, end, ranges) for at in range(first, last)}
    inside = {at for first, last in ranges for at in range(first, last)}
    assert rest == set(range(5, end)) - inside
