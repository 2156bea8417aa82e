"""A file of funding rates as it was read: stamps and rates, in the file's own order.

Nothing is judged here but whether there are a stamp and a number in every row. What the stamps mean
is for the importer to say: files exist whose clock is not UTC and does not say so.

1. The first bytes name the container: feather, Parquet, else CSV with a heading.
2. The columns are found by their names. freqtrade keeps the rate in `open` of a candle whose other
   values are 0; a file where they are not is one of prices.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from pyarrow import ipc, parquet

from bowline.core.errors import BadInput, NotFound
from bowline.core.model.market import FloatColumn, IntColumn
from bowline.storage.files.stamps import as_numpy, stamps_to_ns

#: names in small letters without anything between them
_STAMPS = (
    "fundingtime",
    "calctime",
    "fundingratetimestamp",
    "timestamp",
    "datetime",
    "date",
    "time",
)
_RATES = ("fundingrate", "lastfundingrate", "realizedrate", "rate")
_FREQTRADE = {"open", "high", "low", "close"}


class FundingFile(msgspec.Struct, frozen=True):
    """`zoned`: the stamps say their own zone, or count from 1970 UTC."""

    name: str
    stamp_ns: IntColumn
    rate: FloatColumn
    zoned: bool


def load_funding_file(path: Path) -> FundingFile:
    """Every row of the file. BadInput if it is not of funding rates, NotFound if there is none."""
    try:
        if not path.is_file():
            raise NotFound(f"{path}: there is no such file")
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: the file cannot be read: {error.strerror}") from error
    name = str(path)
    table = _table(name, content)
    if not table.num_rows:
        raise BadInput(f"{name}: the file holds no row", hint="Is the download complete?")
    columns = {re.sub(r"[^a-z0-9]", "", title.lower()): title for title in table.column_names}
    stamps = table.column(_column(name, columns, _STAMPS, "a time stamp"))
    read = stamps_to_ns(name, stamps)
    return FundingFile(name, read.stamp_ns, _rates(name, table, columns), read.zoned)


def _table(name: str, content: bytes) -> pa.Table:
    source = pa.BufferReader(content)
    try:
        if content[:6] == b"ARROW1":
            return ipc.open_file(source).read_all()
        if content[:4] == b"PAR1":
            return parquet.read_table(source)
        return pacsv.read_csv(source)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(
            f"{name}: not a table: {str(error).splitlines()[0]}",
            hint="Expected feather, Parquet, or CSV with a heading.",
        ) from error


def _column(name: str, columns: dict[str, str], known: tuple[str, ...], what: str) -> str:
    for each in known:
        if each in columns:
            return columns[each]
    raise BadInput(
        f"{name}: no column is {what}: found {', '.join(columns.values())}",
        hint=f"Expected one of {', '.join(known)}.",
    )


def _rates(name: str, table: pa.Table, columns: dict[str, str]) -> FloatColumn:
    if columns.keys() >= _FREQTRADE:
        others = [_floats(name, table, columns[each]) for each in ("high", "low", "close")]
        if any(bool(np.any(each != 0)) for each in others):
            raise BadInput(
                f"{name}: these are prices, not funding rates",
                hint="freqtrade keeps rates in *-funding_rate files, prices in *-mark and others.",
            )
        return _floats(name, table, columns["open"])
    return _floats(name, table, _column(name, columns, _RATES, "a funding rate"))


def _floats(name: str, table: pa.Table, title: str) -> FloatColumn:
    try:
        values: FloatColumn = as_numpy(table.column(title).cast(pa.float64()))
    except pa.ArrowInvalid as error:
        raise BadInput(f"{name}: {title} is not all numbers: {error}") from error
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise BadInput(f"{name}, row {bad[0] + 1}: {title} is missing or no number")
    return values
