"""Keeps a lease alive while a chunk is computed, however long that takes.

It must never keep a lease alive that its worker is done with: it beats only inside its `with`. A
lease that is lost is noted here and refused at the worker's next write; nothing is interrupted.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from bowline.core.errors import Unreachable
from bowline.storage.jobs import Jobs, Lease, LeaseLost

#: beats within one lease: so many may be missed before it lapses, but one
BEATS = 6

log = logging.getLogger(__name__)


class Heart:
    """Renews `lease` every so often in a thread of its own."""

    def __init__(self, store: Jobs, lease: Lease, clock: Callable[[], int]) -> None:
        self._store, self._lease, self._clock = store, lease, clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heart", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        pause_s = self._lease.length_ns / 1e9 / BEATS
        while not self._stop.wait(pause_s):
            try:
                self._store.renew(self._lease, self._clock())
            except LeaseLost:
                return
            except Unreachable as error:
                log.warning("job %d: no heartbeat: %s", self._lease.job.id, error.message)
