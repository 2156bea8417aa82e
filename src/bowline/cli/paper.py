"""`bowline paper`: the live code path over recorded candles, with a simulated venue."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bowline.cli.options import (
    ALLOW_GAPS,
    CASH,
    END,
    FORCE,
    HTML,
    MARKET,
    SPEC,
    START,
    SYMBOL,
    TIMEFRAME,
    outputs_of,
    run_options_of,
    say_written,
)
from bowline.cli.output import JSON_HELP, emit_json
from bowline.core.errors import BadInput

if TYPE_CHECKING:
    from bowline.core.report import Report
    from bowline.desk.paper_runs import PaperRun
    from bowline.desk.report import Caption
    from bowline.desk.setup import RunOptions

app = typer.Typer()

_REPLAY_HELP = "Replay stored candles (required: live feeds are not supported yet)."
_SPEED_HELP = "max, or a multiple of real time, such as 60x."


@app.command("paper")
def paper_command(
    spec: str = SPEC,
    *,
    replay: bool = typer.Option(False, "--replay", help=_REPLAY_HELP),
    start: str = START,
    end: str = END,
    speed: str = typer.Option("max", help=_SPEED_HELP),
    market: str = MARKET,
    symbol: str = SYMBOL,
    timeframe: str = TIMEFRAME,
    cash: str = CASH,
    allow_gaps: bool = ALLOW_GAPS,
    new: bool = typer.Option(False, "--new", help="Start a new run even if one is unfinished."),
    html: Path | None = HTML,
    force: bool = FORCE,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Run a strategy on paper over stored candles.

    An interrupted run is resumed by the same command.
    """
    from bowline import wire
    from bowline.core.report import make_report
    from bowline.desk.report import write_html

    if not replay:
        raise BadInput(
            "bowline paper needs --replay: it runs over stored candles",
            hint="import candles first (bowline candles import), then add --replay",
        )
    (page,) = outputs_of({"--html": html}, spec, force=force)
    wire.start_logs()
    options = run_options_of(market, symbol, timeframe, (start, end), cash, allow_gaps=allow_gaps)
    run, caption = play(wire.home(), spec, options, parse_speed(speed), fresh=new)
    # a run interrupted before its first close has nothing to report
    report = None
    if run.result.finished or len(run.result.record.candles):
        report = make_report(run.result.record, run.completeness)
    if page is not None and report is not None:
        write_html(report, caption, page)
    _show(run, report, caption, as_json=as_json)
    say_written(("report", page if report is not None else None))
    if run.result.differences:
        raise typer.Exit(1)


def play(
    home: Path, word: str, options: RunOptions, speed: float | None, *, fresh: bool
) -> tuple[PaperRun, Caption]:
    """Set the run up and carry it out, with progress on stderr."""
    import time

    from bowline import wire
    from bowline.desk.paper_runs import work
    from bowline.desk.report import caption_of
    from bowline.desk.setup import set_up

    with wire.strategy_desk(home) as strategies, closing(wire.open_tables(home)) as tables:
        store = wire.open_candles(home)
        setup = set_up(
            strategies.load(word), options, strategies.opinion, lambda: store, account="paper"
        )
        strategies.create(setup.spec, time.time_ns())
        total = len(setup.candles) - setup.warmup_candles
        run = work(
            setup,
            tables,
            home,
            wire.open_journal,
            wire.replay_feed(store, setup, speed),
            progress_line(total),
            fresh=fresh,
        )
    return run, caption_of(setup.spec, f"paper run {run.run_id} over stored candles")


def parse_speed(text: str) -> float | None:
    """`max` is None; `60x` is 60."""
    word = text.strip().lower()
    if word == "max":
        return None
    try:
        speed = float(word.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise BadInput(
            f"--speed {text} is not a speed", hint="expected max, or a number such as 60x"
        )
    return speed


def progress_line(total: int) -> Callable[[int], None]:
    """Shows the progress of a run on one line of stderr, if that is a terminal."""
    is_terminal = sys.stderr.isatty()

    def progress(done: int) -> None:
        if is_terminal:
            share = min(1.0, done / total) if total else 1.0
            end = "\n" if done >= total else ""
            sys.stderr.write(f"\rcandle {done:,} of {total:,} ({share:.0%}){end}")
            sys.stderr.flush()

    return progress


def _show(run: PaperRun, report: Report | None, caption: Caption, *, as_json: bool) -> None:
    from bowline.desk.report import print_report, report_json

    result = run.result
    round_trips = None if report is None else len(report.round_trips)
    if as_json:
        emit_json(
            {
                "run": run.run_id,
                "taken_up": run.taken_up,
                "finished": result.finished,
                "journal": str(run.journal),
                "entries": result.entries,
                "head": result.head,
                "round_trips": round_trips or 0,
                "differences": result.differences,
                "report": None if report is None else report_json(report, caption),
            }
        )
        return
    if report is not None:
        print_report(report, caption)
        typer.echo("")
    for line in summary(run, round_trips):
        typer.echo(line)


def summary(run: PaperRun, round_trips: int | None) -> list[str]:
    """How the run ended and compares with the backtest; `round_trips` None if no candle closed."""
    result = run.result
    lines = [] if result.finished else ["interrupted: repeat the command to resume"]
    if run.taken_up:
        lines.append(f"run {run.run_id} was resumed at the end of its journal")
    lines.append(f"journal: {run.journal} ({result.entries:,} entries, head {result.head[:16]})")
    if round_trips is None:
        return lines
    count = len(result.differences)
    if not count:
        many = "round trip" if round_trips == 1 else f"{round_trips:,} round trips"
        lines.append(f"a backtest on the same candles gives the same {many}")
        return lines
    lines.append(f"{count:,} fills differ from the backtest on the same candles:")
    lines.extend(f"  fill {each.number}: {each.what}" for each in result.differences[:10])
    return lines
