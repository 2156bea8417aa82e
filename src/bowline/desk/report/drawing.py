"""What the page draws: candles, equity and round trips as typed columns, small enough to travel.

Only pictures are made of these columns: every figure on the page is written from the report. They
must stay small whatever the run was, so a long one is drawn from aggregated candles.

1. As many candles are taken together as it needs to have no more than `MOST_CANDLES`.
2. Open of the first, highest high, lowest low, close and equity of the last, deepest drawdown.
3. Times are uint32 seconds, prices of fills and profits float64, the rest float32: base64 of each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bowline.core.model.intent import Reason
from bowline.core.model.values import SECOND_NS
from bowline.core.report import Report
from bowline.desk.page import column

MOST_CANDLES = 5_000
MOST_ROUND_TRIPS = 2_500

_REASONS = tuple(Reason)


def drawing_of(report: Report) -> dict[str, Any]:
    """Plain values, ready for JSON."""
    return {
        "candles_together": _together(report),
        "span_s": [report.metrics.start_ns // SECOND_NS, report.metrics.end_ns // SECOND_NS],
        "initial_cash": float(report.metrics.initial_cash_quote),
        "candles": _candles(report),
        "round_trips": _round_trips(report),
        "first_round_trip": max(0, len(report.round_trips) - MOST_ROUND_TRIPS) + 1,
        "reasons": [reason.value.replace("_", " ") for reason in _REASONS],
        "open": _open(report),
    }


def _together(report: Report) -> int:
    return -(-len(report.record.candles) // MOST_CANDLES)


def _candles(report: Report) -> dict[str, str]:
    candles, curves = report.record.candles, report.curves
    first = np.arange(0, len(candles), _together(report))
    last = np.append(first[1:], len(candles)) - 1
    return {
        "open_s": column("u4", candles.open_ns[first] // SECOND_NS),
        "close_s": column("u4", candles.close_ns[last] // SECOND_NS),
        "open": column("f4", candles.open[first]),
        "high": column("f4", np.maximum.reduceat(candles.high, first)),
        "low": column("f4", np.minimum.reduceat(candles.low, first)),
        "close": column("f4", candles.close[last]),
        "equity": column("f4", curves.equity[last]),
        "benchmark": column("f4", curves.benchmark[last]),
        "drawdown": column("f4", np.maximum.reduceat(report.drawdown_pct, first)),
    }


def _round_trips(report: Report) -> dict[str, str]:
    trips = report.round_trips[-MOST_ROUND_TRIPS:]
    return {
        "opened_s": column("u4", [t.opened_ns // SECOND_NS for t in trips]),
        "closed_s": column("u4", [t.closed_ns // SECOND_NS for t in trips]),
        "direction": column("i1", [int(t.direction) for t in trips]),
        "reason": column("u1", [_REASONS.index(t.reason) for t in trips]),
        "entry_price": column("f8", [float(t.entry_price) for t in trips]),
        "exit_price": column("f8", [float(t.exit_price) for t in trips]),
        "pnl": column("f8", [float(t.pnl) for t in trips]),
        "quantity": column("f4", [float(t.quantity) for t in trips]),
        "fees": column("f4", [float(t.fees) for t in trips]),
        "return_pct": column("f4", [float(t.return_pct) for t in trips]),
    }


def _open(report: Report) -> dict[str, float] | None:
    if (held := report.open_position) is None:
        return None
    return {
        "opened_s": held.position.opened_ns // SECOND_NS,
        "direction": int(held.position.direction),
        "entry_price": float(held.position.entry_price),
        "mark_price": float(held.mark_price),
        "pnl": float(held.pnl),
    }
