"""`bowline validate` and `bowline walk-forward`: whether to believe a result."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bowline.cli.options import (
    ALLOW_GAPS,
    ALLOW_JUMPS,
    CASH,
    END,
    FILE,
    FORCE,
    MARKET,
    MAX_MIB,
    MAX_VARIANTS,
    MOST_DAYS,
    MOST_NUMBER,
    MOST_PATHS,
    START,
    SYMBOL,
    THREADS,
    TIMEFRAME,
    outputs_of,
    run_options_of,
    say_written,
)
from bowline.cli.output import JSON_HELP, emit_completeness, emit_json, emit_table

if TYPE_CHECKING:
    from bowline.desk.setup import RunOptions
    from bowline.desk.validation import Validation, ValidationOptions
    from bowline.research.grid import GridPlan, SweepBudget, SweepResult
    from bowline.research.validation import SweepVerdict, WalkForward

app = typer.Typer()

TRAIN = typer.Option(
    0,
    min=0,
    max=MOST_DAYS,
    help="In-sample days of each fold (default: 3/8 of all).",
)
TEST = typer.Option(0, min=0, max=MOST_DAYS, help="Test days of each fold (default: 1/8 of all).")


@app.command("validate")
def validate_command(
    what: str = typer.Argument(help="Job number, grid file, or strategy (file, id or name)."),
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
    paths: int = typer.Option(
        100,
        min=1,
        max=MOST_PATHS,
        help="Monte Carlo paths of candles; 10 times as many of round trips.",
    ),
    seed: int = typer.Option(1, min=0, max=MOST_NUMBER, help="Random seed of the paths."),
    train_days: int = TRAIN,
    test_days: int = TEST,
    threads: int = THREADS,
    max_variants: int | None = MAX_VARIANTS,
    max_mib: int | None = MAX_MIB,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Validate a result: verdict, Monte Carlo, walk-forward."""
    from bowline import wire
    from bowline.desk.validation import ValidationOptions

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
    effort = ValidationOptions(
        round_trip_paths=10 * paths, market_paths=paths, seed=seed, threads=_threads(threads)
    )
    budget = wire.grid_budget(max_variants, max_mib)
    if (result := _result(what, options, budget, effort.threads)) is None:
        found = _strategy(what, options, effort)
    else:
        found = _sweep(result, _folded(effort, result.plan, train_days, test_days))
    _show(found, as_json=as_json)


@app.command("walk-forward")
def walk_forward_command(
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
    anchored: bool = typer.Option(False, help="Use all candles before each test as in-sample."),
    train_days: int = TRAIN,
    test_days: int = TEST,
    threads: int = THREADS,
    max_variants: int | None = MAX_VARIANTS,
    max_mib: int | None = MAX_MIB,
    equity: Path | None = typer.Option(
        None, help="Write the joined equity as CSV, a row per close."
    ),
    force: bool = FORCE,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Choose variants in-sample and test them out of sample.

    The span is cut into folds; the tests of all folds are joined into one equity curve.
    """
    from bowline import wire
    from bowline.desk.report import completeness_document
    from bowline.desk.validation import ValidationOptions, walk_sweep, write_equity
    from bowline.desk.validation_text import walk_document

    (table,) = outputs_of({"--equity": equity}, grid, candles, force=force)
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
    plan = _plan(grid, options, wire.grid_budget(max_variants, max_mib))
    effort = _folded(ValidationOptions(threads=_threads(threads)), plan, train_days, test_days)
    with closing(wire.open_trials(wire.home())) as trials:
        walk = walk_sweep(plan, trials, time.time_ns(), effort, _say, anchored=anchored)
    if table is not None:
        write_equity(walk, table)
        say_written(("equity", table))
    if as_json:
        emit_json(walk_document(walk) | {"completeness": completeness_document(plan.completeness)})
        return
    emit_completeness(plan.completeness)
    show_walk("anchored" if anchored else "rolling", walk)


def show_verdict(verdict: SweepVerdict) -> None:
    """The verdict in words, then the figures it rests on."""
    from bowline.desk.validation_text import verdict_rows

    typer.echo(verdict.headline)
    emit_table(("check", "figure", "result", "meaning"), verdict_rows(verdict))


def show_walk(name: str, walk: WalkForward) -> None:
    """The folds of a walk, and what they come to."""
    from bowline.desk.validation_text import walk_rows, walk_text

    emit_table(
        (
            "test (UTC)",
            "chosen",
            "in-sample return %",
            "test return %",
            "round trips",
            "candles lost",
        ),
        walk_rows(walk),
        title=f"walk-forward, {name}",
    )
    typer.echo(walk_text(walk))


def _show(found: Validation, *, as_json: bool) -> None:
    from bowline.desk.report import first_signal_text
    from bowline.desk.validation_text import look_ahead_text, paths_rows, validation_document

    if as_json:
        emit_json(validation_document(found))
        return
    typer.echo(f"{found.strategy}\n{first_signal_text(found.first_signal)}")
    if found.completeness is not None:
        emit_completeness(found.completeness)
    show_verdict(found.verdict)
    emit_table(
        ("Monte Carlo", "paths", "return %", "return % p5 … p50 … p95", "drawdown % p50 … p95",
         "paths with a loss %", "paths below this return %"),
        paths_rows(found),
    )  # fmt: skip
    for name, walk in found.walks.items():
        show_walk(name, walk)
    if found.look_ahead is not None:
        typer.echo(look_ahead_text(found.look_ahead))
    for note in found.notes:
        typer.echo(note)


def _result(
    what: str, options: RunOptions, budget: SweepBudget, threads: int
) -> SweepResult | None:
    """The sweep of a job or of a grid file; None for a strategy."""
    from bowline import wire
    from bowline.desk.spec_text import PIPED, is_spec_file, read_spec_file
    from bowline.desk.validation import is_grid

    if what.isdecimal() and int(what) <= MOST_NUMBER:
        from bowline.desk.jobs import sweep_result

        home = wire.home()
        with closing(wire.open_jobs(home)) as jobs:
            return sweep_result(jobs, int(what), lambda: wire.open_candles(home))
    if what == PIPED or not (is_spec_file(what) and is_grid(read_spec_file(Path(what)))):
        # standard input can be read once only: it is a strategy
        return None
    from bowline.research.grid import Merge, finish, run_chunks

    plan = _plan(Path(what), options, budget)
    _say(f"{plan.variants:,} variants over {len(plan.candles) - plan.start:,} candles")
    began = time.perf_counter()
    merge = run_chunks(plan, Merge(plan), threads=threads)
    return finish(merge, time.perf_counter() - began)


def _sweep(result: SweepResult, effort: ValidationOptions) -> Validation:
    from bowline import wire
    from bowline.desk.validation import validate_sweep

    with closing(wire.open_trials(wire.home())) as trials:
        return validate_sweep(result, trials, time.time_ns(), effort, _say)


def _strategy(what: str, options: RunOptions, effort: ValidationOptions) -> Validation:
    from bowline import wire
    from bowline.desk.setup import set_up
    from bowline.desk.validation import validate_strategy

    home = wire.home()
    with wire.strategy_desk(home) as strategies, closing(wire.open_trials(home)) as trials:
        setup = set_up(
            strategies.load(what),
            options,
            strategies.opinion,
            lambda: wire.open_candles(home),
            account="validate",
            recorded=lambda asked: wire.recorded_instrument(home, asked),
        )
        return validate_strategy(setup, trials, effort, _say)


def _plan(grid: Path, options: RunOptions, budget: SweepBudget) -> GridPlan:
    from bowline import wire
    from bowline.desk.spec_text import read_spec_file
    from bowline.desk.sweeps import SweepOptions, prepare_sweep, read_request

    sweep_options = SweepOptions(budget=budget)
    request = read_request(read_spec_file(grid), wire.load_catalogue(), options, sweep_options)
    home = wire.home()
    return prepare_sweep(request, options, sweep_options, lambda: wire.open_candles(home))


def _folded(
    effort: ValidationOptions, plan: GridPlan, train_days: int, test_days: int
) -> ValidationOptions:
    from msgspec.structs import replace

    from bowline.desk.validation import candles_of_days

    timeframe = plan.candles.timeframe
    train, test = (candles_of_days(days, timeframe) for days in (train_days, test_days))
    return replace(effort, train=train, test=test)


def _threads(asked: int) -> int:
    return asked or os.cpu_count() or 1


def _say(text: str) -> None:
    typer.echo(text, err=True)
