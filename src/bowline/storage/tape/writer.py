"""Ticks into parts of the tape: a buffer an instrument and kind, written when full or in time.

What lies in a buffer when the power goes is lost: at most `every_s` of it, and never a part of a
file. A tick is in the folder of the day that the venue gave it, however late it came.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import SECOND_NS
from bowline.storage.embedded.folder import make_folder
from bowline.storage.tape.parts import folder_of, write_part
from bowline.storage.tape.rows import Recorded, TapeDay, TapeKind, as_table, day_of, kind_of

#: rows of one instrument that make a part
PART_ROWS = 100_000


class TapeWriter:
    """Everything that is recorded from now on. `every_s` bounds what a crash can lose."""

    def __init__(self, root: Path, *, every_s: float = 10.0, part_rows: int = PART_ROWS) -> None:
        make_folder(root)
        self._root = root
        self._every_ns = int(every_s * SECOND_NS)
        self._part_rows = part_rows
        self._buffers: dict[tuple[InstrumentId, TapeKind], list[tuple[int, Recorded]]]
        self._buffers = defaultdict(list)
        self._written_ns = 0
        self.rows = 0

    def write(self, tick: Recorded, seen_ns: int) -> None:
        """Take a tick; parts are written when they are full or when it is time."""
        if not self._written_ns:
            self._written_ns = seen_ns
        buffer = self._buffers[tick.instrument, kind_of(tick)]
        buffer.append((seen_ns, tick))
        if len(buffer) >= self._part_rows:
            self._write_parts(tick.instrument, kind_of(tick))
        self.flush_late(seen_ns)

    def flush_late(self, now_ns: int) -> None:
        """Write what has waited long enough, though no tick came to say so."""
        if self._written_ns and now_ns - self._written_ns >= self._every_ns:
            self.flush()
            self._written_ns = now_ns

    def flush(self) -> None:
        """Write whatever is buffered."""
        for instrument, kind in list(self._buffers):
            self._write_parts(instrument, kind)

    def _write_parts(self, instrument: InstrumentId, kind: TapeKind) -> None:
        ticks = self._buffers.pop((instrument, kind), [])
        days: dict[str, list[tuple[int, Recorded]]] = defaultdict(list)
        for seen_ns, tick in ticks:
            days[day_of(tick.event_ns)].append((seen_ns, tick))
        for day, part in days.items():
            folder = folder_of(self._root, TapeDay(day, kind, instrument))
            write_part(folder, as_table(kind, part), part[0][0])
            self.rows += len(part)
