"""A report as one document of plain values, for machines: exact where money is exact.

Durations are ns in `fields` and text under their titles; what does not exist is null, never NaN.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import asdict

from bowline.core.model.position import RoundTrip
from bowline.core.report import METRICS, MarkedPosition, Metrics, Report, Unit, longest_gap_within
from bowline.desk.report.caption import Caption
from bowline.desk.report.completeness import completeness_document
from bowline.desk.report.groups import groups_document
from bowline.desk.report.text import (
    duration_iso,
    history_candles,
    instrument_text,
    iso_text,
    refusal_lines,
    terms_texts,
    trimmed,
    verdict,
    warmup_texts,
)


def report_json(report: Report, caption: Caption) -> dict[str, Any]:
    """Strategy, instrument, costs, the 25 metrics by title and by field, round trips, refusals.

    Under `metrics` numbers are numbers; under `fields` and in round trips money is exact text.
    """
    run = report.record.run
    document: dict[str, Any] = {
        "strategy": {"id": run.strategy_id, "name": caption.strategy, "rules": caption.rules},
        "instrument": {
            "name": instrument_text(report, caption),
            "market_id": run.instrument.id.market_id,
            "symbol": run.instrument.id.symbol,
            # 0 is none known: then quantities are not rounded, and no order is too small
            "tick_size": trimmed(run.instrument.tick_size),
            "lot_step": trimmed(run.instrument.lot_step),
            "min_notional": trimmed(run.instrument.min_notional),
        },
        "timeframe": run.timeframe.value,
        "candles": len(report.record.candles),
        "direction": run.policy.direction.value,
        "costs": asdict(run.policy.costs),
        "sizing": run.policy.sizing,
        "stops": asdict(run.policy.stops),
        "limits": asdict(run.policy.limits),
        "fills": run.policy.fills.value,
        "terms_in_words": terms_texts(run),
        "first_signal": run.policy.first_signal.value,
        "warmup": {
            "history_candles": history_candles(run),
            "candles_without_signal": report.record.without_signal,
            "in_words": warmup_texts(report.record),
        },
        "verdict": verdict(report),
        "metrics": titled_metrics(report.metrics),
        "fields": asdict(report.metrics),
        "closed": asdict(report.closed),
        "fees_quote": trimmed(report.fees_quote),
        "open_position": _open(report.open_position),
        **groups_document(report.round_trips),
        "months": [asdict(month) for month in report.months],
        "refusals": {
            refusal.name.lower(): count for refusal, count in report.record.refusals.items()
        },
        "refusals_in_words": dict(refusal_lines(report)),
        "conflicting_signals": report.record.conflicting_signals,
        "round_trips": [_round_trip(trip, report) for trip in report.round_trips],
    }
    if report.completeness is not None:
        document["completeness"] = completeness_document(report.completeness)
    return document | _beyond_closes(report)


def _beyond_closes(report: Report) -> dict[str, Any]:
    """What only a run has that is more than closes; pnl of round trips is net of funding."""
    policy = report.record.run.policy
    more: dict[str, Any] = {}
    if policy.funding:
        more["funding"] = {
            "paid_quote": trimmed(report.funding_paid_quote),
            "received_quote": trimmed(report.funding_received_quote),
            "payments": len(report.record.funding),
        }
    if policy.margin is not None:
        more["margin"] = asdict(policy.margin)
    return more


def titled_metrics(metrics: Metrics) -> dict[str, int | float | str | None]:
    """The 25 metrics by title, numbers as numbers."""
    return {m.title: _titled(getattr(metrics, m.field), m.unit) for m in METRICS}


def _titled(value: float | Decimal | None, unit: Unit) -> int | float | str | None:
    if value is None:
        return None
    match unit:
        case Unit.TIME:
            return iso_text(int(value))
        case Unit.DURATION:
            return duration_iso(int(value))
        case Unit.COUNT:
            return int(value)
        case _:
            return float(value)


def _round_trip(trip: RoundTrip, report: Report) -> dict[str, Any]:
    gaps = () if report.completeness is None else report.completeness.gaps
    gap = longest_gap_within(trip.opened_ns, trip.closed_ns, gaps)
    held = {} if gap is None else {"held_through_gap": duration_iso(gap.length_ns)}
    return held | {
        "direction": trip.direction.name.lower(),
        "quantity": trimmed(trip.quantity),
        "opened_at": iso_text(trip.opened_ns),
        "closed_at": iso_text(trip.closed_ns),
        "entry_price": trimmed(trip.entry_price),
        "exit_price": trimmed(trip.exit_price),
        "fees_quote": trimmed(trip.fees),
        "pnl_quote": trimmed(trip.pnl),
        "return_pct": float(trip.return_pct),
        "reason": trip.reason.value,
    }


def _open(held: MarkedPosition | None) -> dict[str, Any] | None:
    if held is None:
        return None
    return {
        "direction": held.position.direction.name.lower(),
        "quantity": trimmed(held.position.quantity),
        "opened_at": iso_text(held.position.opened_ns),
        "entry_price": trimmed(held.position.entry_price),
        "mark_price": trimmed(held.mark_price),
        "fees_quote": trimmed(held.position.fees),
        "pnl_quote": trimmed(held.pnl),
        "return_pct": float(held.return_pct),
    }
