"""How much memory a table in feather or Parquet takes, looked at before it is read.

Both formats say how large their columns are, and both can repeat one text in every row. Nothing may
be made of a file whose cells take more than those of candles do.

1. Rows are bounded, and so are the bytes of a cell: on the average, and of each text.
2. Texts that are kept as dictionaries stay so until the longest of them is known.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import ipc, parquet

from bowline.core.errors import BadInput
from bowline.storage.files.archive import shown
from bowline.storage.files.table import MAX_ROWS, too_many_rows

#: of a table in memory: twenty columns of a long history
MAX_TABLE_BYTES = 2 * 1024**3
#: a date with its time, its zone and its place in the column take less
_CELL_BYTES = 64
#: below this nothing is counted: a short table may have long headings and remarks
_FEW_BYTES = 64 * 1024**2
#: of a stamp, a number or the name of an instrument in text
MAX_TEXT = 100


def open_parquet(name: str, content: pa.Buffer) -> parquet.ParquetFile:
    """A Parquet file whose texts are read as dictionaries.

    BadInput if it says that it holds more than any table of candles, or does not say how much.
    """
    said = parquet.ParquetFile(pa.BufferReader(content))
    groups = [said.metadata.row_group(at) for at in range(said.metadata.num_row_groups)]
    if said.metadata.num_rows > MAX_ROWS:
        raise too_many_rows(name)
    cells = said.metadata.num_rows * said.metadata.num_columns
    _refuse_size(name, sum(each.total_byte_size for each in groups), cells)
    for column in (each.column(at) for each in groups for at in range(each.num_columns)):
        # a text is written as what differs from the one before: its length is not told
        if "DELTA_BYTE_ARRAY" in column.encodings:
            raise BadInput(
                f"{name}: column {shown(column.path_in_schema)} does not say how long its texts"
                " are (encoding DELTA_BYTE_ARRAY)",
                hint="Write the file again with another encoding, or as CSV.",
            )
    texts = [field.name for field in said.schema_arrow if _is_text(field.type)]
    return parquet.ParquetFile(pa.BufferReader(content), read_dictionary=texts)


def with_plain_texts(name: str, table: pa.Table) -> pa.Table:
    """The table with its dictionaries of texts as texts; BadInput if one of them is too long."""
    for at, field in enumerate(table.schema):
        kind = field.type
        if not (pa.types.is_dictionary(kind) and _is_text(kind.value_type)):
            continue
        column = table.column(at)
        lengths = (pc.max(pc.binary_length(chunk.dictionary)).as_py() for chunk in column.chunks)
        if any((length or 0) > MAX_TEXT for length in lengths):
            raise BadInput(
                f"{name}: a text of column {shown(field.name)} is longer than {MAX_TEXT} bytes",
                hint="Is it a file of candles?",
            )
        table = table.set_column(at, field.name, column.cast(pa.string()))
    return table


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _refuse_size(name: str, unpacked: int, cells: int) -> None:
    """BadInput if so many cells take more memory than those of candles."""
    if unpacked > min(MAX_TABLE_BYTES, _FEW_BYTES + _CELL_BYTES * cells):
        raise _too_large(name)


def unreadable(name: str, kind: str, error: Exception) -> BadInput:
    """The error for a file whose bytes are not what they should be."""
    if isinstance(error, BadInput):
        return error
    first = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return BadInput(
        f"{name}: the {kind} file cannot be read: {first}",
        hint="It is truncated or damaged: download it again.",
    )


def _too_large(name: str) -> BadInput:
    return BadInput(
        f"{name}: its columns take more memory than those of candles",
        hint=f"At most {_CELL_BYTES} bytes a cell and {MAX_TABLE_BYTES // 1024**2:,} MiB are taken:"
        " split it, or leave out columns that are not of candles.",
    )


# --- the sizes that an Arrow file says, before a buffer is made of them -----------------------
# https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format: the file is a
# stream of messages between two magic words; a record batch's body holds buffers, and each packed
# one begins with the size it unpacks to.


class _Batch(NamedTuple):
    """`cells` are the rows of all columns; `unpacked` is in bytes."""

    rows: int
    cells: int
    unpacked: int


def refuse_if_huge(name: str, content: pa.Buffer) -> None:
    """BadInput if an Arrow file says that it holds more than any table of candles."""
    rows = unpacked = cells = 0
    try:
        for batch in _batches(content):
            rows += batch.rows
            cells += batch.cells
            unpacked += batch.unpacked
            if rows > MAX_ROWS:
                raise too_many_rows(name)
        _refuse_size(name, unpacked, cells)
    except (pa.ArrowException, OSError, struct.error, IndexError, ValueError) as error:
        raise unreadable(name, "feather", error) from error


def _batches(content: pa.Buffer) -> Iterator[_Batch]:
    """What every record batch and every dictionary takes."""
    stream = pa.BufferReader(content)
    stream.seek(8)
    for message in ipc.MessageReader.open_stream(stream):
        if message.type in {"record batch", "dictionary"}:
            yield _batch_size(message)


def _batch_size(told: ipc.Message) -> _Batch:
    meta, body = memoryview(told.metadata), told.body
    batch = _table(meta, _u32(meta, 0), 2)
    if batch is not None and told.type == "dictionary":
        # the values of a dictionary are a batch of one column, behind the dictionary's id
        batch = _table(meta, batch, 1)
    assert batch is not None, "a message of this type has a batch"
    at = _field(meta, batch, 0)
    rows = 0 if at is None else int(struct.unpack_from("<q", meta, at)[0])
    columns, vector = _table(meta, batch, 1), _table(meta, batch, 2)
    packed = _table(meta, batch, 3) is not None
    total = 0
    if vector is not None:
        # past the vector's own length: pairs of offset and length
        for index in range(_u32(meta, vector)):
            start, length = struct.unpack_from("<qq", meta, vector + 4 + 16 * index)
            size = length
            if packed and length >= 8:  # noqa: PLR2004 - the size that is said takes 8 bytes
                (said,) = struct.unpack_from("<q", body, start)
                size = max(said, length)
            total += max(size, 0)
    if told.type == "dictionary":
        # its values are no rows, and must take no more than those of a table
        return _Batch(0, 0, total)
    cells = rows * (0 if columns is None else _u32(meta, columns))
    return _Batch(max(rows, 0), max(cells, 0), total)


def _table(meta: memoryview, table: int, field: int) -> int | None:
    """Where the table or vector begins that a field points to; None if it is not there."""
    at = _field(meta, table, field)
    return None if at is None else at + _u32(meta, at)


def _field(meta: memoryview, table: int, field: int) -> int | None:
    vtable = table - int(struct.unpack_from("<i", meta, table)[0])
    size = int(struct.unpack_from("<H", meta, vtable)[0])
    place = 4 + 2 * field
    if place + 2 > size:
        return None
    offset = int(struct.unpack_from("<H", meta, vtable + place)[0])
    return table + offset if offset else None


def _u32(meta: memoryview, at: int) -> int:
    return int(struct.unpack_from("<I", meta, at)[0])
