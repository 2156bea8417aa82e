"""Candles to a file that any program reads, this one included: CSV or Parquet."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
from pyarrow import parquet

from bowline.core.errors import BadInput
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame, IntColumn

_COLUMNS = ("open_time", *VALUE_COLUMNS)
_FILLED = "filled"


def write_candle_file(
    frame: CandleFrame, path: Path, suffix: str, filled: IntColumn | None = None
) -> None:
    """Write `frame` to `path` in the format that `suffix` names (.csv, .parquet).

    `open_time` is milliseconds since 1970 in CSV and a UTC time stamp in Parquet. `filled` counts
    the minutes of each candle in which nothing traded, and becomes a column if there are any.
    """
    values = [getattr(frame, name) for name in VALUE_COLUMNS]
    names = list(_COLUMNS)
    if filled is not None and filled.any():
        values.append(filled)
        names.append(_FILLED)
    if suffix == ".csv":
        table = pa.table([frame.open_ns // 1_000_000, *values], names=names)
        with path.open("wb") as file:
            # Arrow would put the headings in quotes
            file.write(",".join(names).encode() + b"\n")
            pacsv.write_csv(table, file, pacsv.WriteOptions(include_header=False))
    elif suffix == ".parquet":
        stamps = pa.array(frame.open_ns).cast(pa.timestamp("ns", "UTC"))
        # of a path Arrow would remove what is there if it cannot write: a device, a pipe
        with path.open("wb") as file:
            parquet.write_table(pa.table([stamps, *values], names=names), file)
    else:
        raise BadInput(f"{suffix or 'no suffix'} is no format", hint="Use .csv or .parquet.")
