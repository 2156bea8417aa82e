"""Writing ticks to the tape: one buffer per instrument and kind, flushed when full or when due.

A crash loses at most the last `every_s` seconds, and never leaves part of a file. A tick is stored
under the day of the venue's time, however late it arrives; a tick without a venue time is stored
under the day on which it was seen.

`write` flushes by itself. A caller that must not wait for a disk uses `buffer`, then `take` and
`write_batch` when `due`; only `write_batch` may be called from another thread.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import SECOND_NS
from bowline.storage.embedded.folder import make_folder
from bowline.storage.tape.parts import day_folder, write_part
from bowline.storage.tape.rows import TapeDay, TapeKind, TapeTick, day_of, tape_kind, to_table

#: rows of one instrument after which a part is written
PART_ROWS = 100_000

#: ticks that are not written yet, each with its seen time in ns
TickBatch = dict[tuple[InstrumentId, TapeKind], list[tuple[int, TapeTick]]]


class TapeWriter:
    """Appends ticks under `root`. `every_s`: seconds of ticks that a crash can lose at most."""

    def __init__(self, root: Path, *, every_s: float = 10.0, part_rows: int = PART_ROWS) -> None:
        make_folder(root)
        self._root = root
        self._every_ns = int(every_s * SECOND_NS)
        self._part_rows = part_rows
        self._buffers: TickBatch = defaultdict(list)
        self._full = False
        self._written_ns = 0
        #: number of ticks that are not written yet
        self.buffered = 0

    def write(self, tick: TapeTick, seen_ns: int) -> None:
        """Add a tick; write parts if a buffer is full or `every_s` has passed."""
        self.buffer(tick, seen_ns)
        if self.due(seen_ns):
            self.write_batch(self.take(seen_ns))

    def buffer(self, tick: TapeTick, seen_ns: int) -> None:
        """Add a tick without writing anything."""
        if not self._written_ns:
            self._written_ns = seen_ns
        ticks = self._buffers[tick.instrument, tape_kind(tick)]
        ticks.append((seen_ns, tick))
        self.buffered += 1
        if len(ticks) >= self._part_rows:
            self._full = True

    def due(self, now_ns: int) -> bool:
        """Whether the buffers should be written now."""
        waited = self._written_ns and now_ns - self._written_ns >= self._every_ns
        return self._full or (self.buffered > 0 and bool(waited))

    def take(self, now_ns: int) -> TickBatch:
        """Take the buffered ticks, for `write_batch` or, if that fails, `put_back`."""
        batch, self._buffers = self._buffers, defaultdict(list)
        self._full, self._written_ns, self.buffered = False, now_ns, 0
        return batch

    def put_back(self, batch: TickBatch) -> None:
        """Return a batch that could not be written, before the ticks that arrived since."""
        newer, self._buffers = self._buffers, defaultdict(list, batch)
        for key, ticks in newer.items():
            self._buffers[key] = [*self._buffers[key], *ticks]
        self.buffered = sum(len(ticks) for ticks in self._buffers.values())

    def write_batch(self, batch: TickBatch) -> None:
        """Write a batch part by part; written parts are removed from `batch`. Raises Conflict."""
        for key in list(batch):
            self._write_parts(*key, batch[key])
            del batch[key]

    def flush(self) -> None:
        """Write every buffered tick; what cannot be written stays buffered. Raises Conflict."""
        batch = self.take(self._written_ns)
        try:
            self.write_batch(batch)
        finally:
            self.put_back(batch)

    def _write_parts(
        self, instrument: InstrumentId, kind: TapeKind, ticks: list[tuple[int, TapeTick]]
    ) -> None:
        days: dict[str, list[tuple[int, TapeTick]]] = defaultdict(list)
        for seen_ns, tick in ticks:
            days[day_of(tick.event_ns or seen_ns)].append((seen_ns, tick))
        for day, part in days.items():
            folder = day_folder(self._root, TapeDay(day, kind, instrument))
            write_part(folder, to_table(kind, part), part[0][0])
