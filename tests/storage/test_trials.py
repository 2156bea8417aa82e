"""Every sweep is counted once and against every other on the same candles, in both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.storage.trials import SweepTrials, Trials
from tests.databases import open_engine

BTC = InstrumentId(MarketId(1), "BTCUSDT")
FIRST = SweepTrials("a" * 64, "d" * 64, BTC, 100, 200, 1000)


@pytest.fixture
def store(database_url: str) -> Iterator[Trials]:
    made = Trials(open_engine(database_url))
    yield made
    made.close()


def test_a_sweep_is_counted_once_however_often_it_runs(store: Trials) -> None:
    assert [store.note(FIRST, 1), store.note(FIRST, 2)] == [0, 0]
    other = replace(FIRST, sweep="b" * 64, variants=50)
    assert store.note(other, 3) == 1000
    assert store.note(FIRST, 4) == 50


def test_a_moved_start_is_the_same_market(store: Trials) -> None:
    """The spans overlap, so what was tried there was tried here, whatever the hash says."""
    store.note(FIRST, 1)
    moved = replace(FIRST, data_hash="e" * 64, from_ns=150, to_ns=260)
    assert store.note(moved, 2) == 1000
    after = replace(FIRST, data_hash="f" * 64, from_ns=260, to_ns=300)
    assert store.note(after, 3) == 0


def test_all_that_was_tried_on_a_span(store: Trials) -> None:
    store.note(FIRST, 1)
    store.note(replace(FIRST, sweep="b" * 64, variants=50, from_ns=180, to_ns=300), 2)
    assert [store.tried(BTC, *span) for span in ((0, 100), (0, 150), (190, 400), (200, 400))] == [
        0, 1000, 1050, 50,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "instrument", [InstrumentId(MarketId(1), "ADAUSDT"), InstrumentId(MarketId(2), "BTCUSDT")]
)
def test_another_instrument_is_another_market(store: Trials, instrument: InstrumentId) -> None:
    store.note(FIRST, 1)
    assert store.note(replace(FIRST, instrument=instrument, data_hash="e" * 64), 2) == 0


def test_two_at_once_note_a_sweep_once(database_url: str) -> None:
    stores = [Trials(open_engine(database_url)) for _ in range(4)]
    threads = [threading.Thread(target=each.note, args=(FIRST, 1)) for each in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stores[0].note(replace(FIRST, sweep="b" * 64), 2) == FIRST.variants
    for each in stores:
        each.close()


def test_counts_beyond_32_bits_are_kept(store: Trials) -> None:
    store.note(replace(FIRST, variants=10**13), 1)
    assert store.note(replace(FIRST, sweep="b" * 64), 2) == 10**13
