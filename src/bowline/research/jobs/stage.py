"""The parts of a job: consecutive stages, each of independent chunks.

A chunk is a pure function of its stage and its number, so that it can be computed again anywhere
with the same bytes; `finish` must not depend on the order in which chunks were computed. No stage
may know jobs, leases or databases.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import NamedTuple, Protocol


class ChunkSummary(NamedTuple):
    """What a finished chunk adds to the progress. `best` is its best score, higher is better."""

    variants: int
    best: float | None = None
    best_is: str = ""


class StagePackage(NamedTuple):
    """A stage for another process or machine: `opener(request, candles)` is its `run_chunk` there.

    `opener` is a module-level function; `candles` (may be empty) is large and the same for all
    stages.
    """

    opener: Callable[[bytes, bytes], Callable[[int, int], bytes]]
    request: bytes
    candles: bytes


class Stage(Protocol):
    """One pass over all chunks. Chunks are numbered from 0."""

    @property
    def name(self) -> str:
        """The name shown to people."""

    @property
    def chunks(self) -> int:
        """The number of chunks; 0 if there is nothing to do."""

    @property
    def variants(self) -> int:
        """The number of variants of all chunks together."""

    @property
    def holds_lock(self) -> bool:
        """Whether its chunks hold the interpreter's lock for longer than a process takes to start.

        Threads would run such chunks one at a time.
        """

    def run_chunk(self, chunk: int, threads: int) -> bytes:
        """The result of a chunk; the same bytes for any number of threads."""

    def summarize(self, result: bytes) -> ChunkSummary:
        """What a chunk's result adds to the progress."""

    def finish(self, results: Iterator[bytes]) -> Stage | bytes:
        """The next stage, or the job's result; `results` come in the order of the chunks."""

    def package(self) -> StagePackage:
        """The stage as it is sent to another process or machine."""


#: number and result of each chunk as it finishes; closing it abandons the rest
Results = Generator[tuple[int, bytes], None, None]


class ChunkExecutor(Protocol):
    """Computes chunks somewhere."""

    def run(self, stage: Stage, chunks: Iterable[int]) -> Results:
        """Compute these chunks."""
