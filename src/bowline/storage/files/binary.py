"""Tables in feather and Parquet, read with limits.

How large a table may be is for `storage.files.sizes` to say, before it is read.
"""

from __future__ import annotations

import struct

import numpy as np
import pyarrow as pa
from pyarrow import ipc

from bowline.core.errors import BadInput
from bowline.core.model.market import PRICE_COLUMNS, FloatColumn
from bowline.core.quality import Columns
from bowline.storage.files.columns import Roles, role_columns
from bowline.storage.files.hints import FileHints
from bowline.storage.files.row_filter import RowFilter, contracts_to_units
from bowline.storage.files.sizes import (
    open_parquet,
    refuse_if_huge,
    unreadable,
    with_plain_texts,
)
from bowline.storage.files.stamps import as_numpy, stamps_to_ns
from bowline.storage.files.table import MAX_ROWS, CandleTable, too_many_rows

_BATCH_ROWS = 1 << 20


def read_feather(name: str, content: pa.Buffer, hints: FileHints) -> CandleTable:
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
        raise unreadable(name, "feather", error) from error
    return _part(name, "feather", table, _within(roles, chosen), hints)


def read_parquet(name: str, content: pa.Buffer, hints: FileHints) -> CandleTable:
    """A Parquet file, a batch at a time."""
    try:
        file = open_parquet(name, content)
        names = file.schema_arrow.names
        roles = role_columns(name, names, hints)
        chosen = sorted(_chosen(roles))
        if any(pa.types.is_nested(file.schema_arrow.field(at).type) for at in chosen):
            raise BadInput(f"{name}: has columns within columns")
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
        raise unreadable(name, "parquet", error) from error
    return _part(name, "parquet", table, _within(roles, chosen), hints)


def _part(name: str, kind: str, table: pa.Table, roles: Roles, hints: FileHints) -> CandleTable:
    """The named columns of a table as candle rows."""
    names = table.column_names
    table = with_plain_texts(name, table)
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
    others = RowFilter(name, hints)
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
    return CandleTable(name, f"{kind}, {stamps.words}", columns, tuple(notes), rows, filled)


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
        stamp=tuple(at[each] for each in roles.stamp),
        prices={role: at[roles.prices[role]] for role in PRICE_COLUMNS},
        volume=type(volume)(at[volume.column], volume.unit, volume.why, beside),
        instrument=None if roles.instrument is None else at[roles.instrument],
        confirm=None if roles.confirm is None else at[roles.confirm],
        filled=None if roles.filled is None else at[roles.filled],
        local=roles.local,
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
