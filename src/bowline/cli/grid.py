"""`bowline grid`: many variants of a strategy over the same candles, and what is best of them."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
import typer.core

from bowline.cli.options import CASH, END, FILE, MARKET, START, SYMBOL, TIMEFRAME, words_of
from bowline.cli.output import JSON_HELP, emit_json, emit_table

if TYPE_CHECKING:
    from bowline.research.grid import Progress, SweepResult

#: rows of the table on the terminal; `--json` has all
SHOWN_ROWS = 20
#: seconds between two lines of progress where it is not a terminal
_PACE_S = 5.0


class _RunUnlessNamed(typer.core.TyperGroup):
    """`bowline grid FILE` is `bowline grid run FILE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - of a library that typer hides
        """Put `run` before what is no command of the group."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RunUnlessNamed,
    help="Many variants of a strategy over the same candles: `bowline grid GRID.yaml`.",
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
    top: int | None = typer.Option(None, help="How many best rows; without it the grid's own."),
    exhaustive: bool = typer.Option(False, help="No shortlist: every variant with every stop."),
    threads: int = typer.Option(0, help="Threads; without it one a processor."),
    max_variants: int = typer.Option(10_000_000, help="Refuse a grid of more variants."),
    max_mib: int = typer.Option(2_048, help="Refuse a grid that takes more memory."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Sweep a grid over past candles and show the best rows, each run again by the core."""
    from bowline import wire
    from bowline.desk.spec_text import read_spec_file
    from bowline.desk.sweeps import Wishes, prepare_sweep, read_request
    from bowline.research.grid import Budget, Merge, finish, run_chunks

    home = wire.home()
    words = words_of(market, symbol, timeframe, (start, end), cash, candles)
    wishes = Wishes(top, exhaustive, Budget(max_variants, max_mib << 20))
    request = read_request(read_spec_file(grid), wire.load_catalogue(), words, wishes)
    plan = prepare_sweep(request, words, wishes, lambda: wire.open_candles(home))
    say(
        f"{plan.variants:,} variants over {len(plan.candles) - plan.start:,} candles, "
        f"up to {plan.bytes >> 20:,} MiB"
    )
    began = time.perf_counter()
    meter = Meter()
    merge = run_chunks(
        plan, Merge(plan), threads=threads or os.cpu_count() or 1, progress=meter.show
    )
    meter.end()
    show_result(finish(merge, time.perf_counter() - began), as_json=as_json)


class Meter:
    """One line on stderr that is written over, or a line now and then where it is no terminal."""

    def __init__(self) -> None:
        self._last = -_PACE_S
        self._open = False

    def show(self, progress: Progress) -> None:
        """Show how far it is."""
        best = "none yet" if progress.best_figure is None else f"{progress.best_figure:,.2f}"
        stage = f"stage {progress.stage} · " if progress.stage else ""
        done = 100 * progress.evaluated / max(1, progress.evaluations)
        line = (
            f"{stage}{done:.0f} % · {progress.variants_per_s:,.0f} variants/s · "
            f"{progress.left_s:,.0f} s left · best {best}"
        )
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
            self._open = True
        elif progress.elapsed_s - self._last >= _PACE_S:
            self._last = progress.elapsed_s
            say(line)

    def end(self) -> None:
        """Leave the line."""
        if self._open:
            sys.stderr.write("\n")
            self._open = False


def show_result(result: SweepResult, *, as_json: bool) -> None:
    """Print a result: one document, or the best rows and what is to be said of them."""
    if as_json:
        emit_json(result.document())
        return
    from bowline.core.signals import strategy_name

    top = result.top
    emit_table(
        ("row", "return %", "max. drawdown %", "sharpe", "round trips", "win rate %", "strategy"),
        (
            (
                place + 1,
                f"{top.total_return_pct[place]:.2f}",
                f"{top.max_drawdown_pct[place]:.2f}",
                f"{top.sharpe[place]:.2f}",
                int(top.round_trips[place]),
                f"{top.figure('win_rate_pct')[place]:.1f}",
                strategy_name(result.plan.spec(int(top.variant[place]))),
            )
            for place in range(min(SHOWN_ROWS, len(top)))
        ),
        title=f"the best of {result.plan.variants:,} variants by {result.plan.request.rank_by}",
    )
    typer.echo(
        f"{result.evaluated:,} evaluated in {result.timings.sweep_s:.1f} s "
        f"({result.timings.candle_rows_per_s / 1e6:,.0f} M candles × variants a second); "
        f"{len(top)} run again by the core in {result.timings.again_s:.1f} s: they agree"
    )
    if result.stages is not None:
        typer.echo(result.stages.words())
    for note in result.notes:
        typer.echo(note)


def say(text: str) -> None:
    """One line on stderr."""
    typer.echo(text, err=True)
