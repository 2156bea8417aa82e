"""The loop over a journal that is not its own: it stops where they part, and names the entry."""

from __future__ import annotations

from functools import cache

import pytest
from msgspec.structs import replace

from bowline.core.errors import Damaged
from bowline.core.model.event import OrderAccepted, OrderFilled, PlaceOrder
from bowline.core.sim import SimVenue
from bowline.desk.paper import replay
from bowline.desk.setup import Setup
from bowline.storage.embedded.memory_journal import MemoryJournal
from bowline.storage.journal import Entry
from tests.generators import catalogue, sample_specs
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


def again(entries: list[Entry]) -> MemoryJournal:
    """The run over a journal of these entries."""
    setup, _ = lived()
    journal = journal_of(entries)
    play(setup, minutes(), journal)
    return journal


def gaps(entries: tuple[Entry, ...]) -> list[int]:
    """Places before which a number is missing: it is that of a candle, which lies on the tape."""
    return [at for at in range(1, len(entries)) if entries[at].seq > entries[at - 1].seq + 1]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_an_entry_with_the_number_of_a_candle_is_found_at_that_candle(share):
    """Whatever it says, and though the entries behind it are as they were."""
    _, entries = lived()
    places = gaps(entries)
    at = places[int(share * len(places))]
    for taken in (entries[at].seq - 1, entries[at - 1].seq + 1):
        forged = [*entries[:at], replace(entries[at], seq=taken), *entries[at + 1 :]]
        with pytest.raises(Damaged, match=f"part at entry {taken}: the run has a fact of the tape"):
            again(forged)
        setup, _ = lived()
        venue = SimVenue({setup.run.instrument.id: setup.run.policy.costs})
        with pytest.raises(Damaged, match=f"part at entry {taken}: the run has a fact of the tape"):
            replay(setup, journal_of(forged), MemoryJournal(), venue)


def test_a_command_that_says_something_else_is_found():
    _, entries = lived()
    at = [n for n, entry in enumerate(entries) if isinstance(entry.payload, PlaceOrder)][5]
    payload = entries[at].payload
    other = replace(payload, order=replace(payload.order, quantity=payload.order.quantity * 2))
    forged = [*entries[:at], replace(entries[at], payload=other), *entries[at + 1 :]]
    with pytest.raises(Damaged, match=f"part at entry {entries[at].seq}: the run has PlaceOrder"):
        again(forged)


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_entries_under_later_numbers_are_not_the_same_entries(share):
    """As if one more candle had closed before them: equal words alone make no equal entry."""
    _, entries = lived()
    places = gaps(entries)
    at = places[int(share * len(places))]
    later = [replace(entry, seq=entry.seq + 1) for entry in entries[at:]]
    with pytest.raises(Damaged, match=f"part at entry {entries[at].seq}: the run has PlaceOrder"):
        again([*entries[:at], *later])


def test_an_answer_that_is_not_there_is_never_asked_for_again_while_more_follows():
    """The venue's answer is taken out of the middle: what follows cannot be its continuation."""
    _, entries = lived()
    at = [n for n, entry in enumerate(entries) if isinstance(entry.payload, OrderFilled)][3]
    with pytest.raises(Damaged, match=r"part at entry \d+"):
        again([*entries[:at], *entries[at + 1 :]])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_journal_that_ends_anywhere_goes_on_to_the_same_end(share):
    """After a command without its answers, and after answers, which are written together."""
    _, entries = lived()
    first = int(share * len(entries))
    for cut in range(first, first + 4):
        if not isinstance(entries[cut - 1].payload, OrderAccepted):
            assert tuple(again(list(entries[:cut])).entries()) == entries


def test_an_entry_behind_the_last_candle_is_not_passed_over():
    _, entries = lived()
    more = replace(entries[-1], seq=entries[-1].seq + 100_000)
    with pytest.raises(Damaged, match="goes on after the last candle"):
        again([*entries, more])
