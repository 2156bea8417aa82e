"""A paper run over recorded candles: the real chain, the simulated venue, a journal that lasts.

1. The run is opened: its first entry says what it is and which candles it will see.
2. The loop takes candle after candle; every decision is in the journal before it is acted on.
3. Stopped or killed, it is started again by the same words, and goes on where its journal ends.
4. At the end its fills are compared with a backtest over the same candles.

What it must never do: begin again over a journal that says something else.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct

from bowline.core.engine import Engine
from bowline.core.errors import Damaged
from bowline.core.model.event import RunStarted
from bowline.core.model.values import SECOND_NS, OrderId
from bowline.core.report import Collected, Difference, RunRecord, differences
from bowline.core.signals.frame import History
from bowline.desk.setup import Setup
from bowline.research import backtest
from bowline.runtime import Feed, Loop, Venue, read_state
from bowline.storage.journal import Journal

#: order ids are the journal's start second and then a counter of nine digits
_COUNTER = 10**9


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


def opening(setup: Setup) -> RunStarted:
    """The first entry of the run's journal."""
    run = setup.run
    return RunStarted(run.start_ns, run, OrderId(run.start_ns // SECOND_NS * _COUNTER + 1))


def run_paper(
    setup: Setup, journal: Journal, venue: Venue, feed: Feed, progress: Callable[[int], None]
) -> PaperResult:
    """Take the run to the end of its feed, or to where it is interrupted (SIGINT, SIGTERM)."""
    loop = _start(setup, journal, venue)
    finished = asyncio.run(_interruptible(loop, feed, progress))
    if finished and loop.replaying:
        raise Damaged(
            "the journal goes on after the last candle",
            hint="candles are missing that were stored when the run was made: import them again",
        )
    if not loop.replaying:
        loop.snapshot()
    return _result(setup, journal, loop, finished=finished)


def replay(setup: Setup, journal: Journal, sink: Journal, venue: Venue) -> ReplayResult:
    """Decide the whole journal once more from its candles; Damaged at the first difference.

    `sink` takes what an interrupted run had not written yet; the journal is only read.
    """
    entries = list(journal.entries())
    history = History(setup.opinion, setup.candles)
    history.skip_to(setup.run.start_ns)
    loop = Loop(Engine({setup.run.id: history}), history, venue, sink, entries, setup.facts)
    loop.begin(opening(setup))
    known = setup.candles.slice(history.closed, len(setup.candles))
    for fact in setup.facts(known, loop.next_open_ns):
        if not loop.replaying:
            break
        loop.take(fact)
    if loop.replaying:
        raise Damaged("the journal goes on after the last candle that is stored")
    commands = sum(entry.is_command for entry in entries)
    return ReplayResult(len(entries), commands, loop.candles, journal.head)


def _start(setup: Setup, journal: Journal, venue: Venue) -> Loop:
    started = opening(setup)
    first = next(iter(journal.entries()), None)
    if first is not None and first.payload != started:
        raise Damaged(
            "the journal was begun with other candles, costs or settings than the run has now",
            hint="restore what changed, or start a new run with --new",
        )
    snapshot = journal.latest_snapshot()
    state = None if snapshot is None else read_state(snapshot)
    from_ns = setup.run.start_ns if state is None else state.next_open_ns
    known = setup.candles.slice(0, int(setup.candles.open_ns.searchsorted(from_ns)))
    history = History(setup.opinion, known)
    history.skip_to(from_ns)
    after_seq = 0 if snapshot is None or state is None else snapshot.seq
    engine = Engine({setup.run.id: history})
    loop = Loop(engine, history, venue, journal, journal.entries(after_seq), setup.facts)
    if state is None:
        loop.begin(started)
    else:
        loop.restore(after_seq, state)
    return loop


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
    collected = Collected()
    # interrupted on its way back, the loop has not come to all that the journal holds
    collected.record(entry.payload for entry in entries if entry.seq <= loop.seq)
    tested = backtest(
        setup.run, setup.opinion, setup.candles.slice(0, end), setup.minutes, setup.funding
    )
    decided = setup.candles.slice(start, end)
    record = collected.finish(setup.run, decided, tested.conflicting_signals)
    return PaperResult(record, journal.head, len(entries), finished, differences(record, tested))
