"""The file of a journal: its tables, how they are read, and the check of the whole of it.

A row is never trusted for what it says: a changed bit can turn a text into a number, or a seq into
another. Nothing here writes, but `create`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import MsgspecError
from msgspec.structs import replace

from bowline.storage.journal import (
    EMPTY_HEAD,
    Damage,
    Entry,
    VerifyResult,
    decode_entry,
    entry_hash,
    snapshot_hash,
)

#: raised with every change of `SCHEMA` and whenever an older Bowline could misread an entry
FORMAT = 2
#: "Bowl" in the file's header
APPLICATION_ID = 0x426F776C
#: rows held in memory at once
BATCH = 1000

#: what comes of a broken file; the second when SQLite quotes broken text in its message
UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)

BROKEN_LINK = "it is not what was written, or an entry before it is gone"
BROKEN_END = "the end of the journal is not as it was written"
BROKEN_SNAPSHOT = "the snapshot is not what was written"

_TABLES = """
CREATE TABLE entries (seq INTEGER PRIMARY KEY, payload TEXT NOT NULL, hash BLOB NOT NULL);
CREATE TABLE snapshots (seq INTEGER PRIMARY KEY, state BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    entries INTEGER NOT NULL, last_seq INTEGER NOT NULL, head BLOB NOT NULL,
    snapshots INTEGER NOT NULL, snapshot_seq INTEGER NOT NULL, snapshot_head BLOB NOT NULL
)
"""
# the last one also stops INSERT OR REPLACE, which fires no trigger on DELETE
_TRIGGERS = (
    "CREATE TRIGGER {0}_update BEFORE UPDATE ON {0} BEGIN SELECT {1}; END",
    "CREATE TRIGGER {0}_delete BEFORE DELETE ON {0} BEGIN SELECT {1}; END",
    """CREATE TRIGGER {0}_insert BEFORE INSERT ON {0}
       WHEN NEW.seq <= (SELECT max(seq) FROM {0}) BEGIN SELECT {1}; END""",
)
_REFUSE = "RAISE(ABORT, 'a journal is append-only')"
SCHEMA = (
    *(table.strip() for table in _TABLES.split(";")),
    *(text.format(table, _REFUSE) for text in _TRIGGERS for table in ("entries", "snapshots")),
    _TRIGGERS[1].format("meta", _REFUSE),
)


class JournalMeta(NamedTuple):
    """What the file says of itself, written with every transaction."""

    entries: int = 0
    last_seq: int = 0
    head: bytes = EMPTY_HEAD
    snapshots: int = 0
    snapshot_seq: int = 0
    snapshot_head: bytes = EMPTY_HEAD


def is_empty(db: sqlite3.Connection) -> bool:
    """Whether nothing was ever written to the file."""
    return not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]


def create(db: sqlite3.Connection) -> None:
    """Make the tables of an empty file, all or none; WAL is a property of the file."""
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("BEGIN IMMEDIATE")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {FORMAT}")
    for statement in SCHEMA:
        db.execute(statement)
    db.execute("INSERT INTO meta VALUES (1, ?, ?, ?, ?, ?, ?)", JournalMeta())
    db.execute("COMMIT")


def read_meta(db: sqlite3.Connection) -> JournalMeta:
    """What the file says of itself; sqlite3.DatabaseError if it says nothing sensible."""
    row = db.execute(
        "SELECT entries, last_seq, head, snapshots, snapshot_seq, snapshot_head FROM meta"
    ).fetchone()
    if row is None or [type(value) for value in row] != [type(value) for value in JournalMeta()]:
        raise sqlite3.DatabaseError("its record of its own end is gone or changed")
    return JournalMeta(*row)


def head_at(db: sqlite3.Connection, seq: int) -> bytes:
    """The stored hash of the last entry up to `seq`."""
    query = "SELECT hash FROM entries WHERE seq <= ? ORDER BY seq DESC LIMIT 1"
    (found,) = db.execute(query, (seq,)).fetchone() or (EMPTY_HEAD,)
    if not isinstance(found, bytes):
        raise sqlite3.DatabaseError(f"the hash of the entry at or before {seq} is gone")
    return found


def ends(db: sqlite3.Connection) -> tuple[tuple[int, bytes], tuple[int, bytes]]:
    """The stored seq and hash of the last entry and of the last snapshot."""
    entry = db.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
    snapshot = db.execute("SELECT seq, hash FROM snapshots ORDER BY seq DESC LIMIT 1").fetchone()
    nothing = (0, EMPTY_HEAD)
    return entry or nothing, snapshot or nothing


def batches(db: sqlite3.Connection, after_seq: int) -> Iterator[list[tuple[int, bytes, bytes]]]:
    """Rows of entries in order. A batch at a time, so that no reader holds up the writer."""
    query = "SELECT seq, payload, hash FROM entries WHERE seq > ? ORDER BY seq LIMIT ?"
    while rows := db.execute(query, (after_seq, BATCH)).fetchall():
        yield rows
        after_seq = rows[-1][0]


def audit(db: sqlite3.Connection) -> VerifyResult:
    """Check everything in an open journal file; the first damage ends the check.

    Changed, removed, reordered or added rows, a cut end, a changed schema and broken pages are all
    found. A whole journal rewritten with new hashes is not: compare its head with one noted before.
    """
    sound = now = VerifyResult(0, 0)
    try:
        # one moment of a file that is perhaps being written
        db.execute("BEGIN")
        for check in (_audit_entries, _audit_snapshots, _audit_file):
            for now in check(db, sound):
                if now.damage:
                    return now
            sound = now
    except UNREADABLE as error:
        return replace(now, damage=Damage(0, f"it cannot be read: {error}"))
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
    return now


def _audit_entries(db: sqlite3.Connection, sound: VerifyResult) -> Iterator[VerifyResult]:
    """What is sound so far, after each entry."""
    head, last = EMPTY_HEAD, 0
    for rows in batches(db, -(2**63)):
        for seq, payload, stored_hash in rows:
            if not is_sealed(head, seq, payload, stored_hash) or seq <= 0:
                yield replace(sound, damage=Damage(seq, BROKEN_LINK))
            if isinstance(entry := decode(seq, payload), Damage):
                yield replace(sound, damage=entry)
            head, last = stored_hash, seq
            sound = replace(sound, entries=sound.entries + 1)
            yield sound
    meta = read_meta(db)
    if (meta.entries, meta.last_seq, meta.head) != (sound.entries, last, head):
        yield replace(sound, damage=Damage(last, BROKEN_END))


def _audit_snapshots(db: sqlite3.Connection, sound: VerifyResult) -> Iterator[VerifyResult]:
    """What is sound so far, after each snapshot."""
    head, last = EMPTY_HEAD, 0
    rows = db.execute("SELECT seq, state, hash FROM snapshots ORDER BY seq")
    for seq, state, stored_hash in rows:
        if not is_kept(db, head, seq, state, stored_hash):
            yield replace(sound, damage=Damage(seq, BROKEN_SNAPSHOT))
        head, last = stored_hash, seq
        sound = replace(sound, snapshots=sound.snapshots + 1)
        yield sound
    meta = read_meta(db)
    if (meta.snapshots, meta.snapshot_seq, meta.snapshot_head) != (sound.snapshots, last, head):
        yield replace(sound, damage=Damage(last, "a snapshot after it is gone"))


def _audit_file(db: sqlite3.Connection, sound: VerifyResult) -> Iterator[VerifyResult]:
    """The file itself: its tables and triggers, its pages."""
    schema = {row[0] for row in db.execute("SELECT sql FROM sqlite_master")}
    if schema != {statement.encode() for statement in SCHEMA}:
        yield replace(sound, damage=Damage(0, "tables or triggers were changed"))
    (page,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if page != b"ok":
        yield replace(sound, damage=Damage(0, page.decode(errors="replace")))


def decode(seq: int, payload: bytes) -> Entry | Damage:
    """The entry; Damage if it is sealed but none that this Bowline knows."""
    try:
        return decode_entry(seq, payload)
    except MsgspecError as error:
        return Damage(seq, f"this Bowline cannot read it: {error}")


def is_sealed(head: bytes, seq: object, payload: object, stored_hash: object) -> bool:
    """Whether the entry is what followed `head`."""
    if not isinstance(seq, int) or not isinstance(payload, bytes):
        return False
    return entry_hash(head, seq, payload) == stored_hash


def is_kept(
    db: sqlite3.Connection, head: object, seq: object, state: object, stored_hash: object
) -> bool:
    """Whether the snapshot is what followed `head`, and the entries up to it are those of then."""
    if not isinstance(seq, int) or not isinstance(state, bytes) or not isinstance(head, bytes):
        return False
    return snapshot_hash(head, seq, head_at(db, seq), state) == stored_hash
