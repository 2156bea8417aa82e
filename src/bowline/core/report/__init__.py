"""Pure projections of a finished run: round trips, equity, drawdown and the metrics."""

from __future__ import annotations

from bowline.core.report.record import Execution, RunRecord

__all__ = ["Execution", "RunRecord"]
