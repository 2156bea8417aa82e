"""Jobs under leases, and what is done of each, chunk by chunk. One code path for both databases.

It reads no clock (whoever calls says when) and no result. What must hold, whoever is killed when:
1. A job has one lease at a time. A lease lapses when its holder does not renew it in time; whoever
   takes the job up next gets a higher `lease_number`.
2. Every write for a job names the lease it is made under and is refused (LeaseLost) if that is not
   the job's latest: a worker that was believed dead cannot write into another one's work.
3. A finished chunk is committed with the progress it makes, in one transaction, and stays until
   the whole result is there.
4. `attempts` counts the leases since a chunk was last finished, the present one included; one
   that was given back does not count. With MAX_ATTEMPTS of them the job is parked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from bowline.core.errors import Conflict, NotFound
from bowline.core.model.job import JOB_TRANSITIONS, MAX_ATTEMPTS, JobState, leads_to
from bowline.storage.schema import job_chunks, job_results, jobs

#: results of chunks that are in memory at once
_AT_A_TIME = 16


class LeaseLost(Conflict):
    """Another worker has the job now, or a person took it away."""


class JobProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job has come in its present stage. `best` is the best score so far.

    `worked_s` are the seconds that were spent on all its stages, whoever worked.
    """

    stage: str
    chunks_done: int
    chunks: int
    variants_done: int
    variants: int
    variants_per_s: float = 0.0
    worked_s: float = 0.0
    best: float | None = None
    best_is: str = ""

    @property
    def eta_s(self) -> float | None:
        """Seconds until the stage is done at the present speed; None before there is a speed."""
        if not self.variants_per_s:
            return None
        return (self.variants - self.variants_done) / self.variants_per_s


class JobRequest(msgspec.Struct, frozen=True):
    """What a job is to do. `payload` is JSON; equal `request_hash` means an equal result."""

    kind: str
    title: str
    payload: str
    request_hash: str
    data_hash: str
    variants: int


class StoredJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it stands in the tables."""

    id: int
    kind: str
    title: str
    payload: str
    request_hash: str
    data_hash: str
    variants: int
    state: JobState
    attempts: int
    lease_number: int
    lease_owner: str | None
    lease_until_ns: int | None
    heartbeat_ns: int | None
    progress: JobProgress | None
    error: str | None
    created_ns: int
    updated_ns: int

    def at_work(self, now_ns: int) -> bool:
        """Whether a worker holds it."""
        return self.lease_until_ns is not None and self.lease_until_ns > now_ns


class Lease(msgspec.Struct, frozen=True):
    """The right to work on a job, as long as it is renewed and nobody else got a later one."""

    job: StoredJob
    number: int
    length_ns: int


class Jobs:
    """The store. `engine` is migrated already; its option `writes` marks a writing transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._writes = engine.execution_options(writes=True)

    def submit(self, asked: JobRequest, now_ns: int) -> StoredJob:
        """Put a job at the end of the queue."""
        with self._writes.begin() as db:
            return _submit(db, asked, now_ns, {"state": JobState.QUEUED.value})

    def submit_and_lease(self, asked: JobRequest, owner: str, now_ns: int, length_ns: int) -> Lease:
        """Make a job that `owner` works on from its first moment: no worker can come between."""
        with self._writes.begin() as db:
            taken = _taken(owner, now_ns, length_ns) | {"lease_number": 1, "attempts": 1}
            return Lease(_submit(db, asked, now_ns, taken), 1, length_ns)

    def lease(
        self, owner: str, now_ns: int, length_ns: int, job_id: int | None = None
    ) -> Lease | None:
        """The right to work on the oldest job that waits or whose lease lapsed, or on `job_id`.

        None if there is nothing to do.
        """
        lapsed = jobs.c.lease_until_ns < now_ns
        with self._writes.begin() as db:
            _bury(db, lapsed, now_ns)
            free = sa.or_(
                jobs.c.state == JobState.QUEUED.value,
                sa.and_(jobs.c.state == JobState.RUNNING.value, lapsed),
            )
            wanted = free if job_id is None else sa.and_(free, jobs.c.id == job_id)
            taken = jobs.update().where(jobs.c.id == _unlocked(wanted, 1).scalar_subquery())
            more = {"lease_number": jobs.c.lease_number + 1, "attempts": jobs.c.attempts + 1}
            values = _taken(owner, now_ns, length_ns) | more
            row = db.execute(taken.values(values).returning(jobs)).first()
            if row is None:
                return None
            job = _job_of(row)
            return Lease(job, job.lease_number, length_ns)

    def renew(self, lease: Lease, now_ns: int) -> JobState:
        """Show that the holder lives; what the job is now: running, or to be cancelled."""
        with self._writes.begin() as db:
            return _write(db, lease, _alive(lease, now_ns))

    def save_chunk(
        self,
        lease: Lease,
        stage: int,
        chunk: int,
        result: bytes,
        progress: JobProgress,
        now_ns: int,
    ) -> JobState:
        """Keep what a chunk came to, and renew; what the job is now, as `renew` says."""
        values = {
            **_alive(lease, now_ns),
            "progress": msgspec.to_builtins(progress),
            "attempts": 1,
            "error": None,
            "updated_ns": now_ns,
        }
        row = {"job_id": lease.job.id, "stage": stage, "chunk": chunk, "result": result}
        with self._writes.begin() as db:
            state = _write(db, lease, values)
            db.execute(job_chunks.insert().values(row))
            return state

    def finish(self, lease: Lease, result: bytes, now_ns: int) -> None:
        """The job is done and this is its result; its chunks are not needed any more."""
        job_id = lease.job.id
        with self._writes.begin() as db:
            _write(db, lease, _freed(JobState.DONE, now_ns) | {"error": None})
            db.execute(job_results.insert().values(job_id=job_id, result=result))
            db.execute(job_chunks.delete().where(job_chunks.c.job_id == job_id))

    def release(self, lease: Lease, now_ns: int) -> None:
        """Put it back into the queue as it is: the worker has to go, nothing is wrong with it.

        One that is to be cancelled is cancelled.
        """
        with self._writes.begin() as db:
            if _write(db, lease, {"updated_ns": now_ns}) is JobState.CANCELLING:
                _write(db, lease, _freed(JobState.CANCELLED, now_ns))
                return
            queued = _freed(JobState.QUEUED, now_ns) | {"attempts": jobs.c.attempts - 1}
            _write(db, lease, queued)

    def fail(self, lease: Lease, error: str, now_ns: int, *, for_good: bool = False) -> JobState:
        """Note why an attempt failed: back into the queue, or parked after too many of them.

        With `for_good` another attempt would fail just so: it is parked at once.
        """
        with self._writes.begin() as db:
            state = _write(db, lease, {"error": error})
            job = _job(db, lease.job.id)
            if state is JobState.CANCELLING:
                end = JobState.CANCELLED
            elif for_good or job.attempts >= MAX_ATTEMPTS:
                end = JobState.PARKED
            else:
                end = JobState.QUEUED
            _write(db, lease, _freed(end, now_ns))
            return end

    def cancel(self, job_id: int, now_ns: int) -> StoredJob:
        """Cancel it now if nobody works on it, else within a chunk; Conflict if it is finished."""
        with self._writes.begin() as db:
            job = _job(db, job_id, lock=True)
            if job.state is JobState.CANCELLING and job.at_work(now_ns):
                return job
            to = JobState.CANCELLING if job.at_work(now_ns) else JobState.CANCELLED
            if job.state is JobState.RUNNING and to is JobState.CANCELLED:
                # along the table: its worker is gone and cannot do it
                _move(db, job, JobState.CANCELLING, {"updated_ns": now_ns})
                job = _job(db, job_id)
            return _move(db, job, to, _freed(to, now_ns) if to.finished else {})

    def resume(self, job_id: int, now_ns: int, *, holder_is_gone: bool = False) -> StoredJob:
        """Put it back into the queue, with all that is done of it and its attempts forgotten.

        Conflict if it waits, is done, or a worker holds it that is not known to be gone.
        """
        with self._writes.begin() as db:
            job = _job(db, job_id, lock=True)
            if job.at_work(now_ns) and not holder_is_gone:
                raise Conflict(
                    f"job {job_id} is {job.state.value}: {job.lease_owner} works on it",
                    hint="cancel it first; a worker that died is forgotten within a minute",
                )
            if job.state is JobState.CANCELLING:
                job = _move(db, job, JobState.CANCELLED, _freed(JobState.CANCELLED, now_ns))
            fresh = {"attempts": 0, "error": None}
            return _move(db, job, JobState.QUEUED, _freed(JobState.QUEUED, now_ns) | fresh)

    def delete(self, job_id: int, now_ns: int) -> None:
        """Forget a job with its chunks and its result; its number is never given again.

        Conflict if it waits or a worker holds it. What was tried stays counted.
        """
        with self._writes.begin() as db:
            job = _job(db, job_id, lock=True)
            if not job.state.finished or job.at_work(now_ns):
                raise Conflict(
                    f"job {job_id} is {job.state.value}"
                    + (f": {job.lease_owner} works on it" if job.at_work(now_ns) else ""),
                    hint=f"Cancel it first: bowline jobs cancel {job_id}",
                )
            for table in (job_chunks, job_results):
                db.execute(table.delete().where(table.c.job_id == job_id))
            db.execute(jobs.delete().where(jobs.c.id == job_id))

    def get(self, job_id: int) -> StoredJob:
        """The job with this number; NotFound if there is none."""
        with self._engine.connect() as db:
            return _job(db, job_id)

    def list(self, limit: int | None = None) -> list[StoredJob]:
        """Jobs, newest first."""
        query = sa.select(jobs).order_by(jobs.c.id.desc()).limit(limit)
        with self._engine.connect() as db:
            return [_job_of(row) for row in db.execute(query)]

    def chunks_done(self, job_id: int, stage: int) -> frozenset[int]:
        """Numbers of the chunks of a stage that need not be computed again."""
        query = sa.select(job_chunks.c.chunk).where(
            job_chunks.c.job_id == job_id, job_chunks.c.stage == stage
        )
        with self._engine.connect() as db:
            return frozenset(db.scalars(query))

    def chunk_results(self, job_id: int, stage: int) -> Iterator[bytes]:
        """What the chunks of a stage came to, in the order of their numbers, a few at a time."""
        last = -1
        while True:
            query = sa.select(job_chunks.c.chunk, job_chunks.c.result).where(
                job_chunks.c.job_id == job_id,
                job_chunks.c.stage == stage,
                job_chunks.c.chunk > last,
            )
            with self._engine.connect() as db:
                found = db.execute(query.order_by(job_chunks.c.chunk).limit(_AT_A_TIME)).all()
            yield from (bytes(result) for _, result in found)
            if len(found) < _AT_A_TIME:
                return
            last = found[-1][0]

    def result(self, job_id: int) -> bytes:
        """What the job came to; NotFound if it is not done."""
        query = sa.select(job_results.c.result).where(job_results.c.job_id == job_id)
        with self._engine.connect() as db:
            state = _job(db, job_id).state
            if state is not JobState.DONE:
                raise NotFound(
                    f"job {job_id} has no result: it is {state.value}",
                    hint=f"see how far it is: bowline jobs show {job_id}",
                )
            return bytes(db.scalars(query).one())

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


# --- rows -------------------------------------------------------------------------------------


def _job_of(row: sa.Row[Any]) -> StoredJob:
    # a column's name is a str of SQLAlchemy's own kind, which msgspec does not take for one
    return msgspec.convert({str(k): v for k, v in row._asdict().items()}, StoredJob)


def _job(db: sa.Connection, job_id: int, *, lock: bool = False) -> StoredJob:
    query = sa.select(jobs).where(jobs.c.id == job_id)
    row = db.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise NotFound(f"there is no job {job_id}", hint="`bowline jobs list` shows what there is")
    return _job_of(row)


def _submit(
    db: sa.Connection, asked: JobRequest, now_ns: int, values: dict[str, object]
) -> StoredJob:
    row = {
        **msgspec.structs.asdict(asked),
        "attempts": 0,
        "lease_number": 0,
        "created_ns": now_ns,
        "updated_ns": now_ns,
        **values,
    }
    return _job_of(db.execute(jobs.insert().values(row).returning(jobs)).one())


def _taken(owner: str, now_ns: int, length_ns: int) -> dict[str, Any]:
    return {
        "state": JobState.RUNNING.value,
        "lease_owner": owner,
        "lease_until_ns": now_ns + length_ns,
        "heartbeat_ns": now_ns,
        "updated_ns": now_ns,
    }


def _alive(lease: Lease, now_ns: int) -> dict[str, Any]:
    return {"lease_until_ns": now_ns + lease.length_ns, "heartbeat_ns": now_ns}


def _freed(state: JobState, now_ns: int) -> dict[str, Any]:
    return {
        "state": state.value,
        "lease_owner": None,
        "lease_until_ns": None,
        "updated_ns": now_ns,
    }


def _write(db: sa.Connection, lease: Lease, values: dict[str, Any]) -> JobState:
    """Change the job of a lease, and only under it; its state afterwards."""
    to = JobState(values["state"]) if "state" in values else None
    from_states = (JobState.RUNNING, JobState.CANCELLING) if to is None else leads_to(to)
    held = jobs.update().where(
        jobs.c.id == lease.job.id,
        jobs.c.lease_number == lease.number,
        jobs.c.state.in_([state.value for state in from_states]),
    )
    found = db.scalar(held.values(values).returning(jobs.c.state))
    if found is None:
        raise LeaseLost(
            f"the lease on job {lease.job.id} is lost: {_job(db, lease.job.id).state.value} now",
            hint="the job is intact: another worker continues it",
        )
    return JobState(found)


def _move(db: sa.Connection, job: StoredJob, to: JobState, values: dict[str, Any]) -> StoredJob:
    """Change a job that is locked, along the table."""
    if to not in JOB_TRANSITIONS[job.state]:
        allowed = " or ".join(state.value for state in JOB_TRANSITIONS[job.state])
        raise Conflict(
            f"job {job.id} is {job.state.value}: it cannot become {to.value}",
            hint=f"from {job.state.value} a job can become {allowed or 'no other state'}",
        )
    changed = jobs.update().where(jobs.c.id == job.id, jobs.c.state == job.state.value)
    row = db.execute(changed.values({"state": to.value, **values}).returning(jobs)).first()
    assert row is not None, "the row was locked"
    return _job_of(row)


def _unlocked(wanted: sa.ColumnElement[bool], limit: int | None = None) -> sa.Select[tuple[int]]:
    """Numbers of such jobs that no other transaction is changing; SQLite has one writer anyway."""
    found = sa.select(jobs.c.id).where(wanted).order_by(jobs.c.id).limit(limit)
    return found.with_for_update(skip_locked=True)


def _bury(db: sa.Connection, lapsed: sa.ColumnElement[bool], now_ns: int) -> None:
    """Jobs whose worker vanished and that nobody shall take up: cancelled, or parked."""
    cancelling = sa.and_(jobs.c.state == JobState.CANCELLING.value, lapsed)
    db.execute(
        jobs.update()
        .where(jobs.c.id.in_(_unlocked(cancelling)))
        .values(_freed(JobState.CANCELLED, now_ns))
    )
    poison = sa.and_(
        jobs.c.state == JobState.RUNNING.value, lapsed, jobs.c.attempts >= MAX_ATTEMPTS
    )
    gone = f"its worker vanished {MAX_ATTEMPTS} times without finishing a chunk; the last was "
    db.execute(
        jobs.update()
        .where(jobs.c.id.in_(_unlocked(poison)))
        .values(_freed(JobState.PARKED, now_ns) | {"error": gone + jobs.c.lease_owner})
    )
