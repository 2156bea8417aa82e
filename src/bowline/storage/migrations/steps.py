"""The part of `migrations` that needs alembic: slow to import, so only when there is work."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bowline.storage.migrations import refuse_newer


def to_revision(connection: sa.Connection, target: str) -> None:
    """Go up or down to `target` ("base" is none) within the connection's transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise refuse_newer(current)
    # walked from the newest to the oldest
    age = {revision: index for index, revision in enumerate([*known, None, "base"])}
    move = command.upgrade if age[target] < age[current] else command.downgrade
    if target != current:
        move(config, target)
