"""A SQLite file as a whole, whatever is in it: copied while others write, made smaller, locked.

No row may ever be changed here, and no file be made where there was none (but a lock).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bowline.core.errors import Conflict, Damaged
from bowline.storage.embedded.sqlite_open import BUSY_SECONDS, mended, open_sqlite


def copy_sqlite(source: Path, target: Path) -> bool:
    """Write the last committed state of `source` to `target`; False if it never had a table.

    A writer goes on meanwhile. Conflict if a disk or the file is out of reach, Damaged if the copy
    does not hold SQLite's own check.
    """
    with mended(source), closing(open_sqlite(source, make=False)) as db:
        db.execute("PRAGMA query_only = ON")
        # one moment for all pages; the copying itself would wait for a lock without end
        db.execute("BEGIN")
        if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return False
        with mended(target), closing(open_sqlite(target, make=True)) as copy:
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
    with mended(path), closing(open_sqlite(path, make=False, wait_s=wait_s)) as db:
        db.execute("VACUUM")
        (busy, *_) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise _in_use(path)


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file at `path`; Conflict with `what` if another process holds it.

    It is a lock of SQLite's: portable, and it dies with its process.
    """
    with mended(path):
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


def _in_use(path: Path) -> Conflict:
    return Conflict(
        f"{path} is in use", hint="stop the process that uses it, or try again when it is done"
    )
