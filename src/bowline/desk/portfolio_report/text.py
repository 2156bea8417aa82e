"""What a portfolio came to in plain words, the same in the terminal and on the page.

Nothing here may compute a figure: it only says them.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from bowline.core.model.policy import Sharing
from bowline.core.model.values import DAY_NS, HUNDRED, ZERO
from bowline.core.report import PortfolioReport, RunPart
from bowline.desk.report import (
    Caption,
    completeness_lines,
    duration_text,
    exact_text,
    first_signal_text,
    money_text,
    open_text,
    outcome,
    rules_text,
    terms_texts,
    time_text,
    warmup_texts,
)

#: a share is said with so many decimals
_SHARE_DIGITS = 2


class PortfolioCaption(Struct, frozen=True):
    """What the report is called, and the words for each run in their order; may be hostile."""

    title: str
    runs: tuple[Caption, ...]


def verdict(report: PortfolioReport) -> str:
    """The outcome in one sentence."""
    m, runs = report.metrics, len(report.parts)
    trips = "1 round trip" if m.round_trip_count == 1 else f"{m.round_trip_count:,} round trips"
    won = sum(part.report.metrics.total_profit_quote > ZERO for part in report.parts)
    fees_pct = report.fees_quote / m.initial_cash_quote * HUNDRED
    refused = sum(report.refusals.values())
    entries = "1 entry was" if refused == 1 else f"{refused:,} entries were"
    return (
        f"{outcome(m)}. {won} of {runs} runs won; {trips}; fees took {fees_pct:.1f} % of the "
        f"initial cash; {entries} refused."
    )


def missing_lines(report: PortfolioReport) -> tuple[str, ...]:
    """What was missing of the candles of each run and of its history.

    And which begin or end apart from the whole.
    """
    lines = []
    for number, part in enumerate(report.parts, start=1):
        name, found = run_name(number, part), part.report.completeness
        if found is not None:
            lines += [f"{name}: {line}" for line in completeness_lines(found)]
        lines += [f"{name}: {line}" for line in warmup_texts(part.report.record)]
        m, whole = part.report.metrics, report.metrics
        if (later_ns := m.start_ns - whole.start_ns) >= DAY_NS:
            lines.append(f"{name}: begins {duration_text(later_ns)} after the first run")
        if (earlier_ns := whole.end_ns - m.end_ns) >= DAY_NS:
            lines.append(f"{name}: ends {duration_text(earlier_ns)} before the last run")
    return tuple(lines)


def open_lines(report: PortfolioReport) -> tuple[str, ...]:
    """The positions that are still open, whose profit is in the whole and in no round trip.

    One whose candles end before the others' is held at its last close.
    """
    lines = []
    for number, part in enumerate(report.parts, start=1):
        if (held := part.report.open_position) is None:
            continue
        line = f"{run_name(number, part)}: {open_text(held)}, {money_text(held.pnl)}"
        if (end_ns := part.report.metrics.end_ns) < report.metrics.end_ns:
            line += f", by its last close of {time_text(end_ns)}"
        lines.append(line)
    return tuple(lines)


def is_complete(report: PortfolioReport) -> bool:
    """Whether nothing was missing of any run's candles."""
    found = (part.report.completeness for part in report.parts)
    return not any(each is not None and each.missing for each in found)


def run_name(number: int, part: RunPart) -> str:
    """`2 · binance:linear:BTCUSDT 1h`."""
    run = part.report.record.run
    return f"{number} · {run.instrument.key} {run.timeframe.value}"


def share_text(part: RunPart) -> str:
    """`33.33 %` of the wallet."""
    sharing = sharing_of(part)
    return f"{exact_text(sharing.share_pct, _SHARE_DIGITS)} %"


def sharing_of(part: RunPart) -> Sharing:
    """Its place in the portfolio."""
    sharing = part.report.record.run.policy.sharing
    assert sharing is not None, "a run of a portfolio shares its wallet"
    return sharing


def first_signal_texts(report: PortfolioReport) -> tuple[str, ...]:
    """What becomes of first signals; which runs' if it is not the same of all."""
    runs = [part.report.record.run for part in report.parts]
    return _by_run([first_signal_text(run.policy.first_signal) for run in runs])


def rules_texts(report: PortfolioReport) -> tuple[str, ...]:
    """Which rules of instruments held; which runs' if they are not the same of all."""
    return _by_run([rules_text(part.report.record.run.instrument) for part in report.parts])


def terms_texts_of(report: PortfolioReport) -> tuple[str, ...]:
    """What fills cost and where they were; which runs' if it is not the same of all."""
    return _by_run(["; ".join(terms_texts(part.report.record.run)) for part in report.parts])


def _by_run(texts: list[str]) -> tuple[str, ...]:
    runs: dict[str, list[str]] = {}
    for number, text in enumerate(texts, start=1):
        runs.setdefault(text, []).append(str(number))
    if len(runs) == 1:
        return (texts[0],)
    return tuple(f"run {', '.join(of)}: {text}" for text, of in runs.items())


def limit_lines(report: PortfolioReport) -> tuple[tuple[str, str], ...]:
    """The limits of the whole, a name and a line each."""
    sharing = sharing_of(report.parts[0])
    return (
        ("Positions", f"at most {sharing.max_positions}" if sharing.max_positions else "no limit"),
        ("Gross exposure", _limit(sharing.max_gross_exposure_pct, "of the equity at most")),
        ("Drawdown", _limit(sharing.max_drawdown_pct, "below the peak: no further entry")),
        ("Daily loss", _limit(sharing.daily_loss_pct, "of a day's first equity: no entry")),
    )


def _limit(pct: Decimal, words: str) -> str:
    return f"{exact_text(pct)} % {words}" if pct else "no limit"
