"""What the page draws: equity, what each run brought, drawdown; small enough to travel.

Only pictures are made of these columns. As many moments are taken together as it needs to have no
more than `MOST_POINTS`: the last of each stands for them, with their deepest drawdown.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bowline.core.model.values import SECOND_NS
from bowline.core.report import PortfolioReport
from bowline.desk.page import column
from bowline.desk.portfolio_report.text import run_name

MOST_POINTS = 3_000


def drawing_of(report: PortfolioReport) -> dict[str, Any]:
    """Plain values, ready for JSON."""
    together = -(-len(report.close_ns) // MOST_POINTS)
    first = np.arange(0, len(report.close_ns), together)
    last = np.append(first[1:], len(report.close_ns)) - 1
    return {
        "start_s": report.metrics.start_ns // SECOND_NS,
        "initial_cash": float(report.metrics.initial_cash_quote),
        "close_s": column("u4", report.close_ns[last] // SECOND_NS),
        "equity": column("f4", report.curves.equity[last]),
        "benchmark": column("f4", report.curves.benchmark[last]),
        "drawdown": column("f4", np.maximum.reduceat(report.drawdown_pct, first)),
        "runs": [
            {"name": run_name(number, part), "won": column("f4", part.contribution[last])}
            for number, part in enumerate(report.parts, start=1)
        ],
    }
