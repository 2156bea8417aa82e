"""A paper run over recorded candles: the real chain, the simulated venue, a journal that lasts.

1. The run is opened: its first entries say what it is and which candles it will see.
2. The loop takes candle after candle; every decision is in the journal before it is acted on.
3. Stopped or killed, it is resumed by the same command at the end of its journal.
4. At the end its fills are compared with a backtest over the same candles.

It must never resume over a journal of another run.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress

from msgspec import Struct

from bowline.core.errors import Damaged
from bowline.core.model.event import CandleClosed, OpinionsFormed, RunStarted
from bowline.core.model.values import to_decimals
from bowline.core.report import Difference, RunRecord, RunRecorder, differences
from bowline.core.signals.frame import History
from bowline.desk.journal_end import KnownEnd
from bowline.desk.setup import Setup
from bowline.research import backtest
from bowline.research.backtest import opinions_of
from bowline.runtime import Feed, Loop, audit, read_state
from bowline.storage.journal import Entry, Journal

#: after how many candles the end of the journal is kept beside the run
NOTED_CANDLES = 1_000


class PaperResult(Struct, frozen=True):
    """What a paper run came to; `finished` is False if it was stopped before its last candle."""

    record: RunRecord
    head: str
    entries: int
    finished: bool
    differences: tuple[Difference, ...]


class ReplayResult(Struct, frozen=True):
    """A journal that was decided once more: how much of it came out the same."""

    entries: int
    commands: int
    candles: int
    head: str


def run_paper(
    setup: Setup,
    journal: Journal,
    feed: Feed,
    progress: Callable[[int], None],
    note: Callable[[KnownEnd], None],
) -> PaperResult:
    """Take the run to the end of its feed, or to where it is interrupted (SIGINT, SIGTERM).

    `note` hears now and then, and at the end, how far the journal has come.
    """
    loop = _start(setup, journal)
    noted = loop.candles

    def watch(candles: int) -> None:
        nonlocal noted
        progress(candles)
        if candles - noted >= NOTED_CANDLES:
            noted = candles
            note(KnownEnd(journal.mark(), loop.next_open_ns))

    finished = asyncio.run(_interruptible(loop, feed, watch))
    loop.snapshot()
    note(KnownEnd(journal.mark(), loop.next_open_ns))
    return _result(setup, journal, loop, finished=finished)


def replay(setup: Setup, journal: Journal) -> ReplayResult:
    """Decide the whole journal once more; Damaged at the first difference.

    Its candles must be those of today's store, its opinions what the strategy says of them, and its
    commands what the engine says of both. The journal is only read.
    """
    entries = list(journal.entries())
    _refuse_other_facts(setup, entries)
    result = audit(entries)
    return ReplayResult(result.entries, result.commands, result.candles, journal.head)


def _refuse_other_facts(setup: Setup, entries: Iterable[Entry]) -> None:
    opens = setup.candles.open_ns.tolist()
    closes = dict(zip(opens, to_decimals(setup.candles.close.tolist()), strict=True))
    expected = opinions_of(setup.run, setup.opinion.signals(setup.candles), setup.candles)
    for entry in entries:
        match entry.payload:
            case CandleClosed(open_ns=open_ns, close=close) if closes.get(open_ns) != close:
                raise Damaged(
                    f"entry {entry.seq}: the candle that opened at {open_ns} closed at {close} in "
                    f"the journal and at {closes.get(open_ns)} in the store",
                    hint="candles were changed since: a replay needs exactly the same ones",
                )
            case OpinionsFormed(open_ns=open_ns, opinions=said) if expected.get(open_ns) != said:
                raise Damaged(
                    f"entry {entry.seq}: the strategy now gives another opinion on the candle that "
                    f"opened at {open_ns}",
                    hint="the strategy or an indicator has changed since the journal was written",
                )


def _start(setup: Setup, journal: Journal) -> Loop:
    _refuse_other_run(setup, journal)
    snapshot = journal.latest_snapshot()
    state = None if snapshot is None else read_state(snapshot)
    history = History(setup.opinion, setup.candles.slice(0, 0))
    loop = Loop(setup.run, history, journal, setup.facts)
    if snapshot is not None and state is not None:
        loop.restore(snapshot.seq, state)
    if journal.last_seq:
        loop.fold(journal.entries(loop.seq))
    else:
        loop.begin()
    # what has been decided is the past of what comes
    known = int(setup.candles.open_ns.searchsorted(loop.next_open_ns))
    history.extend(setup.candles.slice(0, known))
    history.skip_to(loop.next_open_ns)
    return loop


def _refuse_other_run(setup: Setup, journal: Journal) -> None:
    for entry in journal.entries():
        if isinstance(entry.payload, RunStarted):
            if entry.payload.run != setup.run:
                raise Damaged(
                    "the journal was started with other candles, costs or settings than the "
                    "run has now",
                    hint="restore what changed, or start a new run with --new",
                )
            return


async def _interruptible(loop: Loop, feed: Feed, progress: Callable[[int], None]) -> bool:
    task = asyncio.current_task()
    assert task is not None
    # not every platform and thread lets a loop have signals: Ctrl-C then works as it always does
    with suppress(NotImplementedError, RuntimeError, ValueError):
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, task.cancel)
    try:
        await loop.run(feed, progress)
    except asyncio.CancelledError:
        return False
    return True


def _result(setup: Setup, journal: Journal, loop: Loop, *, finished: bool) -> PaperResult:
    start = setup.warmup_candles
    end = int(setup.candles.open_ns.searchsorted(loop.next_open_ns))
    entries = list(journal.entries())
    collected = RunRecorder()
    collected.record(entry.payload for entry in entries)
    tested = backtest(
        setup.run, setup.opinion, setup.candles.slice(0, end), setup.minutes, setup.funding
    )
    decided = setup.candles.slice(start, end)
    record = collected.finish(setup.run, decided, tested.conflicting_signals, tested.without_signal)
    return PaperResult(record, journal.head, len(entries), finished, differences(record, tested))
