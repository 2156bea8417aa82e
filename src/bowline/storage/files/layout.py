"""How a text file is laid out, told by its first lines.

It says what stands before the rows, what separates cells, whether columns are named, and how
numbers are written.

1. Blank lines, comments, an Excel `sep=;` line and lines that are no row stand before the header.
2. The separator is the one that makes the most known headings of the header, or, without a header,
   the one that gives every line the same number of cells, at least five.
3. Numbers are plain, or have a decimal comma or signs between thousands. Where a comma may be
   either, it is refused until the person says which.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

import msgspec

from bowline.core.errors import BadInput
from bowline.storage.files.columns import looks_like_headings
from bowline.storage.files.dates import is_clock, is_day
from bowline.storage.files.foreign import foreign_text

#: no line of candles is as long as this
MAX_LINE = 65_536
#: lines before the first row, at most
_MAX_BEFORE = 50
_LOOKED_AT = 400
_SEPARATORS = {",": "", ";": " with semicolons", "\t": " with tabs", "|": " with bars"}
_LEAST_CELLS = 5
_LEAST_KNOWN = 3
_COMMENTS = ("#", "//")
_THOUSANDS = " '_\u00a0\u202f\u2009"
_HINT = "Add a header line: time, open, high, low, close, volume."


#: the separator, and the headings if there are any
_Found = tuple[str, tuple[str, ...] | None]


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """`rows` are the first rows as cells; `before` counts the lines ahead of the first of them."""

    separator: str
    headings: tuple[str, ...] | None
    width: int
    before: int
    header_line: str
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The separator in words, nothing for a comma."""
        return _SEPARATORS[self.separator]


class NumberFormat(msgspec.Struct, frozen=True):
    """How numbers are written: plain has a point and nothing between thousands."""

    decimal: str = "."
    thousands: str = ""

    @property
    def plain(self) -> bool:
        """Whether they can be read as they stand."""
        return self.decimal == "." and not self.thousands

    def fits(self, text: str) -> bool:
        """Whether a cell is a number written so; what stands between thousands parts threes."""
        sign, point = re.escape(self.thousands), re.escape(self.decimal)
        threes = rf"\d{{1,3}}(?:{sign}\d{{3}})+|" if sign else ""
        number = rf"[+-]?(?:{threes}\d*)(?:{point}\d*)?(?:[eE][+-]?\d+)?"
        return re.fullmatch(number, text) is not None

    @property
    def words(self) -> str:
        """What is not plain about them."""
        comma = " and decimal commas" if self.decimal == "," else ""
        between = f" and {self.thousands!r} between thousands" if self.thousands else ""
        return comma + between


def find_layout(name: str, text: str) -> Layout:
    """The layout of a file that begins with `text`, whole lines. BadInput says what was seen."""
    lines = text.split("\n")[: _LOOKED_AT + _MAX_BEFORE]
    said = ""
    skipped: list[str] = []
    for before, line in enumerate(lines[:_MAX_BEFORE]):
        plain = line.strip("\r\ufeff \n")
        if plain.lower().startswith("sep=") and len(plain) > len("sep="):
            said = plain[len("sep=")]
        elif plain and not plain.startswith(_COMMENTS):
            found = _first_row(plain, said) or _header(plain, said)
            if found:
                return _laid_out(lines, before, found, skipped)
            skipped.append(plain)
    if (foreign := foreign_text(name, text.encode(), "candles")) is not None:
        raise foreign
    raise BadInput(
        f"{name}, row 1: this is neither text of candles nor a format known here:"
        f" {_shown(skipped[0]) if skipped else 'nothing but blank lines'}",
        hint=f"Known: CSV, zip, gzip, freqtrade feather and JSON, Parquet. {_HINT}",
    )


def find_numbers(name: str, cells: Sequence[str], said: str) -> NumberFormat:
    """How the numbers among `cells` are written; BadInput where a comma may be a decimal one."""
    texts = [text for cell in cells if (text := cell.strip())]
    between = [sign for sign in _THOUSANDS if any(sign in text for text in texts)]
    ways = [NumberFormat()] if not said else []
    for point, comma in ((".", ","), (",", ".")):
        if said in {"", point}:
            ways += [NumberFormat(point, sign) for sign in ("", *between, comma)]
    fitting = [way for way in ways if all(way.fits(text) for text in texts)]
    if not fitting or fitting[0].plain:
        return NumberFormat(said or ".")
    if len({way.decimal for way in fitting}) > 1:
        text = next(text for text in texts if "," in text)
        raise BadInput(
            f"{name}: numbers such as {text!r} may have a decimal comma or one between thousands",
            hint="Say which sign is the decimal one: --decimal , or --decimal .",
        )
    return fitting[0]


def _laid_out(lines: list[str], at: int, found: _Found, skipped: list[str]) -> Layout:
    separator, headings = found
    first = at + (1 if headings else 0)
    rows = [_cells(line, separator) for line in lines[first : first + _LOOKED_AT] if line.strip()]
    width = len(headings) if headings else len(rows[0])
    if headings and rows:
        width = _width(headings, rows)
    notes = []
    if skipped:
        count = "1 line" if len(skipped) == 1 else f"{len(skipped)} lines"
        notes.append(f"{count} before the rows left out: {_shown(skipped[0])}")
    header_line = lines[at].strip("\r\ufeff") if headings else ""
    return Layout(
        separator=separator,
        headings=headings and headings[:width],
        width=width,
        before=first,
        header_line=header_line,
        rows=tuple(row for row in rows if len(row) >= min(width, _LEAST_CELLS)),
        notes=tuple(notes),
    )


def _width(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> int:
    """How many cells a row has: a separator at the end of every line makes one more."""
    row = rows[0]
    if len(row) == len(headings) + 1 and all(not each[-1].strip() for each in rows if each):
        return len(row)
    if len(row) == len(headings) - 1 and not headings[-1].strip():
        return len(row)
    return len(headings)


def _header(line: str, said: str) -> _Found | None:
    """Separator and headings, if the line names columns, known ones or not."""
    best: _Found | None = None
    most = (0, 0)
    for separator, cells in _splits(line, said):
        known = looks_like_headings(cells)
        named = known >= _LEAST_KNOWN or len(cells) >= _LEAST_CELLS
        if named and (known, len(cells)) > most and not _begins_a_row(cells):
            best, most = (separator, cells), (known, len(cells))
    return best


def _first_row(line: str, said: str) -> _Found | None:
    """The separator, if the line is a row of a file without a header."""
    for separator, cells in _splits(line, said):
        if len(cells) >= _LEAST_CELLS and _begins_a_row(cells):
            return separator, None
    return None


def _splits(line: str, said: str) -> list[tuple[str, tuple[str, ...]]]:
    separators = said if said in _SEPARATORS and said else "".join(_SEPARATORS)
    return [(separator, _cells(line, separator)) for separator in separators]


def _begins_a_row(cells: tuple[str, ...]) -> bool:
    digits = [any(letter.isdigit() for letter in cell) for cell in cells[:_LEAST_CELLS]]
    return all(digits) and (cells[0][:1].isdigit() or is_day(cells[0]) or is_clock(cells[0]))


def _cells(line: str, separator: str) -> tuple[str, ...]:
    try:
        return tuple(next(csv.reader([line.strip("\r\ufeff\n")], delimiter=separator), ()))
    except csv.Error:
        return (line,)


def _shown(text: str) -> str:
    """A line as far as a person needs it, without what a terminal would obey."""
    return repr("".join(letter if letter.isprintable() else "?" for letter in text[:80]))
