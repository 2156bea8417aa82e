"""Every row of a candle file, whatever program wrote it, and what the file was taken for.

The bytes decide, never the name. A file that cannot be read as a whole is refused as a whole.

1. The first bytes name the container: zip, gzip, feather, Parquet, JSON, else text.
2. The columns are found by name, or by position where there are no names.
3. The unit of the stamps is told by their magnitude.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa

from bowline.core.errors import BadInput, NotFound
from bowline.storage.files.archive import (
    MAX_BYTES,
    Read,
    open_gzip,
    open_member,
    shown,
    zip_members,
)
from bowline.storage.files.binary import read_feather, read_parquet
from bowline.storage.files.foreign import (
    LOOKED_AT_BYTES,
    foreign_bytes,
    foreign_text,
    foreign_zip,
)
from bowline.storage.files.hints import NO_HINTS, FileHints
from bowline.storage.files.layout import MAX_LINE
from bowline.storage.files.table import MAX_ROWS, CandleFile, CandleTable, join_parts, too_many_rows
from bowline.storage.files.text import read_csv, read_json

#: of JSON, whose rows take many times their text in memory
_MAX_JSON_BYTES = 128 * 1024**2
_HEAD = 64
#: what a file is expected to hold
_WANTED = "candles"


def load_file(path: Path, hints: FileHints = NO_HINTS) -> CandleFile:
    """Every row of a candle file. BadInput if it is none, NotFound if there is no such file."""
    name = str(path)
    try:
        if not path.is_file():
            what = "this is no file" if path.exists() else "there is no such file"
            raise NotFound(f"{path}: {what}", hint="Give the path of a candle file.")
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{path}: larger than {MAX_BYTES} bytes", hint="Split it.")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        parts = _parts(name, path, hints)
    except OSError as error:
        raise BadInput(f"{path}: the file cannot be read: {error.strerror or error}") from error
    except pa.ArrowException as error:
        first = shown((str(error).splitlines() or [type(error).__name__])[0])
        raise BadInput(f"{name}: cannot be read: {first}", hint="Is it a candle file?") from error
    except MemoryError as error:
        raise BadInput(f"{path}: takes more memory than there is", hint="Split it.") from error
    return join_parts(name, digest, parts)


def _parts(name: str, path: Path, hints: FileHints) -> tuple[CandleTable, ...]:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEAD)
        file.seek(0)
        if head[:2] == b"PK":
            return _zipped(name, path, hints)
        if head[:2] == b"\x1f\x8b":
            with open_gzip(name, file, size) as read:
                return (_read_part(name, read, hints, within="gzip"),)
        if head[:6] == b"ARROW1" or head[:4] == b"PAR1":
            # mapped, not read: only its columns are taken
            with pa.memory_map(name) as mapped:
                return (_binary(name, mapped.read_buffer(), hints),)
        return (_read_part(name, file.read, hints),)


def _zipped(name: str, path: Path, hints: FileHints) -> tuple[CandleTable, ...]:
    parts, rows = [], 0
    members = zip_members(name, path)
    if (foreign := foreign_zip(name, [each.filename for each in members], _WANTED)) is not None:
        raise foreign
    for member in members:
        word = shown(member.filename)
        with open_member(f"{name}/{word}", path, member) as read:
            part = _read_part(f"{name}/{word}", read, hints, within="zip")
        rows += len(part.columns)
        if rows > MAX_ROWS:
            raise too_many_rows(name)
        parts.append(
            CandleTable(word, part.format, part.columns, part.notes, part.rows, part.filled)
        )
    return tuple(parts)


def _read_part(name: str, read: Read, hints: FileHints, *, within: str = "") -> CandleTable:
    """One table by its first bytes."""
    head = read(_HEAD)
    while not head.strip() and len(head) < MAX_LINE:
        more = read(_HEAD)
        if not more:
            break
        head += more
    if not head.strip():
        raise BadInput(f"{name}: the file is empty", hint="Is the download complete?")
    for magic, kind in ((b"PK\x03\x04", "zip"), (b"\x1f\x8b", "gzip")):
        if within and head.startswith(magic):
            raise BadInput(
                f"{name}: a {kind} within a {within} is not unpacked", hint="Unpack the outer one."
            )
    if head[:6] == b"ARROW1" or head[:4] == b"PAR1":
        content = _whole(name, head, read, MAX_BYTES // 4)
        return _binary(name, pa.py_buffer(content), hints)
    if (foreign := foreign_bytes(name, head, _WANTED)) is not None:
        raise foreign
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"[":
        return read_json(name, _whole(name, head, read, _MAX_JSON_BYTES).lstrip(b"\xef\xbb\xbf"))
    if start[:1] == b"{" or (start[:1] == b"<" and not _is_heading(start)):
        content = _from(head, read)(LOOKED_AT_BYTES + 1)
        unknown = BadInput(
            f"{name}, row 1: this is neither text of candles nor a format known here",
            hint="Known: CSV, zip, gzip, freqtrade feather and JSON, Parquet.",
        )
        raise foreign_text(name, content, _WANTED) or unknown
    return read_csv(name, _from(head, read), hints)


def _is_heading(start: bytes) -> bool:
    """MetaTrader 5 puts its headings into angle brackets: <DATE>, <TIME>, <OPEN>."""
    return start[:6].upper() in (b"<DATE>", b"<TICKE", b"<TIME>")


def _binary(name: str, content: pa.Buffer, hints: FileHints) -> CandleTable:
    if bytes(content[:6]) == b"ARROW1":
        return read_feather(name, content, hints)
    return read_parquet(name, content, hints)


def _from(head: bytes, read: Read) -> Read:
    """Reads the head once more, then goes on; fewer bytes than asked for are the last."""
    left = [head]

    def fill(size: int) -> bytes:
        pieces = [left.pop()] if left else []
        missing = size - sum(map(len, pieces))
        while missing > 0 and (piece := read(missing)):
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    return fill


def _whole(name: str, head: bytes, read: Read, most: int) -> bytes:
    pieces, size = [head], len(head)
    while piece := read(1 << 20):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise BadInput(
                f"{name}: more than {most // 1024**2:,} MiB of it cannot be read at once",
                hint="Split it, or use CSV.",
            )
    return b"".join(pieces)
