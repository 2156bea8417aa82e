"""An event loop whose seconds are shorter than the world's: real sockets, and a day by noon."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _HastySelector(selectors.DefaultSelector):
    """Waits in the world's seconds for what was asked in the loop's."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self._factor = factor

    def select(self, timeout: float | None = None) -> Any:
        return super().select(timeout / self._factor if timeout else timeout)


class HastyLoop(asyncio.SelectorEventLoop):
    """`factor` seconds of this loop pass in one of the world's."""

    def __init__(self, factor: float) -> None:
        self._factor = factor
        super().__init__(_HastySelector(factor))

    def time(self) -> float:
        return time.monotonic() * self._factor


def run_hastily(main: Coroutine[Any, Any, Result], factor: float) -> Result:
    with asyncio.Runner(loop_factory=lambda: HastyLoop(factor)) as runner:
        return runner.run(main)
