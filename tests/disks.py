"""Small disks that fill up and become read-only: real ones, where this process may mount."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """A mounted disk of a few megabytes; `path` is its folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        """Take every byte that is left."""
        handle = os.open(self.path / "filling", os.O_CREAT | os.O_WRONLY)
        try:
            for block in (65_536, 4_096):
                try:
                    while True:
                        os.write(handle, b"x" * block)
                except OSError:
                    continue
        finally:
            os.close(handle)

    def make_room(self) -> None:
        """Give back what was taken."""
        (self.path / "filling").unlink()

    def read_only(self) -> None:
        """From now on nothing can be written: not by root either, whom no mode stops."""
        subprocess.run(["mount", "-o", "remount,ro", self.path], check=True)


@contextmanager
def small_disk(path: Path, megabytes: int = 16) -> Iterator[SmallDisk]:
    """Mount one at `path`; the test is skipped where this user may not."""
    path.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"a disk of its own needs the right to mount: {made.stderr.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)
