"""Reading, joining and pruning the tape.

A tick must never be invented, changed or left out here.
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
from bowline.storage.tape.parts import day_files, iter_days, join_day, read_day, remove_day, rows_of
from bowline.storage.tape.rows import TapeDay, TapeKind, TapeTick, day_of, from_table


class TapeCoverage(msgspec.Struct, frozen=True):
    """One day of the tape: its numbers of ticks and files, and its size."""

    day: TapeDay
    ticks: int
    files: int
    size_bytes: int


class Tape:
    """The recorded ticks under a root folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def coverage(self) -> Iterator[TapeCoverage]:
        """One entry per recorded day, instrument and kind."""
        for day, folder in iter_days(self._root):
            files = day_files(folder)
            ticks = sum(map(rows_of, files))
            size = sum(file.stat().st_size for file in files)
            yield TapeCoverage(day, ticks, len(files), size)

    def replay(
        self, instrument: InstrumentId, start_ns: int, end_ns: int
    ) -> Iterator[tuple[int, TapeTick]]:
        """Pairs of seen time and tick, for event times from `start_ns` up to `end_ns` (exclusive).

        In the order in which they were seen; one day is read into memory at a time.
        """
        first, last = day_of(start_ns), day_of(end_ns)
        folders: dict[str, list[tuple[TapeKind, Path]]] = defaultdict(list)
        for each, folder in iter_days(self._root):
            if each.instrument == instrument and first <= each.day <= last:
                folders[each.day].append((each.kind, folder))
        for day in sorted(folders):
            ticks: list[tuple[int, TapeTick]] = []
            for kind, folder in folders[day]:
                table = _within(read_day(folder, kind), start_ns, end_ns)
                seen = table.column("seen_ns").to_pylist()
                ticks += zip(seen, from_table(instrument, kind, table), strict=True)
            ticks.sort(key=itemgetter(0))
            yield from ticks

    def join_before(self, day: str) -> int:
        """Join the parts of every day before `day`; returns the number of parts joined.

        A damaged day does not stop the others; Damaged is then raised for the first one.
        """
        joined, damaged = 0, None
        for each, folder in iter_days(self._root):
            if each.day < day:
                try:
                    joined += join_day(folder, each.kind)
                except Damaged as error:
                    damaged = damaged or error
        if damaged is not None:
            raise damaged
        return joined

    def prune(self, before: str) -> list[tuple[TapeDay, int]]:
        """Delete the days before `before`; returns each with the number of bytes freed."""
        old = [(day, folder) for day, folder in iter_days(self._root) if day.day < before]
        return [(day, remove_day(folder)) for day, folder in old]


def _within(table: pa.Table, start_ns: int, end_ns: int) -> pa.Table:
    times = table.column("event_ns")
    inside = compute.and_(compute.greater_equal(times, start_ns), compute.less(times, end_ns))
    return table.filter(inside)
