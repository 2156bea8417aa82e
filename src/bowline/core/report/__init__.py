"""Reports as pure projections of a run: round trips, equity, drawdown, the 25 metrics."""

from __future__ import annotations

from bowline.core.report.compare import Difference, differences
from bowline.core.report.drawdown import Drawdown, drawdown_curve, find_drawdowns
from bowline.core.report.equity import Curves, MonthReturn
from bowline.core.report.gap_effects import longest_gap_within, with_gap_effects
from bowline.core.report.metrics import Metrics, calmar_ratio, daily_ratios
from bowline.core.report.portfolio import PortfolioReport, RunPart, make_portfolio_report
from bowline.core.report.record import Execution, RunRecord
from bowline.core.report.report import MarkedPosition, Report, count_held_across, make_report
from bowline.core.report.round_trips import Tally, fold_executions, tally, tally_by
from bowline.core.report.run_recorder import RunRecorder
from bowline.core.report.titles import METRICS, Metric, Unit

__all__ = [
    "METRICS",
    "Curves",
    "Difference",
    "Drawdown",
    "Execution",
    "MarkedPosition",
    "Metric",
    "Metrics",
    "MonthReturn",
    "PortfolioReport",
    "Report",
    "RunPart",
    "RunRecord",
    "RunRecorder",
    "Tally",
    "Unit",
    "calmar_ratio",
    "count_held_across",
    "daily_ratios",
    "differences",
    "drawdown_curve",
    "find_drawdowns",
    "fold_executions",
    "longest_gap_within",
    "make_portfolio_report",
    "make_report",
    "tally",
    "tally_by",
    "with_gap_effects",
]
