"""What each venue lists, with every change kept, and which instruments are recorded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "ref_listings",
        sa.Column("market_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("since_ns", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column(
            "listing", sa.Text, nullable=False, comment="JSON: what the venue said, in our units"
        ),
        sa.PrimaryKeyConstraint("market_id", "symbol", "since_ns", name="pk_ref_listings"),
    )
    op.create_table(
        "subscriptions",
        sa.Column("market_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("since_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("market_id", "symbol", name="pk_subscriptions"),
    )
    op.create_table(
        "listing_syncs",
        sa.Column("market_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("synced_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("market_id", name="pk_listing_syncs"),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("listing_syncs", "subscriptions", "ref_listings"):
        op.drop_table(table)
