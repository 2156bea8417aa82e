"""The manifest of a backup: which files it has, and the seal by which a changed bit is found.

Nothing here writes to a backup that is there. A manifest that is not, byte for byte, what was
written is never believed: its own hash is in it, over its content with that hash left empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

import msgspec
from msgspec.structs import replace

from bowline.core.errors import Conflict, Damaged

#: raised with every change of `Manifest` and of what lies where in a backup
FORMAT = 1
MANIFEST = "manifest.json"
_CHUNK_BYTES = 1024 * 1024

#: told of each file before work on it begins: its name and its size
FileProgress = Callable[[str, int], None]


class StoredFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file; `path` is relative to the backup and to the home alike, with slashes."""

    path: str
    bytes: int
    sha256: str


class JournalEnd(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a verified journal held; a later copy of the same journal has this head on its way."""

    path: str
    entries: int
    head: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All of a backup. `left_out` says in words what it does not hold."""

    format: int
    bowline: str
    created_ns: int
    files: tuple[StoredFile, ...]
    journals: tuple[JournalEnd, ...]
    left_out: tuple[str, ...]
    sha256: str = ""

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(file.bytes for file in self.files)


class _Version(msgspec.Struct):
    format: int


def write_manifest(manifest: Manifest, folder: Path) -> Manifest:
    """Seal it and write it into the folder; durable when the caller has synced the file."""
    sealed = replace(manifest, sha256=_seal(manifest))
    (folder / MANIFEST).write_bytes(_encode(sealed))
    return sealed


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup. Damaged if it is not as written, Conflict if it is too new."""
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
        version = msgspec.json.decode(content, type=_Version).format
        if version > FORMAT:
            raise Conflict(
                f"backup {folder} has format {version}, this Bowline reads format {FORMAT}",
                hint="use the version of Bowline that made it, or a newer one",
            )
        manifest = msgspec.json.decode(content, type=Manifest)
    except OSError as error:
        raise Damaged(
            f"{folder} is not a complete backup: {path.name}: {error.strerror}",
            hint="`bowline backup list` shows those that are",
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _changed(path) from error
    # the seal is over the meaning, the comparison over what the meaning does not show
    if manifest.sha256 != _seal(manifest) or _encode(manifest) != content:
        raise _changed(path)
    for file in manifest.files:
        strays = ".." in PurePosixPath(file.path).parts
        if strays or not (folder / file.path).resolve().is_relative_to(folder.resolve()):
            raise Damaged(f"{path} names a file outside of the backup: {file.path}")
    return manifest


def problem_of(file: StoredFile, size: int, digest: str) -> str:
    """What is wrong with a file that was found with this size and hash; nothing if it is right."""
    if size != file.bytes:
        return f"{file.path}: {size:,} bytes, expected {file.bytes:,}"
    if digest != file.sha256:
        return f"{file.path}: its content was changed"
    return ""


def check_files(folder: Path, manifest: Manifest, progress: FileProgress) -> tuple[str, ...]:
    """A line for each file of the backup that is not as it was written."""
    problems = []
    for file in manifest.files:
        progress(file.path, file.bytes)
        try:
            problem = problem_of(file, *digest_of(folder / file.path))
        except OSError as error:
            problem = f"{file.path}: {error.strerror}"
        if problem:
            problems.append(problem)
    return tuple(problems)


def digest_of(source: Path, target: Path | None = None) -> tuple[int, str]:
    """Size and SHA-256 of a file; copied to `target` on the way, for its owner's eyes only."""
    digest, size = hashlib.sha256(), 0
    with ExitStack() as files:
        file = files.enter_context(source.open("rb"))
        copy = None
        if target is not None:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            target.touch(mode=0o600, exist_ok=False)
            copy = files.enter_context(target.open("wb"))
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            if copy is not None:
                copy.write(chunk)
    return size, digest.hexdigest()


def _seal(manifest: Manifest) -> str:
    return hashlib.sha256(_encode(replace(manifest, sha256=""))).hexdigest()


def _encode(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1)


def _changed(path: Path) -> Damaged:
    return Damaged(f"{path} was changed after it was written", hint="use another backup")
