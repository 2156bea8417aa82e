"""A run's report for people and machines: terminal, JSON, CSV and one self-contained page."""

from __future__ import annotations

from bowline.desk.report.caption import Caption, caption_of
from bowline.desk.report.document import report_json
from bowline.desk.report.html import html_page, write_html
from bowline.desk.report.terminal import print_report
from bowline.desk.report.trades_csv import write_trades_csv
from bowline.desk.report.words import duration_text, exact_text, signed_pct, time_text, verdict

__all__ = [
    "Caption",
    "caption_of",
    "duration_text",
    "exact_text",
    "html_page",
    "print_report",
    "report_json",
    "signed_pct",
    "time_text",
    "verdict",
    "write_html",
    "write_trades_csv",
]
