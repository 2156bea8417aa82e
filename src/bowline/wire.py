"""The one file that chooses: which store, which feed, which venue, which clock.

Nothing else in Bowline may ask which life it is in. Every function here builds one part from the
settings and hands it over; no rule of trading may live here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bowline.storage.journal import Journal


def home() -> Path:
    """Where everything Bowline keeps lies: `BOWLINE_HOME`, or the platform's user data folder."""
    from bowline.settings import load_settings

    return load_settings().home


def open_journal(path: Path, *, read_only: bool = False) -> Journal:
    """The journal in the file at `path`, made if there is none; it must be closed.

    There is one writer at a time (Conflict) and any number of readers.
    """
    from bowline.storage.embedded.sqlite_journal import SqliteJournal

    return SqliteJournal(path, read_only=read_only)
