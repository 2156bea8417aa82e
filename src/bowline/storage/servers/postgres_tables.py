"""The tables in a PostgreSQL database, migrated when it is opened; through pg8000.

No password may appear in an error: what the driver says is passed on, what it was given is not.
"""

from __future__ import annotations

import ssl
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from bowline.core.errors import BadInput, Conflict, Unreachable
from bowline.storage.migrations import migrate

CONNECT_SECONDS = 10
_SSL_MODES = ("disable", "require", "verify-full")


def postgres_engine(url: str) -> sa.Engine:
    """An engine on the database of `postgresql://user:password@host:port/database`, migrated.

    `?sslmode=` may be disable (the default), require or verify-full. BadInput for another word,
    Conflict if the database is out of reach or too new.
    """
    engine = unmigrated_engine(url)
    try:
        migrate(engine)
    except DBAPIError as error:
        engine.dispose()
        raise Conflict(
            f"the database {engine.url.database} on {engine.url.host} cannot be used: "
            f"{_words(error)}",
            hint="check BOWLINE_DATABASE: host, database, user, password, and its right to "
            "create tables",
        ) from error
    return engine


def unmigrated_engine(url: str) -> sa.Engine:
    """An engine on the database at `url`, as it is."""
    place = sa.make_url(url)
    query = dict(place.query)
    mode = query.pop("sslmode", "disable")
    if query or mode not in _SSL_MODES:
        raise BadInput(
            "BOWLINE_DATABASE has options that mean nothing here",
            hint=f"the only one is sslmode, one of {', '.join(_SSL_MODES)}",
        )
    arguments: dict[str, Any] = {"timeout": CONNECT_SECONDS}
    if mode != "disable":
        arguments["ssl_context"] = _ssl(verify=mode == "verify-full")
    engine = sa.create_engine(
        place.set(drivername="postgresql+pg8000", query={}),
        connect_args=arguments,
        # a server that was restarted is no reason to fail
        pool_pre_ping=True,
    )

    @sa.event.listens_for(engine, "handle_error")
    def say_what_to_do(context: sa.ExceptionContext) -> BaseException | None:
        error = context.sqlalchemy_exception
        if not isinstance(error, OperationalError | InterfaceError):
            return None
        return Unreachable(
            f"the database {place.database} on {place.host} cannot be reached now: {_words(error)}",
            hint="check the server, and BOWLINE_DATABASE: host, database, user, password",
        )

    return engine


def _ssl(*, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        # as `require` is meant: nobody may listen, whoever it is that answers
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _words(error: DBAPIError) -> str:
    said = error.orig.args[0] if error.orig is not None and error.orig.args else "no reason given"
    return str(said["M"]) if isinstance(said, dict) and "M" in said else str(said)
