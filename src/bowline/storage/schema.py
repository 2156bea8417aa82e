"""The tables, said once for SQLite and PostgreSQL. Migrations lead to exactly this.

Time is `int` ns UTC, money is Decimal, exact in both stores. Nothing here may be summed in SQL on
SQLite: there an amount is text.
"""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation

import sqlalchemy as sa
from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

#: digits of an amount, all and after the point: PostgreSQL is told, SQLite must keep to them
DIGITS, PLACES = 38, 18
_STEP = Decimal(1).scaleb(-PLACES)
_EXACT = Context(prec=DIGITS, traps=[Inexact, InvalidOperation])

# SQLite counts up only what is declared INTEGER; both hold 64 bits there
Id = sa.BigInteger().with_variant(Integer(), "sqlite")


def can_keep(value: Decimal) -> bool:
    """Whether every store keeps this amount exactly."""
    try:
        return value.quantize(_STEP, context=_EXACT).is_finite()
    except (Inexact, InvalidOperation):
        return False


class Amount(TypeDecorator[Decimal]):
    """An exact Decimal: TEXT on SQLite, NUMERIC(38, 18) elsewhere.

    ValueError for what either could not keep: NaN, infinities, more than 18 decimals or 38 digits.
    """

    impl = sa.Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Decimal]:
        """The column's type in this store."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())  # type: ignore[arg-type]
        return dialect.type_descriptor(sa.Numeric(DIGITS, PLACES))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | str | None:
        """What is handed to the store."""
        if value is None:
            return None
        if not can_keep(value):
            raise ValueError(
                f"{value} is not an amount of {DIGITS} digits, {PLACES} of them decimals"
            )
        return format(value, "f") if dialect.name == "sqlite" else value

    def process_result_value(self, value: object, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """What the store hands back."""
        return None if value is None else Decimal(str(value))


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

strategies = Table(
    "strategies",
    metadata,
    Column("id", String(64), primary_key=True, comment="the content hash of the spec"),
    Column("name", Text, nullable=False, unique=True),
    Column("owner", Text, nullable=False),
    Column("spec", Text, nullable=False, comment="canonical JSON"),
    Column("created_ns", sa.BigInteger, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("kind", String(32), nullable=False),
    Column("strategy_id", ForeignKey("strategies.id"), nullable=False),
    Column("market_id", Integer, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("timeframe", String(8), nullable=False),
    Column("initial_cash", Amount, nullable=False),
    Column("state", String(16), nullable=False),
    Column("request", Text, nullable=False, comment="JSON: all that was asked for"),
    Column("request_hash", String(64), nullable=False),
    Column("metadata", sa.JSON, nullable=False),
    Column("created_ns", sa.BigInteger, nullable=False),
    Column("updated_ns", sa.BigInteger, nullable=False),
    Index("ix_runs_request_hash_state", "request_hash", "state"),
    Index("ix_runs_strategy_id", "strategy_id"),
    # ids name journals: one must never be given twice
    sqlite_autoincrement=True,
)

run_events = Table(
    "run_events",
    metadata,
    Column("run_id", Id, ForeignKey("runs.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("from_state", String(16)),
    Column("to_state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at_ns", sa.BigInteger, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("kind", String(32), nullable=False),
    Column("title", Text, nullable=False),
    Column("payload", Text, nullable=False, comment="JSON: all that was asked for"),
    Column("request_hash", String(64), nullable=False),
    Column("data_hash", String(64), nullable=False, comment="of the candles it works on"),
    Column("variants", sa.BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, comment="since the last finished chunk"),
    Column("lease_number", Integer, nullable=False, comment="counts leases: an older one is void"),
    Column("lease_owner", Text),
    Column("lease_until_ns", sa.BigInteger),
    Column("heartbeat_ns", sa.BigInteger),
    Column("progress", sa.JSON(none_as_null=True)),
    Column("error", Text),
    Column("created_ns", sa.BigInteger, nullable=False),
    Column("updated_ns", sa.BigInteger, nullable=False),
    Index("ix_jobs_state", "state"),
    # a number once given stays that job's
    sqlite_autoincrement=True,
)

job_chunks = Table(
    "job_chunks",
    metadata,
    Column("job_id", Id, ForeignKey("jobs.id"), primary_key=True),
    Column("stage", Integer, primary_key=True, autoincrement=False),
    Column("chunk", Integer, primary_key=True, autoincrement=False),
    Column("result", LargeBinary, nullable=False),
)

job_results = Table(
    "job_results",
    metadata,
    Column("job_id", Id, ForeignKey("jobs.id"), primary_key=True, autoincrement=False),
    Column("result", LargeBinary, nullable=False),
)

trials = Table(
    "trials",
    metadata,
    Column("sweep", String(64), primary_key=True, comment="hash of request and rules"),
    Column("data_hash", String(64), primary_key=True),
    Column("market_id", Integer, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("from_ns", sa.BigInteger, nullable=False),
    Column("to_ns", sa.BigInteger, nullable=False),
    Column("variants", sa.BigInteger, nullable=False),
    Column("made_ns", sa.BigInteger, nullable=False),
    Index("ix_trials_market_id_symbol", "market_id", "symbol"),
)

ref_listings = Table(
    "ref_listings",
    metadata,
    Column("market_id", Integer, primary_key=True, autoincrement=False),
    Column("symbol", Text, primary_key=True),
    Column("since_ns", sa.BigInteger, primary_key=True, autoincrement=False),
    Column("listing", Text, nullable=False, comment="JSON: what the venue said, in our units"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("market_id", Integer, primary_key=True, autoincrement=False),
    Column("symbol", Text, primary_key=True),
    Column("since_ns", sa.BigInteger, nullable=False),
)

listing_syncs = Table(
    "listing_syncs",
    metadata,
    Column("market_id", Integer, primary_key=True, autoincrement=False),
    Column("synced_ns", sa.BigInteger, nullable=False),
)

candle_absences = Table(
    "candle_absences",
    metadata,
    Column("market_id", Integer, primary_key=True, autoincrement=False),
    Column("symbol", Text, primary_key=True),
    Column("start_ns", sa.BigInteger, primary_key=True, autoincrement=False),
    Column("end_ns", sa.BigInteger, nullable=False, comment="not included"),
    Column("asked_ns", sa.BigInteger, nullable=False),
)
