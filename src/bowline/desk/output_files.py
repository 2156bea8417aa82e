"""Files that a command was told to write: looked at before the work, written whole or not at all.

Every command that writes a file a person named goes through here; nothing else may open one. A file
that is there is replaced only with `--force`, and never if the same command reads it or Bowline
keeps it.
"""

from __future__ import annotations

import csv
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from msgspec import Struct

from bowline.core.errors import BadInput, BowlineError, Conflict

_REPLACE = "choose another name, or add --force"
_ELSEWHERE = "choose another name"


class Output(Struct, frozen=True):
    """A file to be written; `force` says that one that is there may go."""

    path: Path
    force: bool = False

    def check(self) -> None:
        """Whether it can be written, without leaving anything behind. Raises BowlineError."""
        with _as_bad_input(self.path):
            target = self.path.resolve()
            if self.path.is_dir():
                raise BadInput(f"{self.path} is a folder", hint="name a file in it")
            if _is_stream(target):
                return
            if target.exists():
                self._check_replace(target)
            if not target.parent.is_dir():
                raise BadInput(
                    f"cannot write {self.path}: there is no folder {target.parent}",
                    hint="make the folder first, or choose another",
                )
            # permissions, read-only disks and quotas answer for themselves
            with tempfile.TemporaryFile(dir=target.parent):
                pass

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """A path to write to, which becomes the file at the end, if all went well.

        Raises Conflict if a file appeared there since it was checked, BadInput if it cannot be
        written.
        """
        with _as_bad_input(self.path):
            target = self.path.resolve()
            if _is_stream(target):
                yield target
                return
            draft = target.with_name(f".bowline-{os.getpid()}-{token_hex(4)}.part")
            try:
                yield draft
                self._put(draft, target)
            finally:
                with suppress(OSError):
                    draft.unlink(missing_ok=True)

    def _check_replace(self, target: Path) -> None:
        if not self.force:
            raise Conflict(f"{self.path} exists already", hint=_REPLACE)
        if not os.access(target, os.W_OK):
            raise BadInput(f"{self.path} is read-only", hint=_ELSEWHERE)

    def _put(self, draft: Path, target: Path) -> None:
        if self.force:
            with suppress(FileNotFoundError):
                shutil.copymode(target, draft)
            draft.replace(target)
            return
        try:
            # unlike a rename, a link never replaces
            os.link(draft, target)
        except FileExistsError:
            raise Conflict(f"{self.path} exists by now", hint=_REPLACE) from None
        except OSError:
            # a disk without links
            if target.exists():
                raise Conflict(f"{self.path} exists by now", hint=_REPLACE) from None
            draft.replace(target)


def check_outputs(
    said: Mapping[str, Path | None], inputs: Iterable[Path], kept: Path, *, force: bool
) -> tuple[Output | None, ...]:
    """An output for each option of `said` that names a file, each fit to be written.

    `inputs` are what the command reads, `kept` is the folder of what Bowline keeps. Raises
    BowlineError, before anything was done.
    """
    named = {option: path for option, path in said.items() if path is not None}
    taken: list[tuple[str, Path]] = [("", path) for path in inputs]
    for option, path in named.items():
        if path.name.startswith("-"):
            raise BadInput(
                f"{option} has no file: {path} reads like an option", hint=f"{option} ./{path.name}"
            )
        for other, at in taken:
            if _is_same(path, at):
                what = f"is the file of {other} too" if other else "is read by this command"
                raise Conflict(f"{option} {path} {what}", hint=_ELSEWHERE)
        taken.append((option, path))
        Output(path, force).check()
        if path.exists() and path.resolve().is_relative_to(kept.resolve()):
            raise Conflict(f"{option} {path} is a file that Bowline keeps", hint=_ELSEWHERE)
    return tuple(None if path is None else Output(path, force) for path in said.values())


def write_rows(columns: Sequence[str], rows: Iterable[Sequence[object]], out: Output) -> None:
    """Write a CSV file. Raises BowlineError if it cannot be written there."""
    with (
        out.draft() as path,
        path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _is_same(one: Path, other: Path) -> bool:
    with suppress(OSError):
        return one.samefile(other)
    return one.resolve() == other.resolve()


def _is_stream(path: Path) -> bool:
    """A pipe or a device, such as /dev/null: nothing that could be lost, nothing to put whole."""
    with suppress(OSError):
        mode = path.stat().st_mode
        return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)
    return False


@contextmanager
def _as_bad_input(path: Path) -> Iterator[None]:
    try:
        yield
    except BowlineError:
        raise
    except (OSError, RuntimeError) as error:
        # RuntimeError: a link that leads to itself
        reason = getattr(error, "strerror", None) or str(error)
        full = getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT}
        hint = (
            "make room on the disk, or choose another"
            if full
            else "choose a folder that can be written to"
        )
        raise BadInput(f"cannot write {path}: {reason}", hint=hint) from error
