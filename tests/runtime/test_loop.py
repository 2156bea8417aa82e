"""A journal decided again: the first entry that today's rules would not have written is named."""

from __future__ import annotations

from functools import cache

import pytest
from msgspec.structs import replace

from bowline.core.errors import Damaged
from bowline.core.model.command import PlaceOrder
from bowline.core.model.event import CandleClosed, FillReported, OpinionsFormed
from bowline.core.model.values import Direction
from bowline.desk.paper import replay
from bowline.desk.setup import Setup
from bowline.storage.journal import Entry
from tests.generators import catalogue, sample_specs
from tests.memory_journal import MemoryJournal
from tests.paper_runs import play, setup_of
from tests.scenarios.test_close_fills_stay import minutes


@cache
def lived() -> tuple[Setup, tuple[Entry, ...]]:
    """A run at closes, and its whole journal."""
    setup = setup_of(sample_specs(12, seed=11)[1], minutes(), catalogue())
    journal = MemoryJournal()
    assert play(setup, minutes(), journal).finished
    return setup, tuple(journal.entries())


def journal_of(entries: list[Entry]) -> MemoryJournal:
    journal = MemoryJournal()
    journal.append(entries)
    return journal


def places(kind: type) -> list[int]:
    return [n for n, entry in enumerate(lived()[1]) if isinstance(entry.payload, kind)]


def forged(at: int, **changes) -> MemoryJournal:
    entries = list(lived()[1])
    entries[at] = replace(entries[at], payload=replace(entries[at].payload, **changes))
    return journal_of(entries)


def test_a_run_that_was_left_alone_is_decided_again_as_it_was():
    setup, entries = lived()
    result = replay(setup, journal_of(list(entries)))
    assert result.entries == len(entries)
    assert result.commands == sum(entry.is_command for entry in entries) > 100


def test_a_command_that_says_something_else_is_found():
    setup, entries = lived()
    at = places(PlaceOrder)[5]
    order = entries[at].payload.order
    other = forged(at, order=replace(order, quantity=order.quantity * 2))
    with pytest.raises(Damaged, match=f"entry {entries[at].seq} is another"):
        replay(setup, other)


def test_a_command_that_is_missing_or_too_many_is_found():
    setup, entries = lived()
    at = places(PlaceOrder)[3]
    with pytest.raises(Damaged, match="is another"):
        replay(setup, journal_of([*entries[:at], *entries[at + 1 :]]))
    twice = replace(entries[at], seq=entries[-1].seq + 1)
    with pytest.raises(Damaged, match="is another"):
        replay(setup, journal_of([*entries, twice]))


def test_a_fill_that_is_taken_out_of_the_middle_is_found():
    setup, entries = lived()
    at = places(FillReported)[3]
    with pytest.raises(Damaged, match="is another"):
        replay(setup, journal_of([*entries[:at], *entries[at + 1 :]]))


def test_a_candle_that_is_not_the_store_s_is_found():
    setup, entries = lived()
    at = places(CandleClosed)[40]
    other = forged(at, close=entries[at].payload.close + 1)
    with pytest.raises(Damaged, match=f"entry {entries[at].seq}: the candle that opened at"):
        replay(setup, other)


def test_an_opinion_that_is_not_the_strategy_s_is_found():
    setup, entries = lived()
    at = places(OpinionsFormed)[2]
    ((run_id, signal),) = entries[at].payload.opinions
    turned = replace(signal, edge=Direction(-signal.edge))
    with pytest.raises(Damaged, match=f"entry {entries[at].seq}: the strategy now gives"):
        replay(setup, forged(at, opinions=((run_id, turned),)))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_journal_that_ends_before_any_candle_goes_on_to_the_same_end(share):
    """What a candle led to is written as one: between two candles is where a journal can end."""
    setup, entries = lived()
    candles = places(CandleClosed)
    for at in candles[int(share * len(candles)) :][:4]:
        journal = journal_of(list(entries[:at]))
        assert play(setup, minutes(), journal).finished
        assert tuple(journal.entries()) == entries
