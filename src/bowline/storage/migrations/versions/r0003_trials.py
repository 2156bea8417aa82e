"""How many variants each sweep tried, and on which candles."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "trials",
        sa.Column("sweep", sa.String(64), nullable=False, comment="hash of request and rules"),
        sa.Column("data_hash", sa.String(64), nullable=False),
        sa.Column("market_id", sa.Integer, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("from_ns", sa.BigInteger, nullable=False),
        sa.Column("to_ns", sa.BigInteger, nullable=False),
        sa.Column("variants", sa.BigInteger, nullable=False),
        sa.Column("made_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("sweep", "data_hash", name="pk_trials"),
    )
    op.create_index("ix_trials_market_id_symbol", "trials", ["market_id", "symbol"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("trials")
