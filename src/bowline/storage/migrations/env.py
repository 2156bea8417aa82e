"""What alembic runs for each move: on the connection and in the transaction it was given."""

from __future__ import annotations

from alembic import context

from bowline.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter a column: the table is copied instead
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
