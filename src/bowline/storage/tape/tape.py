"""The tape to read and to keep small: what is on it, its ticks in order, what is too old.

It is a recording. Nothing here may invent, mend or leave out a tick.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import msgspec
import pyarrow as pa
from pyarrow import compute

from bowline.core.errors import Damaged
from bowline.core.model.instrument import InstrumentId
from bowline.storage.tape.parts import days_in, files_of, join_day, read_day, remove_day, rows_of
from bowline.storage.tape.rows import Recorded, TapeDay, TapeKind, day_of, ticks_of


class TapeCoverage(msgspec.Struct, frozen=True):
    """One day on the tape: how many ticks in how many files, and how large."""

    day: TapeDay
    ticks: int
    files: int
    size_bytes: int


class Tape:
    """The recordings under a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def coverage(self) -> Iterator[TapeCoverage]:
        """What is there, a line a day."""
        for day, folder in days_in(self._root):
            files = files_of(folder)
            ticks = sum(map(rows_of, files))
            size = sum(file.stat().st_size for file in files)
            yield TapeCoverage(day, ticks, len(files), size)

    def replay(
        self, instrument: InstrumentId, start_ns: int, end_ns: int
    ) -> Iterator[tuple[int, Recorded]]:
        """Trades and quotes of `start_ns` up to `end_ns` (event time), each with when it was seen.

        In the order they were seen; a day is read at a time.
        """
        first, last = day_of(start_ns), day_of(end_ns)
        folders: dict[str, list[tuple[TapeKind, Path]]] = defaultdict(list)
        for each, folder in days_in(self._root):
            if each.instrument == instrument and first <= each.day <= last:
                folders[each.day].append((each.kind, folder))
        for day in sorted(folders):
            ticks: list[tuple[int, Recorded]] = []
            for kind, folder in folders[day]:
                table = _within(read_day(folder, kind), start_ns, end_ns)
                seen = table.column("seen_ns").to_pylist()
                ticks += zip(seen, ticks_of(instrument, kind, table), strict=True)
            ticks.sort(key=itemgetter(0))
            yield from ticks

    def join_before(self, day: str) -> int:
        """Make one file a day of every day before `day`; how many parts were joined.

        A damaged day keeps no other from being joined; then Damaged is raised for the first.
        """
        joined, damaged = 0, None
        for each, folder in days_in(self._root):
            if each.day < day:
                try:
                    joined += join_day(folder, each.kind)
                except Damaged as error:
                    damaged = damaged or error
        if damaged is not None:
            raise damaged
        return joined

    def prune(self, before: str) -> list[tuple[TapeDay, int]]:
        """Delete the days before `before`; which, and how many bytes each held."""
        old = [(day, folder) for day, folder in days_in(self._root) if day.day < before]
        return [(day, remove_day(folder)) for day, folder in old]


def _within(table: pa.Table, start_ns: int, end_ns: int) -> pa.Table:
    times = table.column("event_ns")
    inside = compute.and_(compute.greater_equal(times, start_ns), compute.less(times, end_ns))
    return table.filter(inside)
