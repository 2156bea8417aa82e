"""Chunks in processes of this machine: for work that holds the interpreter's lock.

Threads would run such chunks one at a time. It must leave no process behind, however this one ends.

1. A new process is sent the stage as a cluster's worker is, and opens it once.
2. Two chunks wait for each process, so that no process is idle and little is lost when it stops.
3. Ctrl-C stops this process only: the others finish their chunk and are then stopped.
4. A process whose parent was killed ends itself.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

from bowline.core.errors import Conflict
from bowline.research.jobs.stage import Results, Stage, StagePackage

_CHUNKS_A_PROCESS = 2

#: in a child process: the `run_chunk` of its stage
_opened: list[Callable[[int, int], bytes]] = []


def in_processes(stage: Stage, chunks: Iterable[int], processes: int) -> Results:
    """Compute these chunks, in any order; Conflict if one of the processes was killed."""
    pool = ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_open,
        initargs=([stage.package()],),
    )
    left = iter(chunks)
    running: dict[Future[bytes], int] = {}
    others = set(multiprocessing.active_children())
    try:
        while True:
            for chunk in islice(left, _CHUNKS_A_PROCESS * processes - len(running)):
                running[pool.submit(_run, chunk)] = chunk
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for each in done:
                yield running.pop(each), each.result()
    except BrokenProcessPool as error:
        # the pool does not know a process that was just being started, and would wait for it
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise Conflict(
            "a process that computed a chunk was killed",
            hint="check the free memory, then resume the job: finished chunks are kept",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _open(sent: list[StagePackage]) -> None:
    """Initializes a process; `sent` is emptied, because a package is large."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    package = sent.pop()
    _opened.append(package.opener(package.request, package.candles))


def _run(chunk: int) -> bytes:
    return _opened[0](chunk, 1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "runs in child processes only"
    parent.join()
    os._exit(1)
