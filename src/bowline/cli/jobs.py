"""`bowline jobs`: submit, list, show, watch, cancel, resume, delete."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bowline.cli.deletes import delete_job
from bowline.cli.options import (
    ALLOW_GAPS,
    ALLOW_JUMPS,
    CASH,
    END,
    FILE,
    JOB,
    MARKET,
    MAX_MIB,
    MAX_VARIANTS,
    MOST_ROWS,
    MOST_SECONDS,
    START,
    SYMBOL,
    THREADS,
    TIMEFRAME,
    TOP,
    words_of,
)
from bowline.cli.output import JSON_HELP, emit_completeness, emit_json, emit_table
from bowline.cli.sweep_result import show_result
from bowline.cli.worker import CLUSTER

if TYPE_CHECKING:
    from bowline.storage.jobs import Lease, Progress, StoredJob

app = typer.Typer(help="Sweeps that survive anything: a queue of jobs.", no_args_is_help=True)
app.command("delete")(delete_job)

#: seconds between two lines of progress where it is not a terminal
_PACE_S = 5.0


@app.command("submit")
def submit_command(
    grid: Path = typer.Argument(help="A grid file (YAML or JSON): docs/reference/grid.md."),
    market: str = MARKET,
    symbol: str = SYMBOL,
    timeframe: str = TIMEFRAME,
    start: str = START,
    end: str = END,
    cash: str = CASH,
    candles: Path | None = FILE,
    *,
    allow_jumps: bool = ALLOW_JUMPS,
    allow_gaps: bool = ALLOW_GAPS,
    top: int | None = TOP,
    exhaustive: bool = typer.Option(False, help="No shortlist: every variant with every stop."),
    max_variants: int | None = MAX_VARIANTS,
    max_mib: int | None = MAX_MIB,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Put a sweep into the queue, for a worker to take."""
    from bowline import wire
    from bowline.desk.jobs import sweep_job
    from bowline.desk.spec_text import read_spec_file
    from bowline.desk.sweeps import Wishes, prepare_sweep, read_request

    home = wire.home()
    words = words_of(
        market,
        symbol,
        timeframe,
        (start, end),
        cash,
        candles,
        allow_jumps=allow_jumps,
        allow_gaps=allow_gaps,
    )
    wishes = Wishes(top, exhaustive, wire.grid_budget(max_variants, max_mib))
    request = read_request(read_spec_file(grid), wire.load_catalogue(), words, wishes)
    plan = prepare_sweep(request, words, wishes, lambda: wire.open_candles(home))
    emit_completeness(plan.completeness, err=True)
    with closing(wire.open_jobs(home)) as store:
        job = store.submit(sweep_job(plan, words, wishes), time.time_ns())
    if as_json:
        emit_json(_fields(job))
        return
    typer.echo(f"job {job.id}: {job.variants:,} variants, {job.title}")
    _say(f"`bowline worker` works on it, `bowline jobs watch {job.id}` shows how far it is")


@app.command("list")
def list_command(
    count: int = typer.Option(20, "-n", min=1, max=MOST_ROWS, help="How many jobs, newest first."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """The newest jobs."""
    from bowline import wire
    from bowline.desk.journal import moment

    with closing(wire.open_jobs(wire.home())) as store:
        found = store.list(count)
    if as_json:
        emit_json([_fields(job) for job in found])
        return
    emit_table(
        ("job", "state", "done", "variants", "what", "created (UTC)"),
        (
            (
                job.id,
                state_words(job),
                "" if job.progress is None else share_words(job.progress),
                f"{job.variants:,}",
                job.title,
                moment(job.created_ns),
            )
            for job in found
        ),
    )


@app.command("show")
def show_command(
    job: int = JOB,
    result: bool = typer.Option(False, help="The result of a finished job instead."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """One job: where it is, who works on it, what went wrong, or what it came to."""
    from bowline import wire

    home = wire.home()
    with closing(wire.open_jobs(home)) as store:
        if result:
            from bowline.desk.jobs import sweep_result

            found = sweep_result(store, job, lambda: wire.open_candles(home))
            show_result(found, job=job, as_json=as_json)
            return
        stored = store.get(job)
    if as_json:
        emit_json(_fields(stored))
    else:
        emit_table((f"job {stored.id}", ""), _facts(stored).items())


@app.command("watch")
def watch_command(
    job: int = JOB,
    every: float = typer.Option(1.0, min=0.05, max=MOST_SECONDS, help="Seconds between two looks."),
    as_json: bool = typer.Option(False, "--json", help="A JSON document a line, as it changes."),
) -> None:
    """Show how far a job is until it is done, cancelled or parked; exit code 0 if it is done."""
    from bowline import wire
    from bowline.core.model.job import JobState

    last: StoredJob | None = None
    meter = Meter()
    with closing(wire.open_jobs(wire.home())) as store:
        while True:
            now = store.get(job)
            if as_json and (
                last is None or now.progress != last.progress or now.state != last.state
            ):
                emit_json(_fields(now))
            elif not as_json:
                meter.show(now, now.progress)
            if now.state.finished:
                break
            last = now
            time.sleep(every)
    meter.end()
    if not as_json:
        typer.echo(f"job {job} is {now.state.value}" + (f": {now.error}" if now.error else ""))
    if now.state is not JobState.DONE:
        raise typer.Exit(1)


@app.command("cancel")
def cancel_command(
    job: int = JOB, as_json: bool = typer.Option(False, "--json", help=JSON_HELP)
) -> None:
    """Stop a job within a chunk. What is done of it is kept: `resume` goes on from there."""
    from bowline import wire
    from bowline.desk.jobs import cancel

    with closing(wire.open_jobs(wire.home())) as store:
        _after(cancel(store, job), as_json=as_json)


@app.command("resume")
def resume_command(
    job: int = JOB,
    here: bool = typer.Option(False, help="Work on it in this process, and show the result."),
    threads: int = THREADS,
    cluster: str = CLUSTER,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Put a cancelled or parked job, or one whose worker died, back into the queue."""
    from bowline import wire
    from bowline.desk.jobs import resume, resume_here, sweep_result

    home = wire.home()
    with closing(wire.open_jobs(home)) as store:
        if not here:
            _after(resume(store, job), as_json=as_json)
            return
        if work_here(resume_here(store, job), threads=threads, cluster=cluster):
            found = sweep_result(store, job, lambda: wire.open_candles(home))
            show_result(found, job=job, as_json=as_json)


def work_here(
    lease: Lease,
    *,
    threads: int,
    cluster: str,
    plan: Any = None,  # noqa: ANN401 - GridPlan
) -> bool:
    """Work on a job in this process with progress on stderr; False if it was interrupted."""
    from bowline import wire
    from bowline.cli.interrupt import asked_to_stop
    from bowline.cli.worker import executor_of
    from bowline.core.model.job import JobState
    from bowline.desk.jobs import run_here, stage_of
    from bowline.research.jobs import WorkerContext
    from bowline.research.jobs.sweeps import first_stage

    home, job_id, meter = wire.home(), lease.job.id, Meter()

    def stage(job: StoredJob) -> Any:  # noqa: ANN401 - Stage
        return first_stage(plan) if plan else stage_of(job, lambda: wire.open_candles(home))

    with (
        closing(wire.open_jobs(home)) as store,
        executor_of(threads, cluster) as executor,
        asked_to_stop(lambda: _say("\nstopping after the chunk at work")) as stopping,
    ):
        context = WorkerContext(store, stage, executor, stopping=stopping, report=meter.show)
        state = run_here(context, lease)
    meter.end()
    if state is JobState.DONE:
        return True
    _say(f"job {job_id} is {state.value}: `bowline jobs resume {job_id} --here` goes on from here")
    return False


class Meter:
    """One line on stderr that is written over, or a line now and then where it is no terminal."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = 0.0
        self._open = False
        self._said = ""

    def show(self, job: StoredJob, progress: Progress | None) -> None:
        """Show how far it is."""
        line = f"job {job.id} {state_words(job)}" if progress is None else progress_words(progress)
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
            self._open = True
        elif self._clock() >= self._next and line != self._said:
            self._next, self._said = self._clock() + _PACE_S, line
            _say(line)

    def end(self) -> None:
        """Leave the line."""
        if self._open:
            sys.stderr.write("\n")
        self._open = False


def progress_words(progress: Progress) -> str:
    """Stage, share, speed, time to go and the best so far, on one line."""
    parts = [f"stage {progress.stage}", share_words(progress)]
    if progress.variants_per_s:
        parts.append(f"{progress.variants_per_s:,.0f} variants/s")
    if progress.eta_s is not None:
        parts.append(f"{progress.eta_s:,.0f} s left")
    if progress.best_is:
        parts.append(f"best {progress.best_is}")
    return " · ".join(parts)


def share_words(progress: Progress) -> str:
    """How much of the stage is done."""
    return f"{progress.variants_done / max(1, progress.variants):.0%}"


def state_words(job: StoredJob) -> str:
    """The state, and whether the worker that should be there is."""
    silent = job.lease_until_ns is not None and not job.at_work(time.time_ns())
    return job.state.value + (", its worker is silent" if silent else "")


def _facts(job: StoredJob) -> dict[str, object]:
    from bowline.desk.jobs import file_of, missing_of
    from bowline.desk.journal import moment

    progress = job.progress
    return {
        "what": job.title,
        "state": state_words(job),
        "variants": f"{job.variants:,}",
        "progress": "none yet" if progress is None else progress_words(progress),
        "worked": "" if progress is None else f"{progress.worked_s:,.1f} s",
        "worker": job.lease_owner or "none",
        "last heard of": "" if job.heartbeat_ns is None else moment(job.heartbeat_ns),
        "attempts at this chunk": job.attempts,
        "error": job.error or "none",
        "created": moment(job.created_ns),
        "changed": moment(job.updated_ns),
        "request": job.request_hash,
        "candles of": file_of(job) or "the store",
        "candles": job.data_hash,
        **missing_of(job),
    }


def _fields(job: StoredJob) -> dict[str, Any]:
    import msgspec

    # the payload is JSON already: as an object, not as text
    fields = msgspec.structs.asdict(job)
    eta_s = None if job.progress is None else job.progress.eta_s
    return {**fields, "payload": msgspec.Raw(job.payload.encode()), "eta_s": eta_s}


def _after(job: StoredJob, *, as_json: bool) -> None:
    if as_json:
        emit_json(_fields(job))
    else:
        typer.echo(f"job {job.id} is {job.state.value}")


def _say(text: str) -> None:
    typer.echo(text, err=True)
