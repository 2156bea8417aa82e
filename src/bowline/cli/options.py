"""Options that several commands share, and the records that they fill."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from bowline.desk.completeness import GapRule
    from bowline.desk.output_files import Output
    from bowline.desk.setup import RunOptions
    from bowline.desk.steps import Steps

#: bounds of numbers on a command line
MOST_NUMBER = 2**63 - 1
MOST_ROWS = 1_000_000
MOST_THREADS = 1_024
MOST_DAYS = 36_525
MOST_SECONDS = 31_622_400.0
MOST_PATHS = 100_000

SPEC = typer.Argument(help="Spec file (-: standard input), or id or name of a saved strategy.")
MARKET = typer.Option("", help="Market, such as binance:spot (default: that of the spec).")
SYMBOL = typer.Option("", help="Symbol, such as BTCUSDT (default: that of the spec).")
TIMEFRAME = typer.Option("", help="Timeframe: 1m, 5m, 1h, 1d (default: that of the spec).")
START = typer.Option("", "--from", help="First decision (UTC): 2025-06-01 or 2025-06-01T12:00.")
END = typer.Option("", "--to", help="End (UTC; default: the last candle).")
CASH = typer.Option("", help="Initial cash in quote currency (default: 10000).")
HTML = typer.Option(None, help="Write the report as one self-contained HTML page.")
TRADES = typer.Option(None, help="Write the round trips as CSV.")
PAGE = typer.Option(None, "--html", help="Write the result as one self-contained HTML page.")
FORCE = typer.Option(False, "--force", help="Overwrite output files that exist.")
FILE = typer.Option(None, help="Candle file to use instead of stored candles.")
TICK_SIZE = typer.Option("", help="Price step for --candles (default: as recorded).")
LOT_STEP = typer.Option("", help="Quantity step for --candles (default: as recorded).")
MIN_NOTIONAL = typer.Option("", help="Minimum order value for --candles (default: as recorded).")
ALLOW_JUMPS = typer.Option(False, help="Accept price jumps in that file (a real flash crash).")
ALLOW_GAPS = typer.Option(False, help="Continue although too many candles are missing.")


THREADS = typer.Option(
    0,
    min=0,
    max=MOST_THREADS,
    help="Parallel chunks on this machine (default: one per processor).",
)
TOP = typer.Option(
    None, min=1, max=MOST_ROWS, help="Number of best rows (default: that of the grid)."
)
RUN = typer.Argument(min=1, max=MOST_NUMBER, help="Run number, as in `bowline runs list`.")
JOB = typer.Argument(min=1, max=MOST_NUMBER, help="Job number, as in `bowline jobs list`.")

MAX_VARIANTS = typer.Option(
    None,
    min=1,
    max=MOST_NUMBER,
    help="Most variants of a grid (default: BOWLINE_GRID_MAX_VARIANTS).",
)
MAX_MIB = typer.Option(
    None,
    min=1,
    max=1 << 30,
    help="Most memory of a grid in MiB (default: BOWLINE_GRID_MAX_MIB).",
)


def outputs_of(
    said: dict[str, Path | None], *inputs: str | Path | None, force: bool
) -> tuple[Output | None, ...]:
    """The output files that options name; BowlineError before any work if one cannot be written.

    `inputs` are the arguments that name what the command reads; one that is no file is ignored.
    """
    if not any(said.values()):
        return (None,) * len(said)
    from bowline import wire
    from bowline.desk.output_files import check_outputs

    files = [Path(each) for each in inputs if each]
    return check_outputs(said, files, wire.home(), force=force)


def output_of(option: str, path: Path, *, force: bool) -> Output:
    """The output file that a required option names, checked; BowlineError if it is not writable."""
    (out,) = outputs_of({option: path}, force=force)
    assert out is not None, "a path was given"
    return out


def say_written(*outputs: tuple[str, Output | None]) -> None:
    """A line on stderr for each file that was written."""
    for what, output in outputs:
        if output is not None:
            typer.echo(f"{what} written to {output.path}", err=True)


def gap_rule(*, allow: bool) -> GapRule:
    """The share of candles that may be missing: from the settings, or any with `allow`."""
    from bowline import wire
    from bowline.core.completeness import MAX_LOST_PCT
    from bowline.desk.completeness import GapRule

    most = wire.max_lost_pct()
    return GapRule(allow, MAX_LOST_PCT if most is None else most)


def steps_of(tick_size: str, lot_step: str, min_notional: str, contract_size: str = "") -> Steps:
    """The instrument's steps as given by options; BadInput if one is not a valid step."""
    from bowline.desk.steps import Steps, parse_step

    return Steps(
        parse_step("--tick-size", tick_size),
        parse_step("--lot-step", lot_step),
        parse_step("--min-notional", min_notional),
        parse_step("--contract-size", contract_size, above_zero=True),
    )


def run_options_of(
    market: str,
    symbol: str,
    timeframe: str,
    span: tuple[str, str],
    cash: str,
    file: Path | None = None,
    *,
    allow_jumps: bool = False,
    allow_gaps: bool = False,
    steps: Steps | None = None,
) -> RunOptions:
    """The options of a run; BadInput if a time cannot be read."""
    from bowline import wire
    from bowline.desk.candles import parse_moment, parse_start
    from bowline.desk.setup import RunOptions
    from bowline.desk.steps import Steps

    start, end = span
    return RunOptions(
        market=market,
        symbol=symbol,
        timeframe=timeframe,
        from_ns=parse_start(start) if start else None,
        to_ns=parse_moment(end) if end else None,
        cash=cash,
        file=file,
        allow_jumps=allow_jumps,
        gaps=gap_rule(allow=allow_gaps),
        steps=steps or Steps(),
        defaults=wire.spec_defaults(),
    )
