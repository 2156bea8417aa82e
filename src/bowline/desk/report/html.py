"""The report as one HTML file that needs nothing else: no network, no font, no script from outside.

All figures are written here, from the report; the script in the page only draws and sorts. All text
goes through `escape`, and the frame allows only the scripts of the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape

from bowline.core.model.values import HUNDRED
from bowline.core.report import METRICS, Metrics, MonthReturn, Report, Tally
from bowline.desk.output_files import Output
from bowline.desk.page import assemble, definitions, sign, write_page
from bowline.desk.report.caption import Caption
from bowline.desk.report.completeness import completeness_facts, completeness_warning
from bowline.desk.report.drawing import MOST_ROUND_TRIPS, drawing_of
from bowline.desk.report.groups import groups_html
from bowline.desk.report.text import (
    NOTHING,
    duration_text,
    how_lines,
    instrument_text,
    metric_texts,
    money_text,
    number_text,
    refusal_lines,
    signed_pct,
    time_text,
    verdict,
)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: a month's change of this much, in percent, has the full colour
_FULL_HEAT_PCT = 15.0


def write_html(report: Report, caption: Caption, out: Output) -> None:
    """Write the page. Raises BowlineError if the file cannot be written there."""
    write_page(html_page(report, caption), out)


def html_page(report: Report, caption: Caption) -> str:
    """The page. Equal reports and captions make equal pages, byte by byte."""
    run, m = report.record.run, report.metrics
    drawing = drawing_of(report)
    span = f"{time_text(m.start_ns)} – {time_text(m.end_ns)} UTC"
    fields = {
        "strategy": escape(caption.strategy),
        "instrument": escape(instrument_text(report, caption)),
        "timeframe": run.timeframe.value,
        "span": f"{span} · {duration_text(m.duration_ns)}",
        "outcome": sign(m.total_return_pct),
        "verdict": escape(verdict(report)),
        "warnings": completeness_warning(report.completeness),
        "cards": figure_cards(m, report.closed, report.fees_quote),
        "metrics": metrics_table(m),
        "meanings": definitions((metric.title, metric.meaning) for metric in METRICS),
        "groups": groups_html(report.round_trips),
        "months": months_table(report.months),
        "trips_note": _trips_note(report),
        "refusals": refusals_table(refusal_lines(report)),
        "how": definitions((*how_lines(report, caption), *completeness_facts(report.completeness))),
        "drawn": _drawn(drawing["candles_together"]),
    }
    return assemble(
        "bowline.desk.report",
        "report",
        title=f"{caption.strategy} · {instrument_text(report, caption)}",
        scripts=("charts.js", "report.js"),
        drawing=drawing,
        fields=fields,
    )


def figure_cards(m: Metrics, closed: Tally, fees_quote: Decimal) -> str:
    """The eight main figures."""
    fees_pct = float(fees_quote / m.initial_cash_quote * HUNDRED)
    profit = f"{money_text(m.total_profit_quote)} on {money_text(m.initial_cash_quote)}"
    ahead = m.total_return_pct - m.benchmark_return_pct
    longest = f"longest {duration_text(m.max_drawdown_duration_ns)}"
    held = f"average duration {duration_text(m.avg_round_trip_duration_ns)}"
    won = f"{closed.wins:,} won, {closed.losses:,} lost"
    benchmark = f"buy and hold {signed_pct(m.benchmark_return_pct)}"
    cards = (
        ("Total return", signed_pct(m.total_return_pct), profit, m.total_return_pct),
        ("Against buy and hold", signed_pct(ahead), benchmark, ahead),
        ("Max. drawdown", f"{number_text(m.max_drawdown_pct)} %", longest, -m.max_drawdown_pct),
        ("Sharpe", number_text(m.sharpe_ratio), f"Sortino {number_text(m.sortino_ratio)}", None),
        ("Round trips", f"{closed.count:,}", won, None),
        ("Profit factor", number_text(closed.profit_factor), f"SQN {number_text(m.sqn)}", None),
        ("Avg. round trip", signed_pct(m.avg_round_trip_pct), held, m.avg_round_trip_pct),
        ("Fees", money_text(fees_quote), f"{fees_pct:,.1f} % of the initial cash", None),
    )
    return "".join(
        f'<div class="card"><p class="name">{escape(name)}</p>'
        f'<p class="figure {sign(tone)}">{escape(figure)}</p>'
        f'<p class="note">{escape(note)}</p></div>'
        for name, figure, note, tone in cards
    )


def metrics_table(metrics: Metrics) -> str:
    """All 25 metrics, a row each."""
    return "".join(
        f'<tr><th scope="row">{escape(title)}</th><td>{escape(text)}</td></tr>'
        for title, text in metric_texts(metrics)
    )


def months_table(months: Sequence[MonthReturn]) -> str:
    """A row per year: twelve months and the year, with the benchmark in small print."""
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Year", *_MONTHS))
    rows = []
    for year in sorted({month.year for month in months}):
        of_year = {month.month: month for month in months if month.year == year}
        cells = "".join(_month(of_year.get(number)) for number in range(1, 13))
        whole = _month(_whole(tuple(of_year.values())))
        rows.append(f'<tr><th scope="row">{year}</th>{whole}{cells}</tr>')
    return f'<thead><tr><th scope="col">UTC</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody>'


def _whole(months: Sequence[MonthReturn]) -> MonthReturn:
    """The months of a year compounded; no return where one of them has none."""
    returns = [month.return_pct for month in months if month.return_pct is not None]
    whole_pct = _compounded(returns) if len(returns) == len(months) else None
    return MonthReturn(months[0].year, 0, whole_pct, _compounded(m.benchmark_pct for m in months))


def _compounded(changes_pct: Iterable[float]) -> float:
    return (math.prod(1 + change / 100 for change in changes_pct) - 1) * 100


def _month(month: MonthReturn | None) -> str:
    if month is None:
        return '<td class="none"></td>'
    if month.return_pct is None:
        return f"<td>{NOTHING}</td>"
    heat = min(1.0, abs(month.return_pct) / _FULL_HEAT_PCT)
    return (
        f'<td class="{sign(month.return_pct)}" style="--heat:{heat:.2f}">'
        f"{month.return_pct:+,.1f}<small>{month.benchmark_pct:+,.1f}</small></td>"
    )


def _trips_note(report: Report) -> str:
    count = len(report.round_trips)
    if count <= MOST_ROUND_TRIPS:
        return ""
    return f"The last {MOST_ROUND_TRIPS:,} of {count:,}; the CSV of --trades has all."


def refusals_table(lines: Sequence[tuple[str, int]]) -> str:
    """Reasons for refused entries, with their counts."""
    if not lines:
        return "<p>No entry was refused.</p>"
    rows = "".join(
        f'<tr><th scope="row">{escape(words)}</th><td>{count:,}</td></tr>' for words, count in lines
    )
    return f'<table class="figures"><tbody>{rows}</tbody></table>'


def _drawn(together: int) -> str:
    if together == 1:
        return ""
    return f"A candle in the charts combines {together} candles of the run; figures use all."
