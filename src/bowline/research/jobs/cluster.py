"""Chunks on a Dask cluster: an existing one, or one of this machine's processors.

It must never hold the only copy of anything: results are in the tables, and a killed worker costs
the chunks of its current task, which another worker computes again.

1. The inputs of a stage (request, candles) are identified by their hash. They are sent to each
   worker once, by a Dask plugin, and to a worker that joins later when it joins.
2. A task names hashes and chunks and takes about a second: the first tasks have a single chunk, the
   later ones as many as the measured time allows.
3. Dask gives the task of a worker that died to another one, three times; then the job's attempt
   fails.
4. Two tasks wait for each thread of the cluster, so that no thread is idle and little is lost when
   the job is cancelled.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from distributed import Client, LocalCluster, WorkerPlugin, as_completed

from bowline.core.errors import BadInput, Conflict
from bowline.research.jobs.stage import Results, Stage, StagePackage

#: the shortest useful task: each costs some milliseconds
TASK_S = 1.0
#: most chunks of one task, which are lost with a killed worker
MOST_CHUNKS = 64
_TASKS_A_THREAD = 2
_CONNECT = "10s"

LOCAL = "local"

#: on a worker: the received bytes by hash, and the stages opened from them
_RECEIVED: dict[str, bytes] = {}
_OPENED: dict[tuple[str, str], Callable[[int, int], bytes]] = {}
_OPENING = threading.Lock()


class SharedBytes(WorkerPlugin):  # type: ignore[misc]
    """Bytes that are sent to every worker once."""

    def __init__(self, key: str, content: bytes) -> None:
        self.key, self.content = key, content

    def setup(self, worker: Any) -> None:  # noqa: ANN401, ARG002 - Dask's worker
        """Called by Dask on each worker, when the plugin is registered or the worker joins."""
        _RECEIVED[self.key] = self.content

    def teardown(self, worker: Any) -> None:  # noqa: ANN401, ARG002 - Dask's worker
        """Called by Dask when the plugin is unregistered."""
        _RECEIVED.pop(self.key, None)
        with _OPENING:
            for key in [key for key in _OPENED if self.key in key]:
                del _OPENED[key]


def run_on_worker(
    opener: Callable[[bytes, bytes], Callable[[int, int], bytes]],
    request: str,
    candles: str,
    chunks: list[int],
) -> tuple[float, list[bytes]]:
    """Runs on a worker: the results of some chunks, and the seconds they took."""
    with _OPENING:
        run_chunk = _OPENED.get((request, candles))
        if run_chunk is None:
            run_chunk = _OPENED[request, candles] = opener(_RECEIVED[request], _RECEIVED[candles])
    began = time.perf_counter()
    results = [run_chunk(chunk, 1) for chunk in chunks]
    return time.perf_counter() - began, results


class DaskExecutor:
    """Computes chunks on the workers of a Dask cluster."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._candles = ""

    def run(self, stage: Stage, chunks: Iterable[int]) -> Results:
        """Compute these chunks; in any order."""
        with self._distributed(stage.package()) as (opener, request, candles):
            left, size = iter(chunks), 1
            tasks = as_completed()
            waiting: dict[Any, list[int]] = {}
            try:
                while True:
                    while len(waiting) < self._max_waiting() and (some := list(islice(left, size))):
                        task = self._client.submit(
                            run_on_worker, opener, request, candles, some, pure=False
                        )
                        waiting[task] = some
                        tasks.add(task)
                    if not waiting:
                        return
                    done = next(tasks)
                    some = waiting.pop(done)
                    seconds, results = done.result()
                    size = _next_size(seconds / len(some))
                    yield from zip(some, results, strict=True)
            finally:
                self._client.cancel(list(waiting))

    def _max_waiting(self) -> int:
        threads: dict[str, int] = self._client.nthreads()
        return _TASKS_A_THREAD * max(1, sum(threads.values()))

    @contextmanager
    def _distributed(
        self, package: StagePackage
    ) -> Iterator[tuple[Callable[[bytes, bytes], Callable[[int, int], bytes]], str, str]]:
        request, candles = (self._key(content) for content in (package.request, package.candles))
        if candles != self._candles:
            self.clear()
            self._client.register_plugin(SharedBytes(candles, package.candles), name=candles)
            self._candles = candles
        self._client.register_plugin(SharedBytes(request, package.request), name=request)
        try:
            yield package.opener, request, candles
        finally:
            self._client.unregister_worker_plugin(request)

    def _key(self, content: bytes) -> str:
        """Hash of the content and id of this client.

        Clients must not remove each other's content.
        """
        return f"{hashlib.sha256(content).hexdigest()}/{self._client.id}"

    def clear(self) -> None:
        """Remove the last candles from the workers."""
        if self._candles:
            self._client.unregister_worker_plugin(self._candles)
        self._candles = ""


def _next_size(seconds_a_chunk: float) -> int:
    return max(1, min(MOST_CHUNKS, round(TASK_S / max(seconds_a_chunk, 1e-9))))


@contextmanager
def open_cluster(where: str, workers: int = 0) -> Iterator[DaskExecutor]:
    """The cluster at `tcp://host:port`, or for `local` one of `workers` processes (0.

    One per core). BadInput if `where` is neither, Conflict if no scheduler answers there.
    """
    # it logs every connection
    logging.getLogger("distributed").setLevel(logging.WARNING)
    if where == LOCAL:
        count = workers or os.cpu_count() or 1
        with (
            LocalCluster(
                n_workers=count, threads_per_worker=1, dashboard_address="127.0.0.1:0"
            ) as local,
            Client(local) as client,
        ):
            yield DaskExecutor(client)
        return
    if not where.startswith(("tcp://", "tls://")):
        raise BadInput(f"{where} is not a cluster", hint="expected tcp://host:port or local")
    try:
        client = Client(where, timeout=_CONNECT)
    except (OSError, TimeoutError) as error:
        raise Conflict(
            f"no Dask scheduler answers at {where}: {error}",
            hint="start one with `dask scheduler`, and workers with `dask worker`",
        ) from error
    with client:
        cluster = DaskExecutor(client)
        try:
            yield cluster
        finally:
            cluster.clear()
