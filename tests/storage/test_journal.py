"""Every journal keeps one contract and seals alike: a backtest's head is comparable with any."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bowline.core.model.command import PlaceOrder
from bowline.core.model.event import FillReported, SendLost
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.intent import Reason
from bowline.core.model.order import Order
from bowline.core.model.trading import FillReport
from bowline.core.model.values import AccountId, OrderId, RunId, Side
from bowline.storage.embedded.sqlite_journal import SqliteJournal
from bowline.storage.journal import (
    EMPTY_HEAD,
    Entry,
    Journal,
    Payload,
    Snapshot,
    decode_entry,
    encode_entry,
)
from tests.memory_journal import MemoryJournal

BTC = InstrumentId(MarketId(1), "BTCUSDT")
Open = Callable[[], Journal]


def accepted(seq: int) -> Entry:
    return Entry(seq, SendLost(1000 + seq, AccountId("a"), OrderId(seq), f"venue-{seq}"))


def placed(seq: int) -> Entry:
    order = Order(
        OrderId(seq),
        AccountId("a"),
        RunId(1),
        BTC,
        Side.BUY,
        Decimal("0.0130"),
        Reason.SIGNAL,
        reduce_only=False,
    )
    return Entry(seq, PlaceOrder(1000 + seq, order))


def filled(seq: int) -> Entry:
    price, fee = Decimal("43210.1"), Decimal("0.42")
    fill = FillReport(
        BTC, "t1", "v", OrderId(seq), Side.BUY, Decimal("0.0130"), price, fee, "USDT", 5
    )
    return Entry(seq, FillReported(1000 + seq, AccountId("a"), fill), cause=seq - 1)


@pytest.fixture(params=["sqlite", "memory"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    made: Journal
    made = SqliteJournal(tmp_path / "run-1.db") if request.param == "sqlite" else MemoryJournal()
    yield made
    made.close()


def test_an_empty_journal_has_a_fixed_head(journal: Journal) -> None:
    assert (journal.last_seq, journal.head) == (0, EMPTY_HEAD.hex())
    assert list(journal.entries()) == []
    assert journal.latest_snapshot() is None
    assert journal.verify().damage is None


def test_entries_come_back_as_they_were_and_in_order(journal: Journal) -> None:
    entries = [placed(2), filled(3), accepted(70)]
    journal.append(entries[:2])
    journal.append(entries[2:])
    journal.append([])
    assert list(journal.entries()) == entries
    assert list(journal.entries(after_seq=3)) == entries[2:]
    assert list(journal.entries(after_seq=69)) == entries[2:]
    assert list(journal.entries(after_seq=70)) == []
    assert journal.last_seq == 70
    assert [entry.is_command for entry in journal.entries()] == [True, False, False]
    assert next(journal.entries()).seen_ns == 1002


@pytest.mark.parametrize("seqs", [[0], [-1], [5], [4], [6, 6], [7, 6]])
def test_a_seq_that_does_not_rise_is_refused_and_nothing_of_it_is_kept(
    journal: Journal, seqs: list[int]
) -> None:
    journal.append([accepted(5)])
    head = journal.head
    with pytest.raises(ValueError, match="rise"):
        journal.append([accepted(seq) for seq in seqs])
    assert (journal.last_seq, journal.head) == (5, head)
    journal.append([accepted(6)])


def test_the_head_depends_on_every_seq_and_payload_and_on_nothing_else(journal: Journal) -> None:
    journal.append([placed(1), accepted(3)])
    heads = {EMPTY_HEAD.hex(), journal.head}
    for entries in ([placed(1)], [placed(1), accepted(4)], [accepted(3)], [placed(2), accepted(3)]):
        other = MemoryJournal()
        other.append(entries)
        heads.add(other.head)
    assert len(heads) == 6

    twin = MemoryJournal()
    twin.append([placed(1)])
    twin.save_snapshot(Snapshot(2, b"state"))
    twin.append([accepted(3)])
    assert twin.head == journal.head


def test_the_latest_snapshot_comes_back_and_may_be_taken_twice(journal: Journal) -> None:
    journal.append([accepted(5)])
    journal.save_snapshot(Snapshot(5, b"five"))
    journal.save_snapshot(Snapshot(9, b"\x00nine"))
    journal.save_snapshot(Snapshot(9, b"\x00nine"))
    assert journal.latest_snapshot() == Snapshot(9, b"\x00nine")
    assert journal.verify().snapshots == 2
    for late in (Snapshot(9, b"other"), Snapshot(8, b"eight")):
        with pytest.raises(ValueError, match="cannot follow"):
            journal.save_snapshot(late)


def test_nothing_can_be_slipped_in_under_a_snapshot(journal: Journal) -> None:
    """A snapshot speaks for everything up to its seq, so nothing may appear there afterwards."""
    journal.append([accepted(5)])
    journal.save_snapshot(Snapshot(9, b"nine"))
    with pytest.raises(ValueError, match="rise"):
        journal.append([accepted(9)])
    journal.append([accepted(10)])
    assert journal.verify().damage is None


def test_an_old_state_can_be_snapshot_late(journal: Journal) -> None:
    journal.append([accepted(1), accepted(2), accepted(3)])
    journal.save_snapshot(Snapshot(2, b"two"))
    assert journal.verify().damage is None


def test_entries_written_while_reading_do_not_disturb_the_reader(journal: Journal) -> None:
    journal.append([accepted(seq) for seq in range(1, 1500)])
    seen = []
    for entry in journal.entries():
        seen.append(entry.seq)
        if entry.seq == 1000:
            journal.append([accepted(5000)])
    assert seen[:1499] == list(range(1, 1500))


texts = st.text(max_size=20)
amounts = st.decimals(allow_nan=False, allow_infinity=False, places=12)
payloads: st.SearchStrategy[Payload] = st.one_of(
    st.builds(SendLost, st.integers(0, 2**62), texts, st.integers(0, 2**62), texts),
    st.builds(
        lambda seen, side, quantity, reason: PlaceOrder(
            seen, Order(OrderId(1), AccountId("a"), RunId(1), BTC, side, quantity, reason)
        ),
        st.integers(0, 2**62), st.sampled_from(Side), amounts, st.sampled_from(Reason),
    ),
)  # fmt: skip


@given(payloads)
def test_a_payload_survives_its_bytes_exactly(payload: Payload) -> None:
    """Decimals keep every digit and trailing zero; the same payload always has the same bytes."""
    entry = Entry(7, payload, cause=3)
    again = decode_entry(7, encode_entry(entry))
    assert again == entry
    assert encode_entry(again) == encode_entry(entry)
    assert repr(again) == repr(entry)


@settings(max_examples=40)
@given(st.lists(st.lists(payloads, max_size=4), max_size=6))
def test_stores_seal_alike_however_the_entries_are_grouped(groups: list[list[Payload]]) -> None:
    with TemporaryDirectory() as folder:
        grouped, single = SqliteJournal(Path(folder, "run-1.db")), MemoryJournal()
        seq = 0
        for group in groups:
            entries = [Entry(seq + i, payload) for i, payload in enumerate(group, start=1)]
            grouped.append(entries)
            for entry in entries:
                single.append([entry])
            seq += len(group)
        assert grouped.head == single.head
        assert list(grouped.entries()) == list(single.entries())
        grouped.close()
