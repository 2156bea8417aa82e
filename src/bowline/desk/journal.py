"""What a person may do with a run's journal: find it, read its end, write it to a file, check it.

Nothing here writes to a journal.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from bowline.core.errors import NotFound
from bowline.core.model.values import SECOND_NS
from bowline.desk.titles import ROUTINE, title
from bowline.storage.journal import Entry, Journal

_NAME = re.compile(r"run-(\d+)\.db")


class JournalLine(Struct, frozen=True):
    """An entry and what it says to a person."""

    entry: Entry
    title: str


def journal_path(home: Path, run_id: int) -> Path:
    """Where the journal of a run lies, whether it is there or not."""
    return home / "journals" / f"run-{run_id}.db"


def runs_with_journal(home: Path) -> list[int]:
    """The ids of all runs that have a journal, oldest first."""
    found = (_NAME.fullmatch(path.name) for path in (home / "journals").glob("run-*.db"))
    return sorted(int(match[1]) for match in found if match)


def choose_run(home: Path, run_id: int | None) -> int:
    """The run that is meant, the newest with a journal if none is said; NotFound without one."""
    there = runs_with_journal(home)
    if not there:
        raise NotFound(
            f"no run has a journal yet in {home}",
            hint="`bowline paper SPEC --replay` makes a run with a journal",
        )
    if run_id is None:
        return there[-1]
    if run_id not in there:
        several = ", ".join(map(str, there[-10:]))
        raise NotFound(f"run {run_id} has no journal", hint=f"runs that have one: {several}")
    return run_id


def lines(journal: Journal, after_seq: int = 0, *, noise: bool = False) -> Iterator[JournalLine]:
    """Entries with their titles, in order; without `noise` only what tells a person something."""
    for entry in journal.entries(after_seq):
        if noise or not isinstance(entry.payload, ROUTINE):
            yield JournalLine(entry, title(entry.payload))


def tail(journal: Journal, count: int, *, noise: bool = False) -> list[JournalLine]:
    """The last `count` of them, oldest first."""
    span = 10 * count
    while True:
        # seqs have gaps, so how far back to go is a guess, and a longer one if it was too short
        after_seq = max(0, journal.last_seq - span)
        found = deque(lines(journal, after_seq, noise=noise), maxlen=count)
        if len(found) == count or not after_seq:
            return list(found)
        span *= 10


def moment(seen_ns: int) -> str:
    """A time in UTC to the second, for people."""
    return datetime.fromtimestamp(seen_ns // SECOND_NS, UTC).strftime("%Y-%m-%d %H:%M:%S")
