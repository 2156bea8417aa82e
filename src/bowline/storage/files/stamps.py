"""Time stamps of any unit to int nanoseconds UTC. A unit must never be guessed from one row.

A number's magnitude says its unit (seconds, milli-, micro- or nanoseconds since 1970), and all
rows of a file must agree. Numbers such as 20250131 and 202501312359 are dates written without
signs between them: as a count of seconds or milliseconds they would lie before there was a market.
Stamps without a zone are taken as UTC, or as the clock that the person says.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bowline.core.errors import BadInput
from bowline.core.model.market import IntColumn
from bowline.core.model.values import MINUTE_NS
from bowline.storage.files.dates import text_to_ns

#: each unit's smallest stamp (March 1973 in that unit), its word, nanoseconds in one
_UNITS = (
    (10**8, "second", 1_000_000_000),
    (10**11, "millisecond", 1_000_000),
    (10**14, "microsecond", 1_000),
    (10**17, "nanosecond", 1),
)
_FLOORS = np.array([floor for floor, _, _ in _UNITS], dtype=np.int64)
#: dates in digits: 20090103, 200901030000, 20090103000000 to the end of 2100
_DATED = tuple((2009 * 10**more, 2101 * 10**more) for more in (4, 8, 10))
#: hours in ns
_HOUR_NS = 60 * MINUTE_NS


class Stamps(NamedTuple):
    """int64 ns UTC, what they were in words, and whether they say or imply their own zone."""

    stamp_ns: IntColumn
    words: str
    zoned: bool


def stamps_to_ns(name: str, column: pa.ChunkedArray, offset_ns: int | None = None) -> Stamps:
    """The stamps as int64 ns. BadInput names the first bad row.

    `offset_ns` is how far a clock that names no zone is ahead of UTC; BadInput if they name one.
    """
    found = _read(name, column)
    if offset_ns is None or not len(column):
        return found
    if found.zoned:
        raise BadInput(
            f"{name}: its times have a zone of their own ({found.words})", hint="omit --utc-offset"
        )
    words = found.words.partition(" without")[0].partition(" taken")[0]
    hours = offset_ns / _HOUR_NS
    return Stamps(found.stamp_ns - offset_ns, f"{words} of a clock at UTC{hours:+g}", zoned=True)


def _read(name: str, column: pa.ChunkedArray) -> Stamps:
    if not len(column):
        return Stamps(np.empty(0, dtype=np.int64), "no stamps", zoned=True)
    kind = column.type
    if missing := column.null_count:
        row = pc.index(pc.is_null(column), value=True).as_py() + 1
        raise BadInput(f"{name}, row {row}: the time stamp is missing ({missing} in all)")
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        whole = _as_int64 if pa.types.is_integer(kind) else _whole_numbers
        numbers = whole(name, column)
        if any(low <= numbers.min() and numbers.max() < high for low, high in _DATED):
            return _of_text(name, pa.chunked_array([pa.array(numbers).cast(pa.string())]))
        stamp_ns, words = numbers_to_ns(name, numbers)
        return Stamps(stamp_ns, words, zoned=True)
    if pa.types.is_timestamp(kind):
        words = "dated stamps" if kind.tz else "dated stamps without a zone taken as UTC"
        return Stamps(_dates_to_ns(name, column), words, kind.tz is not None)
    if pa.types.is_date(kind):
        return Stamps(_dates_to_ns(name, column), "dates taken as UTC midnight", zoned=False)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _of_text(name, column.cast(pa.string()))
    raise BadInput(
        f"{name}, row 1: time stamps such as {column[0].as_py()!r} are not understood",
        hint="Expected seconds, ms, µs or ns since 1970, or dates such as 2024-01-31 23:59:00.",
    )


def _of_text(name: str, column: pa.ChunkedArray) -> Stamps:
    found = text_to_ns(name, column)
    if found.zoned:
        return Stamps(found.stamp_ns, "dated stamps", zoned=True)
    days = "dates taken as UTC midnight"
    words = days if found.days else "dated stamps without a zone taken as UTC"
    return Stamps(found.stamp_ns, words, zoned=False)


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
            hint="Expected seconds, ms, µs or ns since 1970, or dates such as 2024-01-31 23:59.",
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
    if int(stamps.max()) > (2**63 - 1) // nanoseconds:
        row = int(np.argmax(stamps))
        raise BadInput(f"{name}, row {row + 1}: time stamp {stamps[row]} is after the year 2262")
    return stamps * nanoseconds, f"{word} stamps"


def _dates_to_ns(name: str, column: pa.ChunkedArray) -> IntColumn:
    zone = getattr(column.type, "tz", None)
    try:
        return as_numpy(column.cast(pa.timestamp("ns", zone)).cast(pa.int64()))
    except pa.ArrowInvalid as error:
        raise BadInput(f"{name}: a date is outside the years 1678 to 2262") from error
