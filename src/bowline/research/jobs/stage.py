"""What a job is made of: stages in a row, each of chunks that need nothing of each other.

A chunk is a pure function of its stage and its number, so that it can be computed again anywhere
with the same bytes; `finish` must give the same whatever the order in which chunks were computed.
No stage may know of jobs, leases or databases.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import NamedTuple, Protocol


class Note(NamedTuple):
    """What a finished chunk adds to the progress. `best` is its best score, higher is better."""

    variants: int
    best: float | None = None
    best_is: str = ""


class Parcel(NamedTuple):
    """A stage as it travels to another machine: `opener(request, tape)` is its `run_chunk` there.

    `opener` is a function of a module; `tape` (may be empty) is large and the same for all stages.
    """

    opener: Callable[[bytes, bytes], Callable[[int, int], bytes]]
    request: bytes
    tape: bytes


class Stage(Protocol):
    """One pass over all chunks. Chunks are numbered from 0."""

    @property
    def name(self) -> str:
        """What a person calls it."""

    @property
    def chunks(self) -> int:
        """How many there are; 0 if there is nothing to do."""

    @property
    def variants(self) -> int:
        """How many variants all chunks have together."""

    @property
    def holds_lock(self) -> bool:
        """Whether its chunks hold the interpreter's lock for longer than a process takes to begin.

        Threads would take turns at them.
        """

    def run_chunk(self, chunk: int, threads: int) -> bytes:
        """What the chunk comes to; the same bytes for any number of threads."""

    def note(self, result: bytes) -> Note:
        """What is to be said of a chunk's result."""

    def finish(self, results: Iterator[bytes]) -> Stage | bytes:
        """The next stage, or what the whole job came to; `results` in the order of the chunks."""

    def parcel(self) -> Parcel:
        """The stage as it is sent to a cluster."""


#: each chunk's number and result, as they get done; closing it gives up the rest
Results = Generator[tuple[int, bytes], None, None]


class Executor(Protocol):
    """Computes chunks somewhere."""

    def run(self, stage: Stage, chunks: Iterable[int]) -> Results:
        """Compute these chunks."""


class Threads(NamedTuple):
    """On this machine: so many chunks at a time, each on a thread of its own.

    A kill costs the chunks that are at work. The kernel lets go of the interpreter's lock; where
    chunks hold it, each has a process of its own.
    """

    threads: int = 1

    def run(self, stage: Stage, chunks: Iterable[int]) -> Results:
        """Compute these chunks; in order if there is one thread."""
        if self.threads == 1:
            for chunk in chunks:
                yield chunk, stage.run_chunk(chunk, 1)
            return
        if stage.holds_lock:
            from bowline.research.jobs.processes import in_processes  # noqa: PLC0415 - it needs us

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
