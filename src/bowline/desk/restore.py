"""A backup put into an empty folder, all of it or nothing, however often it is killed.

It must never write over anything, and never bring trust along: whoever could change a backup would
have their code run by the next command. Which plugins are trusted is a person's word, given anew.
1. Copy every file into `.restoring`, each checked on its way, and sync them.
2. Rename that folder to `.restored-<moment of the backup>`: from here on all is there.
3. Move what is in it to its place, one name after the other, and remove it.
Killed before 2, nothing is in its place yet and the next restore begins anew. Killed in 3, a
restore of the same backup goes on there; until then nobody may use the folder: `unfinished`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath

from msgspec import Struct

from bowline.core.errors import BadInput, Conflict, Damaged
from bowline.desk.backup_manifest import (
    FileProgress,
    Manifest,
    StoredFile,
    digest_of,
    problem_of,
    read_manifest,
)
from bowline.desk.durable import disk, sync, sync_folder

_COPYING, _MOVING, _LOCK = ".restoring", ".restored-", ".restore.lock"
_TRUST = "trusted_strategies.json"
#: what a restore itself puts there before it moves; the lock may have a log of its own
_OWN = (_COPYING, _LOCK)


class Restored(Struct, frozen=True):
    """What was restored. `untrusted` are plugins that a person has to read and trust again."""

    manifest: Manifest
    files: tuple[StoredFile, ...]
    untrusted: tuple[str, ...]

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(file.bytes for file in self.files)


def unfinished(home: Path) -> Conflict | None:
    """What to do about a restore that was cut off in this folder; None if none was."""
    begun = next(iter(home.glob(f"{_MOVING}*")), None)
    if begun is None and not (home / _COPYING).exists():
        return None
    way = "while files were moved" if begun else "before files were moved"
    return Conflict(
        f"a restore into {home} is running, or was interrupted {way}",
        hint="repeat the same command to finish it: bowline backup restore BACKUP --into FOLDER",
    )


def restore(
    path: Path,
    into: Path,
    locked: Callable[[Path, str], AbstractContextManager[None]],
    progress: FileProgress,
) -> Restored:
    """Put the files of a backup into an empty folder, all or none; go on where one was cut off.

    Conflict if the folder is not empty, Damaged if a file of the backup is not as it was written.
    """
    manifest = read_manifest(path)
    moving = into / f"{_MOVING}{manifest.created_ns}"
    files = tuple(file for file in manifest.files if not _is_trust(file.path))
    with disk(into):
        _refuse_unless_empty(into, moving)
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(into / _LOCK, f"another restore into {into} is running"):
            try:
                if not moving.exists():
                    _stage(path, into, moving, files, progress)
                _move(moving, into)
            finally:
                # only whoever holds it may take it away
                (into / _LOCK).unlink(missing_ok=True)
        sync_folder(into)
    plugins = (PurePosixPath(file.path) for file in files)
    untrusted = tuple(
        each.as_posix() for each in plugins if each.parent.name and each.suffix == ".py"
    )
    return Restored(manifest, files, untrusted)


def _is_trust(name: str) -> bool:
    # a disk may take two spellings for one file
    return PurePosixPath(name).name.casefold() == _TRUST


def _refuse_unless_empty(into: Path, moving: Path) -> None:
    if into.exists() and not into.is_dir():
        raise BadInput(
            f"{into} is not a folder", hint="name a folder that is empty or does not exist yet"
        )
    if not into.is_dir() or moving.is_dir():
        return
    there = [each.name for each in into.iterdir() if not each.name.startswith(_OWN)]
    if any(name.startswith(_MOVING) for name in there):
        raise Conflict(
            f"a restore of another backup into {into} was interrupted",
            hint="finish that restore with its own command, or empty the folder",
        )
    if there:
        raise Conflict(
            f"{into} is not empty, and a restore never overwrites files",
            hint="name a folder that is empty or does not exist yet",
        )


def _stage(
    path: Path, into: Path, moving: Path, files: tuple[StoredFile, ...], progress: FileProgress
) -> None:
    staging = into / _COPYING
    if staging.exists():
        # of one that was killed: whoever is at work holds the lock
        shutil.rmtree(staging)
    staging.mkdir(mode=0o700)
    try:
        _copy_checked(path, staging, files, progress)
        sync(staging)
        _refuse_unless_empty(into, moving)
        staging.rename(moving)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    sync_folder(into)


def _move(moving: Path, into: Path) -> None:
    for each in sorted(moving.iterdir()):
        target = into / each.name
        if target.exists():
            raise Conflict(
                f"{target} was created while the restore was interrupted",
                hint=f"move it away, then repeat the restore; its own copy is in {moving}",
            )
        each.rename(target)
    moving.rmdir()


def _copy_checked(
    path: Path, staging: Path, files: tuple[StoredFile, ...], progress: FileProgress
) -> None:
    problems = []
    for file in files:
        progress(file.path, file.bytes)
        try:
            found = digest_of(path / file.path, staging / file.path)
        except FileNotFoundError as error:
            problems.append(f"{file.path}: {error.strerror}")
            continue
        if problem := problem_of(file, *found):
            problems.append(problem)
    if problems:
        raise Damaged(
            f"backup {path} is damaged; nothing was restored",
            hint="use another one: `bowline backup list`",
            problems=tuple(problems),
        )
