"""The journal in memory: the clear one that stores are held to.

It must seal exactly as every other journal does: equal runs have equal heads, whatever the store.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import msgspec

from bowline.storage.journal import (
    EMPTY_HEAD,
    Damage,
    Entry,
    JournalMark,
    Snapshot,
    VerifyResult,
    check_rising,
    encode_entry,
    entry_hash,
    is_new_snapshot,
)


class MemoryJournal:
    """A `Journal` of this process. The seal is made when it is asked for: most runs never do."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._snapshots: list[Snapshot] = []
        self._sealed = 0
        self._head = EMPTY_HEAD

    def append(self, entries: Sequence[Entry]) -> None:
        """Keep all of them, or none."""
        floor = max(self.last_seq, self._snapshots[-1].seq if self._snapshots else 0)
        check_rising(entries, floor)
        self._entries.extend(entries)

    def entries(self, after_seq: int = 0) -> Iterator[Entry]:
        """The entries with a higher seq, in order."""
        index = bisect_right(self._entries, after_seq, key=lambda entry: entry.seq)
        while index < len(self._entries):
            yield self._entries[index]
            index += 1

    @property
    def last_seq(self) -> int:
        """The seq of the last entry, 0 when empty."""
        return self._entries[-1].seq if self._entries else 0

    @property
    def head(self) -> str:
        """The hash of the last entry in hex."""
        self._head = _seal(self._head, self._entries[self._sealed :])
        self._sealed = len(self._entries)
        return self._head.hex()

    def mark(self) -> JournalMark:
        """The end as it is now."""
        return JournalMark(len(self._entries), self.last_seq, self.head)

    def has(self, mark: JournalMark) -> bool:
        """Whether this is the journal of the mark, still as long as then or longer."""
        known = self._entries[: mark.entries]
        last_seq = known[-1].seq if known else 0
        return (len(known), last_seq, _seal(EMPTY_HEAD, known).hex()) == msgspec.structs.astuple(
            mark
        )

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep it; the latest once more is no error."""
        if is_new_snapshot(snapshot, self.latest_snapshot()):
            self._snapshots.append(snapshot)

    def latest_snapshot(self) -> Snapshot | None:
        """The snapshot with the highest seq."""
        return self._snapshots[-1] if self._snapshots else None

    def verify(self) -> VerifyResult:
        """Seal everything anew and compare: finds an entry that was changed in place."""
        intact = self.head == _seal(EMPTY_HEAD, self._entries).hex()
        damage = None if intact else Damage(0, "an entry is not what was appended")
        return VerifyResult(len(self._entries), len(self._snapshots), damage)

    def close(self) -> None:
        """Nothing to release: the entries stay readable."""


def _seal(head: bytes, entries: Sequence[Entry]) -> bytes:
    for entry in entries:
        head = entry_hash(head, entry.seq, encode_entry(entry))
    return head
