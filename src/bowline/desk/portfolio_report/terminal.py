"""A portfolio's report for the eyes, on a terminal. Names from outside are never markup."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bowline.core.report import PortfolioReport
from bowline.core.symbols import printable
from bowline.desk.portfolio_report.text import (
    PortfolioCaption,
    first_signal_texts,
    is_complete,
    missing_lines,
    open_lines,
    rules_texts,
    run_name,
    share_text,
    terms_texts_of,
    verdict,
)
from bowline.desk.report import (
    counted,
    metrics_grid,
    money_text,
    number_text,
    print_groups,
    signed_pct,
)

#: characters that every column of the runs needs
_WIDE = 100


def print_portfolio(
    report: PortfolioReport, caption: PortfolioCaption, file: TextIO | None = None
) -> None:
    """Print it to stdout, or to `file`."""
    console = Console(file=file, highlight=False)
    console.print(Text(printable(f"{caption.title} · {len(report.parts)} runs"), style="bold"))
    console.print(Text(verdict(report)))
    for text in (*rules_texts(report), *terms_texts_of(report), *first_signal_texts(report)):
        console.print(Text(text, style="dim"))
    for line in missing_lines(report):
        console.print(Text(printable(line), style="dim" if is_complete(report) else "yellow"))
    for line in open_lines(report):
        console.print(Text(printable(line)))
    console.print()
    console.print(metrics_grid(report.metrics, console.width))
    console.print()
    console.print(_runs(report, console.width))
    print_groups(console, report.round_trips)
    if len(report.parts) > 1:
        console.print()
        console.print(_correlations(report))
    for words, count in counted(report.refusals):
        console.print(Text(f"{count:,} × {words}", style="dim"))


def _runs(report: PortfolioReport, width: int) -> Table:
    table = Table(box=None, header_style="bold")
    more = ("Share", "Won", "Exposure", "Refused") if width >= _WIDE else ()
    for name in ("Run", "Profit", "Part", "Trips", *more):
        table.add_column(name, justify="left" if name == "Run" else "right", overflow="fold")
    for number, part in enumerate(report.parts, start=1):
        m = part.report.metrics
        cells: list[str | Text] = [
            Text(printable(run_name(number, part))),
            Text(
                money_text(m.total_profit_quote),
                style="green" if m.total_profit_quote > 0 else "red",
            ),
            signed_pct(m.total_return_pct),
            f"{m.round_trip_count:,}",
        ]
        if more:
            refused = sum(part.report.record.refusals.values())
            won, exposure = number_text(m.win_rate_pct, 0), number_text(part.exposure_ratio)
            cells += [share_text(part), f"{won} %", exposure, f"{refused:,}"]
        table.add_row(*cells)
    return table


def _correlations(report: PortfolioReport) -> Table:
    title = "Correlation of daily returns"
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    for name in ("Run", *(str(at + 1) for at in range(len(report.parts)))):
        table.add_column(name, justify="right")
    for number, row in enumerate(report.correlations, start=1):
        table.add_row(str(number), *(number_text(each) for each in row))
    return table
