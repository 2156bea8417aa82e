"""Candles in text: CSV of exchanges and of people, a block at a time, and freqtrade's JSON.

A cell that is no number is never skipped: the file is refused with the row and what stood there.
Memory is bounded by the rows' columns and one block, whatever the file's size.

1. The first lines tell the layout: separator, headings, how numbers are written.
2. Each block of whole lines is parsed alone; comments and repeated headings between rows, rows of
   another instrument and rows that are not closed are left out, and counted aloud.
3. The stamps are read when all of them are there: one form must fit every row.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from bowline.core.errors import BadInput
from bowline.core.quality import Columns
from bowline.storage.files.columns import Roles, role_columns
from bowline.storage.files.foreign import foreign_text
from bowline.storage.files.hints import FileHints
from bowline.storage.files.layout import MAX_LINE, Layout, find_layout, find_numbers
from bowline.storage.files.orders import BINANCE, BINANCE_COLUMNS, headless_roles
from bowline.storage.files.rows import RowReader
from bowline.storage.files.stamps import numbers_to_ns
from bowline.storage.files.table import MAX_ROWS, CandleTable, too_many_rows

Read = Callable[[int], bytes]

#: whole lines that are parsed at once
_BLOCK_BYTES = 8 * 1024**2
_SPACE = re.compile(rb"[ \t\r\n]*")
_BOMS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}

_JsonStamp = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
_JsonRow = tuple[_JsonStamp, float, float, float, float, float]
#: numbers of a row beside its stamp
_VALUES = 5
#: of JSON that is decoded at once
_JSON_BLOCK_BYTES = 2 * 1024**2


def read_csv(name: str, read: Read, hints: FileHints) -> CandleTable:
    """A CSV with or without headings; BadInput says in which row it stops being one."""
    blocks = _blocks(name, as_utf8(name, read))
    first = next(blocks, b"")
    layout = find_layout(name, _text(name, first[: 4 * MAX_LINE], whole=first))
    roles, kind = _roles(name, layout, hints)
    cells = [
        row[at]
        for row in layout.rows
        for at in (*roles.prices.values(), roles.volume.column)
        if at < len(row)
    ]
    numbers = find_numbers(name, cells, hints.decimal)
    reader = RowReader(name, layout, roles, numbers, hints)
    reader.add(_after(first, layout.before))
    for block in blocks:
        reader.add(block)
    kind = kind.replace("csv", f"csv{layout.words}{numbers.words}", 1)
    notes = list(layout.notes)
    if layout.headings:
        notes.append(roles.names(layout.headings))
    return reader.part(kind, notes)


def read_json(name: str, content: bytes) -> CandleTable:
    """A list, as freqtrade writes it: of [ms, open, high, low, close, volume]."""
    pieces: list[NDArray[np.float64]] = []
    stamps: list[NDArray[np.int64]] = []
    taken = 0
    for piece in _json_pieces(name, content):
        rows = _json_rows(name, piece, taken)
        taken += len(rows)
        if taken > MAX_ROWS:
            raise too_many_rows(name)
        stamps.append(np.array([row[0] for row in rows], dtype=np.int64))
        pieces.append(np.array([row[1:] for row in rows], dtype=np.float64).reshape(-1, _VALUES))
    if not taken:
        raise BadInput(f"{name}: the file holds no candle", hint="Is the download complete?")
    open_ns, unit = numbers_to_ns(name, np.concatenate(stamps))
    values = [np.concatenate([piece[:, at] for piece in pieces]) for at in range(_VALUES)]
    return CandleTable(name, f"freqtrade json, {unit}", Columns(open_ns, *values))


def _json_pieces(name: str, content: bytes) -> Iterator[bytes]:
    """A list of lists as several, each of whole rows: rows as objects take 20 times their text.

    What is no such list is given as it is, for the decoder to say why.
    """
    at = _next_sign(content, 0)
    if content[at : at + 1] != b"[" or len(content) <= _JSON_BLOCK_BYTES:
        yield content
        return
    at += 1
    while len(content) - at > _JSON_BLOCK_BYTES:
        end = content.rfind(b"]", at, at + _JSON_BLOCK_BYTES) + 1
        if not end:
            raise BadInput(
                f"{name}: a row is longer than {_JSON_BLOCK_BYTES >> 20} MiB",
                hint="Is it a file of candles?",
            )
        after = _next_sign(content, end)
        following = _next_sign(content, after + 1)
        if content[after : after + 1] + content[following : following + 1] != b",[":
            # the end of the list, or what does not belong there
            break
        yield b"[" + content[at:end] + b"]"
        at = following
    yield b"[" + content[at : at + 2 * _JSON_BLOCK_BYTES]


def _next_sign(content: bytes, at: int) -> int:
    """Where the next byte is that is no space."""
    space = _SPACE.match(content, at)
    assert space is not None, "no space is one too"
    return space.end()


def _json_rows(name: str, piece: bytes, before: int) -> list[_JsonRow]:
    try:
        return msgspec.json.decode(piece, type=list[_JsonRow])
    except msgspec.DecodeError as error:
        if not before and (foreign := foreign_text(name, piece, "candles")) is not None:
            raise foreign from error
        raise BadInput(
            f"{name}, {_json_place(str(error), before)}",
            hint="Expected a list of [milliseconds, open, high, low, close, volume].",
        ) from error
    except RecursionError as error:
        raise BadInput(f"{name}: lists within lists are not candles") from error


def _roles(name: str, layout: Layout, hints: FileHints) -> tuple[Roles, str]:
    if layout.headings is None:
        if hints.columns:
            numbered = tuple(str(at + 1) for at in range(layout.width))
            return role_columns(name, numbered, hints, layout.rows), "csv, no header"
        roles, kind = headless_roles(name, layout.rows, layout.width, hints)
        return roles, f"{kind}, no header"
    roles = role_columns(name, layout.headings, hints, layout.rows)
    kind = BINANCE if len(layout.headings) == BINANCE_COLUMNS else "csv"
    return roles, f"{kind}, header"


def as_utf8(name: str, read: Read) -> Iterator[bytes]:
    """The file piece by piece as UTF-8, whatever its byte order mark says."""
    piece = read(_BLOCK_BYTES)
    encoding = _BOMS.get(piece[:2]) or _unmarked(piece[:64])
    if encoding is None:
        piece = piece.removeprefix(codecs.BOM_UTF8)
        while piece:
            yield piece
            piece = read(_BLOCK_BYTES)
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while piece:
            yield decoder.decode(piece).removeprefix("\ufeff").encode()
            piece = read(_BLOCK_BYTES)
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise BadInput(f"{name}: this is no text in {encoding.upper()}: {error}") from error


def _unmarked(start: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of Latin letters is 0."""
    if len(start) < 8:  # noqa: PLR2004 - too short to tell
        return None
    for encoding, at in (("utf-16-le", 1), ("utf-16-be", 0)):
        if not any(start[at::2]) and all(start[1 - at :: 2]):
            return encoding
    return None


def _blocks(name: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Whole lines; BadInput if one is longer than any line of candles."""
    rest = b""
    macintosh: bool | None = None
    for piece in pieces:
        if macintosh is None:
            macintosh = b"\r" in piece and b"\n" not in piece
        whole = rest + (piece.replace(b"\r", b"\n") if macintosh else piece)
        cut = whole.rfind(b"\n") + 1
        rest = whole[cut:]
        if len(rest) > MAX_LINE:
            raise BadInput(
                f"{name}: a line is longer than {MAX_LINE} bytes, which no line of candles is",
                hint="Is it a text file of candles?",
            )
        if cut:
            yield whole[:cut]
    if rest:
        yield rest


def _after(block: bytes, lines: int) -> bytes:
    """The block without its first lines."""
    at = 0
    for _ in range(lines):
        at = block.find(b"\n", at) + 1
        if not at:
            return b""
    return block[at:]


def _text(name: str, start: bytes, *, whole: bytes) -> str:
    start = start if len(start) == len(whole) else start[: start.rfind(b"\n") + 1]
    try:
        return start.decode()
    except UnicodeDecodeError as error:
        if b"\0" in start or (not start.isascii() and error.start < MAX_LINE // 1000):
            raise BadInput(
                f"{name}, row 1: this is neither text nor a format known here",
                hint="Known: CSV, zip, freqtrade feather and JSON, Parquet.",
            ) from error
    # the row reader names the row of what is no text
    return start.decode(errors="replace")


def _json_place(error: str, before: int) -> str:
    """The path `$[17][2]` in an error of msgspec as a row number, `before` rows further on."""
    message, _, path = error.partition(" - at `$[")
    row, _, rest = path.rstrip("`").partition("]")
    if not row:
        return message
    cell = rest.strip("[]")
    return f"row {before + int(row) + 1}: {f'cell {int(cell) + 1}: ' if cell else ''}{message}"
