"""A run's report for people and machines: terminal, JSON, CSV and one self-contained page."""

from __future__ import annotations

from bowline.desk.report.caption import Caption, caption_of
from bowline.desk.report.completeness import (
    completeness_document,
    completeness_facts,
    completeness_lines,
    completeness_warning,
    share_text,
    warning_panel,
)
from bowline.desk.report.document import report_json, titled_metrics
from bowline.desk.report.groups import groups_document, groups_html
from bowline.desk.report.html import (
    figure_cards,
    html_page,
    metrics_table,
    months_table,
    refusals_table,
    write_html,
)
from bowline.desk.report.terminal import metrics_grid, print_groups, print_report
from bowline.desk.report.text import (
    counted,
    duration_text,
    exact_text,
    first_signal_text,
    money_text,
    number_text,
    open_text,
    outcome,
    rules_text,
    signed_pct,
    synthetic_text,
    terms_texts,
    time_text,
    trimmed,
    verdict,
    warmup_texts,
)
from bowline.desk.report.trades_csv import COLUMNS, trade_rows, write_trades_csv

__all__ = [
    "COLUMNS",
    "Caption",
    "caption_of",
    "completeness_document",
    "completeness_facts",
    "completeness_lines",
    "completeness_warning",
    "counted",
    "duration_text",
    "exact_text",
    "figure_cards",
    "first_signal_text",
    "groups_document",
    "groups_html",
    "html_page",
    "metrics_grid",
    "metrics_table",
    "money_text",
    "months_table",
    "number_text",
    "open_text",
    "outcome",
    "print_groups",
    "print_report",
    "refusals_table",
    "report_json",
    "rules_text",
    "share_text",
    "signed_pct",
    "synthetic_text",
    "terms_texts",
    "time_text",
    "titled_metrics",
    "trade_rows",
    "trimmed",
    "verdict",
    "warmup_texts",
    "warning_panel",
    "write_html",
    "write_trades_csv",
]
