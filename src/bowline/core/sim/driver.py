"""One fact and everything that follows from it: the driver of every life.

1. Timers that are due fire first, by time and then by name, where only facts move the clock.
2. The engine steps. 3. Fact and commands are recorded. 4. Each command goes to the executor of its
account. 5. What an executor answers at once is the next fact; one that answers later says nothing.

It must never hand a command to an executor that answers later before it was recorded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from bowline.core.engine import Engine
from bowline.core.model.command import CancelOrder, Command, LookUpOrder, PlaceOrder
from bowline.core.model.event import Event, TimerFired
from bowline.core.model.values import AccountId

#: a cascade longer than this never ends
MOST_FACTS = 10_000

#: takes a fact, what followed from it, and the seq of what led to it (0: the world outside); gives
#: the seq of the fact, whose commands have the seqs after it
Record = Callable[[Event, Sequence[Command], int], int]


class Executor(Protocol):
    """Where the commands of an account go."""

    def execute(self, command: Command) -> Sequence[Event]:
        """What is known at once; nothing where the answer comes later as a fact."""


class Driver:
    """An engine, the executors of its accounts, and where everything is recorded."""

    def __init__(
        self,
        engine: Engine,
        executors: Mapping[AccountId, Executor],
        record: Record,
        *,
        own_clock: bool = False,
    ) -> None:
        """With `own_clock` somebody else says which timers have fired."""
        self.engine = engine
        self._executors = executors
        self._record = record
        self._own_clock = own_clock

    def take(self, fact: Event) -> None:
        """Carry one fact through."""
        if self.engine.state.timers and not self._own_clock:
            self._fire_timers(fact.seen_ns)
        commands = self.engine.step(fact)
        seq = self._record(fact, commands, 0)
        if commands:
            self._follow(commands, seq)

    def _fire_timers(self, now_ns: int) -> None:
        for _ in range(MOST_FACTS):
            timers = self.engine.state.timers
            due = min(((at, name) for name, at in timers.items() if at <= now_ns), default=None)
            if due is None:
                return
            fired = TimerFired(*due)
            commands = self.engine.step(fired)
            self._follow(commands, self._record(fired, commands, 0))
        raise RuntimeError("timers go on firing at one moment: a rule sets one in the past")

    def _follow(self, commands: Sequence[Command], seq: int) -> None:
        """Hand out the commands after entry `seq`, and everything that their answers lead to."""
        pending: deque[tuple[Event, int]] = deque()
        for _ in range(MOST_FACTS):
            for at, command in enumerate(commands, start=seq + 1):
                account = account_of(command)
                if account is not None:
                    answers = self._executors[account].execute(command)
                    pending.extend((answer, at) for answer in answers)
            if not pending:
                return
            fact, cause = pending.popleft()
            commands = self.engine.step(fact)
            seq = self._record(fact, commands, cause)
        raise RuntimeError("one fact leads to more and more: executor and rules answer each other")


def account_of(command: Command) -> AccountId | None:
    """The account whose executor carries this command out; None: it changes our state alone."""
    match command:
        case PlaceOrder(order=order):
            return order.account
        case CancelOrder() | LookUpOrder():
            return command.account
    return None
