"""A portfolio's report as one document of plain values, and its round trips as CSV."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict

from bowline.core.report import PortfolioReport, RunPart
from bowline.desk.output_files import Output, write_rows
from bowline.desk.portfolio_report.text import (
    PortfolioCaption,
    missing_lines,
    open_lines,
    sharing_of,
    verdict,
)
from bowline.desk.report import (
    COLUMNS,
    groups_document,
    report_json,
    titled_metrics,
    trade_rows,
    trimmed,
)


def portfolio_json(report: PortfolioReport, caption: PortfolioCaption) -> dict[str, Any]:
    """The whole first, then every run as `bowline backtest --json` has it, with its part."""
    sharing = asdict(sharing_of(report.parts[0]))
    del sharing["share_pct"]
    return {
        "portfolio": caption.title,
        "verdict": verdict(report),
        "limits": sharing,
        "metrics": titled_metrics(report.metrics),
        "fields": asdict(report.metrics),
        "closed": asdict(report.closed),
        "fees_quote": trimmed(report.fees_quote),
        "funding_quote": trimmed(report.funding_quote),
        **groups_document(report.round_trips),
        "months": [asdict(month) for month in report.months],
        "refusals": {refusal.name.lower(): n for refusal, n in report.refusals.items() if n},
        "correlations": report.correlations,
        "missing_in_words": missing_lines(report),
        "open_in_words": open_lines(report),
        "runs": [
            report_json(part.report, words) | {"part": _part(part)}
            for part, words in zip(report.parts, caption.runs, strict=True)
        ],
    }


def _part(part: RunPart) -> dict[str, Any]:
    profit = part.report.metrics.total_profit_quote
    return {
        "share_pct": sharing_of(part).share_pct,
        "profit_quote": trimmed(profit),
        "contribution_pct": part.report.metrics.total_return_pct,
        "exposure_ratio": part.exposure_ratio,
    }


def write_portfolio_csv(report: PortfolioReport, out: Output) -> None:
    """Every round trip of every run, as for one run, with the run's number first."""
    rows = (
        (number, *row)
        for number, part in enumerate(report.parts, start=1)
        for row in trade_rows(part.report)
    )
    write_rows(("run", *COLUMNS), rows, out)
