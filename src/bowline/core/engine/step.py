"""The engine: `step(fact) -> commands`. It decides; it never acts, waits or reads a clock.

1. The fact is applied: it changes the state and nothing else.
2. `decide` says what follows, command by command; each is applied before the next is asked for.
3. If anything fails on the way, the state is what it was before the fact, and the error is raised:
   whoever drives the engine quarantines the fact and goes on with the next.

`fold` applies what a journal holds, facts and commands alike, and decides nothing.
"""

from __future__ import annotations

import msgspec

from bowline.core.engine.apply import apply
from bowline.core.engine.decide import decide
from bowline.core.engine.state import State
from bowline.core.model.command import Command
from bowline.core.model.event import Event

#: counted up whenever the state is written in another way
STATE_FORM = 3

_decoder = msgspec.json.Decoder(State)


class Engine:
    """All accounts and runs of one trader."""

    def __init__(self) -> None:
        self.state = State()

    def step(self, fact: Event) -> tuple[Command, ...]:
        """What follows from one fact; a failed step changes nothing."""
        state = self.state
        commands: tuple[Command, ...] = ()
        try:
            effect = apply(state, fact)
            for command in decide(state, fact, effect):
                apply(state, command)
                commands += (command,)
        except BaseException:
            state.undo()
            raise
        state.keep()
        return commands

    def fold(self, payload: Event | Command) -> None:
        """Take over an entry of a journal without deciding anything."""
        try:
            apply(self.state, payload)
        except BaseException:
            self.state.undo()
            raise
        self.state.keep()

    def snapshot(self) -> bytes:
        """The whole state; `restore` of it continues as if nothing had happened."""
        return msgspec.json.encode(self.state)

    def restore(self, state: bytes) -> None:
        """Take over a snapshot's state."""
        self.state = _decoder.decode(state)
