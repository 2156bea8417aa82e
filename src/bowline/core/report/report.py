"""The report of a run, as values. A pure projection: equal records give equal reports.

It must never invent: an undefined figure is None, an open position is reported apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from bowline.core.completeness import Completeness, MissingSpan
from bowline.core.errors import BadInput
from bowline.core.model.market import FloatColumn
from bowline.core.model.position import Position, RoundTrip
from bowline.core.model.values import HUNDRED, ZERO, to_float
from bowline.core.report.drawdown import Drawdown, drawdown_curve, find_drawdowns
from bowline.core.report.equity import Curves, MonthReturn, last_close, make_curves, monthly_returns
from bowline.core.report.gap_effects import held_across, with_gap_effects
from bowline.core.report.metrics import Metrics, make_metrics
from bowline.core.report.record import RunRecord
from bowline.core.report.round_trips import Tally, exact_sum, fold_executions, tally
from bowline.core.report.titles import METRICS


class MarkedPosition(Struct, frozen=True):
    """The position open at the end, marked at the last close: never reported as closed.

    `pnl` is net of the fees and the funding paid so far, without costs of the exit.
    """

    position: Position
    mark_price: Decimal

    @property
    def pnl(self) -> Decimal:
        """Profit so far, in quote currency."""
        p = self.position
        value = p.exit_value + p.quantity * self.mark_price
        net = (value - p.entry_value) * p.direction - p.fees
        return net - p.funding if p.funding else net

    @property
    def return_pct(self) -> Decimal:
        """`pnl` in percent of the entry notional."""
        return self.pnl / self.position.entry_value * HUNDRED


class Report(Struct, frozen=True):
    """The result of a run. Curves are as long as `record.candles`; `drawdown_pct` is 0 or more.

    `closed` totals the round trips (wins, losses, draws, profit factor beside the 25 metrics);
    `fees_quote` is every fee paid, including the open position's.
    """

    record: RunRecord
    metrics: Metrics
    closed: Tally
    round_trips: tuple[RoundTrip, ...]
    open_position: MarkedPosition | None
    curves: Curves
    drawdown_pct: FloatColumn
    drawdowns: tuple[Drawdown, ...]
    months: tuple[MonthReturn, ...]
    fees_quote: Decimal
    #: funding paid and received, both 0 or more
    funding_paid_quote: Decimal = ZERO
    funding_received_quote: Decimal = ZERO
    #: completeness of the candles, with the effects of gaps; None if not measured
    completeness: Completeness | None = None

    def by_title(self) -> dict[str, int | float | Decimal | None]:
        """The 25 metrics by their titles, in the order of the report."""
        return {m.title: getattr(self.metrics, m.field) for m in METRICS}


def count_held_across(report: Report, gaps: Sequence[MissingSpan]) -> int:
    """How many positions of a run were held through a gap, including the open one."""
    held = report.open_position
    is_open = held is not None and any(held.position.opened_ns < gap.to_ns for gap in gaps)
    return len(held_across(report.round_trips, gaps)) + is_open


def make_report(record: RunRecord, completeness: Completeness | None = None) -> Report:
    """The report of a run over candles as complete as `completeness` states.

    BadInput if it has no candles, ValueError if fills are out of order.
    """
    candles = record.candles
    if not len(candles):
        raise BadInput(
            "the run has no candles to report on",
            hint="choose a span (--from, --to) in which the instrument has candles",
        )
    initial_cash, first_ns = to_float(record.run.initial_cash), int(candles.open_ns[0])
    curves = make_curves(record)
    depth_pct = drawdown_curve(curves.equity, initial_cash)
    drawdowns = find_drawdowns(depth_pct, candles.close_ns, first_ns)
    trips, positions = fold_executions(record.executions, record.funding)
    closed = tally(trips)
    return Report(
        record=record,
        metrics=make_metrics(record, curves, drawdowns, closed),
        closed=closed,
        round_trips=trips,
        open_position=MarkedPosition(positions[0], last_close(record)) if positions else None,
        curves=curves,
        drawdown_pct=depth_pct,
        drawdowns=drawdowns,
        months=monthly_returns(candles, curves, initial_cash),
        fees_quote=exact_sum(e.fill.fee for e in record.executions),
        funding_paid_quote=exact_sum(max(each.amount, ZERO) for each in record.funding),
        funding_received_quote=exact_sum(max(-each.amount, ZERO) for each in record.funding),
        completeness=completeness
        and with_gap_effects(completeness, first_ns, trips, positions, record.funding),
    )
