"""`bowline demo`: every step from a candle file to a paper run, in a folder of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import typer

from bowline.cli.options import ALLOW_JUMPS, gap_rule
from bowline.cli.output import JSON_HELP, emit_json

if TYPE_CHECKING:
    from bowline.core.report import Report
    from bowline.desk.candle_import import ImportOutcome
    from bowline.desk.demo import DemoSummary

app = typer.Typer()

_GAPS = "Continue although too many candles of the file are missing."
_FILE = typer.Option(None, "--candles", help="Your file of 1m candles (default: generated).")


@app.command("demo")
def demo_command(
    candles: Path | None = _FILE,
    *,
    allow_jumps: bool = ALLOW_JUMPS,
    allow_gaps: bool = typer.Option(False, help=_GAPS),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Run a demonstration from candle import to paper run.

    Candles are imported, a strategy is backtested and run on paper, and the two are compared.
    """
    import time

    from bowline import wire
    from bowline.cli.paper import play
    from bowline.core.report import make_report
    from bowline.desk import demo
    from bowline.desk.output_files import Output
    from bowline.desk.report import write_html
    from bowline.desk.setup import RunOptions

    home = wire.demo_home()
    symbol = demo.demo_symbol(candles)
    _say("1/4 importing candles ...")
    imported = demo.import_demo_candles(
        wire.open_candles(home), home, candles, symbol, allow_jumps=allow_jumps
    )
    _say("2/4 saving a strategy ...")
    with wire.strategy_desk(home) as strategies:
        saved = strategies.create(strategies.read(demo.SPEC), time.time_ns()).record
    _say("3/4 paper run, candle by candle, and the backtest it is compared with ...")
    options = RunOptions(market=demo.MARKET, symbol=symbol, gaps=gap_rule(allow=allow_gaps))
    run, caption = play(home, saved.id, options, None, fresh=True)
    _say("4/4 writing the report ...")
    report = make_report(run.result.record, run.completeness)
    page = home / f"report-{run.run_id}.html"
    write_html(report, caption, Output(page, force=True))
    summary = demo.DemoSummary(
        candles=imported.candles,
        round_trips=len(report.round_trips),
        differences=len(run.result.differences),
        report=str(page),
        journal=str(run.journal),
    )
    if as_json:
        emit_json(demo.summary_document(summary, run.completeness))
    else:
        _tell(summary, imported, saved.name, report, home)


def _say(step: str) -> None:
    typer.echo(step, err=True)


def _tell(
    summary: DemoSummary,
    imported: ImportOutcome,
    strategy: str,
    report: Report,
    home: Path,
) -> None:
    from bowline.desk.report import completeness_facts, verdict

    missing = "; ".join(text for _, text in completeness_facts(report.completeness))
    before = " (already imported)" if imported.status == "known" else ""
    same = "0 differences" if not summary.differences else f"{summary.differences} DIFFERENCES"
    bowline = quote(os.path.relpath(sys.argv[0]))
    typer.echo(
        f"""
Imported    {summary.candles:,} one-minute candles from {imported.file}{before}: {missing}
Strategy    {strategy}
Backtest    {verdict(report)}
Paper run   the same strategy candle by candle, with a journal:
            {summary.round_trips:,} round trips, {same} from the backtest
Report      {summary.report}
Journal     {summary.journal}

Next steps (all files are in {home}):
  export BOWLINE_HOME={quote(str(home))}
  {bowline} journal verify                 # check the hash chain
  {bowline} journal replay                 # recompute every command
  {bowline} strategy list
  {bowline} indicators list
  make demo CANDLES=path/to/your-1m-candles.csv"""
    )
