"""Options that several commands share, and the words they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from bowline.desk.completeness import GapRule
    from bowline.desk.output_files import Output
    from bowline.desk.setup import Words
    from bowline.desk.steps import Steps

#: bounds of numbers on a command line: what a database counts, a table shows, a machine has
MOST_NUMBER = 2**63 - 1
MOST_ROWS = 1_000_000
MOST_THREADS = 1_024
MOST_DAYS = 36_525
MOST_SECONDS = 31_622_400.0
MOST_PATHS = 100_000

SPEC = typer.Argument(
    help="A spec file (- is standard input), or the id or name of a saved strategy."
)
MARKET = typer.Option("", help="Market, such as binance:spot; without it the spec's own.")
SYMBOL = typer.Option("", help="The venue's symbol, such as BTCUSDT; without it the spec's own.")
TIMEFRAME = typer.Option("", help="Instead of the spec's own: 1m, 5m, 15m, 1h, 4h, 1d, ...")
START = typer.Option("", "--from", help="First decision, UTC: 2025-06-01 or 2025-06-01T12:00.")
END = typer.Option("", "--to", help="End, UTC; without it as far as the candles go.")
CASH = typer.Option("", help="Money to start with, in quote currency; 10,000 if not said.")
HTML = typer.Option(None, help="Write the report as one self-contained page.")
TRADES = typer.Option(None, help="Write the round trips as CSV.")
FORCE = typer.Option(False, "--force", help="Replace what is to be written, if it exists.")
FILE = typer.Option(None, help="A candle file; nothing of it is stored.")
TICK_SIZE = typer.Option("", help="Of a --candles run: the price step; else as recorded.")
LOT_STEP = typer.Option("", help="Of a --candles run: the quantity step; else as recorded.")
MIN_NOTIONAL = typer.Option("", help="Of a --candles run: the least an order must be worth.")
ALLOW_JUMPS = typer.Option(False, help="Believe jumps in that file (a real flash crash).")
ALLOW_GAPS = typer.Option(False, help="Go on although too many candles are missing.")


THREADS = typer.Option(
    0,
    min=0,
    max=MOST_THREADS,
    help="Chunks at a time on this machine; without it one a processor.",
)
TOP = typer.Option(
    None, min=1, max=MOST_ROWS, help="How many best rows; without it the grid's own."
)
RUN = typer.Argument(min=1, max=MOST_NUMBER, help="The run's number: `bowline runs list`.")
JOB = typer.Argument(min=1, max=MOST_NUMBER, help="The job's number: `bowline jobs list`.")

MAX_VARIANTS = typer.Option(
    None,
    min=1,
    max=MOST_NUMBER,
    help="Refuse a grid of more variants; without it BOWLINE_GRID_MAX_VARIANTS.",
)
MAX_MIB = typer.Option(
    None,
    min=1,
    max=1 << 30,
    help="Refuse a grid that takes more memory; without it BOWLINE_GRID_MAX_MIB.",
)


def outputs_of(
    said: dict[str, Path | None], *inputs: str | Path | None, force: bool
) -> tuple[Output | None, ...]:
    """The files that options name, each fit to be written; BowlineError before any work if not.

    `inputs` are the words for what the command reads; one that is no file is passed over.
    """
    if not any(said.values()):
        return (None,) * len(said)
    from bowline import wire
    from bowline.desk.output_files import check_outputs

    files = [Path(each) for each in inputs if each]
    return check_outputs(said, files, wire.home(), force=force)


def output_of(option: str, path: Path, *, force: bool) -> Output:
    """The file that a required option names, fit to be written; BowlineError if not."""
    (out,) = outputs_of({option: path}, force=force)
    assert out is not None, "a path was given"
    return out


def say_written(*outputs: tuple[str, Output | None]) -> None:
    """A line on stderr for each file that was written: what it is, and where."""
    for what, output in outputs:
        if output is not None:
            typer.echo(f"{what} written to {output.path}", err=True)


def gap_rule(*, allow: bool) -> GapRule:
    """How much of its candles a result may have lost: as the settings say, or at will."""
    from bowline import wire
    from bowline.core.completeness import MAX_LOST_PCT
    from bowline.desk.completeness import GapRule

    most = wire.max_lost_pct()
    return GapRule(allow, MAX_LOST_PCT if most is None else most)


def steps_of(tick_size: str, lot_step: str, min_notional: str, contract_size: str = "") -> Steps:
    """What a person said of the instrument; BadInput if a step is none."""
    from bowline.desk.steps import Steps, parse_step

    return Steps(
        parse_step("--tick-size", tick_size),
        parse_step("--lot-step", lot_step),
        parse_step("--min-notional", min_notional),
        parse_step("--contract-size", contract_size, above_zero=True),
    )


def words_of(
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
) -> Words:
    """What a person said; BadInput if a moment is none."""
    from bowline import wire
    from bowline.desk.candles import parse_moment, parse_start
    from bowline.desk.setup import Words
    from bowline.desk.steps import Steps

    start, end = span
    return Words(
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
