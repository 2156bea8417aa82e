"""The rows of a text file, a block of whole lines at a time, as columns.

Nothing is skipped unless it is said: a cell that is no number refuses the file with its row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from bowline.core.errors import BadInput
from bowline.core.model.market import PRICE_COLUMNS, VALUE_COLUMNS, FloatColumn
from bowline.core.quality import Columns
from bowline.storage.files.columns import Roles
from bowline.storage.files.dates import not_understood
from bowline.storage.files.hints import FileHints
from bowline.storage.files.layout import MAX_LINE, Layout, NumberFormat
from bowline.storage.files.row_filter import RowFilter, contracts_to_units
from bowline.storage.files.stamps import as_numpy, stamps_to_ns
from bowline.storage.files.table import MAX_ROWS, CandleTable, too_many_rows

_SHOWN = 5
_NULLS = ["", "null", "NULL", "None", "NaN", "nan", "NA", "N/A"]
_COMMENT = re.compile(rb"^[ \t]*(?:#|//).*\n?", re.MULTILINE)


class RowReader:
    """Collects the rows of one file. Blocks are whole lines, in order."""

    def __init__(
        self, name: str, layout: Layout, roles: Roles, numbers: NumberFormat, hints: FileHints
    ) -> None:
        self._name = name
        self._layout = layout
        self._roles = roles
        self._numbers = numbers
        self._hints = hints
        self._names = [f"c{index}" for index in range(layout.width)]
        self._others = RowFilter(name, hints)
        self._seen = 0
        self._taken = 0
        self._left: Counter[str] = Counter()
        self._stamps: list[pa.ChunkedArray] = []
        self._values: dict[str, list[FloatColumn]] = {each: [] for each in VALUE_COLUMNS}
        self._beside: list[FloatColumn] = []
        self._rows: list[NDArray[np.int64]] = []
        self._filled: list[NDArray[np.bool_]] = []

    def add(self, block: bytes) -> None:
        """Take the rows of a block; BadInput names the first that is none."""
        block = self._without_strangers(block)
        if not block.strip():
            return
        table = self._parse(block)
        if self._taken + table.num_rows > MAX_ROWS:
            raise too_many_rows(self._name)
        kept = self._kept(table)
        rows = np.arange(self._seen + 1, self._seen + table.num_rows + 1)
        self._seen += table.num_rows
        if kept is not None:
            table, rows = table.filter(pa.array(kept)), rows[kept]
        self._taken += len(rows)
        if len(rows):
            self._rows.append(rows)
            self._keep(table)

    def part(self, kind: str, notes: list[str]) -> CandleTable:
        """All rows as a part; BadInput if their stamps are not all of one form."""
        offset_ns = self._hints.offset_ns
        if self._roles.local and offset_ns is None:
            self._refuse_local()
        if not self._taken:
            return self._empty(kind, notes)
        columns = {name: _joined(pieces) for name, pieces in self._values.items()}
        try:
            stamps = stamps_to_ns(self._name, self._all_stamps(), offset_ns)
        except BadInput as error:
            raise self._renumbered(error) from error
        rows = np.concatenate(self._rows)
        columns["volume"], volume_note = self._volume(columns["volume"])
        notes = [*notes, *volume_note, *self._others.notes(), *self._left_out()]
        if len(stamps.stamp_ns) > 1 and stamps.stamp_ns[0] > stamps.stamp_ns[-1]:
            notes.append("newest first: put in order of time")
        filled = _joined(self._filled) if self._filled else None
        return CandleTable(
            self._name,
            f"{kind}, {stamps.words}",
            Columns(stamps.stamp_ns, **columns),
            tuple(notes),
            rows if len(rows) != self._seen else None,
            filled if filled is not None and bool(filled.any()) else None,
        )

    def _empty(self, kind: str, notes: list[str]) -> CandleTable:
        none = {name: np.empty(0) for name in VALUE_COLUMNS}
        columns = Columns(np.empty(0, dtype=np.int64), **none)
        said = (*notes, *self._others.notes(), *self._left_out())
        return CandleTable(self._name, f"{kind}, no stamps", columns, said)

    def _without_strangers(self, block: bytes) -> bytes:
        """The block without comments and repeated headings, which joined files have."""
        header = self._layout.header_line.encode()
        if header and header in block:
            pattern = rb"^" + re.escape(header) + rb"\r?(?:\n|\Z)"
            block, count = re.subn(pattern, b"", block, flags=re.MULTILINE)
            self._left["repeated headings"] += count
        if b"#" in block or b"//" in block:
            block, count = _COMMENT.subn(b"", block)
            self._left["comments"] += count
        return block

    def _parse(self, block: bytes) -> pa.Table:
        wanted = self._wanted()
        stamp_text = len(self._roles.stamp) > 1
        plain = pa.float64() if self._numbers.plain else pa.string()
        types = {column: plain for role, column in wanted.items() if role in _NUMBERS}
        types |= {c: pa.string() for r, c in wanted.items() if r in {"instrument", "confirm"}}
        if stamp_text:
            types |= {c: pa.string() for r, c in wanted.items() if r.startswith("stamp")}
        try:
            table = self._arrow(block, list(wanted.values()), types)
        except pa.ArrowInvalid as error:
            self._explain(block, wanted)
            raise BadInput(f"{self._name}: {_told(error)}") from error
        if any(pa.types.is_binary(kind) for kind in table.schema.types):
            # text that is none in UTF-8: the row is named
            self._explain(block, wanted)
        # by position: only the columns that were asked for came back, in the order of `wanted`
        table = table.rename_columns(list(wanted))
        return table if self._numbers.plain else self._as_numbers(table)

    def _wanted(self) -> dict[str, str]:
        roles = self._roles
        places: dict[str, int | None] = {
            **{f"stamp{at}": place for at, place in enumerate(roles.stamp)},
            **{role: roles.prices[role] for role in PRICE_COLUMNS},
            "volume": roles.volume.column,
            "beside": roles.volume.beside,
            "instrument": roles.instrument,
            "confirm": roles.confirm,
            "filled": roles.filled,
        }
        return {role: self._names[at] for role, at in places.items() if at is not None}

    def _arrow(
        self,
        block: bytes,
        wanted: list[str],
        types: dict[str, pa.DataType],
        *,
        on_ragged: object = None,
    ) -> pa.Table:
        return pacsv.read_csv(
            pa.BufferReader(block),
            # only a reader without threads can say which row was ragged, and only such a one has
            # ended when it raises: threads still at work have been seen to abort the process
            read_options=pacsv.ReadOptions(column_names=self._names, use_threads=False),
            parse_options=pacsv.ParseOptions(
                delimiter=self._layout.separator, invalid_row_handler=on_ragged
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=types,
                include_columns=list(dict.fromkeys(wanted)),
                null_values=_NULLS,
                strings_can_be_null=True,
            ),
        )

    def _as_numbers(self, table: pa.Table) -> pa.Table:
        """The numbers of columns that were read as text, as this file writes them."""
        for at, role in enumerate(table.column_names):
            if role not in _NUMBERS:
                continue
            texts = pc.utf8_trim_whitespace(table.column(role))
            bad = _not_numbers(texts, self._numbers)
            if bad:
                row, text = bad[0]
                self._refuse([f"row {self._seen + row + 1}: {role} is not a number: {text!r}"])
            table = table.set_column(at, role, _plain(texts, self._numbers).cast(pa.float64()))
        return table

    def _kept(self, table: pa.Table) -> NDArray[np.bool_] | None:
        """Which rows are closed candles of the instrument; None for all."""
        names = table.column_names
        instrument = table.column("instrument") if "instrument" in names else None
        confirm = table.column("confirm") if "confirm" in names else None
        return self._others.kept(instrument, confirm, self._seen)

    def _keep(self, table: pa.Table) -> None:
        stamps = table.column("stamp0")
        if len(self._roles.stamp) > 1:
            stamps = pc.binary_join_element_wise(stamps, table.column("stamp1"), " ")
        self._stamps.append(stamps)
        for role, pieces in self._values.items():
            pieces.append(as_numpy(table.column(role)))
        if self._roles.volume.beside is not None:
            self._beside.append(as_numpy(table.column("beside")))
        if self._roles.filled is not None:
            self._filled.append(as_numpy(table.column("filled")) > 0)

    def _all_stamps(self) -> pa.ChunkedArray:
        pieces = [piece for piece in self._stamps if len(piece)]
        kinds = {piece.type for piece in pieces if not pa.types.is_null(piece.type)}
        if len(kinds) > 1 and all(pa.types.is_integer(k) or pa.types.is_floating(k) for k in kinds):
            pieces = [piece.cast(pa.float64()) for piece in pieces]
        elif len(kinds) > 1 and all(pa.types.is_timestamp(k) and k.tz is None for k in kinds):
            pieces = [piece.cast(pa.timestamp("ns")) for piece in pieces]
        elif len(kinds) > 1:
            pieces = [piece.cast(pa.string()) for piece in pieces]
            raise not_understood(self._name, pa.chunked_array(_chunks(pieces)))
        elif kinds:
            pieces = [piece.cast(next(iter(kinds))) for piece in pieces]
        return pa.chunked_array(_chunks(pieces), None if pieces else pa.int64())

    def _volume(self, volume: FloatColumn) -> tuple[FloatColumn, list[str]]:
        told = self._roles.volume
        if told.unit == "base":
            return volume, [f"volume: {told.why}"] if told.why else []
        beside = _joined(self._beside) if told.beside is not None else None
        size: Decimal | None = self._hints.contract_size
        return contracts_to_units(self._name, volume, beside, size, told.why)

    def _left_out(self) -> list[str]:
        return [f"{count:,} {what} left out" for what, count in self._left.items() if count]

    def _refuse_local(self) -> None:
        first = next((piece[0].as_py() for piece in self._stamps if len(piece)), None)
        if not re.search(r"(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})\s*$", str(first)) and not isinstance(
            first, int
        ):
            raise BadInput(
                f"{self._name}: the heading says that the stamps are of a local clock",
                hint="Say how many hours it is ahead of UTC: --utc-offset +2, or 0.",
            )

    def _renumbered(self, error: BadInput) -> BadInput:
        """Rows of the error counted in the file, where rows before it were left out."""
        found = re.match(rf"{re.escape(self._name)}, row (\d+):", error.message)
        rows = np.concatenate(self._rows)
        if not found or int(found[1]) > len(rows) or rows[int(found[1]) - 1] == int(found[1]):
            return error
        row = rows[int(found[1]) - 1]
        message = f"{self._name}, row {row}:{error.message[found.end() :]}"
        return BadInput(message, hint=error.hint, problems=error.problems)

    def _explain(self, block: bytes, wanted: dict[str, str]) -> None:
        """Raise BadInput with the rows that are no rows of numbers, if they can be found."""
        try:
            block.decode()
        except UnicodeDecodeError as error:
            row = self._seen + block.count(b"\n", 0, error.start) + 1
            what = repr(block[error.start : error.end])
            self._refuse([f"row {row}: {what} is no text in UTF-8"])
        ragged: list[str] = []

        def on_ragged(row: pacsv.InvalidRow) -> str:
            if len(ragged) < _SHOWN:
                expected, found = row.expected_columns, row.actual_columns
                at = self._seen + row.number
                ragged.append(f"row {at}: {found} columns, expected {expected}")
            return "skip"

        texts = {column: pa.string() for column in wanted.values()}
        try:
            table = self._arrow(block, list(wanted.values()), texts, on_ragged=on_ragged)
        except pa.ArrowInvalid as error:
            raise BadInput(f"{self._name}: {_told(error)}") from error
        if ragged:
            self._refuse(ragged)
        problems = [
            f"row {self._seen + row + 1}: {role} is not a number: {text!r}"
            for role in VALUE_COLUMNS
            for row, text in _not_numbers(table.column(wanted[role]), NumberFormat())
        ]
        if problems:
            self._refuse(problems[:_SHOWN])

    def _refuse(self, problems: Sequence[str]) -> None:
        raise BadInput(
            f"{self._name}, {problems[0]}",
            problems=tuple(problems),
            hint="The file is damaged or not of candles: download it again."
            " Nothing was taken from it.",
        )


_NUMBERS = frozenset({*VALUE_COLUMNS, "beside", "filled"})


def _told(error: pa.ArrowInvalid) -> str:
    text = str(error).splitlines()[0][: MAX_LINE // 256]
    return "".join(letter if letter.isprintable() else "?" for letter in text)


_Cell = TypeVar("_Cell", bound=np.generic)


def _joined(pieces: list[NDArray[_Cell]]) -> NDArray[_Cell]:
    """One array of the pieces, at least one, which are let go of."""
    whole = np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
    pieces.clear()
    return whole


def _chunks(pieces: list[pa.ChunkedArray]) -> list[pa.Array]:
    return [chunk for piece in pieces for chunk in piece.chunks]


def _plain(texts: pa.ChunkedArray, numbers: NumberFormat) -> pa.ChunkedArray:
    """The same numbers with a point and nothing between thousands."""
    if numbers.thousands:
        texts = pc.replace_substring(texts, numbers.thousands, "")
    return pc.replace_substring(texts, ",", ".") if numbers.decimal == "," else texts


def _not_numbers(column: pa.ChunkedArray, numbers: NumberFormat) -> list[tuple[int, str]]:
    """Rows and texts that are no numbers; thousands must stand in threes."""
    found = []
    for row, text in enumerate(column.to_pylist()):
        if text is None:
            continue
        if not (numbers.plain or numbers.fits(text)) or not _is_number(_as_plain(text, numbers)):
            found.append((row, text))
            if len(found) == _SHOWN:
                break
    return found


def _as_plain(text: str, numbers: NumberFormat) -> str:
    text = text.replace(numbers.thousands, "") if numbers.thousands else text
    return text.replace(",", ".") if numbers.decimal == "," else text


def _is_number(text: str) -> bool:
    try:
        pc.cast(pa.scalar(text), pa.float64())
    except pa.ArrowInvalid:
        return False
    return True
