"""Chunks on a Dask cluster: one that runs already, or one of this machine's processors.

It must never hold the only copy of anything: what a job came to is in the tables, and a worker that
is killed costs the chunks of the task it had, which another one computes again.

1. What a stage is made of (its request, the candles) is known by its hash. It goes to each worker
   once, as a plugin of Dask's, and to a worker that joins later when it joins.
2. A task names hashes and chunks. It takes about a second: the first ones have a single chunk, then
   as many as the time that was measured allows.
3. Dask gives the task of a worker that died to another one, three times; then the job's attempt
   has failed.
4. There are two tasks waiting for each thread of the cluster, so that none is idle and little is in
   vain when the job is cancelled.
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
from bowline.research.jobs.stage import Parcel, Results, Stage

#: a task is at least so long, because each costs some milliseconds
TASK_S = 1.0
#: chunks of one task: what a killed worker costs at most
MOST_CHUNKS = 64
_AHEAD = 2
_CONNECT = "10s"

LOCAL = "local"

#: on a worker: what it was sent, by hash, and the stages made of it
_SHELF: dict[str, bytes] = {}
_OPENED: dict[tuple[str, str], Callable[[int, int], bytes]] = {}
_OPENING = threading.Lock()


class Shelf(WorkerPlugin):  # type: ignore[misc]
    """Bytes that every worker has at hand."""

    def __init__(self, key: str, content: bytes) -> None:
        self.key, self.content = key, content

    def setup(self, worker: Any) -> None:  # noqa: ANN401, ARG002 - Dask's worker
        """Dask calls it once on each worker, when it comes or when the worker does."""
        _SHELF[self.key] = self.content

    def teardown(self, worker: Any) -> None:  # noqa: ANN401, ARG002 - Dask's worker
        """Dask calls it when nobody needs the bytes any more."""
        _SHELF.pop(self.key, None)
        with _OPENING:
            for key in [key for key in _OPENED if self.key in key]:
                del _OPENED[key]


def run_there(
    opener: Callable[[bytes, bytes], Callable[[int, int], bytes]],
    request: str,
    tape: str,
    chunks: list[int],
) -> tuple[float, list[bytes]]:
    """On a worker: the results of some chunks, and the seconds they took."""
    with _OPENING:
        run_chunk = _OPENED.get((request, tape))
        if run_chunk is None:
            run_chunk = _OPENED[request, tape] = opener(_SHELF[request], _SHELF[tape])
    began = time.perf_counter()
    results = [run_chunk(chunk, 1) for chunk in chunks]
    return time.perf_counter() - began, results


class Cluster:
    """Computes chunks on the workers of a Dask cluster."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tape = ""

    def run(self, stage: Stage, chunks: Iterable[int]) -> Results:
        """Compute these chunks; in any order."""
        with self._shelved(stage.parcel()) as (opener, request, tape):
            left, size = iter(chunks), 1
            tasks = as_completed()
            waiting: dict[Any, list[int]] = {}
            try:
                while True:
                    while len(waiting) < self._room() and (some := list(islice(left, size))):
                        task = self._client.submit(
                            run_there, opener, request, tape, some, pure=False
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

    def _room(self) -> int:
        threads: dict[str, int] = self._client.nthreads()
        return _AHEAD * max(1, sum(threads.values()))

    @contextmanager
    def _shelved(
        self, parcel: Parcel
    ) -> Iterator[tuple[Callable[[bytes, bytes], Callable[[int, int], bytes]], str, str]]:
        request, tape = (self._key(content) for content in (parcel.request, parcel.tape))
        if tape != self._tape:
            self.clear()
            self._client.register_plugin(Shelf(tape, parcel.tape), name=tape)
            self._tape = tape
        self._client.register_plugin(Shelf(request, parcel.request), name=request)
        try:
            yield parcel.opener, request, tape
        finally:
            self._client.unregister_worker_plugin(request)

    def _key(self, content: bytes) -> str:
        """Its hash, and who sent it: another one's is not ours to take away."""
        return f"{hashlib.sha256(content).hexdigest()}/{self._client.id}"

    def clear(self) -> None:
        """Let the workers forget the candles they were sent last."""
        if self._tape:
            self._client.unregister_worker_plugin(self._tape)
        self._tape = ""


def _next_size(seconds_a_chunk: float) -> int:
    return max(1, min(MOST_CHUNKS, round(TASK_S / max(seconds_a_chunk, 1e-9))))


@contextmanager
def open_cluster(where: str, workers: int = 0) -> Iterator[Cluster]:
    """The cluster at `tcp://host:port`, or with `local` one of `workers` processes (0: all cores).

    BadInput if `where` is neither, Conflict if nobody answers there.
    """
    # it tells of every connection that comes and goes
    logging.getLogger("distributed").setLevel(logging.WARNING)
    if where == LOCAL:
        count = workers or os.cpu_count() or 1
        with (
            LocalCluster(
                n_workers=count, threads_per_worker=1, dashboard_address="127.0.0.1:0"
            ) as local,
            Client(local) as client,
        ):
            yield Cluster(client)
        return
    if not where.startswith(("tcp://", "tls://")):
        raise BadInput(f"{where} is no cluster", hint="expected tcp://host:port or local")
    try:
        client = Client(where, timeout=_CONNECT)
    except (OSError, TimeoutError) as error:
        raise Conflict(
            f"no Dask scheduler answers at {where}: {error}",
            hint="start one with `dask scheduler`, and workers with `dask worker`",
        ) from error
    with client:
        cluster = Cluster(client)
        try:
            yield cluster
        finally:
            cluster.clear()
