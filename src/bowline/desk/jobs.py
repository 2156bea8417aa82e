"""Jobs for the user: queue a sweep, run it in this process, cancel, resume, read its result.

A job identifies its candles by span and by content. It is refused over other candles, or by a
version that divides it into other chunks: parts of different results must never be mixed.

1. A sweep is planned before it is queued, so what cannot be run is refused to the person who asks.
2. The job holds the request as it was understood, the span as it was found, the costs as they were
   set: no later change of a catalogue, a setting or the candles' end makes another sweep of it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import Struct

from bowline.core.completeness import Completeness
from bowline.core.errors import BadInput, BowlineError, Conflict, NotFound, Unreachable
from bowline.core.model.instrument import FILE_MARKET, market_by_id
from bowline.core.model.job import JobState
from bowline.core.signals import SpecDefaults
from bowline.desk.completeness import GapRule
from bowline.desk.report import completeness_facts
from bowline.desk.setup import RunOptions
from bowline.desk.sweep_text import slots_text
from bowline.desk.sweeps import SweepOptions, prepare_sweep
from bowline.research.grid import GridPlan, GridRequest, SweepBudget, SweepResult
from bowline.research.grid.plan import Hashes
from bowline.research.jobs import LEASE_NS, Stage, WorkerContext, is_gone, run_leased, worker_name
from bowline.research.jobs.sweeps import first_stage, result_of
from bowline.storage.candles import Candles
from bowline.storage.jobs import JobRequest, Jobs, Lease, LeaseLost, StoredJob

SWEEP = "sweep"

OpenStore = Callable[[], Candles]


class SweepPayload(Struct, frozen=True, kw_only=True):
    """A sweep as a job keeps it. `chunks` and `hashes` are what it must be again when it runs."""

    request: GridRequest
    market: str
    symbol: str
    from_ns: int
    to_ns: int
    cash: Decimal
    file: str
    allow_jumps: bool
    #: stored under its first name
    defaults: SpecDefaults = msgspec.field(name="unsaid")
    budget: SweepBudget
    hashes: Hashes
    chunks: int
    #: how complete the candles were when it was asked for; None in jobs that nobody measured
    completeness: Completeness | None = None


def sweep_job(plan: GridPlan, options: RunOptions, sweep_options: SweepOptions) -> JobRequest:
    """The job that `plan` is, made of `words` and `wishes`."""
    candles, hashes = plan.candles, plan.hashes
    market = market_by_id(candles.instrument.market_id).name
    file = "" if options.file is None else str(options.file.absolute())
    payload = SweepPayload(
        request=plan.request,
        market=market,
        symbol=candles.instrument.symbol,
        from_ns=int(candles.open_ns[plan.start]),
        to_ns=int(candles.close_ns[-1]),
        cash=plan.rules.initial_cash,
        file=file,
        allow_jumps=options.allow_jumps,
        defaults=options.defaults,
        budget=sweep_options.budget,
        hashes=hashes,
        chunks=plan.chunks,
        completeness=plan.completeness,
    )
    where = f"{market} {candles.instrument.symbol}"
    if candles.instrument.market_id == FILE_MARKET.market_id:
        where = Path(file).name
    all_hashes = msgspec.json.encode(hashes, order="sorted")
    return JobRequest(
        kind=SWEEP,
        title=f"{where} {candles.timeframe.value}: {slots_text(plan.request)}",
        payload=msgspec.json.encode(payload).decode(),
        request_hash=hashlib.sha256(all_hashes).hexdigest(),
        data_hash=hashes.data,
        variants=plan.variants,
    )


def plan_of(job: StoredJob, open_store: OpenStore) -> GridPlan:
    """The plan of a job's sweep, the same as when it was asked for; BadInput if it cannot be."""
    asked = payload_of(job)
    # candles of a file have no market that could be asked for, unless one was named beside it
    nameless = asked.market == FILE_MARKET.name
    options = RunOptions(
        market="" if nameless else asked.market,
        symbol="" if nameless else asked.symbol,
        from_ns=asked.from_ns,
        to_ns=asked.to_ns,
        cash=str(asked.cash),
        file=Path(asked.file) if asked.file else None,
        allow_jumps=asked.allow_jumps,
        # whoever asked for it was refused, or allowed them
        gaps=GapRule(allow=True),
        defaults=asked.defaults,
    )
    if options.file is not None and not options.file.is_file():
        raise NotFound(
            f"the candle file of job {job.id} is missing: {options.file}",
            hint="restore the file, or submit the grid again with its present path",
        )
    plan = prepare_sweep(asked.request, options, SweepOptions(budget=asked.budget), open_store)
    if plan.hashes.data != asked.hashes.data:
        raise _other_candles(job.id, options.file)
    if plan.hashes != asked.hashes or plan.chunks != asked.chunks:
        raise BadInput(
            f"this version of Bowline would compute job {job.id} differently",
            hint="finish it with the version that started it, or submit the grid again",
        )
    plan.completeness = asked.completeness or plan.completeness
    return plan


def payload_of(job: StoredJob) -> SweepPayload:
    """What a job that is a sweep was asked to do."""
    return msgspec.json.decode(job.payload, type=SweepPayload)


def file_of(job: StoredJob) -> str:
    """The file whose candles a job is over; empty for stored candles."""
    return payload_of(job).file if job.kind == SWEEP else ""


def missing_of(job: StoredJob) -> dict[str, str]:
    """How complete the candles of a job were when it was asked for, as a fact; none if unknown."""
    found = payload_of(job).completeness if job.kind == SWEEP else None
    return {name.lower(): text for name, text in completeness_facts(found)}


def _other_candles(job_id: int, file: Path | None) -> BadInput:
    if file is None:
        return BadInput(
            f"the stored candles differ from those of job {job_id}",
            hint="candles were imported or repaired since: submit the grid again",
        )
    return BadInput(
        f"{file} has changed: its candles differ from those of job {job_id}",
        hint="restore the file, or submit the grid again",
    )


def stage_of(job: StoredJob, open_store: OpenStore) -> Stage:
    """The first stage of a job, whatever its kind; BadInput for a kind of a later version."""
    if job.kind != SWEEP:
        raise BadInput(
            f"job {job.id} has the kind {job.kind}, which this version of Bowline does not know",
            hint="use the version that submitted it",
        )
    return first_stage(plan_of(job, open_store))


def sweep_result(
    store: Jobs, job_id: int, open_store: OpenStore, plan: GridPlan | None = None
) -> SweepResult:
    """What a finished sweep came to, by itself or with the plan that is at hand."""
    content = store.result(job_id)
    job = store.get(job_id)
    seconds = 0.0 if job.progress is None else job.progress.worked_s
    return result_of(plan or plan_of(job, open_store), content, seconds)


def run_here(context: WorkerContext, lease: Lease) -> JobState:
    """Run a job in this process, for the person who waits for it; errors are theirs.

    Stopped (`context.stopping`), it is cancelled: no worker takes it up until somebody resumes it.
    """
    job_id = lease.job.id
    try:
        state = run_leased(context, lease)
    except (LeaseLost, Unreachable):
        raise
    except BowlineError as error:
        context.store.fail(lease, error.message, context.clock(), for_good=True)
        raise
    except BaseException as error:
        context.store.fail(lease, f"{type(error).__name__}: {error}", context.clock())
        raise
    if state is JobState.QUEUED:
        state = context.store.cancel(job_id, context.clock()).state
    return state


def begin_here(store: Jobs, asked: JobRequest) -> Lease:
    """A new job that nobody but this process works on."""
    return store.submit_and_lease(asked, worker_name(), time.time_ns(), LEASE_NS)


def resume(store: Jobs, job_id: int) -> StoredJob:
    """Put a job back into the queue; Conflict if it is done, or a worker that may live holds it."""
    owner = store.get(job_id).lease_owner
    gone = owner is not None and is_gone(owner)
    return store.resume(job_id, time.time_ns(), holder_is_gone=gone)


def resume_here(store: Jobs, job_id: int) -> Lease:
    """The lease on a job that goes on in this process; Conflict as for `resume`."""
    if store.get(job_id).state is not JobState.QUEUED:
        resume(store, job_id)
    lease = store.lease(worker_name(), time.time_ns(), LEASE_NS, job_id)
    if lease is None:
        raise Conflict(
            f"a worker has just taken job {job_id}", hint=f"follow it: bowline jobs watch {job_id}"
        )
    return lease


def cancel(store: Jobs, job_id: int) -> StoredJob:
    """Cancel a job: now if nobody works on it, else within a chunk. What is done of it is kept."""
    owner = store.get(job_id).lease_owner
    now_ns = time.time_ns()
    if owner is not None and is_gone(owner):
        store.resume(job_id, now_ns, holder_is_gone=True)
    return store.cancel(job_id, now_ns)
