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
    FORCE,
    JOB,
    MARKET,
    MAX_MIB,
    MAX_VARIANTS,
    MOST_ROWS,
    MOST_SECONDS,
    PAGE,
    START,
    SYMBOL,
    THREADS,
    TIMEFRAME,
    TOP,
    outputs_of,
    run_options_of,
)
from bowline.cli.output import JSON_HELP, emit_completeness, emit_json, emit_table
from bowline.cli.sweep_result import show_result
from bowline.cli.worker import CLUSTER

if TYPE_CHECKING:
    from bowline.desk.output_files import Output
    from bowline.storage.jobs import JobProgress, Jobs, Lease, StoredJob

app = typer.Typer(
    help="Queue sweeps as jobs; list, watch, cancel, resume them.", no_args_is_help=True
)
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
    exhaustive: bool = typer.Option(
        False, help="Evaluate every variant with every stop, no shortlist."
    ),
    max_variants: int | None = MAX_VARIANTS,
    max_mib: int | None = MAX_MIB,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Add a sweep to the queue for a worker."""
    from bowline import wire
    from bowline.desk.jobs import sweep_job
    from bowline.desk.spec_text import read_spec_file
    from bowline.desk.sweeps import SweepOptions, prepare_sweep, read_request

    home = wire.home()
    options = run_options_of(
        market,
        symbol,
        timeframe,
        (start, end),
        cash,
        candles,
        allow_jumps=allow_jumps,
        allow_gaps=allow_gaps,
    )
    sweep_options = SweepOptions(top, exhaustive, wire.grid_budget(max_variants, max_mib))
    request = read_request(read_spec_file(grid), wire.load_catalogue(), options, sweep_options)
    plan = prepare_sweep(request, options, sweep_options, lambda: wire.open_candles(home))
    emit_completeness(plan.completeness, err=True)
    with closing(wire.open_jobs(home)) as store:
        job = store.submit(sweep_job(plan, options, sweep_options), time.time_ns())
    if as_json:
        emit_json(_fields(job))
        return
    typer.echo(f"job {job.id}: {job.variants:,} variants, {job.title}")
    _say(f"start a worker with `bowline worker`; follow it with `bowline jobs watch {job.id}`")


@app.command("list")
def list_command(
    count: int = typer.Option(20, "-n", min=1, max=MOST_ROWS, help="Number of jobs, newest first."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """List the newest jobs."""
    from bowline import wire
    from bowline.desk.journal import moment

    with closing(wire.open_jobs(wire.home())) as store:
        found = store.list(count)
    if as_json:
        emit_json([_fields(job) for job in found])
        return
    emit_table(
        ("job", "state", "done", "variants", "sweep", "created (UTC)"),
        (
            (
                job.id,
                state_text(job),
                "" if job.progress is None else share_done_text(job.progress),
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
    result: bool = typer.Option(False, help="Show the result of a finished job."),
    html: Path | None = PAGE,
    force: bool = FORCE,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Show a job: progress, worker, error; or its result."""
    from bowline import wire

    with closing(wire.open_jobs(wire.home())) as store:
        stored = store.get(job)
        if result or html is not None:
            page = _page_of(stored, html, force=force)
            _show_result(store, stored, page, as_json=as_json)
            return
    if as_json:
        emit_json(_fields(stored))
    else:
        emit_table((f"job {stored.id}", ""), _facts(stored).items())


@app.command("watch")
def watch_command(
    job: int = JOB,
    every: float = typer.Option(1.0, min=0.05, max=MOST_SECONDS, help="Seconds between two polls."),
    as_json: bool = typer.Option(
        False, "--json", help="Print one JSON document per line at each change."
    ),
) -> None:
    """Show the progress of a job until it ends.

    The exit code is 0 if it is done, 1 if it was cancelled or parked.
    """
    from bowline import wire
    from bowline.core.model.job import JobState

    last: StoredJob | None = None
    line = JobProgressLine()
    with closing(wire.open_jobs(wire.home())) as store:
        while True:
            now = store.get(job)
            if as_json and (
                last is None or now.progress != last.progress or now.state != last.state
            ):
                emit_json(_fields(now))
            elif not as_json:
                line.show(now, now.progress)
            if now.state.finished:
                break
            last = now
            time.sleep(every)
    line.end()
    if not as_json:
        typer.echo(f"job {job} is {now.state.value}" + (f": {now.error}" if now.error else ""))
    if now.state is not JobState.DONE:
        raise typer.Exit(1)


@app.command("cancel")
def cancel_command(
    job: int = JOB, as_json: bool = typer.Option(False, "--json", help=JSON_HELP)
) -> None:
    """Cancel a job; `resume` continues it.

    It stops after the present chunk, and finished chunks are kept.
    """
    from bowline import wire
    from bowline.desk.jobs import cancel

    with closing(wire.open_jobs(wire.home())) as store:
        _after(cancel(store, job), as_json=as_json)


@app.command("resume")
def resume_command(
    job: int = JOB,
    here: bool = typer.Option(False, help="Run it in this process and show the result."),
    threads: int = THREADS,
    cluster: str = CLUSTER,
    html: Path | None = PAGE,
    force: bool = FORCE,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Requeue a job that was cancelled, parked or lost its worker."""
    from bowline import wire
    from bowline.core.errors import BadInput
    from bowline.desk.jobs import resume, resume_here

    if html is not None and not here:
        raise BadInput(
            "--html needs --here: a worker writes no page",
            hint=f"when the job is done: bowline jobs show {job} --html {html}",
        )
    with closing(wire.open_jobs(wire.home())) as store:
        if not here:
            _after(resume(store, job), as_json=as_json)
            return
        page = _page_of(store.get(job), html, force=force)
        if work_here(resume_here(store, job), threads=threads, cluster=cluster):
            _show_result(store, store.get(job), page, as_json=as_json)


def _page_of(job: StoredJob, html: Path | None, *, force: bool) -> Output | None:
    """The output file of a job's page; never the candles that the job was made of."""
    from bowline.desk.jobs import file_of

    (page,) = outputs_of({"--html": html}, file_of(job), force=force)
    return page


def _show_result(store: Jobs, job: StoredJob, page: Output | None, *, as_json: bool) -> None:
    from bowline import wire
    from bowline.desk.jobs import file_of, sweep_result

    found = sweep_result(store, job.id, lambda: wire.open_candles(wire.home()))
    source = str(file_of(job) or "stored candles")
    show_result(found, job=job.id, as_json=as_json, page=page, source=source)


def work_here(
    lease: Lease,
    *,
    threads: int,
    cluster: str,
    plan: Any = None,  # noqa: ANN401 - GridPlan
) -> bool:
    """Run a job in this process with progress on stderr; False if it was interrupted."""
    from bowline import wire
    from bowline.cli.interrupt import stop_requested
    from bowline.cli.worker import executor_of
    from bowline.core.model.job import JobState
    from bowline.desk.jobs import run_here, stage_of
    from bowline.research.jobs import WorkerContext
    from bowline.research.jobs.sweeps import first_stage

    home, job_id, line = wire.home(), lease.job.id, JobProgressLine()

    def stage(job: StoredJob) -> Any:  # noqa: ANN401 - Stage
        return first_stage(plan) if plan else stage_of(job, lambda: wire.open_candles(home))

    with (
        closing(wire.open_jobs(home)) as store,
        executor_of(threads, cluster) as executor,
        stop_requested(lambda: _say("\nstopping after the present chunk")) as stopping,
    ):
        context = WorkerContext(store, stage, executor, stopping=stopping, report=line.show)
        state = run_here(context, lease)
    line.end()
    if state is JobState.DONE:
        return True
    _say(f"job {job_id} is {state.value}: to continue: bowline jobs resume {job_id} --here")
    return False


class JobProgressLine:
    """One line on stderr that is rewritten, or a line at intervals where it is no terminal."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = 0.0
        self._open = False
        self._last = ""

    def show(self, job: StoredJob, progress: JobProgress | None) -> None:
        """Show the progress."""
        line = f"job {job.id} {state_text(job)}" if progress is None else progress_text(progress)
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
            self._open = True
        elif self._clock() >= self._next and line != self._last:
            self._next, self._last = self._clock() + _PACE_S, line
            _say(line)

    def end(self) -> None:
        """End the line."""
        if self._open:
            sys.stderr.write("\n")
        self._open = False


def progress_text(progress: JobProgress) -> str:
    """Stage, share, speed, time left and the best so far, on one line."""
    parts = [f"stage {progress.stage}", share_done_text(progress)]
    if progress.variants_per_s:
        parts.append(f"{progress.variants_per_s:,.0f} variants/s")
    if progress.eta_s is not None:
        parts.append(f"{progress.eta_s:,.0f} s left")
    if progress.best_is:
        parts.append(f"best {progress.best_is}")
    return " · ".join(parts)


def share_done_text(progress: JobProgress) -> str:
    """The finished share of the stage."""
    return f"{progress.variants_done / max(1, progress.variants):.0%}"


def state_text(job: StoredJob) -> str:
    """The state, and whether the worker has stopped renewing its lease."""
    silent = job.lease_until_ns is not None and not job.at_work(time.time_ns())
    return job.state.value + (", worker not responding" if silent else "")


def _facts(job: StoredJob) -> dict[str, object]:
    from bowline.desk.jobs import file_of, missing_of
    from bowline.desk.journal import moment

    progress = job.progress
    return {
        "sweep": job.title,
        "state": state_text(job),
        "variants": f"{job.variants:,}",
        "progress": "none yet" if progress is None else progress_text(progress),
        "work time": "" if progress is None else f"{progress.worked_s:,.1f} s",
        "worker": job.lease_owner or "none",
        "last heartbeat": "" if job.heartbeat_ns is None else moment(job.heartbeat_ns),
        "attempts at this chunk": job.attempts,
        "error": job.error or "none",
        "created": moment(job.created_ns),
        "changed": moment(job.updated_ns),
        "request": job.request_hash,
        "candle source": file_of(job) or "the store",
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
