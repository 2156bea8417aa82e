"""Zip and gzip, opened with limits. A member must never be in memory as a whole for being unpacked.

An archive is refused before it is unpacked where it says that it is too large, and while it is
unpacked where it becomes so; candles never take hundreds of times their packed size.
"""

from __future__ import annotations

import gzip
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from bowline.core.errors import BadInput

#: unpacked: twenty years of one-minute candles in the widest text take about 1.5 GB
MAX_BYTES = 2 * 1024**3
MAX_MEMBERS = 5_000
#: candles in text become 3 to 20 times smaller
_MAX_RATIO = 100
#: below this no ratio is looked at: a short file of equal rows packs well
_SMALL_BYTES = 64 * 1024**2
_ENCRYPTED = 1

Read = Callable[[int], bytes]

#: what the readers of archives raise when bytes are not what they should be
DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError)


class _Reads(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, up to `size`."""


class BoundedReader:
    """Bytes of a stream, up to a bound that is made of the size it was packed in."""

    def __init__(self, name: str, file: _Reads, packed_bytes: int) -> None:
        self._name = name
        self._file = file
        self._most = min(MAX_BYTES, max(_SMALL_BYTES, packed_bytes * _MAX_RATIO))
        self._read = 0

    def read(self, size: int) -> bytes:
        """The next bytes, up to `size`; none at the end. BadInput beyond the bound."""
        try:
            piece = self._file.read(size)
        except RuntimeError as error:  # packed in a way that is not known here
            raise BadInput(f"{self._name}: cannot be unpacked: {error}") from error
        except DAMAGED as error:
            raise damaged(self._name, error) from error
        self._read += len(piece)
        if self._read > self._most:
            raise too_large(self._name, self._most)
        return piece


@contextmanager
def open_gzip(name: str, file: BinaryIO, packed_bytes: int) -> Iterator[Read]:
    """What a gzip file holds."""
    with gzip.GzipFile(fileobj=file) as plain:
        yield BoundedReader(name, plain, packed_bytes).read


def zip_members(name: str, path: Path) -> tuple[zipfile.ZipInfo, ...]:
    """The files of candles in a zip, by name. BadInput if they are too many or too large."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [each for each in archive.infolist() if _holds_candles(each)]
    except RuntimeError as error:
        raise BadInput(f"{name}: the zip cannot be unpacked: {error}") from error
    except DAMAGED as error:
        raise damaged(name, error) from error
    total = sum(each.file_size for each in members)
    if len(members) > MAX_MEMBERS:
        raise BadInput(
            f"{name}: {len(members):,} files in the zip, and at most {MAX_MEMBERS:,} are taken",
            hint="Pack fewer files together.",
        )
    if total > min(MAX_BYTES, max(_SMALL_BYTES, path.stat().st_size * _MAX_RATIO)):
        raise too_large(name, total)
    if not members:
        raise BadInput(f"{name}: the zip holds no file of candles")
    for each in members:
        if each.flag_bits & _ENCRYPTED:
            raise BadInput(
                f"{name}/{shown(each.filename)}: is encrypted", hint="Unpack it with its password."
            )
    return tuple(sorted(members, key=lambda each: each.filename))


@contextmanager
def open_member(name: str, path: Path, member: zipfile.ZipInfo) -> Iterator[Read]:
    """What a member of a zip holds."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as plain:
            yield BoundedReader(name, plain, member.compress_size).read
    except (RuntimeError, NotImplementedError) as error:
        raise BadInput(f"{name}: the zip cannot be unpacked: {error}") from error
    except DAMAGED as error:
        raise damaged(name, error) from error


def shown(name: str) -> str:
    """A name from an archive, without what a terminal would obey."""
    return "".join(each if each.isprintable() else "?" for each in name[:200])


def damaged(name: str, error: Exception) -> BadInput:
    """The error for an archive that breaks off or is not what it should be."""
    return BadInput(
        f"{name}: the archive is truncated or damaged: {shown(str(error))}",
        hint="Download it again.",
    )


def too_large(name: str, size: int) -> BadInput:
    """The error for what would unpack to more than candles need."""
    return BadInput(
        f"{name}: unpacks to {size / 1024**2:,.0f} MiB or more, which no file of candles does",
        hint=f"At most {MAX_BYTES // 1024**2:,} MiB, and {_MAX_RATIO} times its own size, are"
        " taken: is it a file of candles?",
    )


def _holds_candles(member: zipfile.ZipInfo) -> bool:
    """Not the folders, checksums and resource forks that archives carry along."""
    stem = member.filename.rsplit("/", 1)[-1]
    hidden = member.filename.startswith("__MACOSX/") or stem.startswith(".")
    return not (member.is_dir() or hidden or stem.upper().endswith("CHECKSUM"))
