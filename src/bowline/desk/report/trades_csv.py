"""Every round trip as a line of CSV, and the open position, told apart, as the last.

Amounts are exact. Text from outside must never reach a spreadsheet as a formula.
"""

from __future__ import annotations

from decimal import Decimal

from bowline.core.report import Report, longest_gap_within
from bowline.desk.output_files import Output, write_rows
from bowline.desk.report.text import duration_iso, iso_text, trimmed

COLUMNS = (
    "number", "status", "symbol", "direction", "quantity", "opened_at", "closed_at", "duration",
    "entry_price", "exit_price", "fees_quote", "pnl_quote", "return_pct", "reason",
    "held_through_gap",
)  # fmt: skip


def write_trades_csv(report: Report, out: Output) -> None:
    """Write the file. Raises BowlineError if it cannot be written there."""
    write_rows(COLUMNS, trade_rows(report), out)


def trade_rows(report: Report) -> list[list[object]]:
    """A row a round trip, in the order of `COLUMNS`, the open position last."""
    symbol = _text(report.record.run.instrument.id.symbol)
    rows: list[list[object]] = [
        [
            number, "closed", symbol, trip.direction.name.lower(), _exact(trip.quantity),
            iso_text(trip.opened_ns), iso_text(trip.closed_ns),
            duration_iso(trip.closed_ns - trip.opened_ns), _exact(trip.entry_price),
            _exact(trip.exit_price), _exact(trip.fees), _exact(trip.pnl),
            f"{trip.return_pct:.6f}", trip.reason.value,
            _gap(report, trip.opened_ns, trip.closed_ns),
        ]
        for number, trip in enumerate(report.round_trips, start=1)
    ]  # fmt: skip
    if (held := report.open_position) is not None:
        p = held.position
        rows.append([
            len(rows) + 1, "open", symbol, p.direction.name.lower(), _exact(p.quantity),
            iso_text(p.opened_ns), "", duration_iso(report.metrics.end_ns - p.opened_ns),
            _exact(p.entry_price), _exact(held.mark_price), _exact(p.fees), _exact(held.pnl),
            f"{held.return_pct:.6f}", "", _gap(report, p.opened_ns, report.metrics.end_ns),
        ])  # fmt: skip
    return rows


def _gap(report: Report, opened_ns: int, closed_ns: int) -> str:
    """How long the longest gap in the candles is that a position was held through; else nothing."""
    gaps = () if report.completeness is None else report.completeness.gaps
    gap = longest_gap_within(opened_ns, closed_ns, gaps)
    return "" if gap is None else duration_iso(gap.length_ns) or ""


def _exact(value: Decimal) -> str:
    return f"{trimmed(value):f}"


def _text(value: str) -> str:
    # a leading sign or control character makes a spreadsheet run the rest
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
