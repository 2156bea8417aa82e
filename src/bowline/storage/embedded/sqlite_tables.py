"""The tables in one SQLite file: WAL, foreign keys on, migrated when it is opened.

A transaction that will write must say so at its start: one that reads first and writes later can
find the file changed under it, and SQLite then refuses it without waiting. A connection that can
only read, because the disk is full, is closed after each use: it keeps all others out.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from bowline.core.errors import Conflict
from bowline.storage.embedded.folder import make_folder
from bowline.storage.embedded.sqlite_open import ReadConnection, mendable, open_sqlite
from bowline.storage.migrations import migrate

if TYPE_CHECKING:
    import sqlite3


def migrated_sqlite_engine(path: Path) -> sa.Engine:
    """An engine on the tables in the file at `path`, created if there is none.

    Conflict if they are too new or the file cannot be reached, Damaged if it is not a database.
    """
    engine = sqlite_engine(path)
    try:
        migrate(engine.execution_options(writes=True))
    except OperationalError as error:
        raise Conflict(f"the tables in {path} cannot be reached now: {error.orig}") from error
    return engine


def sqlite_engine(path: Path) -> sa.Engine:
    """An engine on the file at `path`, as it is: nothing is migrated."""
    make_folder(path.parent)
    engine = sa.create_engine(f"sqlite:///{path}", creator=lambda: open_sqlite(path, make=True))
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    sa.event.listen(engine, "checkin", _close_reader)

    @sa.event.listens_for(engine, "handle_error")
    def say_what_to_do(context: sa.ExceptionContext) -> BaseException | None:
        return mendable(context.original_exception, path, f"the tables in {path}")

    return engine


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _close_reader(
    connection: sqlite3.Connection | None, record: sa.pool.ConnectionPoolEntry
) -> None:
    if isinstance(connection, ReadConnection):
        record.invalidate()


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
