"""`bowline grid`: many variants of a strategy over the same candles, ranked by a figure."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
import typer.core

from bowline.cli.jobs import work_here
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
    PAGE,
    START,
    SYMBOL,
    THREADS,
    TIMEFRAME,
    TOP,
    outputs_of,
    run_options_of,
)
from bowline.cli.output import JSON_HELP, emit_completeness, emit_json
from bowline.cli.sweep_result import say, show_result
from bowline.cli.worker import CLUSTER

if TYPE_CHECKING:
    from bowline.research.grid import GridPlan

#: the exit code that a shell reports for a process ended by Ctrl-C
EXIT_INTERRUPTED = 130


class _RunUnlessNamed(typer.core.TyperGroup):
    """`bowline grid FILE` is `bowline grid run FILE`."""

    unless_named = "run"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - of a library that typer hides
        """Insert `run` before an argument that is not a command of the group."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [self.unless_named, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RunUnlessNamed,
    help="Sweep many variants of a strategy over the same candles.",
    no_args_is_help=True,
)


@app.command("run")
def run_command(
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
    html: Path | None = PAGE,
    force: bool = FORCE,
    threads: int = THREADS,
    cluster: str = CLUSTER,
    max_variants: int | None = MAX_VARIANTS,
    max_mib: int | None = MAX_MIB,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Sweep a grid over past candles and judge the best rows.

    Ctrl-C keeps the finished part as a job: `bowline jobs resume JOB --here` continues it.
    """
    from bowline import wire
    from bowline.desk.spec_text import read_spec_file
    from bowline.desk.sweeps import SweepOptions, prepare_sweep, read_request

    (page,) = outputs_of({"--html": html}, grid, candles, force=force)
    home = wire.home()
    options = run_options_of(
        market, symbol, timeframe, (start, end), cash, candles,
        allow_jumps=allow_jumps, allow_gaps=allow_gaps,
    )  # fmt: skip
    sweep_options = SweepOptions(top, exhaustive, wire.grid_budget(max_variants, max_mib))
    request = read_request(read_spec_file(grid), wire.load_catalogue(), options, sweep_options)
    plan = prepare_sweep(request, options, sweep_options, lambda: wire.open_candles(home))
    _announce(plan)
    # the database's library takes longer to load than the first rows take to compute
    from bowline.desk.jobs import begin_here, sweep_job, sweep_result

    with closing(wire.open_jobs(home)) as store:
        lease = begin_here(store, sweep_job(plan, options, sweep_options))
        if not work_here(lease, threads=threads, cluster=cluster, plan=plan):
            if html is not None:
                say(f"no page was written: add --html {html} to it")
            raise typer.Exit(EXIT_INTERRUPTED)
        found = sweep_result(store, lease.job.id, lambda: wire.open_candles(home), plan)
    say(f"job {lease.job.id}: to save a row as a strategy: bowline grid save {lease.job.id} ROW")
    source = str(candles or "stored candles")
    show_result(found, job=lease.job.id, as_json=as_json, page=page, source=source)


def _announce(plan: GridPlan) -> None:
    """Print the size of the sweep, the completeness of its candles and a first figure at once.

    The job computes the first chunk again with the rest.
    """
    from bowline.desk.report import number_text

    say(
        f"{plan.variants:,} variants over {len(plan.candles) - plan.start:,} candles, "
        f"up to {plan.bytes >> 20:,} MiB"
    )
    emit_completeness(plan.completeness, err=True)
    found = plan.run_chunk(0)
    if len(found.rows):
        rank_by = plan.request.rank_by
        figure = float(found.rows.figure(rank_by)[0])
        say(f"best {rank_by} of the first {found.evaluated}: {number_text(figure)}")


@app.command("save")
def save_command(
    job: int = JOB,
    row: int = typer.Argument(min=1, max=MOST_ROWS, help="Row of the result; 1 is the best."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Save a row of a sweep as a strategy."""
    import msgspec

    from bowline import wire
    from bowline.core.signals import document_of, spec_json
    from bowline.desk.jobs import sweep_result
    from bowline.desk.sweeps import save_row

    home = wire.home()
    with closing(wire.open_jobs(home)) as store, wire.strategy_desk(home) as strategies:
        result = sweep_result(store, job, lambda: wire.open_candles(home))
        saved = save_row(strategies, result, row, time.time_ns())
    record = saved.record
    if as_json:
        spec = msgspec.Raw(spec_json(document_of(result.spec(row))))
        emit_json({"id": record.id, "name": record.name, "created": saved.created, "spec": spec})
        return
    typer.echo(record.id)
    say(f"{record.name}" + ("" if saved.created else " (exists already)"))
