"""Every row of a candle file, whatever program wrote it, and what the file was taken for.

The bytes decide, never the name. A file that cannot be read as a whole is refused as a whole.

1. The first bytes name the container: zip, gzip, feather, Parquet, JSON, else text.
2. The columns are found by name, or by position where there are no names.
3. The unit of the stamps is told by their magnitude.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import zipfile
import zlib
from pathlib import Path

import pyarrow as pa
from pyarrow import ipc, parquet

from bowline.core.errors import BadInput, NotFound
from bowline.storage.files.columns import part_from_table
from bowline.storage.files.table import CandleFile, Part, join_parts
from bowline.storage.files.text import read_csv, read_json

#: larger than any month of one-minute candles by far; a bomb is larger
MAX_BYTES = 4 * 1024**3
MAX_MEMBERS = 5_000

#: what the readers of archives raise when bytes are not what they should be
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError)


def load_file(path: Path) -> CandleFile:
    """Every row of a candle file. BadInput if it is none, NotFound if there is no such file."""
    try:
        if not path.is_file():
            what = "this is no file" if path.exists() else "there is no such file"
            raise NotFound(f"{path}: {what}", hint="Give the path of a candle file.")
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{path}: larger than {MAX_BYTES} bytes", hint="Split it.")
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: the file cannot be read: {error.strerror}") from error
    name = str(path)
    parts = _read_zip(name, content) if content[:2] == b"PK" else (_read_part(name, content),)
    return join_parts(name, hashlib.sha256(content).hexdigest(), parts)


def _read_part(name: str, content: bytes) -> Part:
    """One table by its first bytes."""
    if not content.strip():
        raise BadInput(f"{name}: the file is empty", hint="Is the download complete?")
    if content[:2] == b"\x1f\x8b":
        return _read_part(name, _gunzip(name, content))
    if content[:6] == b"ARROW1":
        return part_from_table(name, "feather", _read_arrow(name, content, "feather"))
    if content[:4] == b"PAR1":
        return part_from_table(name, "parquet", _read_arrow(name, content, "parquet"))
    start = content[:64].lstrip()
    if start[:1] in (b"[", b"{"):
        return read_json(name, content)
    if start[:1] == b"<":
        raise BadInput(
            f"{name}, row 1: this is a web page, not candles",
            hint="The download gave an error page: open the file in a browser to see which.",
        )
    return read_csv(name, content)


def _read_arrow(name: str, content: bytes, kind: str) -> pa.Table:
    try:
        source = pa.BufferReader(content)
        table = (
            parquet.read_table(source) if kind == "parquet" else ipc.open_file(source).read_all()
        )
        table.validate()
    except (pa.ArrowException, OSError) as error:
        raise BadInput(
            f"{name}: the {kind} file cannot be read: {str(error).splitlines()[0]}",
            hint="It is truncated or damaged: download it again.",
        ) from error
    return table


def _gunzip(name: str, content: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as archive:
            plain = archive.read(MAX_BYTES + 1)
    except _DAMAGED as error:
        raise _damaged_archive(name, error) from error
    if len(plain) > MAX_BYTES:
        raise BadInput(f"{name}: unpacks to more than {MAX_BYTES} bytes")
    if plain[:2] == b"\x1f\x8b":
        raise BadInput(f"{name}: a gzip within a gzip is not candles")
    return plain


def _read_zip(name: str, content: bytes) -> tuple[Part, ...]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [m for m in archive.infolist() if _holds_candles(m)]
            if len(members) > MAX_MEMBERS or sum(m.file_size for m in members) > MAX_BYTES:
                raise BadInput(
                    f"{name}: {len(members)} files in the zip, too many or too large",
                    hint=f"At most {MAX_MEMBERS} files and {MAX_BYTES} bytes unpacked.",
                )
            members.sort(key=lambda m: m.filename)
            contents = [(m.filename, archive.read(m)) for m in members]
    except RuntimeError as error:  # encrypted, or packed in a way that is not known here
        raise BadInput(f"{name}: the zip cannot be unpacked: {error}") from error
    except _DAMAGED as error:
        raise _damaged_archive(name, error) from error
    if not contents:
        raise BadInput(f"{name}: the zip holds no file of candles")
    return tuple(_read_member(name, member, plain) for member, plain in contents)


def _holds_candles(member: zipfile.ZipInfo) -> bool:
    """Not the folders, checksums and resource forks that archives carry along."""
    stem = member.filename.rsplit("/", 1)[-1]
    hidden = member.filename.startswith("__MACOSX/") or stem.startswith(".")
    return not (member.is_dir() or hidden or stem.upper().endswith("CHECKSUM"))


def _read_member(archive: str, member: str, content: bytes) -> Part:
    if content[:2] == b"PK":
        raise BadInput(f"{archive}/{member}: a zip within a zip is not unpacked")
    part = _read_part(f"{archive}/{member}", content)
    return Part(member, part.format, part.columns)


def _damaged_archive(name: str, error: Exception) -> BadInput:
    return BadInput(
        f"{name}: the archive is truncated or damaged: {error}",
        hint="Download it again.",
    )
