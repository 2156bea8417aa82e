"""Time stamps of any unit to int nanoseconds UTC. A unit must never be guessed from one row.

A number's magnitude says its unit (seconds, milli-, micro- or nanoseconds since 1970), and all
rows of a file must agree. Stamps without a zone are taken as UTC.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bowline.core.errors import BadInput
from bowline.core.model.market import IntColumn

#: each unit's smallest stamp (March 1973 in that unit), its word, nanoseconds in one
_UNITS = (
    (10**8, "second", 1_000_000_000),
    (10**11, "millisecond", 1_000_000),
    (10**14, "microsecond", 1_000),
    (10**17, "nanosecond", 1),
)
_FLOORS = np.array([floor for floor, _, _ in _UNITS], dtype=np.int64)


def stamps_to_ns(name: str, column: pa.ChunkedArray) -> tuple[IntColumn, str]:
    """The stamps as int64 ns, and what they were in words. BadInput names the first bad row."""
    if not len(column):
        return np.empty(0, dtype=np.int64), "no stamps"
    missing = column.null_count
    if missing:
        row = pc.index(pc.is_null(column), value=True).as_py() + 1
        raise BadInput(f"{name}, row {row}: the time stamp is missing ({missing} in all)")
    if pa.types.is_integer(column.type):
        return numbers_to_ns(name, _as_int64(name, column))
    if pa.types.is_floating(column.type):
        return numbers_to_ns(name, _whole_numbers(name, column))
    if pa.types.is_timestamp(column.type):
        words = "dated stamps" if column.type.tz else "dated stamps without a zone taken as UTC"
        return _dates_to_ns(name, column), words
    if pa.types.is_date(column.type):
        return _dates_to_ns(name, column), "dates taken as UTC midnight"
    raise BadInput(
        f"{name}, row 1: time stamps such as {column[0].as_py()!r} are not understood",
        hint="Expected seconds, ms, µs or ns since 1970, or dates such as 2024-01-31 23:59:00.",
    )


def _as_int64(name: str, column: pa.ChunkedArray) -> IntColumn:
    try:
        return as_numpy(column.cast(pa.int64()))
    except pa.ArrowInvalid as error:
        raise BadInput(f"{name}: a time stamp is too large to be one") from error


def _whole_numbers(name: str, column: pa.ChunkedArray) -> IntColumn:
    stamps = as_numpy(column.cast(pa.float64()))
    whole = np.isfinite(stamps) & (stamps == np.floor(stamps)) & (np.abs(stamps) < 2**62)
    if not whole.all():
        row = int(np.argmin(whole))
        raise BadInput(f"{name}, row {row + 1}: time stamp {stamps[row]!r} is not a whole number")
    return stamps.astype(np.int64)


def as_numpy(column: pa.ChunkedArray) -> NDArray[Any]:
    """The column as one array; a missing float is NaN."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    # Arrow's own to_numpy imports pandas, half a second, wherever pandas is installed
    return array.to_numpy(zero_copy_only=False) if array.null_count else np.from_dlpack(array)


def numbers_to_ns(name: str, stamps: IntColumn) -> tuple[IntColumn, str]:
    """Whole numbers of one unit as int64 ns, and the unit in words."""
    lowest, highest = np.searchsorted(_FLOORS, [stamps.min(), stamps.max()], side="right") - 1
    if lowest < 0:
        row = int(np.argmin(stamps))
        raise BadInput(
            f"{name}, row {row + 1}: time stamp {stamps[row]} is of no known unit",
            hint="Expected seconds, ms, µs or ns since 1970.",
        )
    if lowest != highest:
        units = np.searchsorted(_FLOORS, stamps, side="right") - 1
        row = int(np.argmax(units != units[0]))
        raise BadInput(
            f"{name}, row {row + 1}: time stamp {stamps[row]} is in {_UNITS[units[row]][1]}s,"
            f" the rows before it in {_UNITS[units[0]][1]}s",
            hint="Split the file: all stamps of one file must have one unit.",
        )
    _, word, nanoseconds = _UNITS[lowest]
    return stamps * nanoseconds, f"{word} stamps"


def _dates_to_ns(name: str, column: pa.ChunkedArray) -> IntColumn:
    zone = getattr(column.type, "tz", None)
    try:
        return as_numpy(column.cast(pa.timestamp("ns", zone)).cast(pa.int64()))
    except pa.ArrowInvalid as error:
        raise BadInput(f"{name}: a date is outside the years 1678 to 2262") from error
