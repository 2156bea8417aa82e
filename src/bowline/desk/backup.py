"""Backups of all that cannot be made again: made, listed, rotated, checked.

It must never change what it copies, and never count a copy that is not whole. A backup is a folder
that is named after its moment (UTC):
1. Hold the lock of the folder of backups, and clear away what killed backups left there.
2. Work in a hidden folder beside the others. Find the journals, then copy the tables, then those
   journals, then the candles: so each journal's run is in the tables, and whatever was written
   meanwhile looks as after a crash: the tables may be behind a journal, never ahead of it.
   A journal that the newest backup has and the home has not is a lost one, unless its run was
   deleted: then no backup is made, or the good ones would rotate away for it.
3. Check every copy, and the chain of every journal; damage ends the backup.
4. Write the manifest, sync all of it, give the folder its name. Now it counts.
5. Remove the oldest beyond those that are to be kept. One with a broken manifest is left alone:
   a person should look at it.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from bowline import __version__
from bowline.core.errors import BadInput, BowlineError, Damaged, NotFound
from bowline.core.model.values import SECOND_NS
from bowline.desk.backup_manifest import (
    FORMAT,
    FileProgress,
    JournalEnd,
    Manifest,
    StoredFile,
    check_files,
    digest_of,
    read_manifest,
    write_manifest,
)
from bowline.desk.durable import disk, sync, sync_folder
from bowline.desk.journal_end import KnownEnd, cut_off
from bowline.storage.journal import Journal

_NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z")
_RUN = re.compile(r"run-(\d+)\.db")
_PART, _GONE, _LOCK = ".part-", ".gone-", ".lock"
_TABLES, _CANDLES = "tables.db", "candles.duckdb"
_JOURNALS, _STRATEGIES = "journals", "strategies"


class CandleStoreFile(Protocol):
    """A candle store in one file."""

    @property
    def path(self) -> Path:
        """The file."""

    def copy_to(self, target: Path) -> None:
        """Write all that is stored to a new file."""


class OpenJournal(Protocol):
    """Opens a journal; it must be closed."""

    def __call__(self, path: Path, *, read_only: bool = False) -> Journal:
        """The journal in the file at `path`."""


class BackupStores(Struct, frozen=True, kw_only=True):
    """What is copied, and how. `candles` is None if a server keeps them.

    `copy_sqlite` returns False for a file with nothing in it; `locked` raises Conflict with the
    given words if another process holds the lock file; `journal_ends` are all runs there are, each
    with how far its journal had come.
    """

    home: Path
    candles: CandleStoreFile | None
    strategies: Path
    copy_sqlite: Callable[[Path, Path], bool]
    open_journal: OpenJournal
    locked: Callable[[Path, str], AbstractContextManager[None]]
    journal_ends: Callable[[], Mapping[int, KnownEnd | None]]


class Backup(Struct, frozen=True):
    """A folder named like a backup; without a manifest it is none, and `problem` says why."""

    path: Path
    manifest: Manifest | None
    problem: str = ""


class CreatedBackup(Struct, frozen=True):
    """A backup that was made, and the older ones that were removed after it.

    `gone` are journals of deleted runs, which the backup before it had. `ahead` are backups that a
    clock dated later than this one.
    """

    path: Path
    manifest: Manifest
    removed: tuple[Path, ...]
    gone: tuple[str, ...] = ()
    ahead: tuple[Path, ...] = ()


class CompactedStore(Struct, frozen=True):
    """A store's size before and after, its write-ahead log included."""

    store: str
    before_bytes: int
    after_bytes: int


def backups_folder(home: Path) -> Path:
    """Where backups go if no other folder is said."""
    return home / "backups"


def create(stores: BackupStores, folder: Path, keep: int, progress: FileProgress) -> CreatedBackup:
    """Make a backup in `folder` and keep the newest `keep` there.

    NotFound if there is nothing to keep, Conflict if something is in use or the disk says no,
    Damaged if a store does not hold its own check: then nothing is kept and nothing removed.
    """
    assert keep >= 1, "the backup that is made is kept"
    if folder.resolve().is_relative_to(stores.strategies.resolve()):
        raise BadInput(
            f"{folder} lies in the strategies folder, which is a part of the backup",
            hint="choose a folder elsewhere, best on another disk",
        )
    with disk(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        busy = f"another backup into {folder} is running"
        with stores.locked(folder / _LOCK, busy):
            _clear(folder)
            part = Path(tempfile.mkdtemp(prefix=_PART, dir=folder))
            try:
                made, gone = _fill(stores, part, _newest(folder), progress)
                path = folder / _name(made.created_ns)
                part.rename(path)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
            sync_folder(folder)
            removed, ahead = _rotate(folder, path, keep)
            return CreatedBackup(path, made, removed, gone, ahead)


def find_backups(folder: Path) -> list[Backup]:
    """All folders there that are named like backups, newest first."""
    if not folder.is_dir():
        return []
    names = sorted((p.name for p in folder.iterdir() if _NAME.fullmatch(p.name)), reverse=True)
    return [_looked_at(folder / name) for name in names]


def choose_backup(folder: Path, word: str) -> Path:
    """The backup that is meant: a folder, or the name of one in `folder`."""
    for path in (folder / word, Path(word)):
        if word and path.is_dir():
            return path
    newest = ", ".join(each.path.name for each in find_backups(folder)[:5])
    raise NotFound(
        f"there is no backup {word} in {folder}",
        hint=f"the newest there: {newest}" if newest else "`bowline backup create` makes one",
    )


def verify(path: Path, progress: FileProgress) -> tuple[Manifest, tuple[str, ...]]:
    """The manifest, and a line for each file that is not as it was written."""
    manifest = read_manifest(path)
    return manifest, check_files(path, manifest, progress)


def vacuum(compactors: dict[Path, Callable[[], None]]) -> list[CompactedStore]:
    """Make each of these files that is there smaller; Conflict if one is in use too long."""
    done = []
    for path, compact in compactors.items():
        if path.exists():
            before = _size(path)
            compact()
            done.append(CompactedStore(path.name, before, _size(path)))
    return done


def _size(path: Path) -> int:
    # SQLite and DuckDB keep their logs beside the file, under these names
    beside = [path, Path(f"{path}-wal"), Path(f"{path}.wal")]
    return sum(each.stat().st_size for each in beside if each.exists())


# --- filling ----------------------------------------------------------------------------------


def _fill(
    stores: BackupStores, part: Path, before: Backup | None, progress: FileProgress
) -> tuple[Manifest, tuple[str, ...]]:
    """Copy everything into `part`, check it, and make it durable together with its manifest."""
    created_ns = time.time_ns()
    found = sorted((stores.home / _JOURNALS).glob("*.db"))
    gone = _deleted(stores, found, before)
    _copy_file(stores.home / _TABLES, part / _TABLES, stores.copy_sqlite, progress)
    ends = stores.journal_ends()
    _refuse_lost(stores.home, found, ends)
    journals = tuple(_copied_journals(stores, part, found, ends, progress))
    candles = stores.candles
    if candles is not None and candles.path.exists():
        progress(_CANDLES, candles.path.stat().st_size)
        candles.copy_to(part / _CANDLES)
    for source in _strategy_files(stores.strategies):
        digest_of(source, part / _STRATEGIES / source.relative_to(stores.strategies))
    files = tuple(_stored(part))
    if not files:
        raise NotFound(
            f"there is nothing in {stores.home} to back up",
            hint="check BOWLINE_HOME: bowline doctor shows it",
        )
    left_out: tuple[str, ...] = ()
    if candles is None:
        left_out += ("candles: they are on a server and need a backup there",)
    if (part / _STRATEGIES).exists():
        left_out += ("trust in plugins: after a restore they must be trusted again",)
    manifest = Manifest(
        format=FORMAT,
        bowline=__version__,
        created_ns=created_ns,
        files=files,
        journals=journals,
        left_out=left_out,
    )
    sealed = write_manifest(manifest, part)
    sync(part)
    return sealed, gone


def _deleted(stores: BackupStores, found: list[Path], before: Backup | None) -> tuple[str, ...]:
    """Journals of deleted runs that the backup before had; Damaged if one is lost otherwise."""
    if before is None or before.manifest is None:
        return ()
    had = {Path(each.path).name for each in before.manifest.journals}
    missing = sorted(had - {path.name for path in found})
    runs = stores.journal_ends() if missing else {}
    for name in missing:
        number = int(match[1]) if (match := _RUN.fullmatch(name)) else 0
        if number in runs:
            raise Damaged(
                f"journal {stores.home / _JOURNALS / name} is missing, but {before.path} "
                "contains it; no backup was made",
                hint=f"restore it from there, or delete its run: bowline runs delete {number}",
            )
    return tuple(missing)


def _newest(folder: Path) -> Backup | None:
    """The newest whole backup."""
    return next((each for each in find_backups(folder) if each.manifest is not None), None)


def _copy_file(
    source: Path, target: Path, copy: Callable[[Path, Path], bool], progress: FileProgress
) -> bool:
    if not source.exists():
        return False
    progress(source.name, source.stat().st_size)
    target.parent.mkdir(mode=0o700, exist_ok=True)
    return copy(source, target)


def _refuse_lost(home: Path, found: list[Path], ends: Mapping[int, KnownEnd | None]) -> None:
    there = {path.name for path in found}
    for run, end in ends.items():
        if end is not None and end.mark.entries and f"run-{run}.db" not in there:
            raise Damaged(
                f"journal {home / _JOURNALS / f'run-{run}.db'} is missing; its run had "
                f"reached {end}; no backup was made",
                hint=f"restore it from a backup, or delete its run: bowline runs delete {run}",
            )


def _copied_journals(
    stores: BackupStores,
    part: Path,
    found: list[Path],
    ends: Mapping[int, KnownEnd | None],
    progress: FileProgress,
) -> Iterator[JournalEnd]:
    for source in found:
        target = part / _JOURNALS / source.name
        number = int(match[1]) if (match := _RUN.fullmatch(source.name)) else 0
        end = ends.get(number)
        if not _copy_file(source, target, stores.copy_sqlite, progress):
            if end is not None:
                raise _not_whole(source, ": it is empty, but its run has started")
            # a run that is being made may have a file without a table: nothing happened in it yet
            continue
        with closing(stores.open_journal(target, read_only=True)) as journal:
            result = journal.verify()
            if result.damage is not None:
                raise _not_whole(source, f" at seq {result.damage.seq}: {result.damage.what}")
            if reason := cut_off(end, journal):
                raise _not_whole(source, f": {reason}")
            yield JournalEnd(target.relative_to(part).as_posix(), result.entries, journal.head)


def _not_whole(source: Path, why: str) -> Damaged:
    return Damaged(
        f"journal {source} is damaged{why}; no backup was made",
        hint="restore that journal from an older backup, or delete its run (bowline runs delete)",
    )


def _strategy_files(folder: Path) -> Iterator[Path]:
    """What a person put there; nothing hidden, nothing that Python made."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(p[0] == "." or p == "__pycache__" for p in parts):
            yield path


def _stored(part: Path) -> Iterator[StoredFile]:
    for path in sorted(part.rglob("*")):
        if path.is_file():
            yield StoredFile(path.relative_to(part).as_posix(), *digest_of(path))


# --- the folder of backups --------------------------------------------------------------------


def _name(created_ns: int) -> str:
    seconds, rest = divmod(created_ns, SECOND_NS)
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%S")
    return f"{moment}.{rest // 1000:06d}Z"


def _looked_at(path: Path) -> Backup:
    try:
        return Backup(path, read_manifest(path))
    except BowlineError as error:
        return Backup(path, None, error.message)


def _rotate(folder: Path, newest: Path, keep: int) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Remove the oldest whole backups beyond `keep`; those dated later than `newest` are returned.

    These were made with a wrong clock: when is not known, so they stay, and they do not count, or
    each backup of today would push out the one of yesterday.
    """
    whole = [each.path for each in find_backups(folder) if each.manifest is not None]
    ahead = tuple(path for path in whole if path.name > newest.name)
    others = [path for path in whole if path.name < newest.name]
    removed = tuple(others[keep - 1 :])
    for path in removed:
        # a half of it must not count, should this be killed on the way
        gone = path.with_name(_GONE + path.name)
        path.rename(gone)
        shutil.rmtree(gone)
    return removed, ahead


def _clear(folder: Path) -> None:
    """What killed backups left; the lock is held, so nobody is at work on it."""
    for path in folder.iterdir():
        if path.name.startswith((_PART, _GONE)):
            shutil.rmtree(path)
