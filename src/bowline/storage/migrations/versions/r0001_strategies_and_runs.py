"""Strategies, runs and what became of each run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bowline.storage.schema import Amount, Id

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "strategies",
        sa.Column("id", sa.String(64), nullable=False, comment="the content hash of the spec"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("spec", sa.Text, nullable=False, comment="canonical JSON"),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_strategies"),
        sa.UniqueConstraint("name", name="uq_strategies_name"),
    )
    op.create_table(
        "runs",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("strategy_id", sa.String(64), nullable=False),
        sa.Column("market_id", sa.Integer, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("timeframe", sa.String(8), nullable=False),
        sa.Column("initial_cash", Amount, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("request", sa.Text, nullable=False, comment="JSON: all that was asked for"),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.Column("updated_ns", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["strategy_id"], ["strategies.id"], name="fk_runs_strategy_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_runs_request_hash_state", "runs", ["request_hash", "state"])
    op.create_index("ix_runs_strategy_id", "runs", ["strategy_id"])
    op.create_table(
        "run_events",
        sa.Column("run_id", Id, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("from_state", sa.String(16)),
        sa.Column("to_state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "seq", name="pk_run_events"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_events_run_id"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("run_events")
    op.drop_table("runs")
    op.drop_table("strategies")
