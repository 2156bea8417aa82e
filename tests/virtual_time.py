"""An event loop whose clock is moved by what waits for it: an hour of timers takes milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time stands still while anything is ready, and jumps to the next timer when nothing is."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 1_000.0

    def time(self) -> float:
        return self._now_s

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self._now_s = max(self._now_s, self._scheduled[0]._when)
        super()._run_once()


def run_virtually(main: Coroutine[Any, Any, Result]) -> Result:
    """As `asyncio.run`, in virtual time. Only timers may be waited for, no sockets or threads."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
