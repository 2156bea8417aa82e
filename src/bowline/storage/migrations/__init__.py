"""Brings the tables to what `storage/schema.py` says, in steps that are never edited once released.

1. Tables that are at `HEAD` already cost one SELECT; alembic is imported only if there is work.
2. All steps run in one transaction that holds the write lock (in PostgreSQL, a lock of our own): a
   kill leaves the tables as they were, and of two processes that start at once the second finds the
   work done.
3. Tables of a newer Bowline are refused, never guessed at.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, ProgrammingError

#: the revision of `storage/schema.py`
HEAD = "0005"
#: any number that nothing else in the database uses
_LOCK = 0x626F776C


def migrate(engine: sa.Engine) -> None:
    """Bring the tables of `engine` to `HEAD`; Conflict if they are newer than this Bowline."""
    if revision(engine) == HEAD:
        return
    # alembic takes longer to import than all else does to run
    from bowline.storage.migrations.steps import to_revision  # noqa: PLC0415

    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        to_revision(connection, HEAD)


def revision(engine: sa.Engine) -> str | None:
    """The revision the tables are at, None if there are none."""
    try:
        # to look takes no lock that another writer may hold, and nothing of a disk
        with engine.execution_options(writes=False).connect() as connection:
            found = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    except (OperationalError, ProgrammingError):
        # there is no such table; any other trouble comes back with the first step
        return None
    return None if found is None else str(found)
