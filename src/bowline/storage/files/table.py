"""A candle file as it was read: the rows in the file's own order, and where each one stood.

Nothing is judged here: whether a row is a candle is for `core.quality` to say.
"""

from __future__ import annotations

import bisect
from itertools import accumulate

import msgspec
import numpy as np
from numpy.typing import NDArray

from bowline.core.errors import BadInput
from bowline.core.model.market import VALUE_COLUMNS, IntColumn
from bowline.core.quality import Columns

#: more than twenty years of one-minute candles
MAX_ROWS = 12_000_000


class CandleTable(msgspec.Struct, frozen=True):
    """One table of candles: a whole file, or one member of an archive. `format` is in words.

    `notes` say what was taken for what. `rows` are the numbers (from 1) of the rows that were
    taken, if not all were; `filled` marks rows that the file says were filled without a trade.
    """

    name: str
    format: str
    columns: Columns
    notes: tuple[str, ...] = ()
    rows: IntColumn | None = None
    filled: NDArray[np.bool_] | None = None


class CandleFile(msgspec.Struct, frozen=True):
    """All parts of a file behind each other. `content_hash` is SHA-256 of the file's bytes."""

    name: str
    content_hash: str
    parts: tuple[CandleTable, ...]
    columns: Columns

    @property
    def format(self) -> str:
        """What the file was taken for, in words."""
        formats = " and ".join(dict.fromkeys(part.format for part in self.parts))
        if self.parts[0].name == self.name:
            return formats
        members = "1 file" if len(self.parts) == 1 else f"{len(self.parts)} files"
        return f"zip of {members}: {formats}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was taken for what, and what was left out, each said once."""
        return tuple(dict.fromkeys(note for part in self.parts for note in part.notes))

    @property
    def filled(self) -> NDArray[np.bool_] | None:
        """Which rows of `columns` were filled without a trade; None if none is."""
        if all(part.filled is None for part in self.parts):
            return None
        return np.concatenate(
            [
                np.zeros(len(part.columns), dtype=np.bool_) if part.filled is None else part.filled
                for part in self.parts
            ]
        )

    def place(self, index: int) -> tuple[str, int]:
        """The name and the row number (from 1, headings not counted) of a row of `columns`."""
        ends = list(accumulate(len(part.columns) for part in self.parts))
        at = bisect.bisect_right(ends, index)
        part = self.parts[at]
        within = index - (ends[at - 1] if at else 0)
        row = within + 1 if part.rows is None else int(part.rows[within])
        return (part.name if part.name == self.name else f"{self.name}/{part.name}"), row


def join_parts(name: str, content_hash: str, parts: tuple[CandleTable, ...]) -> CandleFile:
    """The parts as one file; BadInput if there is not a single row in them, or far too many."""
    total = sum(len(part.columns) for part in parts)
    if not total:
        left_out = "; ".join(note for part in parts for note in part.notes if "left out" in note)
        raise BadInput(
            f"{name}: the file holds no candle" + (f": {left_out}" if left_out else ""),
            hint="Is the download complete, and is it of that instrument?",
        )
    if total > MAX_ROWS:
        raise too_many_rows(name)
    if len(parts) == 1:
        return CandleFile(name, content_hash, parts, parts[0].columns)
    joined = {
        field: np.concatenate([getattr(part.columns, field) for part in parts])
        for field in ("open_ns", *VALUE_COLUMNS)
    }
    return CandleFile(name, content_hash, parts, Columns(**joined))


def too_many_rows(name: str) -> BadInput:
    """The error for a file that holds more than any history of minutes."""
    return BadInput(
        f"{name}: more than {MAX_ROWS:,} rows",
        hint="That is more than twenty years of one-minute candles: split the file.",
    )
