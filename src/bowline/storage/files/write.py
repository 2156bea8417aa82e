"""Candles to a file that any program reads, this one included: CSV or Parquet."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
from pyarrow import parquet

from bowline.core.errors import BadInput
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame

_COLUMNS = ("open_time", *VALUE_COLUMNS)


def write_candle_file(frame: CandleFrame, path: Path, suffix: str) -> None:
    """Write `frame` to `path` in the format that `suffix` names (.csv, .parquet).

    `open_time` is milliseconds since 1970 in CSV and a UTC time stamp in Parquet.
    """
    values = [getattr(frame, name) for name in VALUE_COLUMNS]
    if suffix == ".csv":
        table = pa.table([frame.open_ns // 1_000_000, *values], names=_COLUMNS)
        with path.open("wb") as file:
            # Arrow would put the headings in quotes
            file.write(",".join(_COLUMNS).encode() + b"\n")
            pacsv.write_csv(table, file, pacsv.WriteOptions(include_header=False))
    elif suffix == ".parquet":
        stamps = pa.array(frame.open_ns).cast(pa.timestamp("ns", "UTC"))
        parquet.write_table(pa.table([stamps, *values], names=_COLUMNS), path)
    else:
        raise BadInput(f"{suffix or 'no suffix'} is no format", hint="Use .csv or .parquet.")
