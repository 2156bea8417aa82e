"""A journal file survives a crash as a prefix of what was committed; no damage goes unnoticed."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from bowline.core.errors import BadInput, BowlineError, Conflict, Damaged, NotFound
from bowline.core.model.command import PlaceOrder
from bowline.core.model.event import SendLost
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.intent import Reason
from bowline.core.model.order import Order
from bowline.core.model.values import AccountId, OrderId, RunId, Side
from bowline.storage.embedded.journal_file import SCHEMA, audit
from bowline.storage.embedded.sqlite_journal import SqliteJournal
from bowline.storage.journal import Entry, Snapshot, VerifyResult
from tests.chance import seeded

BTC = InstrumentId(MarketId(1), "BTCUSDT")


def some(first: int, count: int) -> list[Entry]:
    """Entries of two kinds and sizes, with a gap in their seqs before every third."""
    entries = []
    for index in range(first, first + count):
        seq = index + index // 3
        order = Order(
            OrderId(seq),
            AccountId("a"),
            RunId(1),
            BTC,
            Side.BUY,
            Decimal(seq) / 7,
            Reason.SIGNAL,
            reduce_only=False,
        )
        payload = (
            PlaceOrder(seq, order)
            if index % 2
            else SendLost(seq, AccountId("a"), OrderId(seq), "v")
        )
        entries.append(Entry(seq, payload))
    return entries


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journals" / "run-1.db"


def written(path: Path, count: int = 12) -> Path:
    journal = SqliteJournal(path)
    entries = some(1, count)
    journal.append(entries[: count // 2])
    journal.save_snapshot(Snapshot(journal.last_seq, b"half way"))
    journal.append(entries[count // 2 :])
    journal.save_snapshot(Snapshot(journal.last_seq + 5, b"at the end"))
    journal.close()
    return path


def test_everything_is_there_after_it_was_closed_and_opened(path: Path) -> None:
    journal = SqliteJournal(written(path))
    assert list(journal.entries()) == some(1, 12)
    assert journal.latest_snapshot() == Snapshot(21, b"at the end")
    journal.append([Entry(22, some(1, 1)[0].payload)])
    assert journal.verify() == VerifyResult(entries=13, snapshots=2)
    journal.close()


def test_a_commit_is_an_fsync(path: Path) -> None:
    """In WAL mode SQLite syncs at each commit only with `synchronous` FULL (2) or more."""
    for _ in range(2):
        journal = SqliteJournal(path)
        assert journal._db.execute("PRAGMA journal_mode").fetchone() == (b"wal",)
        assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,)
        journal.close()


def test_a_second_writer_is_refused_while_readers_read(path: Path) -> None:
    writer = SqliteJournal(path)
    writer.append(some(1, 3))
    with pytest.raises(Conflict, match="has a writer already"):
        SqliteJournal(path)
    reader = SqliteJournal(path, read_only=True)
    assert len(list(reader.entries())) == 3
    writer.append(some(4, 2))
    assert len(list(reader.entries())) == 5
    assert reader.verify() == VerifyResult(entries=5, snapshots=0)
    assert (reader.last_seq, reader.head) == (writer.last_seq, writer.head)
    with pytest.raises(Conflict, match="could not be written"):
        reader.append(some(6, 1))
    writer.close()
    SqliteJournal(path).close()


HOLD = """
import sys
from pathlib import Path
from bowline.core.model.event import SendLost
from bowline.storage.embedded.sqlite_journal import SqliteJournal
from bowline.storage.journal import Entry
journal = SqliteJournal(Path(sys.argv[1]))
for seq in range(1, 1_000_000):
    lost = SendLost(seq, "a", seq, "v")
    journal.append([Entry(2 * seq, lost), Entry(2 * seq + 1, lost)])
    print(2 * seq + 1, flush=True)
"""


def test_a_killed_writer_leaves_all_it_has_committed_and_its_lock_is_gone(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(20)]
        with pytest.raises(Conflict, match="has a writer already"):
            SqliteJournal(path)
        child.send_signal(signal.SIGKILL)
        told += [int(line) for line in child.stdout.read().split()]
    journal = SqliteJournal(path)
    assert journal.last_seq >= max(told)
    assert journal.last_seq % 2 == 1
    assert journal.verify().damage is None
    assert [entry.seq for entry in journal.entries()] == list(range(2, journal.last_seq + 1))
    journal.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET payload = '{}' WHERE seq = 1",
        "DELETE FROM entries WHERE seq = 1",
        "INSERT OR REPLACE INTO entries VALUES (1, '{}', x'00')",
        "INSERT INTO entries VALUES (3, '{}', x'00')",
        "UPDATE snapshots SET state = x'00'",
        "DELETE FROM snapshots",
        "REPLACE INTO snapshots SELECT seq, x'00', hash FROM snapshots",
        "DELETE FROM meta",
    ],
)
def test_nobody_can_change_or_remove_a_row(path: Path, statement: str) -> None:
    db = sqlite3.connect(written(path))
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(statement)
    db.close()


def test_a_journal_of_an_unknown_format_is_refused(path: Path) -> None:
    db = sqlite3.connect(written(path))
    db.execute("PRAGMA user_version = 99")
    db.close()
    for read_only in (True, False):
        with pytest.raises(Conflict, match="format 99") as error:
            SqliteJournal(path, read_only=read_only)
        assert "version of Bowline that wrote it" in error.value.hint


def test_another_file_is_refused_and_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("not a database, but long enough to look at" * 30)
    with pytest.raises(Damaged, match="not a database"):
        SqliteJournal(path)
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE other (x)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(BadInput, match="is not a journal"):
        SqliteJournal(path)
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_said_in_words(path: Path) -> None:
    path.parent.write_text("a file where the folder should be")
    with pytest.raises(Conflict, match="cannot be made"):
        SqliteJournal(path)
    path.parent.unlink()
    for taken in (Path(f"{path}.lock"), path):
        taken.mkdir(parents=True)
        with pytest.raises(Conflict, match="cannot be reached or changed now: unable to open"):
            SqliteJournal(path)
        taken.rmdir()


def test_there_is_nothing_to_read_where_nothing_was_written(path: Path) -> None:
    with pytest.raises(NotFound):
        SqliteJournal(path, read_only=True)
    assert not path.exists()


def test_after_a_failed_write_nothing_is_kept_and_nothing_more_is_written(path: Path) -> None:
    """A full disk: the step is not acted on, and no retry may hide what was lost."""
    journal = SqliteJournal(path)
    journal.append(some(1, 3))
    (pages,) = journal._db.execute("PRAGMA page_count").fetchone()
    journal._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Conflict, match=r"could not be written: .*full"):
        journal.append(some(4, 500))
    with pytest.raises(Conflict, match=r"could not be written: .*closed"):
        journal.append(some(4, 1))
    journal = SqliteJournal(path)
    assert list(journal.entries()) == some(1, 3)
    journal.close()


def test_an_entry_of_an_unknown_kind_is_named(path: Path) -> None:
    """Sealed, but written by a Bowline that knows more: refused, with its seq."""
    journal = SqliteJournal(path)
    journal.append(some(1, 2))
    from bowline.storage import journal as protocol

    head = bytes.fromhex(journal.head)
    payload = b'{"type":"MoonReached","seen_ns":1}'
    link = protocol.entry_hash(head, 9, payload)
    journal._db.execute("INSERT INTO entries VALUES (9, ?, ?)", (payload.decode(), link))
    journal._db.execute("UPDATE meta SET entries = 3, last_seq = 9, head = ?", (link,))
    with pytest.raises(Damaged, match="damaged at entry 9: this Bowline cannot read it"):
        list(journal.entries())
    result = journal.verify()
    assert result.damage is not None
    assert result.damage.seq == 9
    journal.close()


# --- damage ------------------------------------------------------------------------------------

TRIGGERS = [text for text in SCHEMA if text.startswith("CREATE TRIGGER")]


def image(path: Path, *, triggers: bool) -> bytes:
    """The whole file as bytes that SQLite takes as a database in memory."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if not triggers:
        for text in TRIGGERS:
            db.execute(f"DROP TRIGGER {text.split()[2]}")
    db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    return path.read_bytes()


def opened(content: bytes) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.text_factory = bytes
    db.deserialize(content)
    return db


def flipped(value: object, rng: random.Random) -> object:
    """The value with one of its bits changed."""
    if isinstance(value, int):
        return value ^ (1 << rng.randrange(62))
    content = bytearray(value)
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


COLUMNS = {
    "entries": ["payload", "hash", "seq"],
    "snapshots": ["state", "hash", "seq"],
    "meta": ["entries", "last_seq", "head", "snapshots", "snapshot_seq", "snapshot_head"],
}


def rows_of(db: sqlite3.Connection, table: str) -> list[int]:
    key = "id" if table == "meta" else "seq"
    return [row[0] for row in db.execute(f"SELECT {key} FROM {table}")]


def flip_a_bit(db: sqlite3.Connection, rng: random.Random) -> None:
    table = rng.choice(["entries", "entries", "snapshots"])
    column, seq = rng.choice(COLUMNS[table]), rng.choice(rows_of(db, table))
    (value,) = db.execute(f"SELECT {column} FROM {table} WHERE seq = ?", (seq,)).fetchone()
    other = flipped(value, rng)
    while column == "seq" and other in rows_of(db, table):
        other = flipped(value, rng)
    db.execute(f"UPDATE {table} SET {column} = ? WHERE seq = ?", (other, seq))


def delete_a_row(db: sqlite3.Connection, rng: random.Random) -> None:
    table = rng.choice(["entries", "entries", "snapshots", "meta"])
    key = "id" if table == "meta" else "seq"
    db.execute(f"DELETE FROM {table} WHERE {key} = ?", (rng.choice(rows_of(db, table)),))


def cut_the_end(db: sqlite3.Connection, rng: random.Random) -> None:
    table = rng.choice(["entries", "snapshots"])
    db.execute(f"DELETE FROM {table} WHERE seq >= ?", (rng.choice(rows_of(db, table)),))


def swap_two_rows(db: sqlite3.Connection, rng: random.Random) -> None:
    table = rng.choice(["entries", "entries", "snapshots"])
    one, other = rng.sample(rows_of(db, table), 2)
    spare = 10**15
    for source, target in ((one, spare), (other, one), (spare, other)):
        db.execute(f"UPDATE {table} SET seq = ? WHERE seq = ?", (target, source))


def alter_meta(db: sqlite3.Connection, rng: random.Random) -> None:
    column = rng.choice(COLUMNS["meta"])
    (value,) = db.execute(f"SELECT {column} FROM meta").fetchone()
    other = rng.choice([flipped(value, rng), None, -1, b"", "x"])
    db.execute(f"UPDATE meta SET {column} = ?", (other,))


def repeat_a_row(db: sqlite3.Connection, rng: random.Random) -> None:
    seq = rng.choice(rows_of(db, "entries"))
    free = rng.choice(sorted(set(range(1, 40)) - set(rows_of(db, "entries"))))
    db.execute(
        "INSERT INTO entries SELECT ?, payload, hash FROM entries WHERE seq = ?", (free, seq)
    )


@pytest.mark.chance
@pytest.mark.parametrize(
    ("mutate", "times"),
    [
        (flip_a_bit, 3000), (delete_a_row, 500), (cut_the_end, 500), (swap_two_rows, 1000),
        (alter_meta, 500), (repeat_a_row, 500),
    ],
)  # fmt: skip
def test_every_change_of_a_stored_value_is_found(
    path: Path, mutate: Callable[[sqlite3.Connection, random.Random], None], times: int
) -> None:
    rng = seeded(f"{mutate.__name__} 1")
    content = image(written(path), triggers=False).replace(b" NOT NULL", b"         ")
    for _ in range(times):
        db = opened(content)
        mutate(db, rng)
        found = audit(db)
        assert found.damage is not None
        assert found.damage.what != "tables or triggers were changed"
        db.close()


def test_the_damage_names_the_entry(path: Path) -> None:
    content = image(written(path), triggers=False)
    for position, entry in enumerate(some(1, 12)):
        db = opened(content)
        db.execute("UPDATE entries SET payload = payload || ' ' WHERE seq = ?", (entry.seq,))
        result = audit(db)
        assert (result.entries, result.damage and result.damage.seq) == (position, entry.seq)
        db.close()


def content_of(db: sqlite3.Connection) -> list[list[tuple[object, ...]]]:
    tables = ("entries", "snapshots", "meta")
    return [db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in tables]


@pytest.mark.chance
def test_a_flipped_bit_of_the_file_is_found_or_changes_nothing(path: Path) -> None:
    """4,000 bits anywhere in the file, unused space and SQLite's own pages included."""
    rng = seeded(2)
    whole = image(written(path), triggers=True)
    original = content_of(opened(whole))
    assert audit(opened(whole)) == VerifyResult(12, 2)
    used = [place for place, byte in enumerate(whole) if byte]
    found = 0
    for turn in range(4000):
        content = bytearray(whole)
        place = rng.choice(used) if turn % 4 else rng.randrange(len(whole))
        content[place] ^= 1 << rng.randrange(8)
        db = opened(bytes(content))
        if audit(db).damage is None:
            assert content_of(db) == original
        else:
            found += 1
        db.close()
    assert found > 1000


@pytest.mark.parametrize("what", ["the last entries are gone", "the head was changed"])
def test_a_writer_will_not_go_on_from_a_changed_end(path: Path, what: str) -> None:
    db = sqlite3.connect(written(path), isolation_level=None)
    if what == "the head was changed":
        db.execute("UPDATE meta SET head = zeroblob(32)")
    else:
        db.execute("DROP TRIGGER entries_delete")
        db.execute("DELETE FROM entries WHERE seq > 10")
    db.close()
    with pytest.raises(Damaged, match="end of the journal"):
        SqliteJournal(path)
    reader = SqliteJournal(path, read_only=True)
    if what == "the last entries are gone":
        with pytest.raises(Damaged, match="damaged at entry 10: the end"):
            list(reader.entries())
    assert reader.verify().damage is not None
    reader.close()
    SqliteJournal(path.with_name("run-2.db")).close()


def test_dropped_triggers_are_found(path: Path) -> None:
    image(written(path), triggers=False)
    reader = SqliteJournal(path, read_only=True)
    result = reader.verify()
    assert result == VerifyResult(12, 2, result.damage)
    assert result.damage is not None
    assert "triggers" in result.damage.what
    reader.close()


@pytest.mark.chance
def test_a_torn_wal_leaves_a_prefix_of_what_was_committed(path: Path, tmp_path: Path) -> None:
    """The WAL is cut at every frame and at random bytes, and bits in it are flipped (fault E3)."""
    rng = seeded(3)
    journal = SqliteJournal(written(path))
    states = {journal.last_seq: journal.head}
    for step in range(20):
        count = 1 + step % 4
        journal.append(
            [Entry(100 * (step + 1) + i, some(i + 1, 1)[0].payload) for i in range(count)]
        )
        states[journal.last_seq] = journal.head
    wal_path = Path(f"{path}-wal")
    file, wal = path.read_bytes(), wal_path.read_bytes()
    journal.close()

    frame = 24 + 4096
    cuts = [*range(32, len(wal) + 1, frame), *(rng.randrange(len(wal)) for _ in range(150))]
    torn = [wal[:cut] for cut in sorted(cuts)]
    for _ in range(100):
        content = bytearray(wal)
        content[rng.randrange(len(wal))] ^= 1 << rng.randrange(8)
        torn.append(bytes(content))

    copy = tmp_path / "copy" / "run-1.db"
    seen = []
    for content in torn:
        shutil.rmtree(copy.parent, ignore_errors=True)
        copy.parent.mkdir()
        copy.write_bytes(file)
        Path(f"{copy}-wal").write_bytes(content)
        after = SqliteJournal(copy)
        assert states[after.last_seq] == after.head
        assert after.verify().damage is None
        seen.append(after.last_seq)
        after.close()
    lengths = seen[: len(cuts)]
    assert lengths == sorted(lengths)
    assert (lengths[0], lengths[-1]) == (16, max(states))
    assert set(states) == set(lengths)


@pytest.mark.chance
def test_only_people_mend_errors_escape(path: Path) -> None:
    """Whatever bit is flipped, reading works or ends in an error that a person can act on."""
    whole = image(written(path), triggers=True)
    rng = seeded(4)
    used = [place for place, byte in enumerate(whole) if byte]
    for turn in range(300):
        content = bytearray(whole)
        content[rng.choice(used) if turn % 2 else rng.randrange(100)] ^= 1 << rng.randrange(8)
        path.write_bytes(bytes(content))
        for read_only in (True, False):
            try:
                journal = SqliteJournal(path, read_only=read_only)
                list(journal.entries())
                journal.latest_snapshot()
                journal.close()
            except BowlineError:
                pass
        for left in path.parent.glob("run-1.db-*"):
            left.unlink()
