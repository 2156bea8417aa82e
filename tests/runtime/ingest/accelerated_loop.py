"""An event loop whose clock runs faster than real time, with real sockets."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _AcceleratedSelector(selectors.DefaultSelector):
    """Converts timeouts from loop seconds to real seconds."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self._factor = factor

    def select(self, timeout: float | None = None) -> Any:
        return super().select(timeout / self._factor if timeout else timeout)


class AcceleratedLoop(asyncio.SelectorEventLoop):
    """`factor` seconds of this loop pass in one real second."""

    def __init__(self, factor: float) -> None:
        self._factor = factor
        super().__init__(_AcceleratedSelector(factor))

    def time(self) -> float:
        return time.monotonic() * self._factor


def run_accelerated(main: Coroutine[Any, Any, Result], factor: float) -> Result:
    with asyncio.Runner(loop_factory=lambda: AcceleratedLoop(factor)) as runner:
        return runner.run(main)
