"""`bowline worker`: runs queued jobs until it is stopped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import typer

from bowline.cli.options import THREADS
from bowline.cli.output import JSON_HELP, emit_json

if TYPE_CHECKING:
    from bowline.research.jobs import ChunkExecutor

app = typer.Typer()

CLUSTER = typer.Option("", help="Dask cluster to compute on: tcp://host:port, or local.")


@app.command("worker")
def worker_command(
    once: bool = typer.Option(False, help="Exit when the queue is empty."),
    threads: int = THREADS,
    cluster: str = CLUSTER,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Run queued jobs until stopped.

    Any number of workers can run, on any machine. Ctrl-C or SIGTERM returns the present job to the
    queue after its chunk; kill -9 loses that chunk.
    """
    from bowline import wire
    from bowline.cli.interrupt import stop_requested
    from bowline.desk.jobs import stage_of
    from bowline.research.grid import instruction_set
    from bowline.research.jobs import WorkerContext, work, worker_name

    wire.start_logs()
    home, name = wire.home(), worker_name()
    # errors of this machine must be raised here: they are not the fault of a job
    instruction_set()
    wire.open_candles(home)
    with (
        closing(wire.open_jobs(home)) as store,
        executor_of(threads, cluster) as executor,
        stop_requested(lambda: _say("stopping after the present chunk")) as stopping,
    ):
        _say(f"worker {name} waits for jobs")
        context = WorkerContext(
            store,
            lambda job: stage_of(job, lambda: wire.open_candles(home)),
            executor,
            stopping=stopping,
        )
        taken = work(context, name, once=once)
    if as_json:
        emit_json({"worker": name, "jobs_taken": taken})


@contextmanager
def executor_of(threads: int, cluster: str) -> Iterator[ChunkExecutor]:
    """What computes chunks: this process, or a cluster."""
    from bowline.core.errors import BadInput
    from bowline.research.jobs import LocalExecutor

    if not cluster:
        yield LocalExecutor(threads or os.cpu_count() or 1)
        return
    try:
        from bowline.research.jobs.cluster import open_cluster
    except ModuleNotFoundError as error:
        raise BadInput(
            f"--cluster needs Dask, and {error.name} is not installed",
            hint="in the checkout: make cluster",
        ) from error
    with open_cluster(cluster, threads) as found:
        yield found


def _say(text: str) -> None:
    typer.echo(text, err=True)
