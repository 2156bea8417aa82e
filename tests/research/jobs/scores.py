"""A small job of the same shape as a sweep: scores of numbered variants in two stages.

A score is arithmetic on the variant's number and the seed, so every chunk is a pure function; stage
A keeps each chunk's best, stage B refines the best of all. `Scores` can be told to misbehave.
"""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from bowline.research.jobs import ChunkSummary, Stage, StagePackage

KEPT = 20
FIRST, SECOND = "all variants", "the best again"

Row = tuple[int, int]  # minus the score, and the variant: so they sort as a ranking


def score(seed: int, variant: int, turn: int) -> int:
    """Some number that looks like chance; many variants share one."""
    return pow(variant * 48271 + seed, 3 + turn, 2_147_483_647) % 1009


class Plan(msgspec.Struct, frozen=True):
    """What is to be computed. `log` is a file that every computed chunk leaves a line in."""

    seed: int = 1
    chunks: int = 8
    chunk_size: int = 50
    chunks_again: int = 4
    log: str = ""


class Scores:
    """One of the two stages: `rows` is None for the first, and what it kept for the second."""

    def __init__(self, plan: Plan, rows: list[Row] | None = None) -> None:
        self.plan, self.rows = plan, rows
        self.name = FIRST if rows is None else SECOND
        self.chunks = plan.chunks if rows is None else plan.chunks_again
        self.variants = plan.chunks * plan.chunk_size if rows is None else KEPT
        self.holds_lock = False
        #: called with each chunk before it is computed
        self.before: Callable[[str, int], None] = lambda _name, _chunk: None

    def run_chunk(self, chunk: int, threads: int) -> bytes:
        assert threads >= 1
        self.before(self.name, chunk)
        if self.plan.log:
            with Path(self.plan.log).open("ab", buffering=0) as log:
                log.write(f"{self.name}:{chunk}:{os.getpid()}\n".encode())
        if self.rows is None:
            first = chunk * self.plan.chunk_size
            scored = (
                (-score(self.plan.seed, each, 0), each)
                for each in range(first, first + self.plan.chunk_size)
            )
        else:
            mine = self.rows[chunk :: self.chunks]
            scored = ((-score(self.plan.seed, each, 1), each) for _, each in mine)
        return msgspec.msgpack.encode(heapq.nsmallest(KEPT, scored))

    def summarize(self, result: bytes) -> ChunkSummary:
        rows = msgspec.msgpack.decode(result, type=list[Row])
        counted = self.plan.chunk_size if self.rows is None else len(rows)
        return ChunkSummary(counted, -rows[0][0], f"variant {rows[0][1]}")

    def finish(self, results: Iterator[bytes]) -> Stage | bytes:
        every = [row for each in results for row in msgspec.msgpack.decode(each, type=list[Row])]
        best = heapq.nsmallest(KEPT, every)
        if self.rows is not None:
            return msgspec.json.encode(best)
        after = Scores(self.plan, best)
        after.before = self.before
        return after

    def package(self) -> StagePackage:
        return StagePackage(
            open_scores, msgspec.msgpack.encode((self.plan, self.rows)), b"tape" * 1000
        )


def open_scores(request: bytes, candles: bytes) -> Callable[[int, int], bytes]:
    """`run_chunk` of the stage that `Scores.package` packed."""
    assert candles == b"tape" * 1000
    plan, rows = msgspec.msgpack.decode(request, type=tuple[Plan, list[Row] | None])
    return Scores(plan, rows).run_chunk


class Slow(Scores):
    """Elsewhere, its chunks take their time, so that there is a moment to kill somebody in."""

    def package(self) -> StagePackage:
        return super().package()._replace(opener=open_slow)

    def finish(self, results: Iterator[bytes]) -> Stage | bytes:
        step = super().finish(results)
        return Slow(step.plan, step.rows) if isinstance(step, Scores) else step


def open_slow(request: bytes, candles: bytes) -> Callable[[int, int], bytes]:
    """As `open_scores`; each opening leaves a line beside the log."""
    plan, rows = msgspec.msgpack.decode(request, type=tuple[Plan, list[Row] | None])
    stage = Scores(plan, rows)
    with Path(f"{plan.log}.opened").open("a") as log:
        log.write(f"{stage.name} {os.getpid()} {len(candles)}\n")

    def run_chunk(chunk: int, threads: int) -> bytes:
        time.sleep(0.3)
        return stage.run_chunk(chunk, threads)

    return run_chunk


def expected(plan: Plan) -> bytes:
    """What the whole job must come to, without any chunk."""
    everything = range(plan.chunks * plan.chunk_size)
    best = heapq.nsmallest(KEPT, ((-score(plan.seed, each, 0), each) for each in everything))
    return msgspec.json.encode(sorted((-score(plan.seed, each, 1), each) for _, each in best))
