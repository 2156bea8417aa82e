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
    say_written,
    words_of,
)
from bowline.cli.output import JSON_HELP, emit_completeness, emit_json, emit_table

if TYPE_CHECKING:
    from bowline.desk.setup import Words
    from bowline.desk.validation import Effort, Validation
    from bowline.research.grid import GridPlan, SweepBudget, SweepResult
    from bowline.research.validation import SweepVerdict, WalkForward

app = typer.Typer()

TRAIN = typer.Option(
    0,
    min=0,
    max=MOST_DAYS,
    help="Days to choose on in each fold; without it three eighths of all.",
)
TEST = typer.Option(
    0, min=0, max=MOST_DAYS, help="Days to test in each fold; without it one eighth of all."
)


@app.command("validate")
def validate_command(
    what: str = typer.Argument(help="A job's number, a grid file, or a strategy (file, id, name)."),
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
        100, min=1, max=MOST_PATHS, help="Made-up markets; ten times as many round trips."
    ),
    seed: int = typer.Option(
        1, min=0, max=MOST_NUMBER, help="The same seed draws the same markets."
    ),
    train_days: int = TRAIN,
    test_days: int = TEST,
    threads: int = THREADS,
    max_variants: int | None = MAX_VARIANTS,
    max_mib: int | None = MAX_MIB,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Whether to believe a result: verdict, Monte Carlo, walk-forward, look-ahead."""
    from bowline import wire
    from bowline.desk.validation import Effort

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
    effort = Effort(
        round_trip_paths=10 * paths, market_paths=paths, seed=seed, threads=_threads(threads)
    )
    budget = wire.grid_budget(max_variants, max_mib)
    if (result := _result(what, words, budget, effort.threads)) is None:
        found = _strategy(what, words, effort)
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
    anchored: bool = typer.Option(False, help="Choose on everything before each test."),
    train_days: int = TRAIN,
    test_days: int = TEST,
    threads: int = THREADS,
    max_variants: int | None = MAX_VARIANTS,
    max_mib: int | None = MAX_MIB,
    equity: Path | None = typer.Option(None, help="Write the joined equity as CSV, a row a close."),
    force: bool = FORCE,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Choose on the past, trade what follows, move on: the grid's equity out of sample."""
    from bowline import wire
    from bowline.desk.report import completeness_document
    from bowline.desk.validation import Effort, walk_sweep, write_equity
    from bowline.desk.validation_words import walk_document

    (table,) = outputs_of({"--equity": equity}, grid, candles, force=force)
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
    plan = _plan(grid, words, wire.grid_budget(max_variants, max_mib))
    effort = _folded(Effort(threads=_threads(threads)), plan, train_days, test_days)
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
    from bowline.desk.validation_words import verdict_rows

    typer.echo(verdict.headline)
    emit_table(("question", "figure", "answer", "in words"), verdict_rows(verdict))


def show_walk(name: str, walk: WalkForward) -> None:
    """The folds of a walk, and what they come to."""
    from bowline.desk.validation_words import walk_rows, walk_words

    emit_table(
        (
            "test (UTC)",
            "chosen",
            "return % before",
            "return % in the test",
            "round trips",
            "candles lost",
        ),
        walk_rows(walk),
        title=f"walk-forward, {name}",
    )
    typer.echo(walk_words(walk))


def _show(found: Validation, *, as_json: bool) -> None:
    from bowline.desk.report import first_signal_text
    from bowline.desk.validation_words import look_ahead_words, paths_rows, validation_document

    if as_json:
        emit_json(validation_document(found))
        return
    typer.echo(f"{found.strategy}\n{first_signal_text(found.first_signal)}")
    if found.completeness is not None:
        emit_completeness(found.completeness)
    show_verdict(found.verdict)
    emit_table(
        ("Monte Carlo", "paths", "return %", "5 … 50 … 95 of 100", "drawdown 50 … 95", "lost %",
         "did worse %"),
        paths_rows(found),
    )  # fmt: skip
    for name, walk in found.walks.items():
        show_walk(name, walk)
    if found.look_ahead is not None:
        typer.echo(look_ahead_words(found.look_ahead))
    for note in found.notes:
        typer.echo(note)


def _result(what: str, words: Words, budget: SweepBudget, threads: int) -> SweepResult | None:
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
        # what is piped in can be read once only: a strategy
        return None
    from bowline.research.grid import Merge, finish, run_chunks

    plan = _plan(Path(what), words, budget)
    _say(f"{plan.variants:,} variants over {len(plan.candles) - plan.start:,} candles")
    began = time.perf_counter()
    merge = run_chunks(plan, Merge(plan), threads=threads)
    return finish(merge, time.perf_counter() - began)


def _sweep(result: SweepResult, effort: Effort) -> Validation:
    from bowline import wire
    from bowline.desk.validation import validate_sweep

    with closing(wire.open_trials(wire.home())) as trials:
        return validate_sweep(result, trials, time.time_ns(), effort, _say)


def _strategy(what: str, words: Words, effort: Effort) -> Validation:
    from bowline import wire
    from bowline.desk.setup import set_up
    from bowline.desk.validation import validate_strategy

    home = wire.home()
    with wire.strategy_desk(home) as strategies, closing(wire.open_trials(home)) as trials:
        setup = set_up(
            strategies.load(what),
            words,
            strategies.opinion,
            lambda: wire.open_candles(home),
            account="validate",
            recorded=lambda asked: wire.recorded_instrument(home, asked),
        )
        return validate_strategy(setup, trials, effort, _say)


def _plan(grid: Path, words: Words, budget: SweepBudget) -> GridPlan:
    from bowline import wire
    from bowline.desk.spec_text import read_spec_file
    from bowline.desk.sweeps import Wishes, prepare_sweep, read_request

    wishes = Wishes(budget=budget)
    request = read_request(read_spec_file(grid), wire.load_catalogue(), words, wishes)
    home = wire.home()
    return prepare_sweep(request, words, wishes, lambda: wire.open_candles(home))


def _folded(effort: Effort, plan: GridPlan, train_days: int, test_days: int) -> Effort:
    from msgspec.structs import replace

    from bowline.desk.validation import candles_of_days

    timeframe = plan.candles.timeframe
    train, test = (candles_of_days(days, timeframe) for days in (train_days, test_days))
    return replace(effort, train=train, test=test)


def _threads(asked: int) -> int:
    return asked or os.cpu_count() or 1


def _say(text: str) -> None:
    typer.echo(text, err=True)
