"""How far a run's journal had come, kept beside the run in the tables, and compared.

A journal proves that nothing in it was changed. It cannot prove that its newest entries were not
cut off and its own record of its end set back. So the tables know an entry that it must have: noted
after its commit, now and then while a run is at work, and when it ends. A journal may be longer.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from bowline.core.errors import Damaged
from bowline.core.model.run import RunState
from bowline.core.model.values import SECOND_NS
from bowline.storage.journal import EMPTY_HEAD, Damage, Journal, JournalMark, VerifyResult
from bowline.storage.tables import StoredRun, Tables

#: the name in a run's metadata
JOURNAL_END = "journal_end"


class KnownEnd(msgspec.Struct, frozen=True):
    """An entry that a journal had, and when its newest candle by then had closed."""

    mark: JournalMark
    candle_ns: int

    def __str__(self) -> str:
        """In words."""
        candle = datetime.fromtimestamp(self.candle_ns // SECOND_NS, UTC)
        return (
            f"{self.mark.entries:,} entries, head {self.mark.head[:16]}, "
            f"candles until {candle:%Y-%m-%d %H:%M} UTC"
        )


#: a journal that was made; nothing is known of what is in it
_BEGUN = KnownEnd(JournalMark(0, 0, EMPTY_HEAD.hex()), 0)


def note_end(tables: Tables, run_id: int, end: KnownEnd, now_ns: int) -> None:
    """Keep it with the run."""
    tables.add_metadata(run_id, {JOURNAL_END: msgspec.to_builtins(end)}, now_ns)


def kept_end(run: StoredRun) -> KnownEnd | None:
    """What was noted last; None for a run that has not begun and may be without a journal."""
    if kept := run.metadata.get(JOURNAL_END):
        return msgspec.convert(kept, KnownEnd)
    return None if run.state is RunState.STARTING else _BEGUN


def cut_off(end: KnownEnd | None, journal: Journal) -> str:
    """What is missing of a journal, in words; nothing if it has what it had."""
    if end is None or journal.has(end.mark):
        return ""
    return f"its run had come further, to {end}: newest entries were cut off, or it is another's"


def refuse_cut(run_id: int, end: KnownEnd | None, journal: Journal) -> None:
    """Damaged if the journal has not what it had."""
    if words := cut_off(end, journal):
        raise Damaged(
            f"the journal of run {run_id} is not whole: {words}",
            hint="restore it from a backup, or begin a new run with --new",
        )


def checked(journal: Journal, end: KnownEnd | None) -> VerifyResult:
    """The check of the whole journal, and of it against what is known of its end."""
    result = journal.verify()
    if result.damage is None and (words := cut_off(end, journal)):
        return replace(result, damage=Damage(journal.last_seq, words))
    return result
