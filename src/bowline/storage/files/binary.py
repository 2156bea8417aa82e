"""Tables in feather and Parquet, read with limits.

What a file says of its rows is looked at before a buffer of that size is made.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyarrow import ipc, parquet

from bowline.core.errors import BadInput
from bowline.core.model.market import PRICE_COLUMNS, FloatColumn
from bowline.core.quality import Columns
from bowline.storage.files.columns import Roles, role_columns
from bowline.storage.files.hints import FileHints
from bowline.storage.files.others import Others, contracts_to_units
from bowline.storage.files.stamps import as_numpy, stamps_to_ns
from bowline.storage.files.table import MAX_ROWS, Part, too_many_rows

#: of a table in memory: twenty columns of a long history
MAX_TABLE_BYTES = 2 * 1024**3
_BATCH_ROWS = 1 << 20


def read_feather(name: str, content: pa.Buffer, hints: FileHints) -> Part:
    """A feather file (Arrow IPC), whole."""
    refuse_if_huge(name, content)
    try:
        with ipc.open_file(pa.BufferReader(content)) as reader:
            roles = role_columns(name, reader.schema.names, hints)
            chosen = sorted(_chosen(roles))
            options = ipc.IpcReadOptions(included_fields=chosen, use_threads=False)
        with ipc.open_file(pa.BufferReader(content), options=options) as reader:
            batches = [reader.get_batch(at) for at in range(reader.num_record_batches)]
            table = pa.Table.from_batches(batches, reader.schema)
            table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, struct.error) as error:
        raise _unreadable(name, "feather", error) from error
    return _part(name, "feather", table, _within(roles, chosen), hints)


def read_parquet(name: str, content: pa.Buffer, hints: FileHints) -> Part:
    """A Parquet file, a batch at a time."""
    try:
        file = parquet.ParquetFile(pa.BufferReader(content))
        refuse_if_large(name, file)
        names = file.schema_arrow.names
        roles = role_columns(name, names, hints)
        chosen = sorted(_chosen(roles))
        batches, rows = [], 0
        for batch in file.iter_batches(_BATCH_ROWS, columns=[names[at] for at in chosen]):
            rows += batch.num_rows
            if rows > MAX_ROWS:
                raise too_many_rows(name)
            batches.append(batch)
        if not batches:
            return _part(name, "parquet", file.schema_arrow.empty_table(), roles, hints)
        table = pa.Table.from_batches(batches)
        table.validate()
        if table.num_columns != len(chosen):
            raise BadInput(f"{name}: has columns of one name, or columns within columns")
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(name, "parquet", error) from error
    return _part(name, "parquet", table, _within(roles, chosen), hints)


def refuse_if_large(name: str, file: parquet.ParquetFile) -> None:
    """BadInput if a Parquet file says that it holds more than any table of candles."""
    said = file.metadata
    groups = (said.row_group(at) for at in range(said.num_row_groups))
    if said.num_rows > MAX_ROWS:
        raise too_many_rows(name)
    if sum(each.total_byte_size for each in groups) > MAX_TABLE_BYTES:
        raise _too_large(name)


def _part(name: str, kind: str, table: pa.Table, roles: Roles, hints: FileHints) -> Part:
    """The named columns of a table as candle rows."""
    names = table.column_names
    values = {role: _floats(name, role, table.column(at)) for role, at in roles.prices.items()}
    volume = _floats(name, "volume", table.column(roles.volume.column))
    if len(roles.stamp) > 1:
        raise BadInput(f"{name}: date and time of day stand in two columns", hint="Join them.")
    stamps = stamps_to_ns(name, table.column(roles.stamp[0]), hints.offset_ns)
    notes = [roles.names(names)]
    if roles.volume.unit != "base":
        at = roles.volume.beside
        beside = None if at is None else _floats(name, "volume", table.column(at))
        size = hints.contract_size
        volume, said = contracts_to_units(name, volume, beside, size, roles.volume.why)
        notes += said
    elif roles.volume.why:
        notes.append(f"volume: {roles.volume.why}")
    others = Others(name, hints)
    instrument = None if roles.instrument is None else table.column(roles.instrument)
    confirm = None if roles.confirm is None else _as_text(table.column(roles.confirm))
    kept = others.kept(instrument, confirm, 0)
    filled = None
    if roles.filled is not None:
        filled = _floats(name, "filled", table.column(roles.filled)) > 0
    columns = Columns(stamps.stamp_ns, **values, volume=volume)
    rows = None
    if kept is not None:
        taken = np.flatnonzero(kept)
        columns, rows = columns.take(taken), taken + 1
        filled = None if filled is None else filled[taken]
    if filled is not None and not filled.any():
        filled = None
    notes += others.notes()
    return Part(name, f"{kind}, {stamps.words}", columns, tuple(notes), rows, filled)


def _chosen(roles: Roles) -> set[int]:
    volume = roles.volume
    others = (volume.column, volume.beside, roles.instrument, roles.confirm, roles.filled)
    places = (*roles.stamp, *roles.prices.values(), *others)
    return {at for at in places if at is not None}


def _within(roles: Roles, chosen: list[int]) -> Roles:
    """The same roles in a table of the chosen columns alone."""
    at = {old: new for new, old in enumerate(chosen)}
    volume = roles.volume
    beside = None if volume.beside is None else at[volume.beside]
    return Roles(
        tuple(at[each] for each in roles.stamp),
        {role: at[roles.prices[role]] for role in PRICE_COLUMNS},
        type(volume)(at[volume.column], volume.unit, volume.why, beside),
        None if roles.instrument is None else at[roles.instrument],
        None if roles.confirm is None else at[roles.confirm],
        None if roles.filled is None else at[roles.filled],
        roles.local,
    )


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())


def _floats(name: str, role: str, column: pa.ChunkedArray) -> FloatColumn:
    kind = column.type
    numeric = pa.types.is_floating(kind) or pa.types.is_integer(kind)
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if pa.types.is_boolean(kind):
        column, numeric = column.cast(pa.int8()), True
    if not numeric and not pa.types.is_decimal(kind):
        raise BadInput(f"{name}, row 1: column {role} holds {kind}, expected numbers")
    # a missing number becomes NaN, which is no candle
    return as_numpy(column.cast(pa.float64(), safe=False))


def _unreadable(name: str, kind: str, error: Exception) -> BadInput:
    if isinstance(error, BadInput):
        return error
    first = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return BadInput(
        f"{name}: the {kind} file cannot be read: {first}",
        hint="It is truncated or damaged: download it again.",
    )


def _too_large(name: str) -> BadInput:
    return BadInput(
        f"{name}: its columns take more than {MAX_TABLE_BYTES // 1024**2:,} MiB",
        hint="Split it, or leave out columns that are not of candles.",
    )


# --- the sizes that an Arrow file says, before a buffer is made of them -----------------------
# https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format: the file is a
# stream of messages between two magic words; a record batch's body holds buffers, and each packed
# one begins with the size it unpacks to.


def refuse_if_huge(name: str, content: pa.Buffer) -> None:
    """BadInput if an Arrow file says that it holds more than any table of candles."""
    rows = unpacked = 0
    try:
        for length, sizes in _batches(content):
            rows += length
            unpacked += sizes
            if rows > MAX_ROWS:
                raise too_many_rows(name)
            if unpacked > MAX_TABLE_BYTES:
                raise _too_large(name)
    except (pa.ArrowException, OSError, struct.error, IndexError, ValueError) as error:
        raise _unreadable(name, "feather", error) from error


def _batches(content: pa.Buffer) -> Iterator[tuple[int, int]]:
    """Rows and unpacked bytes of every record batch."""
    stream = pa.BufferReader(content)
    stream.seek(8)
    for message in ipc.MessageReader.open_stream(stream):
        if message.type == "record batch":
            yield _batch_size(memoryview(message.metadata), message.body)


def _batch_size(meta: memoryview, body: pa.Buffer) -> tuple[int, int]:
    message = _u32(meta, 0)
    batch = _table(meta, message, 2)
    assert batch is not None, "a record batch's message has one"
    at = _field(meta, batch, 0)
    rows = 0 if at is None else int(struct.unpack_from("<q", meta, at)[0])
    vector = _table(meta, batch, 2)
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
    return max(rows, 0), total


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
