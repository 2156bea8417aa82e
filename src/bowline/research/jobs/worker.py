"""The worker: takes a job's lease, computes what is missing of it, and leaves it done or resumable.

It must never keep anything in memory that a kill may not take, and never write but under its lease.
For one job:
1. Ask which chunks of the stage are stored. Compute the others; commit each with the progress.
2. After each commit look whether the job is to be cancelled or this worker to stop.
3. With all chunks of a stage stored, let the stage make the next one of them: from the store, not
   from memory, so that a job that was killed takes the same way. Go on at 1.
4. What the last stage makes is the result.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from bowline.core.errors import BowlineError, Conflict, Unreachable
from bowline.core.model.job import JobState
from bowline.research.jobs.heart import Heart
from bowline.research.jobs.stage import Executor, Note, Stage
from bowline.storage.jobs import Jobs, Lease, LeaseLost, Progress, StoredJob

#: a worker that is silent for so long has lost its job
LEASE_NS = 30 * 10**9

log = logging.getLogger(__name__)


def worker_name() -> str:
    """`host/process/chance`: nobody else's, and the process can be looked for."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


def is_gone(owner: str) -> bool:
    """Whether a worker is known to be dead: it was a process of this machine that is no more."""
    host, process, _ = owner.rsplit("/", 2)
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _never() -> bool:
    return False


def _silent(_job: StoredJob, _progress: Progress) -> None:
    pass


class Bench(NamedTuple):
    """What a worker works with. `open_stage` makes a job's first stage; it may take its time.

    `stopping` is asked between chunks. `report` hears of every chunk.
    """

    store: Jobs
    open_stage: Callable[[StoredJob], Stage]
    executor: Executor
    clock: Callable[[], int] = time.time_ns
    stopping: Callable[[], bool] = _never
    report: Callable[[StoredJob, Progress], None] = _silent


def work(
    bench: Bench,
    owner: str,
    *,
    once: bool = False,
    lease_ns: int = LEASE_NS,
    rest: Callable[[float], None] = time.sleep,
) -> int:
    """Run jobs, one after the other, until `bench.stopping()`; how many were taken.

    With `once` it ends when there is nothing to do, which is not so while a job of its own waits
    for its lease to lapse, because the database went away under it; Unreachable if it stays away
    for two leases, or is away when there is nothing to wait for. `rest` waits until it is time to
    look again.
    """
    taken, left_behind, away_since = 0, None, None
    while not bench.stopping():
        try:
            lease = bench.store.lease(owner, bench.clock(), lease_ns)
            away_since = None
            if lease is not None:
                taken, left_behind = taken + 1, lease.job.id
                run_or_fail(bench, lease)
                left_behind = None
                continue
            if once and not _is_held(bench, left_behind, owner):
                break
        except LeaseLost as error:
            log.warning("%s", error.message)
            left_behind = None
            continue
        except Unreachable as error:
            log.warning("%s", error.message)
            away_since = away_since or bench.clock()
            if once and (left_behind is None or bench.clock() - away_since > 2 * lease_ns):
                raise
        rest(1.0)
    return taken


def _is_held(bench: Bench, job_id: int | None, owner: str) -> bool:
    return job_id is not None and bench.store.get(job_id).lease_owner == owner


def run_or_fail(bench: Bench, lease: Lease) -> None:
    """Run a job; what goes wrong with it is noted at the job, and the worker lives on."""
    job_id = lease.job.id
    try:
        end = run_leased(bench, lease)
        log.info("job %d is %s", job_id, end.value)
    except (LeaseLost, Unreachable):
        raise
    except BowlineError as error:
        said = "; ".join(filter(None, (error.message, *error.problems, error.hint)))
        # but for a thing in use, it would be just so the next time: a person must mend it
        for_good = not isinstance(error, Conflict)
        end = bench.store.fail(lease, said, bench.clock(), for_good=for_good)
        log.warning("job %d is %s: %s", job_id, end.value, said)
    except Exception as error:
        end = bench.store.fail(lease, f"{type(error).__name__}: {error}", bench.clock())
        log.exception("job %d failed and is %s", job_id, end.value)


def run_leased(bench: Bench, lease: Lease) -> JobState:
    """Bring a job as far as it goes: done, cancelled, or back in the queue if the worker stops.

    Raises whatever its stages raise, and LeaseLost: the lease is left as it is then.
    """
    with Heart(bench.store, lease, bench.clock):
        step: Stage | bytes = bench.open_stage(lease.job)
        number = 0
        while not isinstance(step, bytes):
            if not _run_stage(bench, lease, number, step):
                bench.store.release(lease, bench.clock())
                return bench.store.get(lease.job.id).state
            step = step.finish(bench.store.chunk_results(lease.job.id, number))
            number += 1
        bench.store.finish(lease, step, bench.clock())
        return JobState.DONE


def _run_stage(bench: Bench, lease: Lease, number: int, stage: Stage) -> bool:
    """Compute what is missing of a stage; False if it has to stop before the end."""
    done = bench.store.chunks_done(lease.job.id, number)
    todo = [chunk for chunk in range(stage.chunks) if chunk not in done]
    if bench.store.renew(lease, bench.clock()) is JobState.CANCELLING:
        return False
    if not todo:
        return True
    # of the job as it stands now: the stage before this one has left its progress there
    pace = _Pace(stage, bench.store.get(lease.job.id).progress, len(done), bench.clock)
    with closing(bench.executor.run(stage, todo)) as results:
        for chunk, result in results:
            progress = pace.after(stage.note(result))
            now_ns = bench.clock()
            state = bench.store.save_chunk(lease, number, chunk, result, progress, now_ns)
            bench.report(lease.job, progress)
            if state is JobState.CANCELLING or bench.stopping():
                return False
    return True


class _Pace:
    """Counts a stage's chunks into its progress, and the speed of those computed here."""

    def __init__(
        self, stage: Stage, before: Progress | None, done: int, clock: Callable[[], int]
    ) -> None:
        self._stage, self._clock, self._start_ns = stage, clock, clock()
        self._chunks, self._here = done, 0
        same = before is not None and before.stage == stage.name
        self._variants = before.variants_done if before and same else 0
        self._best = (before.best, before.best_is) if before else (None, "")
        self._worked_s = before.worked_s if before else 0.0

    def after(self, note: Note) -> Progress:
        """The progress with one more chunk."""
        self._chunks += 1
        self._here += note.variants
        self._variants += note.variants
        if note.best is not None and (self._best[0] is None or note.best > self._best[0]):
            self._best = (note.best, note.best_is)
        passed_ns = self._clock() - self._start_ns
        return Progress(
            stage=self._stage.name,
            chunks_done=self._chunks,
            chunks=self._stage.chunks,
            variants_done=self._variants,
            variants=self._stage.variants,
            variants_per_s=self._here * 1e9 / passed_ns if passed_ns > 0 else 0.0,
            worked_s=self._worked_s + max(0, passed_ns) / 1e9,
            best=self._best[0],
            best_is=self._best[1],
        )
