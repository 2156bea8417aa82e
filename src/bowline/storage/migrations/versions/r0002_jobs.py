"""Jobs, the chunks that are done of each, and the results of those that are finished."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bowline.storage.schema import Id

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "jobs",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False, comment="JSON: all that was asked for"),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("data_hash", sa.String(64), nullable=False, comment="of the candles it works on"),
        sa.Column("variants", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, comment="since the last finished chunk"),
        sa.Column(
            "lease_number",
            sa.Integer,
            nullable=False,
            comment="counts leases: an older one is void",
        ),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until_ns", sa.BigInteger),
        sa.Column("heartbeat_ns", sa.BigInteger),
        sa.Column("progress", sa.JSON),
        sa.Column("error", sa.Text),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.Column("updated_ns", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_state", "jobs", ["state"])
    op.create_table(
        "job_chunks",
        sa.Column("job_id", Id, nullable=False),
        sa.Column("stage", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("chunk", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("result", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "stage", "chunk", name="pk_job_chunks"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_chunks_job_id"),
    )
    op.create_table(
        "job_results",
        sa.Column("job_id", Id, nullable=False, autoincrement=False),
        sa.Column("result", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_job_results"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_results_job_id"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("job_results")
    op.drop_table("job_chunks")
    op.drop_table("jobs")
