"""The worker: leases a job, computes its missing chunks, and leaves it done or resumable.

It must keep no state in memory that a kill may not lose, and write only under its lease. For each
job:
1. Ask which chunks of the stage are stored. Compute the others; commit each with the progress.
2. After each commit check whether the job is to be cancelled or this worker to stop.
3. With all chunks of a stage stored, the stage builds the next one from the stored results, not
   from memory, so that a resumed job takes the same path. Continue at 1.
4. What the last stage returns is the job's result.
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
from bowline.research.jobs.heartbeat import Heartbeat
from bowline.research.jobs.stage import ChunkExecutor, ChunkSummary, Stage
from bowline.storage.jobs import JobProgress, Jobs, Lease, LeaseLost, StoredJob

#: a worker that does not renew its lease for this long loses its job
LEASE_NS = 30 * 10**9

log = logging.getLogger(__name__)


def worker_name() -> str:
    """`host/process/random`: unique, and the process can be looked up."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


def is_gone(owner: str) -> bool:
    """Whether a worker is known to be dead: a process of this machine that no longer exists."""
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


def _silent(_job: StoredJob, _progress: JobProgress) -> None:
    pass


class WorkerContext(NamedTuple):
    """What a worker uses. `open_stage` makes a job's first stage and may take long.

    `stopping` is called between chunks, `report` after every chunk.
    """

    store: Jobs
    open_stage: Callable[[StoredJob], Stage]
    executor: ChunkExecutor
    clock: Callable[[], int] = time.time_ns
    stopping: Callable[[], bool] = _never
    report: Callable[[StoredJob, JobProgress], None] = _silent


def work(
    context: WorkerContext,
    owner: str,
    *,
    once: bool = False,
    lease_ns: int = LEASE_NS,
    rest: Callable[[float], None] = time.sleep,
) -> int:
    """Run jobs, one after the other, until `context.stopping()`; returns how many were leased.

    With `once` it ends when there is nothing to do, and no job of its own still waits for its lease
    to lapse after the database became unreachable. Unreachable if the database stays away for two
    leases, or is away when there is nothing to wait for. `rest` waits before the next look.
    """
    taken, left_behind, away_since = 0, None, None
    while not context.stopping():
        try:
            lease = context.store.lease(owner, context.clock(), lease_ns)
            away_since = None
            if lease is not None:
                taken, left_behind = taken + 1, lease.job.id
                run_or_fail(context, lease)
                left_behind = None
                continue
            if once and not _is_held(context, left_behind, owner):
                break
        except LeaseLost as error:
            log.warning("%s", error.message)
            left_behind = None
            continue
        except Unreachable as error:
            log.warning("%s", error.message)
            away_since = away_since or context.clock()
            if once and (left_behind is None or context.clock() - away_since > 2 * lease_ns):
                raise
        rest(1.0)
    return taken


def _is_held(context: WorkerContext, job_id: int | None, owner: str) -> bool:
    return job_id is not None and context.store.get(job_id).lease_owner == owner


def run_or_fail(context: WorkerContext, lease: Lease) -> None:
    """Run a job; a failure is stored with the job, and the worker continues."""
    job_id = lease.job.id
    try:
        end = run_leased(context, lease)
        log.info("job %d is %s", job_id, end.value)
    except (LeaseLost, Unreachable):
        raise
    except BowlineError as error:
        said = "; ".join(filter(None, (error.message, *error.problems, error.hint)))
        # another attempt would fail in the same way, unless something was in use
        for_good = not isinstance(error, Conflict)
        end = context.store.fail(lease, said, context.clock(), for_good=for_good)
        log.warning("job %d is %s: %s", job_id, end.value, said)
    except Exception as error:
        end = context.store.fail(lease, f"{type(error).__name__}: {error}", context.clock())
        log.exception("job %d failed and is %s", job_id, end.value)


def run_leased(context: WorkerContext, lease: Lease) -> JobState:
    """Advance a job as far as possible: done, cancelled, or requeued if the worker stops.

    Raises what its stages raise, and LeaseLost; the lease is then left as it is.
    """
    with Heartbeat(context.store, lease, context.clock):
        step: Stage | bytes = context.open_stage(lease.job)
        number = 0
        while not isinstance(step, bytes):
            if not _run_stage(context, lease, number, step):
                context.store.release(lease, context.clock())
                return context.store.get(lease.job.id).state
            step = step.finish(context.store.chunk_results(lease.job.id, number))
            number += 1
        context.store.finish(lease, step, context.clock())
        return JobState.DONE


def _run_stage(context: WorkerContext, lease: Lease, number: int, stage: Stage) -> bool:
    """Compute the missing chunks of a stage; False if it has to stop before the end."""
    done = context.store.chunks_done(lease.job.id, number)
    todo = [chunk for chunk in range(stage.chunks) if chunk not in done]
    if context.store.renew(lease, context.clock()) is JobState.CANCELLING:
        return False
    if not todo:
        return True
    # read again: the stage before this one has updated the progress
    counter = _ProgressCounter(
        stage, context.store.get(lease.job.id).progress, len(done), context.clock
    )
    with closing(context.executor.run(stage, todo)) as results:
        for chunk, result in results:
            progress = counter.after(stage.summarize(result))
            now_ns = context.clock()
            state = context.store.save_chunk(lease, number, chunk, result, progress, now_ns)
            context.report(lease.job, progress)
            if state is JobState.CANCELLING or context.stopping():
                return False
    return True


class _ProgressCounter:
    """Adds a stage's chunks to its progress, and measures the speed of those computed here."""

    def __init__(
        self, stage: Stage, before: JobProgress | None, done: int, clock: Callable[[], int]
    ) -> None:
        self._stage, self._clock, self._start_ns = stage, clock, clock()
        self._chunks, self._here = done, 0
        same = before is not None and before.stage == stage.name
        self._variants = before.variants_done if before and same else 0
        self._best = (before.best, before.best_is) if before else (None, "")
        self._worked_s = before.worked_s if before else 0.0

    def after(self, note: ChunkSummary) -> JobProgress:
        """The progress with one more chunk."""
        self._chunks += 1
        self._here += note.variants
        self._variants += note.variants
        if note.best is not None and (self._best[0] is None or note.best > self._best[0]):
            self._best = (note.best, note.best_is)
        passed_ns = self._clock() - self._start_ns
        return JobProgress(
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
