"""Keeps a lease alive while a chunk is computed, however long that takes.

It must never renew a lease outside its `with` block. A lost lease is refused at the worker's next
write; the computation is not interrupted.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from bowline.core.errors import Unreachable
from bowline.storage.jobs import Jobs, Lease, LeaseLost

#: renewals within one lease; one of them must succeed
RENEWALS_A_LEASE = 6

log = logging.getLogger(__name__)


class Heartbeat:
    """Renews `lease` at intervals, in a thread of its own."""

    def __init__(self, store: Jobs, lease: Lease, clock: Callable[[], int]) -> None:
        self._store, self._lease, self._clock = store, lease, clock
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._renew_until_stopped, name="heartbeat", daemon=True
        )

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

    def _renew_until_stopped(self) -> None:
        pause_s = self._lease.length_ns / 1e9 / RENEWALS_A_LEASE
        while not self._stop.wait(pause_s):
            try:
                self._store.renew(self._lease, self._clock())
            except LeaseLost:
                return
            except Unreachable as error:
                log.warning(
                    "job %d: the lease was not renewed: %s", self._lease.job.id, error.message
                )
