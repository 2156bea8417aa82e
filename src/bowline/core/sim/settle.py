"""One fact and everything that follows from it, until the engine has nothing more to say.

1. The engine steps. 2. Its commands are recorded. 3. They are executed. 4. The answers are
recorded. 5. Each answer is a fact: step again. Nothing is ever executed before it is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bowline.core.engine.step import Engine
from bowline.core.model.event import Command, Event


def settle(
    engine: Engine,
    event: Event,
    record: Callable[[Sequence[Event | Command]], None],
    execute: Callable[[Sequence[Command]], Sequence[Event]],
) -> None:
    """Carry `event` through; `record` must be durable when it returns."""
    commands: Sequence[Command] = engine.step(event)
    while commands:
        record(commands)
        facts = execute(commands)
        if facts:
            record(facts)
        commands = [command for fact in facts for command in engine.step(fact)]
