"""A candle file as it was read: the rows in the file's own order, and where each one stood.

Nothing is judged here: whether a row is a candle is for `core.quality` to say.
"""

from __future__ import annotations

import bisect
from itertools import accumulate

import msgspec
import numpy as np

from bowline.core.errors import BadInput
from bowline.core.model.market import VALUE_COLUMNS
from bowline.core.quality import Columns


class Part(msgspec.Struct, frozen=True):
    """One table of candles: a whole file, or one member of an archive. `format` is in words."""

    name: str
    format: str
    columns: Columns


class CandleFile(msgspec.Struct, frozen=True):
    """All parts of a file behind each other. `content_hash` is SHA-256 of the file's bytes."""

    name: str
    content_hash: str
    parts: tuple[Part, ...]
    columns: Columns

    @property
    def format(self) -> str:
        """What the file was taken for, in words."""
        formats = " and ".join(dict.fromkeys(part.format for part in self.parts))
        if self.parts[0].name == self.name:
            return formats
        members = "1 file" if len(self.parts) == 1 else f"{len(self.parts)} files"
        return f"zip of {members}: {formats}"

    def place(self, index: int) -> tuple[str, int]:
        """The name and the row number (from 1, headings not counted) of a row of `columns`."""
        ends = list(accumulate(len(part.columns) for part in self.parts))
        part = bisect.bisect_right(ends, index)
        name = self.parts[part].name
        start = ends[part - 1] if part else 0
        return (name if name == self.name else f"{self.name}/{name}"), index - start + 1


def join_parts(name: str, content_hash: str, parts: tuple[Part, ...]) -> CandleFile:
    """The parts as one file; BadInput if there is not a single row in them."""
    if not any(len(part.columns) for part in parts):
        raise BadInput(f"{name}: the file holds no candle", hint="Is the download complete?")
    if len(parts) == 1:
        return CandleFile(name, content_hash, parts, parts[0].columns)
    joined = {
        field: np.concatenate([getattr(part.columns, field) for part in parts])
        for field in ("open_ns", *VALUE_COLUMNS)
    }
    return CandleFile(name, content_hash, parts, Columns(**joined))
