"""Chunks on threads of this machine, or in processes where threads would run one at a time.

The results are those of any other executor, and no thread is left behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import NamedTuple

from bowline.research.jobs.processes import in_processes
from bowline.research.jobs.stage import Results, Stage


class LocalExecutor(NamedTuple):
    """Computes up to `threads` chunks at a time on this machine, each on a thread of its own.

    A kill loses the chunks in progress. The kernel releases the interpreter's lock; chunks that
    hold it run in processes instead.
    """

    threads: int = 1

    def run(self, stage: Stage, chunks: Iterable[int]) -> Results:
        """Compute these chunks; in order with one thread."""
        if self.threads == 1:
            for chunk in chunks:
                yield chunk, stage.run_chunk(chunk, 1)
            return
        if stage.holds_lock:
            yield from in_processes(stage, chunks, self.threads)
            return
        left = iter(chunks)
        with ThreadPoolExecutor(self.threads) as pool:
            running: dict[Future[bytes], int] = {}
            while True:
                for chunk in islice(left, self.threads - len(running)):
                    running[pool.submit(stage.run_chunk, chunk, 1)] = chunk
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for each in done:
                    yield running.pop(each), each.result()
