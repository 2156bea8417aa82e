"""`bowline backtest`: a strategy over stored candles or over those of a file."""

from __future__ import annotations

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
    HTML,
    LOT_STEP,
    MARKET,
    MIN_NOTIONAL,
    SPEC,
    START,
    SYMBOL,
    TICK_SIZE,
    TIMEFRAME,
    TRADES,
    outputs_of,
    run_options_of,
    say_written,
    steps_of,
)
from bowline.cli.output import JSON_HELP, emit_json

if TYPE_CHECKING:
    from bowline.core.report import Report
    from bowline.desk.output_files import Output
    from bowline.desk.report import Caption

app = typer.Typer()


@app.command("backtest")
def backtest_command(
    spec: str = SPEC,
    start: str = START,
    end: str = END,
    market: str = MARKET,
    symbol: str = SYMBOL,
    timeframe: str = TIMEFRAME,
    candles: Path | None = FILE,
    *,
    allow_jumps: bool = ALLOW_JUMPS,
    allow_gaps: bool = ALLOW_GAPS,
    tick_size: str = TICK_SIZE,
    lot_step: str = LOT_STEP,
    min_notional: str = MIN_NOTIONAL,
    cash: str = CASH,
    html: Path | None = HTML,
    trades: Path | None = TRADES,
    force: bool = FORCE,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Backtest a strategy on past candles and print its report."""
    from bowline import wire
    from bowline.core.report import make_report
    from bowline.desk.report import caption_of
    from bowline.desk.setup import set_up
    from bowline.research import backtest

    page, table = outputs_of({"--html": html, "--trades": trades}, spec, candles, force=force)
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
        steps=steps_of(tick_size, lot_step, min_notional),
    )
    with wire.strategy_desk(home) as strategies:
        setup = set_up(
            strategies.load(spec),
            options,
            strategies.opinion,
            lambda: wire.open_candles(home),
            account="backtest",
            recorded=lambda asked: wire.recorded_instrument(home, asked),
        )
    report = make_report(
        backtest(setup.run, setup.opinion, setup.candles, setup.minutes, setup.funding),
        setup.completeness,
    )
    source = str(candles) if candles else "stored candles"
    show_report(report, caption_of(setup.spec, source), page=page, table=table, as_json=as_json)


def show_report(
    report: Report, caption: Caption, *, page: Output | None, table: Output | None, as_json: bool
) -> None:
    """Write the requested files, then print the report."""
    from bowline.desk.report import print_report, report_json, write_html, write_trades_csv

    if page is not None:
        write_html(report, caption, page)
    if table is not None:
        write_trades_csv(report, table)
    if as_json:
        emit_json(report_json(report, caption))
        return
    print_report(report, caption)
    say_written(("report", page), ("round trips", table))
