"""The journal in one SQLite file: WAL, `synchronous=FULL`, append-only, one writer, many readers.

It must never hand out an entry whose seal does not hold, and never write after a failed write.

1. `append` writes the entries and the new head, last seq and counts (`meta`) in one transaction:
   a commit is an fsync, and a torn WAL loses whole transactions from its end, never a part of one.
2. Triggers refuse to change, remove or reorder a row, whoever connects.
3. A writer holds a lock beside the file (a SQLite lock: portable, and it dies with its process).
4. Reading checks each link of the chain; `audit` checks the whole file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from bowline.core.errors import BadInput, Conflict, Damaged, NotFound
from bowline.storage.journal import (
    EMPTY_HEAD,
    Damage,
    Entry,
    Snapshot,
    VerifyResult,
    check_rising,
    decode_payload,
    encode_payload,
    entry_hash,
    is_new_snapshot,
    snapshot_hash,
)

#: raised whenever an older Bowline could misread what this one writes
FORMAT = 1
#: "Bowl" in the file's header
APPLICATION_ID = 0x426F776C
#: rows held in memory at once
BATCH = 1000
BUSY_SECONDS = 10.0

_SCHEMA = (
    "CREATE TABLE entries (seq INTEGER PRIMARY KEY, payload TEXT NOT NULL, hash BLOB NOT NULL)",
    "CREATE TABLE snapshots (seq INTEGER PRIMARY KEY, state BLOB NOT NULL, hash BLOB NOT NULL)",
    "CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), entries INTEGER NOT NULL,"
    " last_seq INTEGER NOT NULL, head BLOB NOT NULL, snapshots INTEGER NOT NULL,"
    " snapshot_seq INTEGER NOT NULL, snapshot_head BLOB NOT NULL)",
    *(
        f"CREATE TRIGGER {table}_{verb.lower()} BEFORE {verb} ON {table}"
        f" BEGIN SELECT RAISE(ABORT, 'a journal is append-only'); END"
        for table in ("entries", "snapshots")
        for verb in ("UPDATE", "DELETE")
    ),
    # this also stops INSERT OR REPLACE, which fires no DELETE trigger
    *(
        f"CREATE TRIGGER {table}_insert BEFORE INSERT ON {table}"
        f" WHEN NEW.seq <= (SELECT max(seq) FROM {table})"
        f" BEGIN SELECT RAISE(ABORT, 'a journal is append-only'); END"
        for table in ("entries", "snapshots")
    ),
    "CREATE TRIGGER meta_delete BEFORE DELETE ON meta"
    " BEGIN SELECT RAISE(ABORT, 'a journal is append-only'); END",
)


class _Meta(NamedTuple):
    """What the file says of itself, written with every transaction."""

    entries: int = 0
    last_seq: int = 0
    head: bytes = EMPTY_HEAD
    snapshots: int = 0
    snapshot_seq: int = 0
    snapshot_head: bytes = EMPTY_HEAD


class SqliteJournal:
    """A `Journal` in the file at `path`.

    A writer creates the file if there is none. Errors on opening: Conflict if another writer has
    it or a newer Bowline wrote it, BadInput if it is something else, Damaged if its end is not as
    it was written; for a reader, NotFound.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        if read_only and not path.is_file():
            raise NotFound(f"there is no journal at {path}")
        self._path = path
        self._lock = None if read_only else _writer_lock(path)
        self._db = _connect(path)
        try:
            with _damage_at(path):
                if not read_only and _is_empty(self._db):
                    _create(self._db)
                _check_format(self._db, path)
                if read_only:
                    self._db.execute("PRAGMA query_only = ON")
                else:
                    self._db.execute("PRAGMA synchronous = FULL")
                    self._check_end()
        except BaseException:
            self.close()
            raise

    def append(self, entries: Sequence[Entry]) -> None:
        """Write all of them in one durable transaction, or none."""
        if not entries:
            return
        with self._transaction() as meta:
            check_rising(entries, max(meta.last_seq, meta.snapshot_seq))
            head, rows = meta.head, []
            for entry in entries:
                payload = encode_payload(entry.payload)
                head = entry_hash(head, entry.seq, payload)
                rows.append((entry.seq, payload.decode(), head))
            self._db.executemany("INSERT INTO entries VALUES (?, ?, ?)", rows)
            self._db.execute(
                "UPDATE meta SET entries = ?, last_seq = ?, head = ?",
                (meta.entries + len(rows), entries[-1].seq, head),
            )

    def entries(self, after_seq: int = 0) -> Iterator[Entry]:
        """The entries with a higher seq, in order; Damaged at the first whose seal does not hold."""
        with _damage_at(self._path):
            last, end = after_seq, _meta(self._db).last_seq
            head = _head_at(self._db, after_seq)
            for rows in _batches(self._db, after_seq):
                for seq, payload, stored_hash in rows:
                    if not _is_sealed(head, seq, payload, stored_hash):
                        raise _damaged(self._path, Damage(seq, _BROKEN_LINK))
                    yield _decode(self._path, seq, payload)
                    last, head = seq, stored_hash
            if last < end:
                raise _damaged(self._path, Damage(last, _BROKEN_END))

    @property
    def last_seq(self) -> int:
        """The seq of the last entry, 0 when empty."""
        with _damage_at(self._path):
            return _meta(self._db).last_seq

    @property
    def head(self) -> str:
        """The hash of the last entry in hex."""
        with _damage_at(self._path):
            return _meta(self._db).head.hex()

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep it, durably; the latest once more is no error."""
        if not is_new_snapshot(snapshot, self.latest_snapshot()):
            return
        with self._transaction() as meta:
            entries_head = _head_at(self._db, snapshot.seq)
            link = snapshot_hash(meta.snapshot_head, snapshot.seq, entries_head, snapshot.state)
            self._db.execute(
                "INSERT INTO snapshots VALUES (?, ?, ?)", (snapshot.seq, snapshot.state, link)
            )
            self._db.execute(
                "UPDATE meta SET snapshots = ?, snapshot_seq = ?, snapshot_head = ?",
                (meta.snapshots + 1, snapshot.seq, link),
            )

    def latest_snapshot(self) -> Snapshot | None:
        """The snapshot with the highest seq; Damaged if its seal does not hold."""
        with _damage_at(self._path):
            rows = self._db.execute(
                "SELECT seq, state, hash FROM snapshots ORDER BY seq DESC LIMIT 2"
            ).fetchall()
            if not rows:
                return None
            seq, state, stored_hash = rows[0]
            head = rows[1][2] if len(rows) == 2 else EMPTY_HEAD
            if not _is_kept(self._db, head, seq, state, stored_hash):
                raise _damaged(self._path, Damage(seq, _BROKEN_SNAPSHOT))
            return Snapshot(seq, state)

    def verify(self) -> VerifyResult:
        """Check the whole file."""
        return audit(self._db)

    def close(self) -> None:
        """Release the file and the writer's lock."""
        self._db.close()
        if self._lock is not None:
            self._lock.close()

    def _check_end(self) -> None:
        """What the file says of its end is what is there: cheap enough for every start."""
        meta = _meta(self._db)
        said = {
            "entries": (meta.last_seq, meta.head),
            "snapshots": (meta.snapshot_seq, meta.snapshot_head),
        }
        for table, end in said.items():
            last = f"SELECT seq, hash FROM {table} ORDER BY seq DESC LIMIT 1"
            if (self._db.execute(last).fetchone() or (0, EMPTY_HEAD)) != end:
                raise _damaged(self._path, Damage(meta.last_seq, _BROKEN_END))

    @contextmanager
    def _transaction(self) -> Iterator[_Meta]:
        """One durable write. After a failed one the file is let go: a retry could hide a loss."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield _meta(self._db)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self.close()
            raise Conflict(
                f"journal {self._path} could not be written: {error}",
                hint="nothing of it was acted on; free the disk or fix it, and start again",
            ) from error


_BROKEN_LINK = "it is not what was written, or an entry before it is gone"
_BROKEN_END = "the end of the journal is not as it was written"
_BROKEN_SNAPSHOT = "the snapshot is not what was written"


def audit(db: sqlite3.Connection) -> VerifyResult:
    """Check everything in an open journal file; the first damage ends the check.

    Changed, removed, reordered or added rows, a cut end, a changed schema and broken pages are all
    found. A whole journal rewritten with new hashes is not: compare its head with one noted before.
    """
    sound = VerifyResult(0, 0)
    try:
        # one moment of a file that is perhaps being written
        db.execute("BEGIN")
        for check in (_audit_entries, _audit_snapshots, _audit_file):
            for sound in check(db, sound):
                if sound.damage:
                    return sound
    except sqlite3.DatabaseError as error:
        return replace(sound, damage=Damage(0, f"it cannot be read: {error}"))
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
    return sound


def _audit_entries(db: sqlite3.Connection, sound: VerifyResult) -> Iterator[VerifyResult]:
    """What is sound so far, after each entry."""
    head, last = EMPTY_HEAD, 0
    for rows in _batches(db, -(2**63)):
        for seq, payload, stored_hash in rows:
            if seq <= 0 or not _is_sealed(head, seq, payload, stored_hash):
                yield replace(sound, damage=Damage(seq, _BROKEN_LINK))
            head, last = stored_hash, seq
            sound = replace(sound, entries=sound.entries + 1)
            yield sound
    meta = _meta(db)
    if (meta.entries, meta.last_seq, meta.head) != (sound.entries, last, head):
        yield replace(sound, damage=Damage(last, _BROKEN_END))


def _audit_snapshots(db: sqlite3.Connection, sound: VerifyResult) -> Iterator[VerifyResult]:
    """What is sound so far, after each snapshot."""
    head, last = EMPTY_HEAD, 0
    for seq, state, stored_hash in db.execute("SELECT seq, state, hash FROM snapshots ORDER BY seq"):
        if not _is_kept(db, head, seq, state, stored_hash):
            yield replace(sound, damage=Damage(seq, _BROKEN_SNAPSHOT))
        head, last = stored_hash, seq
        sound = replace(sound, snapshots=sound.snapshots + 1)
        yield sound
    meta = _meta(db)
    if (meta.snapshots, meta.snapshot_seq, meta.snapshot_head) != (sound.snapshots, last, head):
        yield replace(sound, damage=Damage(last, "a snapshot is gone, or the record of the last one"))


def _audit_file(db: sqlite3.Connection, sound: VerifyResult) -> Iterator[VerifyResult]:
    """The file itself: its tables and triggers, its pages."""
    schema = {row[0] for row in db.execute("SELECT sql FROM sqlite_master")}
    if schema != {statement.encode() for statement in _SCHEMA}:
        yield replace(sound, damage=Damage(0, "tables or triggers were changed"))
    (page,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if page != b"ok":
        yield replace(sound, damage=Damage(0, page.decode(errors="replace")))


def _is_sealed(head: bytes, seq: int, payload: object, stored_hash: object) -> bool:
    # a changed bit can turn a text into a number or nothing at all
    return isinstance(payload, bytes) and entry_hash(head, seq, payload) == stored_hash


def _is_kept(
    db: sqlite3.Connection, head: bytes, seq: int, state: object, stored_hash: object
) -> bool:
    if not isinstance(state, bytes):
        return False
    return snapshot_hash(head, seq, _head_at(db, seq), state) == stored_hash


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    db.text_factory = bytes
    return db


def _writer_lock(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = sqlite3.connect(f"{path}.lock", timeout=0, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        lock.close()
        raise Conflict(
            f"journal {path} has a writer already",
            hint="a journal has one writer: stop the other process, or let it finish",
        ) from None
    return lock


def _is_empty(db: sqlite3.Connection) -> bool:
    return not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]


def _create(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("BEGIN IMMEDIATE")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {FORMAT}")
    for statement in _SCHEMA:
        db.execute(statement)
    db.execute("INSERT INTO meta VALUES (1, ?, ?, ?, ?, ?, ?)", _Meta())
    db.execute("COMMIT")


def _check_format(db: sqlite3.Connection, path: Path) -> None:
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise BadInput(f"{path} is not a journal")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != FORMAT:
        raise Conflict(
            f"journal {path} has format {version}, this Bowline reads format {FORMAT}",
            hint="open it with the version of Bowline that wrote it",
        )


def _meta(db: sqlite3.Connection) -> _Meta:
    row = db.execute(
        "SELECT entries, last_seq, head, snapshots, snapshot_seq, snapshot_head FROM meta"
    ).fetchone()
    if row is None or [type(value) for value in row] != [type(value) for value in _Meta()]:
        raise sqlite3.DatabaseError("its record of its own end is gone or changed")
    return _Meta(*row)


def _head_at(db: sqlite3.Connection, seq: int) -> bytes:
    """The stored hash of the last entry up to `seq`."""
    row = db.execute(
        "SELECT hash FROM entries WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (seq,)
    ).fetchone()
    if row is None:
        return EMPTY_HEAD
    if not isinstance(row[0], bytes):
        raise sqlite3.DatabaseError(f"the hash of the entry before or at {seq} is gone")
    return row[0]


def _batches(
    db: sqlite3.Connection, after_seq: int
) -> Iterator[list[tuple[int, bytes, bytes]]]:
    """Rows of entries in order. A batch at a time, so that no reader holds up the writer."""
    query = "SELECT seq, payload, hash FROM entries WHERE seq > ? ORDER BY seq LIMIT ?"
    while rows := db.execute(query, (after_seq, BATCH)).fetchall():
        yield rows
        after_seq = rows[-1][0]


def _decode(path: Path, seq: int, payload: bytes) -> Entry:
    try:
        return Entry(seq, decode_payload(payload))
    except msgspec.MsgspecError as error:
        raise _damaged(path, Damage(seq, f"this Bowline cannot read it: {error}")) from error


def _damaged(path: Path, damage: Damage) -> Damaged:
    return Damaged(
        f"journal {path} is damaged at entry {damage.seq}: {damage.what}",
        hint="do not trade on it: restore it from a backup; `bowline journal verify` says more",
    )


#: what SQLite says when the file is sound but out of reach
_OUT_OF_REACH = frozenset(
    {
        sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM,
    }
)  # fmt: skip


@contextmanager
def _damage_at(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        # the low byte is the kind, the rest says more of the same
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _OUT_OF_REACH:
            raise Conflict(f"journal {path} cannot be reached now: {error}") from error
        raise Damaged(f"journal {path} cannot be read: {error}") from error
