"""Both databases the tables can be in, each test with one of its own.

PostgreSQL is looked for at BOWLINE_TEST_POSTGRES. Set, it must answer; not set, the usual place is
tried, and without a server there the tests are skipped and say so.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy as sa

from bowline.storage.embedded.sqlite_tables import migrated_sqlite_engine
from bowline.storage.servers.postgres_tables import postgres_engine, unmigrated_engine

_SAID = os.environ.get("BOWLINE_TEST_POSTGRES")
SERVER = _SAID or "postgresql://postgres@127.0.0.1:5432/postgres"


@cache
def _why_not() -> str:
    engine = unmigrated_engine(SERVER)
    try:
        engine.connect().close()
    except sa.exc.DBAPIError as error:
        return str(error.orig)
    finally:
        engine.dispose()
    return ""


@contextmanager
def postgres_database() -> Iterator[str]:
    """The URL of an empty database, which is dropped afterwards."""
    if trouble := _why_not():
        message = f"no PostgreSQL at {SERVER}: {trouble}"
        if _SAID:
            pytest.fail(message)
        pytest.skip(message)
    name = f"bowline_test_{secrets.token_hex(6)}"
    _say(f"CREATE DATABASE {name}")
    try:
        yield sa.make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    finally:
        _say(f"DROP DATABASE {name} WITH (FORCE)")


def _say(statement: str) -> None:
    engine = unmigrated_engine(SERVER)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.exec_driver_sql(statement)
    engine.dispose()


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """A database of this kind: where it is, for `open_engine`."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'tables.db'}"
        return
    with postgres_database() as url:
        yield url


def open_engine(url: str) -> sa.Engine:
    """An engine of this process's own, on migrated tables."""
    if url.startswith("sqlite"):
        return migrated_sqlite_engine(Path(url.removeprefix("sqlite:///")))
    return postgres_engine(url)
