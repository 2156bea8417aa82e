"""A SQLite file as a whole, whatever is in it: copied while others write, made smaller, locked.

No row may ever be changed here, and no file be made where there was none (but a lock).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bowline.core.errors import Conflict, Damaged

BUSY_SECONDS = 10.0


def copy_sqlite(source: Path, target: Path) -> bool:
    """Write the last committed state of `source` to `target`; False if it never had a table.

    A writer goes on meanwhile. Conflict if a disk or the file is out of reach, Damaged if the copy
    does not hold SQLite's own check.
    """
    with _mendable(source), closing(_connect(source, BUSY_SECONDS)) as db:
        db.execute("PRAGMA query_only = ON")
        # one moment for all pages; the copying itself would wait for a lock without end
        db.execute("BEGIN")
        if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return False
        with closing(sqlite3.connect(target, isolation_level=None)) as copy:
            db.backup(copy)
            found = [row[0] for row in copy.execute("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        raise Damaged(
            f"{source} is damaged",
            hint="do not work on with it: restore it from an older backup",
            problems=tuple(found),
        )
    return True


def compact_sqlite(path: Path, wait_s: float = BUSY_SECONDS) -> None:
    """Give the room of removed rows back to the disk; Conflict if the file is in use too long."""
    with _mendable(path), closing(_connect(path, wait_s)) as db:
        db.execute("VACUUM")
        (busy, *_) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise _in_use(path)


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file at `path`; Conflict with `what` if another process holds it.

    It is a lock of SQLite's: portable, and it dies with its process.
    """
    with _mendable(path):
        lock = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            lock.close()
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            raise Conflict(what, hint="let the other process finish, or stop it") from None
    try:
        yield
    finally:
        lock.close()


def _connect(path: Path, wait_s: float) -> sqlite3.Connection:
    """The file as it is: none is made."""
    uri = f"{path.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=wait_s, isolation_level=None)


@contextmanager
def _mendable(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if kind in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise Damaged(
                f"{path} cannot be read: {error}", hint="restore it from a backup"
            ) from error
        if kind in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise _in_use(path) from error
        raise Conflict(
            f"{path} cannot be copied or changed now: {error}",
            hint="check the folder, its permissions and free space",
        ) from error


def _in_use(path: Path) -> Conflict:
    return Conflict(
        f"{path} is in use", hint="stop the process that uses it, or try again when it is done"
    )
