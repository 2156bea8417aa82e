"""A report for the eyes, on a terminal: the verdict, the 25 metrics, the last round trips.

Names from outside are printed as they are: never as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bowline.core.completeness import Completeness
from bowline.core.model.position import RoundTrip
from bowline.core.report import Metrics, Report
from bowline.core.symbols import printable
from bowline.desk.report.caption import Caption
from bowline.desk.report.completeness import completeness_lines
from bowline.desk.report.groups import GROUP_COLUMNS, group_cells, group_lines
from bowline.desk.report.text import (
    duration_text,
    exact_text,
    first_signal_text,
    instrument_text,
    metric_texts,
    money_text,
    refusal_lines,
    rules_text,
    signed_pct,
    terms_texts,
    time_text,
    verdict,
    warmup_texts,
)

#: round trips shown; all of them are in the CSV and on the page
SHOWN = 10
#: characters that two columns of metrics and every column of round trips need
_WIDE = 100
#: what round trips need that show their prices
_WITH_PRICES = 72


def print_report(report: Report, caption: Caption, file: TextIO | None = None) -> None:
    """Print it to stdout, or to `file`."""
    console = Console(file=file, highlight=False)
    run = report.record.run
    heading = f"{caption.strategy} · {instrument_text(report, caption)} · {run.timeframe.value}"
    console.print(Text(printable(heading), style="bold"))
    console.print(Text(verdict(report)))
    console.print(Text(printable(rules_text(run.instrument)), style="dim"))
    for text in (*terms_texts(run), first_signal_text(run.policy.first_signal)):
        console.print(Text(text, style="dim"))
    for text in warmup_texts(report.record):
        console.print(Text(text, style="yellow"))
    print_completeness(console, report.completeness)
    console.print()
    console.print(metrics_grid(report.metrics, console.width))
    print_groups(console, report.round_trips)
    if report.round_trips:
        console.print()
        console.print(_round_trips(report, console.width))
    for words, count in refusal_lines(report):
        console.print(Text(f"{count:,} × {words}", style="dim"))


def print_groups(console: Console, trips: Sequence[RoundTrip]) -> None:
    """What round trips of each direction and of each exit came to."""
    for title, lines in group_lines(trips):
        table = Table(box=None, header_style="bold")
        table.add_column(title, overflow="fold")
        for name in GROUP_COLUMNS:
            table.add_column(name, justify="right", overflow="fold")
        for name, found in lines:
            count, won, profit, *rest = group_cells(found)
            style = "green" if found.pnl_quote > 0 else "red"
            table.add_row(name, count, won, Text(profit, style=style), *rest)
        console.print()
        console.print(table)


def print_completeness(console: Console, found: Completeness | None, name: str = "") -> None:
    """What was missing of the candles, a line each; `name` says of which."""
    if found is None:
        return
    style = "yellow" if found.missing else "dim"
    for line in completeness_lines(found):
        console.print(Text(f"{printable(name)}{line}", style=style))


def metrics_grid(metrics: Metrics, width: int) -> Table:
    """The 25 metrics in as many columns as there is room for."""
    lines, columns = metric_texts(metrics), 2 if width >= _WIDE else 1
    rows = -(-len(lines) // columns)
    table = Table.grid(padding=(0, 2))
    for _ in range(columns):
        table.add_column(style="dim", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
    for row in range(rows):
        table.add_row(*(cell for line in lines[row::rows] for cell in line))
    return table


def _round_trips(report: Report, width: int) -> Table:
    count = len(report.round_trips)
    title = f"Last {min(SHOWN, count)} of {count:,} round trips" if count > 1 else "One round trip"
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    prices = ("Entry", "Exit") if width >= _WITH_PRICES else ()
    exits = ("Exit time", "Duration", "Exit reason") if width >= _WIDE else ()
    names = ("Entry time", "Side", *prices, "Profit", "Return", *exits)
    for name in names:
        # a figure is broken in two lines rather than cut
        right = name in ("Entry", "Exit", "Profit", "Return")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for trip in report.round_trips[-SHOWN:]:
        cells: dict[str, str | Text] = {
            "Entry time": time_text(trip.opened_ns),
            "Side": trip.direction.name.lower(),
            "Entry": exact_text(trip.entry_price, 2),
            "Exit": exact_text(trip.exit_price, 2),
            "Profit": Text(money_text(trip.pnl), style="green" if trip.pnl > 0 else "red"),
            "Return": signed_pct(trip.return_pct),
            "Exit time": time_text(trip.closed_ns),
            "Duration": duration_text(trip.closed_ns - trip.opened_ns),
            "Exit reason": trip.reason.value.replace("_", " "),
        }
        table.add_row(*(cells[name] for name in names))
    return table
