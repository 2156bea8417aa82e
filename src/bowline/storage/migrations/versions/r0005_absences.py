"""Minutes of which a venue was asked for candles and had none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "candle_absences",
        sa.Column("market_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("start_ns", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("end_ns", sa.BigInteger, nullable=False, comment="not included"),
        sa.Column("asked_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("market_id", "symbol", "start_ns", name="pk_candle_absences"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("candle_absences")
