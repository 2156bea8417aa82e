"""Dates as text to int nanoseconds UTC, in the spellings that exchanges and terminals write.

One spelling must fit every row of a column. Which of 01/02/2025's numbers is the month is told by
the column alone: where no row has a number above 12 it is refused, never guessed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bowline.core.errors import BadInput
from bowline.core.model.market import IntColumn
from bowline.core.model.values import DAY_NS, MINUTE_NS, SECOND_NS

_HOUR_NS = 60 * MINUTE_NS
_NOON = 12
#: what int64 ns can hold lies between them
_FIRST_YEAR, _LAST_YEAR = 1677, 2262
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_TIME = (
    r"(?:(?:T|,? +)(?P<h>\d{1,2})(?::?(?P<mi>\d{2})(?::?(?P<s>\d{2})(?:[.,](?P<f>\d{1,9}))?)?)?"
    r"(?:[ -]?(?P<ap>[AaPp][Mm]))?)?"
)
_ZONE = r" *(?P<word>UTC|GMT|Z)? *(?P<z>[+-]\d{2}(?::?\d{2})?)?"
_DATES = {
    "year first": r"(?P<y>\d{4})[-./](?P<m>\d{1,2})[-./](?P<d>\d{1,2})",
    "compact": r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})",
    # terminals set to German, and Dukascopy's exports
    "day first": r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})",
    "slashes": r"(?P<d>\d{1,2})[/-](?P<m>\d{1,2})[/-](?P<y>\d{4})",
    "month's name": r"(?P<d>\d{1,2})[- ](?P<m>[A-Za-z]{3,9})[- ,]+(?P<y>\d{4})",
    "month's name first": r"(?P<m>[A-Za-z]{3,9}) +(?P<d>\d{1,2}),? +(?P<y>\d{4})",
}
_COMPACT_MOMENT = (
    r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})(?P<h>\d{2})(?P<mi>\d{2})(?P<s>\d{2})?"
    r"(?P<f>)(?P<ap>)(?P<word>)(?P<z>)"
)
_SPELLINGS = {name: f"^ *{date}{_TIME}{_ZONE} *$" for name, date in _DATES.items()} | {
    "compact moment": f"^ *{_COMPACT_MOMENT} *$"
}
_HINT = (
    "Expected seconds, ms, µs or ns since 1970, or dates such as 2024-01-31 23:59:00,"
    " 2024.01.31 23:59, 20240131 235900, 31.01.2024 23:59."
)


class TextStamps(NamedTuple):
    """`zoned`: every row says its own zone. `days`: no row says a time of day."""

    stamp_ns: IntColumn
    zoned: bool
    days: bool


def is_clock(text: str) -> bool:
    """Whether a cell is a time of day: 23:59, 23:59:00, 2359 or 235900."""
    digits = text.strip().replace(":", "")
    shape = len(text.strip()) - len(digits)
    return digits.isdecimal() and (
        (shape == 0 and len(digits) in {4, 6})
        or (shape in {1, 2} and len(digits.partition(".")[0]) in range(3, 7))
    )


def is_day(text: str) -> bool:
    """Whether a cell is a date without a time of day."""
    column = pa.chunked_array([[text.strip()]])
    found = (_groups(column, name) for name in _DATES)
    return any(each is not None and each[0].field("h")[0].as_py() == "" for each in found)


def text_to_ns(name: str, column: pa.ChunkedArray) -> TextStamps:
    """Dated text as int64 ns. BadInput names the first row that is not understood."""
    for spelling in _SPELLINGS:
        groups = _groups(column, spelling)
        if groups is not None:
            return _moments(name, column, spelling, groups)
    raise not_understood(name, column)


def not_understood(name: str, column: pa.ChunkedArray) -> BadInput:
    """The error that names the first stamp that is not like the one before it."""
    texts = column.to_pylist()
    shapes = [_shape(text) for text in texts[:1]]
    row = next((row for row, text in enumerate(texts) if _shape(text) != shapes[0]), 0)
    return BadInput(
        f"{name}, row {row + 1}: time stamp {texts[row]!r} is not understood", hint=_HINT
    )


def _shape(text: object) -> str:
    return "".join("0" if letter.isdigit() else letter for letter in str(text or ""))


def _groups(column: pa.ChunkedArray, spelling: str) -> list[pa.StructArray] | None:
    """The parts of every row, a chunk at a time; None if a row is spelled otherwise."""
    pattern = _SPELLINGS[spelling]
    found = []
    for chunk in column.chunks:
        groups = pc.extract_regex(chunk, pattern)
        if groups.null_count:
            return None
        found.append(groups)
    return found


def _moments(
    name: str, column: pa.ChunkedArray, spelling: str, groups: list[pa.StructArray]
) -> TextStamps:
    year, first, second = (
        np.concatenate([_numbers(each, key) for each in groups]) for key in ("y", "d", "m")
    )
    if spelling == "slashes":
        day, month = _order(name, column, first, second)
    else:
        day, month = first, second
    clocks = [_clock_ns(each) for each in groups]
    start = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]")
    whole = (
        (month >= 1)
        & (month <= len(_MONTHS))
        & (day >= 1)
        & (year > _FIRST_YEAR)
        & (year < _LAST_YEAR)
    )
    safe = np.where(whole, month, 1)
    months = start + (safe - 1).astype("timedelta64[M]")
    days = months.astype("datetime64[D]") + (np.where(whole, day, 1) - 1).astype("timedelta64[D]")
    whole &= days.astype("datetime64[M]") == months
    clock_ns = np.concatenate([each[0] for each in clocks])
    whole &= clock_ns >= 0
    if not whole.all():
        row = int(np.argmin(whole))
        raise BadInput(
            f"{name}, row {row + 1}: {column[row].as_py()!r} is no date that exists", hint=_HINT
        )
    zoned = _zoned(name, groups)
    zone_ns = np.concatenate([each[1] for each in clocks])
    stamp_ns = days.astype(np.int64) * DAY_NS + clock_ns - zone_ns
    timed = any(bool(pc.any(pc.not_equal(each.field("h"), "")).as_py()) for each in groups)
    return TextStamps(stamp_ns, zoned, not timed)


def _zoned(name: str, groups: list[pa.StructArray]) -> bool:
    said = [
        pc.or_(pc.not_equal(each.field("word"), ""), pc.not_equal(each.field("z"), ""))
        for each in groups
    ]
    some = any(bool(pc.any(each).as_py()) for each in said)
    if some and not all(bool(pc.all(each).as_py()) for each in said):
        raise BadInput(
            f"{name}: some time stamps name a zone and others do not",
            hint="All stamps of one file must be written alike.",
        )
    return some


def _order(
    name: str, column: pa.ChunkedArray, first: NDArray[np.int64], second: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Day and month of dates such as 31/01/2024."""
    day_first, month_first = first.max() > len(_MONTHS), second.max() > len(_MONTHS)
    if day_first == month_first:
        raise BadInput(
            f"{name}, row 1: {column[0].as_py()!r} does not say which number is the month,"
            " and no row of the file does",
            hint="Write the dates as 2024-01-31.",
        )
    return (first, second) if day_first else (second, first)


def _clock_ns(groups: pa.StructArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The time of day of every row, -1 where there is none such, and how far its zone is ahead."""
    hour, minute, second = (_numbers(groups, key) for key in ("h", "mi", "s"))
    half = pc.utf8_upper(groups.field("ap"))
    twelve = np.asarray(pc.not_equal(half, "").to_numpy(zero_copy_only=False))
    later = np.asarray(pc.equal(half, "PM").to_numpy(zero_copy_only=False))
    sound = (hour * _HOUR_NS < DAY_NS) & (minute * MINUTE_NS < _HOUR_NS)
    sound &= second * SECOND_NS < MINUTE_NS
    sound &= ~twelve | ((hour >= 1) & (hour <= _NOON))
    hour = np.where(twelve, hour % _NOON + np.where(later, _NOON, 0), hour)
    fraction = pc.utf8_rpad(groups.field("f"), 9, "0")
    below = np.asarray(pc.cast(fraction, pa.int64()).to_numpy(zero_copy_only=False))
    clock = hour * _HOUR_NS + minute * MINUTE_NS + second * SECOND_NS + below
    zone = pc.replace_substring(groups.field("z"), ":", "")
    zone = pc.utf8_rpad(pc.if_else(pc.equal(zone, ""), "+0000", zone), 5, "0")
    number = np.asarray(pc.cast(pc.replace_substring(zone, "+", ""), pa.int64()))
    ahead = np.sign(number) * (np.abs(number) // 100 * _HOUR_NS + np.abs(number) % 100 * MINUTE_NS)
    return np.where(sound, clock, -1), ahead


def _numbers(groups: pa.StructArray, key: str) -> NDArray[np.int64]:
    texts = groups.field(key)
    if key == "m" and bool(pc.any(pc.utf8_is_alpha(texts)).as_py()):
        short = pc.utf8_lower(pc.utf8_slice_codeunits(texts, 0, 3))
        index = pc.index_in(short, value_set=pa.array(_MONTHS))
        return np.asarray(pc.fill_null(index, -1).cast(pa.int64())) + 1
    texts = pc.if_else(pc.equal(texts, ""), "0", texts)
    return np.asarray(pc.cast(texts, pa.int64()))
