"""The part of `migrations` that needs alembic: slow to import, so only when there is work."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bowline.core.errors import Conflict


def to_revision(connection: sa.Connection, target: str) -> None:
    """Go up or down to `target` ("base" is none) within the connection's transaction.

    Conflict if the tables are at a revision that this Bowline has no steps for.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise Conflict(
            f"the tables are at revision {current}, this Bowline knows revisions up to {known[0]}",
            hint="use the version of Bowline that wrote them, or a newer one",
        )
    # walked from the newest to the oldest
    age = {revision: index for index, revision in enumerate([*known, None, "base"])}
    move = command.upgrade if age[target] < age[current] else command.downgrade
    if target != current:
        move(config, target)
