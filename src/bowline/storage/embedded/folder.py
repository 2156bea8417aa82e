"""The folder of a store, made when its file is."""

from __future__ import annotations

from pathlib import Path

from bowline.core.errors import Conflict


def make_folder(folder: Path) -> None:
    """`folder`, for its owner alone, and all that it lies in; Conflict if it cannot be made."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Conflict(
            f"folder {folder} cannot be made: {error.strerror}",
            hint="check its permissions, or set BOWLINE_HOME to another folder",
        ) from error
