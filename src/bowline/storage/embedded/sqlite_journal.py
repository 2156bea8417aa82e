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

from bowline.core.errors import BadInput, Conflict, Damaged, NotFound, Unreachable
from bowline.storage.embedded.disk import disk_trouble
from bowline.storage.embedded.folder import make_folder
from bowline.storage.embedded.journal_file import (
    APPLICATION_ID,
    BROKEN_END,
    BROKEN_LINK,
    BROKEN_SNAPSHOT,
    FORMAT,
    UNREADABLE,
    JournalMeta,
    audit,
    batches,
    create,
    decode,
    ends,
    head_at,
    is_empty,
    is_kept,
    is_sealed,
    read_meta,
)
from bowline.storage.embedded.sqlite_open import mendable, open_sqlite
from bowline.storage.journal import (
    EMPTY_HEAD,
    Damage,
    Entry,
    JournalMark,
    Snapshot,
    VerifyResult,
    check_rising,
    encode_entry,
    entry_hash,
    is_new_snapshot,
    snapshot_hash,
)


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
        try:
            self._db = _connect(path, make=not read_only)
        except BaseException:
            self._release()
            raise
        try:
            with _damage_at(path):
                if read_only:
                    self._db.execute("PRAGMA query_only = ON")
                else:
                    self._db.execute("PRAGMA synchronous = FULL")
                    if is_empty(self._db):
                        create(self._db)
                _check_format(self._db, path)
                if not read_only:
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
                payload = encode_entry(entry)
                head = entry_hash(head, entry.seq, payload)
                rows.append((entry.seq, payload.decode(), head))
            self._db.executemany("INSERT INTO entries VALUES (?, ?, ?)", rows)
            self._db.execute(
                "UPDATE meta SET entries = ?, last_seq = ?, head = ?",
                (meta.entries + len(rows), entries[-1].seq, head),
            )

    def entries(self, after_seq: int = 0) -> Iterator[Entry]:
        """The entries with a higher seq, in order; Damaged at the first whose seal is broken."""
        with _damage_at(self._path):
            last, end = after_seq, read_meta(self._db).last_seq
            head = head_at(self._db, after_seq)
            for rows in batches(self._db, after_seq):
                for seq, payload, stored_hash in rows:
                    if not is_sealed(head, seq, payload, stored_hash):
                        raise _damaged(self._path, Damage(seq, BROKEN_LINK))
                    entry = decode(seq, payload)
                    if isinstance(entry, Damage):
                        raise _damaged(self._path, entry)
                    yield entry
                    last, head = seq, stored_hash
            if last < end:
                raise _damaged(self._path, Damage(last, BROKEN_END))

    @property
    def last_seq(self) -> int:
        """The seq of the last entry, 0 when empty."""
        with _damage_at(self._path):
            return read_meta(self._db).last_seq

    @property
    def head(self) -> str:
        """The hash of the last entry in hex."""
        with _damage_at(self._path):
            return read_meta(self._db).head.hex()

    def mark(self) -> JournalMark:
        """The end as it is now."""
        with _damage_at(self._path):
            meta = read_meta(self._db)
            return JournalMark(meta.entries, meta.last_seq, meta.head.hex())

    def has(self, mark: JournalMark) -> bool:
        """Whether this is the journal of the mark, still as long as then or longer."""
        with _damage_at(self._path):
            query = "SELECT count(*), coalesce(max(seq), 0) FROM entries WHERE seq <= ?"
            found = self._db.execute(query, (mark.seq,)).fetchone()
            head = head_at(self._db, mark.seq).hex()
            return (*found, head) == (mark.entries, mark.seq, mark.head)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep it, durably; the latest once more is no error."""
        if not is_new_snapshot(snapshot, self.latest_snapshot()):
            return
        with self._transaction() as meta:
            entries_head = head_at(self._db, snapshot.seq)
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
            query = "SELECT seq, state, hash FROM snapshots ORDER BY seq DESC LIMIT 2"
            rows = self._db.execute(query).fetchall()
            if not rows:
                return None
            (seq, state, stored_hash), *before = rows
            head = before[0][2] if before else EMPTY_HEAD
            if not is_kept(self._db, head, seq, state, stored_hash):
                raise _damaged(self._path, Damage(seq, BROKEN_SNAPSHOT))
            return Snapshot(seq, state)

    def verify(self) -> VerifyResult:
        """Check the whole file."""
        return audit(self._db)

    def close(self) -> None:
        """Release the file and the writer's lock."""
        self._db.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()

    def _check_end(self) -> None:
        """What the file says of its end is what is there: cheap enough for every start."""
        meta = read_meta(self._db)
        said = ((meta.last_seq, meta.head), (meta.snapshot_seq, meta.snapshot_head))
        if ends(self._db) != said:
            raise _damaged(self._path, Damage(meta.last_seq, BROKEN_END))

    @contextmanager
    def _transaction(self) -> Iterator[JournalMeta]:
        """One durable write. After a failed one the file is let go: a retry could hide a loss."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield read_meta(self._db)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self.close()
            cause = disk_trouble(self._path)
            raise Unreachable(
                f"journal {self._path} could not be written: "
                f"{f'{cause} ({error})' if cause else error}",
                hint="nothing of it was acted on; free the disk or fix it, and start again",
            ) from error


def _connect(path: Path, *, make: bool) -> sqlite3.Connection:
    with _damage_at(path):
        db = open_sqlite(path, make=make)
    db.text_factory = bytes
    return db


def _writer_lock(path: Path) -> sqlite3.Connection:
    make_folder(path.parent)
    with _damage_at(path):
        lock = sqlite3.connect(f"{path}.lock", timeout=0, isolation_level=None)
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            lock.close()
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            raise Conflict(
                f"journal {path} has a writer already",
                hint="a journal has one writer: stop the other process, or let it finish",
            ) from None
    return lock


def _check_format(db: sqlite3.Connection, path: Path) -> None:
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise BadInput(f"{path} is not a journal")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != FORMAT:
        raise Conflict(
            f"journal {path} has format {version}, this Bowline reads format {FORMAT}",
            hint="open it with the version of Bowline that wrote it",
        )


def _damaged(path: Path, damage: Damage) -> Damaged:
    return Damaged(
        f"journal {path} is damaged at entry {damage.seq}: {damage.what}",
        hint="do not trade on it: restore it from a backup; `bowline journal verify` says more",
    )


@contextmanager
def _damage_at(path: Path) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        found = mendable(error, path, f"journal {path}")
        if isinstance(found, Unreachable):
            raise found from error
        raise Damaged(
            f"journal {path} cannot be read: {error}", hint="restore it from a backup"
        ) from error
