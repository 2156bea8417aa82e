"""The portfolio as one HTML file that needs nothing else: no network, no script from outside.

Every figure is written here; the script in the page only draws. All text goes through `escape`.
"""

from __future__ import annotations

from html import escape

from bowline.core.report import METRICS, PortfolioReport
from bowline.desk.output_files import Output
from bowline.desk.page import assemble, definitions, sign, write_page
from bowline.desk.portfolio_report.drawing import drawing_of
from bowline.desk.portfolio_report.text import (
    PortfolioCaption,
    is_complete,
    limit_lines,
    missing_lines,
    open_lines,
    run_name,
    share_text,
    terms_texts_of,
    verdict,
)
from bowline.desk.report import (
    counted,
    duration_text,
    figure_cards,
    first_signal_text,
    groups_html,
    metrics_table,
    money_text,
    months_table,
    number_text,
    refusals_table,
    signed_pct,
    time_text,
    warning_panel,
)


def write_portfolio_html(report: PortfolioReport, caption: PortfolioCaption, out: Output) -> None:
    """Write the page. Raises BowlineError if the file cannot be written there."""
    write_page(portfolio_page(report, caption), out)


def portfolio_page(report: PortfolioReport, caption: PortfolioCaption) -> str:
    """The page. Equal reports and captions make equal pages, byte by byte."""
    m = report.metrics
    span = f"{time_text(m.start_ns)} – {time_text(m.end_ns)} UTC"
    about = f"{len(report.parts)} runs on one wallet · {span} · {duration_text(m.duration_ns)}"
    fields = {
        "title": escape(f"Portfolio {caption.title}"),
        "about": about,
        "outcome": sign(m.total_return_pct),
        "verdict": escape(verdict(report)),
        "cards": figure_cards(m, report.closed, report.fees_quote),
        "warnings": "" if is_complete(report) else warning_panel(missing_lines(report)),
        "runs": _runs(report, caption),
        "correlations": _correlations(report),
        "refusals": _refusals(report),
        "groups": groups_html(report.round_trips),
        "months": months_table(report.months),
        "metrics": metrics_table(m),
        "meanings": definitions((metric.title, metric.meaning) for metric in METRICS),
        "limits": definitions(
            (*limit_lines(report), *_terms(report), _missing(report), *_open(report))
        ),
    }
    return assemble(
        "bowline.desk.portfolio_report",
        "portfolio",
        title=f"Portfolio {caption.title}",
        scripts=("portfolio.js",),
        drawing=drawing_of(report),
        fields=fields,
    )


def _terms(report: PortfolioReport) -> list[tuple[str, str]]:
    return [("Costs and fills", text) for text in terms_texts_of(report)]


def _missing(report: PortfolioReport) -> tuple[str, str]:
    return "Missing candles", "; ".join(missing_lines(report))


def _open(report: PortfolioReport) -> list[tuple[str, str]]:
    return [("Still open", line) for line in open_lines(report)]


def _runs(report: PortfolioReport, caption: PortfolioCaption) -> str:
    rows = []
    for number, (part, words) in enumerate(zip(report.parts, caption.runs, strict=True), start=1):
        m = part.report.metrics
        tone = sign(m.total_return_pct)
        cells = (
            ("left name", f"{run_name(number, part)}"),
            (tone, money_text(m.total_profit_quote)),
            (tone, signed_pct(m.total_return_pct)),
            ("", f"{m.round_trip_count:,}"),
            ("wide", number_text(m.win_rate_pct, 0)),
            ("wide", number_text(part.exposure_ratio)),
            ("wide", share_text(part)),
        )
        made = "".join(f'<td class="{kind}">{escape(text)}</td>' for kind, text in cells)
        rows.append(f"<tr>{made}</tr>")
        first = first_signal_text(part.report.record.run.policy.first_signal)
        about = f"{words.strategy}; {first}"
        rows.append(f'<tr class="about"><td colspan="7">{escape(about)}</td></tr>')
    return "".join(rows)


def _correlations(report: PortfolioReport) -> str:
    """A matrix of figures, coloured by size and sign."""
    count = len(report.parts)
    head = "".join(f'<th scope="col">{number}</th>' for number in range(1, count + 1))
    rows = []
    for number, row in enumerate(report.correlations, start=1):
        cells = "".join(_correlation(each) for each in row)
        rows.append(f'<tr><th scope="row">{number}</th>{cells}</tr>')
    return f"<thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"


def _correlation(value: float | None) -> str:
    if value is None:
        return f'<td class="none">{number_text(None)}</td>'
    kind = "above" if value > 0 else "below"
    return f'<td class="{kind}" style="--heat:{abs(value):.2f}">{number_text(value)}</td>'


def _refusals(report: PortfolioReport) -> str:
    """Of the portfolio; then of each run with refused entries."""
    parts = [refusals_table(counted(report.refusals))]
    for number, part in enumerate(report.parts, start=1):
        if len(report.parts) > 1 and (lines := counted(part.report.record.refusals)):
            parts.append(f"<h3>{escape(run_name(number, part))}</h3>{refusals_table(lines)}")
    return "".join(parts)
