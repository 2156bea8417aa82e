"""A SQLite file opened: to be written where it can be, else to be read as it stands.

A file in WAL mode wants to make two more beside it before it is read, which a full or read-only
disk refuses. What is opened in spite of that can be read and takes no change; it is never made,
and never behind what was committed. It is to be closed after each use: on a full disk it keeps all
others out, and what was opened before there was room again would never write.

1. Open it as always and read its first page.
2. On a disk that is full: without the shared index, which only several users of one file need.
3. On one that is read-only: as a file that nobody changes, if no log of changes lies beside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bowline.core.errors import BowlineError, Conflict, Damaged, Unreachable
from bowline.storage.embedded.disk import disk_trouble

BUSY_SECONDS = 10.0

_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_IN_USE = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
#: what SQLite says when the file may be sound and the disk is not
_OUT_OF_REACH = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_AUTH,
    }
)  # fmt: skip


class ReadConnection(sqlite3.Connection):
    """A connection on a file that cannot be written to now: it can only be read."""


def open_sqlite(path: Path, *, make: bool, wait_s: float = BUSY_SECONDS) -> sqlite3.Connection:
    """A connection on the file at `path`, without transactions of Python's own.

    With `make` the file is made if there is none. Raises sqlite3.Error.
    """
    try:
        return _opened(path, "rwc" if make else "rw", wait_s)
    except sqlite3.OperationalError as error:
        if not path.is_file() or not path.stat().st_size or _kind(error) not in _OUT_OF_REACH:
            raise
        try:
            return _opened_to_read(path, wait_s)
        except sqlite3.Error:
            # why it could not be opened as always is what a person can mend
            raise error from None


def _opened(
    path: Path,
    mode: str,
    wait_s: float,
    *pragmas: str,
    kind: type[sqlite3.Connection] = sqlite3.Connection,
) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    db = sqlite3.connect(
        uri, uri=True, timeout=wait_s, isolation_level=None, check_same_thread=False, factory=kind
    )
    try:
        for pragma in pragmas:
            db.execute(f"PRAGMA {pragma}")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        db.close()
        raise
    return db


def _opened_to_read(path: Path, wait_s: float) -> sqlite3.Connection:
    try:
        return _opened(
            path, "rw", wait_s, "query_only = ON", "locking_mode = EXCLUSIVE", kind=ReadConnection
        )
    except sqlite3.OperationalError as error:
        log = Path(f"{path}-wal")
        if _kind(error) in _IN_USE or (log.exists() and log.stat().st_size):
            raise
        return _opened(path, "ro&immutable=1", wait_s, "query_only = ON", kind=ReadConnection)


def mendable(error: BaseException | None, path: Path, what: str = "") -> BowlineError | None:
    """What a person can do about an error of SQLite on the file at `path`; None if nothing.

    `what` names the store, `path` without it.
    """
    what = what or str(path)
    if isinstance(error, UnicodeDecodeError):
        kind = sqlite3.SQLITE_CORRUPT
    elif isinstance(error, sqlite3.DatabaseError):
        kind = _kind(error)
    else:
        return None
    if kind in _DAMAGE:
        return Damaged(f"{what} cannot be read: {error}", hint="restore it from a backup")
    cause = disk_trouble(path)
    if kind in _IN_USE:
        # of what its disk does not let write, one reads at a time
        return Unreachable(
            f"{what}: in use by another process{f', and {cause}' if cause else ''}",
            hint="stop the process that uses it, or try again when it is done"
            + ("; see to its disk" if cause else ""),
        )
    if kind in _OUT_OF_REACH:
        return Unreachable(
            f"{what} cannot be reached or changed now: {f'{cause} ({error})' if cause else error}",
            hint="check the folder, its permissions and free space; what is stored stays as it is",
        )
    return None


@contextmanager
def mended(path: Path) -> Iterator[None]:
    """Errors of SQLite as what a person can mend; whatever else the file says is Conflict."""
    try:
        yield
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise mendable(error, path) or Conflict(
            f"{path} cannot be copied or changed now: {error}",
            hint="check the folder, its permissions and free space",
        ) from error


def _kind(error: sqlite3.DatabaseError) -> int:
    # the low byte is the kind, the rest says more of the same
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
