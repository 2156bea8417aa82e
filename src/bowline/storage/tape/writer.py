"""Ticks into parts of the tape: a buffer an instrument and kind, written when full or in time.

What lies in a buffer when the power goes is lost: at most `every_s` of it, and never a part of a
file. A tick is in the folder of the day that the venue gave it, however late it came; one that the
venue gave no time lies in the day that it was seen.

`write` writes parts by itself. Who must not wait for a disk uses `hold`, and `take` and `put` when
it is `due`; `put` alone may be called in another thread.
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

#: ticks that are not written yet, each with when it was seen
Held = dict[tuple[InstrumentId, TapeKind], list[tuple[int, Recorded]]]


class TapeWriter:
    """Everything that is recorded from now on. `every_s` bounds what a crash can lose."""

    def __init__(self, root: Path, *, every_s: float = 10.0, part_rows: int = PART_ROWS) -> None:
        make_folder(root)
        self._root = root
        self._every_ns = int(every_s * SECOND_NS)
        self._part_rows = part_rows
        self._held: Held = defaultdict(list)
        self._full = False
        self._written_ns = 0
        #: ticks that are held, and ticks that were written
        self.held = 0
        self.rows = 0

    def write(self, tick: Recorded, seen_ns: int) -> None:
        """Take a tick; parts are written when they are full or when it is time."""
        self.hold(tick, seen_ns)
        if self.due(seen_ns):
            self.put(self.take(seen_ns))

    def hold(self, tick: Recorded, seen_ns: int) -> None:
        """Take a tick and do no more."""
        if not self._written_ns:
            self._written_ns = seen_ns
        buffer = self._held[tick.instrument, kind_of(tick)]
        buffer.append((seen_ns, tick))
        self.held += 1
        if len(buffer) >= self._part_rows:
            self._full = True

    def due(self, now_ns: int) -> bool:
        """Whether what is held should be written."""
        waited = self._written_ns and now_ns - self._written_ns >= self._every_ns
        return self._full or (self.held > 0 and bool(waited))

    def take(self, now_ns: int) -> Held:
        """What is held, now the caller's to `put` or to `give_back`."""
        held, self._held = self._held, defaultdict(list)
        self._full, self._written_ns, self.held = False, now_ns, 0
        return held

    def give_back(self, held: Held) -> None:
        """It could not be written: hold it again, before what came since."""
        newer, self._held = self._held, defaultdict(list, held)
        for key, ticks in newer.items():
            self._held[key] = [*self._held[key], *ticks]
        self.held = sum(len(ticks) for ticks in self._held.values())

    def put(self, held: Held) -> None:
        """Write it, part by part; what is written is taken out of `held`. Raises Conflict."""
        for key in list(held):
            self._write_parts(*key, held[key])
            del held[key]

    def flush(self) -> None:
        """Write whatever is held; what cannot be written stays held. Raises Conflict."""
        held = self.take(self._written_ns)
        try:
            self.put(held)
        finally:
            self.give_back(held)

    def _write_parts(
        self, instrument: InstrumentId, kind: TapeKind, ticks: list[tuple[int, Recorded]]
    ) -> None:
        days: dict[str, list[tuple[int, Recorded]]] = defaultdict(list)
        for seen_ns, tick in ticks:
            days[day_of(tick.event_ns or seen_ns)].append((seen_ns, tick))
        for day, part in days.items():
            folder = folder_of(self._root, TapeDay(day, kind, instrument))
            write_part(folder, as_table(kind, part), part[0][0])
            self.rows += len(part)
