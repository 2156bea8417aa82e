"""Candles in text: CSV of exchanges and of people, and freqtrade's JSON.

A cell that is no number is never skipped: the file is refused with the row and what stood there.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from bowline.core.errors import BadInput
from bowline.core.model.market import VALUE_COLUMNS
from bowline.core.quality import Columns
from bowline.storage.files.columns import looks_like_headings, part_from_table, role_columns
from bowline.storage.files.stamps import numbers_to_ns
from bowline.storage.files.table import Part

_ROLES = ("stamp", *VALUE_COLUMNS)
_BINANCE, _BINANCE_COLUMNS = "binance kline csv", 12
#: columns of a file without headings, by their number; the first six are always these
_HEADLESS = {6: "csv", 7: "csv of 7 columns (such as bybit's)", _BINANCE_COLUMNS: _BINANCE}
_SHOWN = 5
#: no line of candles is as long as this
_MAX_LINE = 65_536

_JsonStamp = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
_JsonRow = tuple[_JsonStamp, float, float, float, float, float]


def read_csv(name: str, content: bytes) -> Part:
    """A CSV with or without headings; BadInput says in which row it stops being one."""
    cells = _first_line(name, content)
    titled = looks_like_headings(cells)
    if titled:
        roles = role_columns(name, cells)
        kind = f"{_BINANCE if len(cells) == _BINANCE_COLUMNS else 'csv'}, header"
    elif len(cells) in _HEADLESS:
        roles = {role: index for index, role in enumerate(_ROLES)}
        kind = f"{_HEADLESS[len(cells)]}, no header"
    else:
        raise BadInput(
            f"{name}, row 1: {len(cells)} columns without a header: {','.join(cells)[:80]!r}",
            hint="Add a header line: time, open, high, low, close, volume.",
        )
    names = [f"c{index}" for index in range(len(cells))]
    table = _parse(name, content, names, roles, skip=int(titled))
    return part_from_table(name, kind, table)


def read_json(name: str, content: bytes) -> Part:
    """A list, as freqtrade writes it: of [ms, open, high, low, close, volume]."""
    try:
        rows = msgspec.json.decode(content, type=list[_JsonRow])
    except msgspec.DecodeError as error:
        raise BadInput(
            f"{name}, {_json_place(str(error))}",
            hint="Expected a list of [milliseconds, open, high, low, close, volume].",
        ) from error
    if not rows:
        raise BadInput(f"{name}: the file holds no candle", hint="Is the download complete?")
    stamps = np.array([row[0] for row in rows], dtype=np.int64)
    open_ns, unit = numbers_to_ns(name, stamps)
    values = np.array([row[1:] for row in rows], dtype=np.float64)
    return Part(name, f"freqtrade json, {unit}", Columns(open_ns, *values.T.copy()))


def _first_line(name: str, content: bytes) -> list[str]:
    line = content[:_MAX_LINE].lstrip(b"\r\n")
    try:
        text = line[: line.find(b"\n") + 1 or len(line)].decode("utf-8-sig")
        return next(csv.reader([text.strip()]), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(
            f"{name}, row 1: this is neither text nor a format known here",
            hint="Known: CSV, zip, freqtrade feather and JSON, Parquet.",
        ) from error


def _parse(
    name: str, content: bytes, names: list[str], roles: dict[str, int], *, skip: int
) -> pa.Table:
    wanted = {role: names[index] for role, index in roles.items()}
    floats = {wanted[role]: pa.float64() for role in VALUE_COLUMNS}
    try:
        table = _arrow(content, names, list(wanted.values()), floats, skip)
    except pa.ArrowInvalid as error:
        _explain(name, content, wanted, names, skip)
        raise BadInput(f"{name}: {error}") from error
    # by position: only the columns that were asked for came back, in the order of `wanted`
    table = table.rename_columns(["time" if role == "stamp" else role for role in wanted])
    stamps = table.column("time")
    if pa.types.is_string(stamps.type):
        _refuse_stamp(name, stamps)
    return table


def _arrow(
    content: bytes,
    names: list[str],
    wanted: list[str],
    types: dict[str, pa.DataType],
    skip: int,
    *,
    on_ragged: object = None,
) -> pa.Table:
    return pacsv.read_csv(
        pa.BufferReader(content),
        # only a reader without threads can say which row was ragged, and only such a one has ended
        # when it raises: threads still at work have been seen to abort the process at its exit
        read_options=pacsv.ReadOptions(column_names=names, skip_rows=skip, use_threads=False),
        parse_options=pacsv.ParseOptions(invalid_row_handler=on_ragged),
        convert_options=pacsv.ConvertOptions(
            column_types=types,
            include_columns=wanted,
            null_values=["", "null", "NULL", "None", "NaN", "nan", "NA", "N/A"],
            strings_can_be_null=True,
        ),
    )


def _explain(
    name: str, content: bytes, wanted: dict[str, str], names: list[str], skip: int
) -> None:
    """Raise BadInput with the rows that are no rows of numbers, if they can be found."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1 - skip
        _refuse(name, [f"row {row}: {content[error.start : error.end]!r} is no text in UTF-8"])
    ragged: list[str] = []

    def on_ragged(row: pacsv.InvalidRow) -> str:
        if len(ragged) < _SHOWN:
            expected, found = row.expected_columns, row.actual_columns
            ragged.append(f"row {row.number - skip}: {found} columns, expected {expected}")
        return "skip"

    texts = {column: pa.string() for column in wanted.values()}
    try:
        table = _arrow(content, names, list(wanted.values()), texts, skip, on_ragged=on_ragged)
    except pa.ArrowInvalid as error:
        raise BadInput(f"{name}: {error}") from error
    if ragged:
        _refuse(name, ragged)
    problems: list[str] = []
    for role in VALUE_COLUMNS:
        column = table.column(wanted[role])
        problems += [
            f"row {row + 1}: {role} is not a number: {text!r}" for row, text in _not_numbers(column)
        ]
    if problems:
        _refuse(name, problems[:_SHOWN])


def _refuse(name: str, problems: Sequence[str]) -> None:
    raise BadInput(
        f"{name}, {problems[0]}",
        problems=tuple(problems),
        hint="The file is damaged or not of candles: download it again. Nothing was taken from it.",
    )


def _not_numbers(column: pa.ChunkedArray) -> list[tuple[int, str]]:
    found = []
    for row, text in enumerate(column.to_pylist()):
        if text is not None and not _is_number(text):
            found.append((row, text))
            if len(found) == _SHOWN:
                break
    return found


def _is_number(text: str) -> bool:
    try:
        pc.cast(pa.scalar(text), pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _refuse_stamp(name: str, stamps: pa.ChunkedArray) -> None:
    """The stamps came back as text: find the first that is not like the one before it."""
    texts = stamps.to_pylist()
    shapes = [_shape(text) for text in texts]
    row = next((row for row, shape in enumerate(shapes) if shape != shapes[0]), 0)
    raise BadInput(
        f"{name}, row {row + 1}: time stamp {texts[row]!r} is not understood",
        hint="Expected seconds, ms, µs or ns since 1970, or dates such as 2024-01-31 23:59:00.",
    )


def _shape(text: str | None) -> str:
    return "".join("0" if letter.isdigit() else letter for letter in text or "")


def _json_place(error: str) -> str:
    """The path `$[17][2]` in an error of msgspec as a row number."""
    message, _, path = error.partition(" - at `$[")
    row, _, rest = path.rstrip("`").partition("]")
    if not row:
        return message
    cell = rest.strip("[]")
    return f"row {int(row) + 1}: {f'cell {int(cell) + 1}: ' if cell else ''}{message}"
