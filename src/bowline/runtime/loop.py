"""The loop of a run over stored candles: the sequencer of everything that happens, and its journal.

It must never decide. Starting is always restarting, from an empty journal or a long one:

1. Every fact and command gets the next number and goes to the journal, durably before anything
   outside sees it. Nothing outside sees a simulated account, so what a candle led to is written as
   one: a crash leaves all of it or nothing.
2. A start folds the journal: it applies every entry and asks no rule. Then the candles go on after
   the last one that is in it.
3. `audit` is what decides again: it takes the facts of a journal through the rules of today and
   compares what follows, byte for byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from bowline.core.engine import STATE_FORM, Engine
from bowline.core.errors import Damaged
from bowline.core.facts import SimulatedCandle
from bowline.core.model.account import Life
from bowline.core.model.command import Command
from bowline.core.model.event import CandleClosed, Event, FundingFixed, Run
from bowline.core.model.intent import Signal
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import RunId
from bowline.core.signals.frame import History
from bowline.core.sim import Simulation
from bowline.runtime.feed import Feed
from bowline.storage.journal import Entry, Journal, Snapshot, encode_payload

#: after how many candles a snapshot is taken: what a restart may have to fold
SNAPSHOT_CANDLES = 5_000
Facts = Callable[[CandleFrame, int], Iterable[SimulatedCandle | FundingFixed]]


class Loop:
    """One run over stored candles, its history and its journal."""

    def __init__(self, run: Run, history: History, journal: Journal, facts: Facts) -> None:
        """`facts` says what happens in the candles of a frame, after a moment."""
        self._run = run
        self._history = history
        self._journal = journal
        self._facts = facts
        self._simulation = Simulation((run,), self._note, Life.PAPER)
        self._seq = 0
        self._unwritten: list[Entry] = []
        self._saved_at = 0
        self.candles = 0

    @property
    def engine(self) -> Engine:
        """The engine, to read its state."""
        return self._simulation.engine

    @property
    def seq(self) -> int:
        """The number of the last fact or command."""
        return self._seq

    @property
    def next_open_ns(self) -> int:
        """Candles that open before this moment have been taken."""
        return self.engine.state.marks[self._run.id].close_ns

    def begin(self) -> None:
        """Open the run: the first entries of its journal."""
        self._simulation.begin()
        self._commit()

    def fold(self, entries: Iterable[Entry]) -> None:
        """Take over what the journal holds after the engine's state."""
        for entry in entries:
            self.engine.fold(entry.payload)
            self._seq = entry.seq
            self.candles += isinstance(entry.payload, CandleClosed)
        self._simulation.resume()

    def restore(self, seq: int, state: bytes) -> None:
        """Start from a snapshot's state instead of the first entry."""
        self.engine.restore(state)
        self._seq = seq
        self.candles = self._saved_at = self.engine.state.marks[self._run.id].candles

    def snapshot(self) -> None:
        """Save the whole state, so that a restart need not begin at the first candle."""
        self._saved_at = self.candles
        latest = self._journal.latest_snapshot()
        if latest is None or latest.seq < self._seq:
            self._journal.save_snapshot(write_state(self._seq, self.engine))

    async def run(self, feed: Feed, progress: Callable[[int], None]) -> None:
        """Take candles until the feed ends; cancelled, it stops between two frames."""
        async for frame in feed.candles(self.next_open_ns, self.next_open_ns):
            self.take(frame)
            if self.candles - self._saved_at >= SNAPSHOT_CANDLES:
                self.snapshot()
            progress(self.candles)
            await asyncio.sleep(0)

    def take(self, frame: CandleFrame) -> None:
        """The candles of a frame and everything that follows from them."""
        self._history.extend(frame)
        for fact in self._facts(frame, self.next_open_ns):
            if isinstance(fact, SimulatedCandle):
                self._simulation.take(fact, self._opinions(fact.fact.open_ns))
                self.candles += 1
            else:
                self._simulation.take(fact, {})
        self._commit()

    def _opinions(self, open_ns: int) -> dict[int, tuple[tuple[RunId, Signal], ...]]:
        signal = self._history.close(open_ns)
        if not signal.edge:
            return {}
        return {open_ns: ((self._run.id, signal),)}

    def _note(self, fact: Event, commands: Sequence[Command], cause: int) -> int:
        seq = self._seq + 1
        self._unwritten.append(Entry(seq, fact, cause))
        self._unwritten += [Entry(at, each) for at, each in enumerate(commands, start=seq + 1)]
        self._seq = seq + len(commands)
        return seq

    def _commit(self) -> None:
        if self._unwritten:
            self._journal.append(self._unwritten)
            self._unwritten = []


class Audited(Struct, frozen=True):
    """A journal that was decided once more: how much of it came out the same."""

    entries: int
    commands: int
    candles: int


def audit(entries: Iterable[Entry]) -> Audited:
    """Decide a whole journal once more from its facts; Damaged at the first difference."""
    engine, count, commands, candles = Engine(), 0, 0, 0
    expected: list[Command] = []
    for entry in entries:
        count += 1
        if not isinstance(entry.payload, Command):
            _refuse_missing(expected, entry.seq)
            candles += isinstance(entry.payload, CandleClosed)
            expected = list(engine.step(entry.payload))
            continue
        commands += 1
        mine = expected.pop(0) if expected else None
        if mine is None or encode_payload(mine) != encode_payload(entry.payload):
            raise _differs(entry.seq, type(entry.payload).__name__, mine)
    _refuse_missing(expected, count + 1)
    return Audited(count, commands, candles)


def _refuse_missing(expected: Sequence[Command], seq: int) -> None:
    if expected:
        raise _differs(seq, "no command", expected[0])


def _differs(seq: int, what: str, mine: Command | None) -> Damaged:
    decided = "nothing" if mine is None else type(mine).__name__
    return Damaged(
        f"decided again, entry {seq} is another: the journal has {what} there, the rules of today "
        f"say {decided}",
        hint="the program has changed since the journal was written, or the journal is damaged: "
        "`bowline journal verify` tells which",
    )


def write_state(seq: int, engine: Engine) -> Snapshot:
    """A snapshot of an engine, with the form that its state is written in."""
    return Snapshot(seq, b"%d\n" % STATE_FORM + engine.snapshot())


def read_state(snapshot: Snapshot) -> bytes | None:
    """What a snapshot of an engine holds; None if it was written in another form than today's.

    Nothing is lost by that: the journal holds all that a snapshot spares one to fold again.
    """
    form, _, state = snapshot.state.partition(b"\n")
    return state if form == b"%d" % STATE_FORM else None
