"""Files and folders that are on the disk when a call returns, and a disk's refusal in words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bowline.core.errors import Conflict


def sync(folder: Path) -> None:
    """Every file and folder in it is on the disk when this returns."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            sync_folder(path)
        else:
            with path.open("r+b") as file:
                os.fsync(file.fileno())
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Its names are on the disk when this returns, where a folder can be synced."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def disk(folder: Path) -> Iterator[None]:
    """What the disk refuses is a Conflict that names the file."""
    try:
        yield
    except OSError as error:
        raise Conflict(
            f"{error.filename or folder}: {error.strerror}",
            hint="check the folder, its permissions and free space",
        ) from error
