"""The loop: the only writer of the engine, and the sequencer of everything that happens.

It must never decide. Starting is always restarting, from an empty journal or a long one:

1. Every event and command gets the next number; the market's facts lie on the tape, all the others
   in the journal, durably before they are acted on.
2. `tail` is what the journal already holds after the state the engine starts from. While there is
   some, what the engine says is compared with it, byte for byte, and what the venue answered is
   taken from it. A difference is never written over: it stops the loop.
3. When the tail ends, commands that were written and never answered are executed, and life goes on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from msgspec import Struct, json

from bowline.core.engine import Engine
from bowline.core.errors import Damaged
from bowline.core.model.event import CandleClosed, Command, Event, MarketFact, RunStarted
from bowline.core.model.market import CandleFrame
from bowline.core.signals.frame import History
from bowline.core.sim import settle
from bowline.runtime.feed import Feed
from bowline.storage.journal import Entry, Journal, Snapshot, encode_payload

#: how many candles a restart may have to take again
SNAPSHOT_CANDLES = 5_000
#: counted up whenever the engine's state is written in another way
STATE_FORM = 3


class Venue(Protocol):
    """Where commands go."""

    def observe(self, candle: CandleClosed) -> None:
        """The market has moved."""

    def execute(self, command: Command) -> Sequence[Event]:
        """What the venue answers."""


class LoopState(Struct, frozen=True):
    """What a snapshot keeps: the engine, and up to where the tape was read."""

    engine: bytes
    next_open_ns: int
    form: int = 1


class Loop:
    """One engine, its run's history, one venue, one journal."""

    def __init__(
        self,
        engine: Engine,
        history: History,
        venue: Venue,
        journal: Journal,
        tail: Iterable[Entry],
        facts: Callable[[CandleFrame, int], Iterable[MarketFact]],
    ) -> None:
        """`facts` says what the engine is told of the candles of a frame, after a moment."""
        self._engine = engine
        self._history = history
        self._venue = venue
        self._journal = journal
        self._tail = deque(tail)
        self._facts = facts
        self._seq = 0
        self._next_open_ns = 0
        self._saved_at = 0
        self.candles = 0

    @property
    def seq(self) -> int:
        """The number of the last event or command."""
        return self._seq

    @property
    def next_open_ns(self) -> int:
        """Candles that open before this moment have been taken."""
        return self._next_open_ns

    @property
    def replaying(self) -> bool:
        """Whether the journal still knows what comes next."""
        return bool(self._tail)

    def begin(self, started: RunStarted) -> None:
        """Open the run: the first entry of its journal."""
        self._record((started,))
        self._engine.step(started)
        self._next_open_ns = started.run.start_ns

    def restore(self, seq: int, state: LoopState) -> None:
        """Start from a snapshot's state instead of the first entry."""
        self._engine.restore(state.engine)
        self._seq, self._next_open_ns = seq, state.next_open_ns

    def snapshot(self) -> None:
        """Save the whole state, so that a restart need not begin at the first candle."""
        self._saved_at = self.candles
        latest = self._journal.latest_snapshot()
        if latest is not None and latest.seq >= self._seq:
            return
        state = LoopState(self._engine.snapshot(), self._next_open_ns, STATE_FORM)
        self._journal.save_snapshot(Snapshot(self._seq, json.encode(state)))

    async def run(self, feed: Feed, progress: Callable[[int], None]) -> None:
        """Take candles until the feed ends; cancelled, it stops between two candles."""
        past_ns = self._tail[-1].seen_ns if self._tail else self._next_open_ns
        async for frame in feed.candles(self._next_open_ns, past_ns):
            self._history.extend(frame)
            for fact in self._facts(frame, self._next_open_ns):
                self.take(fact)
            if self.candles - self._saved_at >= SNAPSHOT_CANDLES and not self.replaying:
                self.snapshot()
            progress(self.candles)
            await asyncio.sleep(0)

    def take(self, fact: MarketFact) -> None:
        """One fact of the market and everything that follows from it."""
        self._seq += 1
        if self._tail and self._tail[0].seq <= self._seq:
            raise self._differs("a fact of the tape")
        if isinstance(fact, CandleClosed):
            self._venue.observe(fact)
        settle(self._engine, fact, self._record, self._execute)
        if isinstance(fact, CandleClosed):
            self._next_open_ns = fact.seen_ns
            self.candles += 1

    def _record(self, payloads: Sequence[Event | Command]) -> None:
        fresh = []
        for payload in payloads:
            self._seq += 1
            entry = Entry(self._seq, payload)
            if not self._tail:
                fresh.append(entry)
            elif not _same(entry, self._tail.popleft()):
                raise self._differs(type(payload).__name__)
        if fresh:
            self._journal.append(fresh)

    def _execute(self, commands: Sequence[Command]) -> Sequence[Event]:
        answers: list[Event] = []
        for at, entry in enumerate(self._tail, start=self._seq + 1):
            if entry.seq != at or isinstance(entry.payload, Command):
                break
            answers.append(entry.payload)
        if self._tail:
            return answers
        return [fact for command in commands for fact in self._venue.execute(command)]

    def _differs(self, what: str) -> Damaged:
        return Damaged(
            f"the journal and this run part at entry {self._seq}: the run has {what} there",
            hint="the candles, the strategy or the program have changed since the journal was "
            "written: start a new run, or restore what changed",
        )


def read_state(snapshot: Snapshot) -> LoopState | None:
    """What a snapshot of a loop holds; None if it was written in another form than today's.

    Nothing is lost by that: the journal holds all that a snapshot spares one to do again.
    """
    state = json.decode(snapshot.state, type=LoopState)
    return state if state.form == STATE_FORM else None


def _same(mine: Entry, theirs: Entry) -> bool:
    return mine.seq == theirs.seq and encode_payload(mine.payload) == encode_payload(theirs.payload)
