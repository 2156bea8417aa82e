"""Which column is which: names people and exchanges use, in any case and order.

A column must never be taken for another: two that claim one role are refused.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from bowline.core.errors import BadInput
from bowline.core.model.market import VALUE_COLUMNS, FloatColumn
from bowline.core.quality import Columns
from bowline.storage.files.stamps import as_numpy, stamps_to_ns
from bowline.storage.files.table import Part

#: names without case, spaces, dots and underscores; the first of the stamps that is there counts
_STAMP_NAMES = (
    "openns", "tsopen", "opentime", "openat", "startat", "starttime", "start", "timestamp", "ts",
    "unix", "time", "datetime", "date", "candlebegintime", "t",
    # an index that pandas wrote without a name
    "", "indexlevel0",
)  # fmt: skip
_VALUE_NAMES = {
    "open": ("open", "openprice", "o"),
    "high": ("high", "highprice", "h"),
    "low": ("low", "lowprice", "l"),
    "close": ("close", "closeprice", "c"),
    "volume": ("volume", "basevolume", "vol", "v"),
}


def plain_name(heading: str) -> str:
    """A heading without case, spaces, dots and underscores."""
    kept = [letter for letter in heading.strip().strip('"\ufeff').lower() if letter not in " ._-"]
    return "".join(kept)


def looks_like_headings(cells: list[str]) -> bool:
    """Whether a line of text names columns."""
    known = {alias for aliases in _VALUE_NAMES.values() for alias in aliases} | set(_STAMP_NAMES)
    return any(plain_name(cell) in known - {""} for cell in cells)


def role_columns(name: str, headings: list[str]) -> dict[str, int]:
    """The position of `stamp` and of each value; BadInput says what is missing or there twice."""
    places: dict[str, list[int]] = {}
    for index, heading in enumerate(headings):
        places.setdefault(plain_name(heading), []).append(index)
    problems = []
    roles = {}
    for role, aliases in {"stamp": _STAMP_NAMES, **_VALUE_NAMES}.items():
        found = [alias for alias in aliases if alias in places]
        if not found:
            problems.append(f"no {'time stamp' if role == 'stamp' else role} column")
        elif len(places[found[0]]) > 1 or (role != "stamp" and len(found) > 1):
            problems.append(f"more than one {role} column")
        else:
            roles[role] = places[found[0]][0]
    if problems:
        seen = ", ".join(repr(heading) for heading in headings[:20])
        raise BadInput(
            f"{name}: these are not the columns of candles: {seen}",
            problems=tuple(problems),
            hint="Expected a time stamp, open, high, low, close and volume.",
        )
    return roles


def part_from_table(name: str, kind: str, table: pa.Table) -> Part:
    """A table whose columns have names, as candle rows."""
    roles = role_columns(name, table.column_names)
    values = {role: _as_floats(name, role, table.column(roles[role])) for role in VALUE_COLUMNS}
    open_ns, unit = stamps_to_ns(name, table.column(roles["stamp"]))
    return Part(name, f"{kind}, {unit}", Columns(open_ns, **values))


def _as_floats(name: str, role: str, column: pa.ChunkedArray) -> FloatColumn:
    numeric = pa.types.is_floating(column.type) or pa.types.is_integer(column.type)
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if not numeric and not pa.types.is_decimal(column.type):
        raise BadInput(f"{name}, row 1: column {role} holds {column.type}, expected numbers")
    # a missing number becomes NaN, which is no candle
    return as_numpy(column.cast(pa.float64(), safe=False))
