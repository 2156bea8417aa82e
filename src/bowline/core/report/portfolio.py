"""The report of runs that share a wallet: the whole, and each run's part.

A pure projection. The whole must be the sum of its parts: nothing is counted twice or left out.

1. Every close of every run is a moment; at each, a run's position is marked at its own last close.
2. equity[t] = shared cash[t] + sum of position values[t]; cash is computed once, exactly, over the
   executions and funding of all runs.
3. The 25 metrics are those of that curve; round trips are those of all runs.
4. Each run's report is computed as if it had the whole cash: its profit is its contribution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from msgspec import Struct

from bowline.core.completeness import Completeness
from bowline.core.model.instrument import FILE_MARKET, InstrumentId
from bowline.core.model.intent import Refusal
from bowline.core.model.market import CandleFrame, FloatColumn, IntColumn
from bowline.core.model.position import RoundTrip
from bowline.core.model.values import HUNDRED, ZERO, Timeframe, to_float
from bowline.core.report.drawdown import Drawdown, drawdown_curve, find_drawdowns
from bowline.core.report.equity import (
    Curves,
    MonthReturn,
    cash_flow,
    daily_equity,
    monthly_returns,
)
from bowline.core.report.metrics import Metrics, gross_exposure, metrics_of
from bowline.core.report.record import RunRecord
from bowline.core.report.report import Report, make_report
from bowline.core.report.round_trips import Tally, exact_sum, tally
from bowline.core.rounding import has_spread

#: fewest days for a correlation
_FEWEST_DAYS = 3


class RunPart(Struct, frozen=True):
    """One run of a portfolio. Columns are as long as the portfolio's.

    `contribution` is its profit by each close, in quote currency; `exposure_ratio` is the mean of
    |its position value| / equity of the whole.
    """

    report: Report
    contribution: FloatColumn
    position_value: FloatColumn
    exposure_ratio: float | None


class PortfolioReport(Struct, frozen=True):
    """The report of the whole.

    `correlations[i][j]` is that of runs i and j; None if one never moved. `curves.position_value`
    is gross: the sum of absolute values.
    """

    parts: tuple[RunPart, ...]
    metrics: Metrics
    closed: Tally
    close_ns: IntColumn
    curves: Curves
    drawdown_pct: FloatColumn
    drawdowns: tuple[Drawdown, ...]
    months: tuple[MonthReturn, ...]
    correlations: tuple[tuple[float | None, ...], ...]
    fees_quote: Decimal
    funding_quote: Decimal

    @property
    def round_trips(self) -> list[RoundTrip]:
        """Those of all runs, in the order in which they closed."""
        return _all_trips([part.report for part in self.parts])

    @property
    def refusals(self) -> dict[Refusal, int]:
        """Entries that were not allowed, over all runs."""
        counts: dict[Refusal, int] = {}
        for part in self.parts:
            for refusal, count in part.report.record.refusals.items():
                counts[refusal] = counts.get(refusal, 0) + count
        return counts


def make_portfolio_report(
    records: Sequence[RunRecord], completeness: Sequence[Completeness | None] = ()
) -> PortfolioReport:
    """The report of runs that shared one wallet, in the order of the records.

    `completeness` describes the candles of each. All began with the same cash, the wallet's (else
    ValueError). BadInput if one has no candles.
    """
    if len({record.run.initial_cash for record in records}) != 1:
        raise ValueError("the runs of a portfolio must begin with the same cash")
    measured = completeness or (None,) * len(records)
    reports = tuple(map(make_report, records, measured))
    initial = records[0].run.initial_cash
    close_ns = _moments(records)
    frame = _calendar(close_ns)
    values = np.array([_at(r, r.curves.position_value, 0.0, close_ns) for r in reports])
    curves = Curves(
        equity=_shared_cash(records, initial, close_ns) + np.sum(values, axis=0),
        benchmark=_benchmark(reports, close_ns),
        position_value=np.sum(np.abs(values), axis=0),
    )
    start_ns = min(int(record.candles.open_ns[0]) for record in records)
    depth_pct = drawdown_curve(curves.equity, to_float(initial))
    drawdowns = find_drawdowns(depth_pct, close_ns, start_ns)
    closed = tally(_all_trips(reports))
    profit = exact_sum(report.metrics.total_profit_quote for report in reports)
    kept = _kept_pct(reports)
    return PortfolioReport(
        parts=tuple(
            _part(report, value, curves, close_ns)
            for report, value in zip(reports, values, strict=True)
        ),
        metrics=metrics_of(frame, start_ns, initial, profit, kept, curves, drawdowns, closed),
        closed=closed,
        close_ns=close_ns,
        curves=curves,
        drawdown_pct=depth_pct,
        drawdowns=drawdowns,
        months=monthly_returns(frame, curves, to_float(initial)),
        correlations=_correlations(reports, frame, curves.equity),
        fees_quote=exact_sum(report.fees_quote for report in reports),
        funding_quote=exact_sum(p.amount for record in records for p in record.funding),
    )


def _all_trips(reports: Sequence[Report]) -> list[RoundTrip]:
    trips = [trip for report in reports for trip in report.round_trips]
    return sorted(trips, key=lambda trip: trip.closed_ns)


def _moments(records: Sequence[RunRecord]) -> IntColumn:
    """Every close of any run, once, in order."""
    return np.unique(np.concatenate([record.candles.close_ns for record in records]))


def _calendar(close_ns: IntColumn) -> CandleFrame:
    """The moments as a frame, for functions that only use its days and months."""
    nothing = np.ones(len(close_ns))
    whole = InstrumentId(FILE_MARKET.market_id, "PORTFOLIO")
    columns = (nothing,) * 5
    return CandleFrame(whole, Timeframe.M1, close_ns - Timeframe.M1.ns, *columns)


def _at(report: Report, column: FloatColumn, before: float, close_ns: IntColumn) -> FloatColumn:
    """A run's column at the moments of all runs: the last value, `before` its first close."""
    row = np.searchsorted(report.record.candles.close_ns, close_ns, side="right") - 1
    return np.where(row < 0, before, column[np.maximum(row, 0)])


def _shared_cash(
    records: Sequence[RunRecord], initial: Decimal, close_ns: IntColumn
) -> FloatColumn:
    """The shared cash at each moment: fills and funding of all runs, in order of time."""
    moves = [(e.fill.event_ns, True, cash_flow(e)) for record in records for e in record.executions]
    moves += [(p.seen_ns, False, -p.amount) for record in records for p in record.funding]
    # stable: what happened at one time keeps its order, and funding precedes fills
    moves.sort(key=lambda move: move[:2])
    cash, exact = np.empty(len(moves) + 1), initial
    cash[0] = to_float(exact)
    for at, (_, _, flow) in enumerate(moves, start=1):
        exact += flow
        cash[at] = to_float(exact)
    moved_ns = np.array([moved_ns for moved_ns, *_ in moves], dtype=np.int64)
    return cash[np.searchsorted(moved_ns, close_ns, side="right")]


def _weights(reports: Sequence[Report]) -> list[float]:
    """The part of the cash that each run invests in its instrument, by their shares."""
    shares = [
        HUNDRED if (sharing := r.record.run.policy.sharing) is None else sharing.share_pct
        for r in reports
    ]
    return [to_float(share / sum(shares, ZERO)) for share in shares]


def _benchmark(reports: Sequence[Report], close_ns: IntColumn) -> FloatColumn:
    """Every instrument bought at its first close and held, in the proportion of the shares."""
    initial = to_float(reports[0].metrics.initial_cash_quote)
    curves = [_at(report, report.curves.benchmark, initial, close_ns) for report in reports]
    weighed = [weight * curve for weight, curve in zip(_weights(reports), curves, strict=True)]
    held: FloatColumn = np.sum(weighed, axis=0)
    return held


def _kept_pct(reports: Sequence[Report]) -> float:
    """The return of the benchmark, in percent."""
    returns = [report.metrics.benchmark_return_pct for report in reports]
    return math.fsum(w * each for w, each in zip(_weights(reports), returns, strict=True))


def _part(report: Report, values: FloatColumn, curves: Curves, close_ns: IntColumn) -> RunPart:
    initial = to_float(report.metrics.initial_cash_quote)
    equity = _at(report, report.curves.equity, initial, close_ns)
    own = Curves(curves.equity, curves.benchmark, values)
    return RunPart(report, equity - initial, values, gross_exposure(own))


def _correlations(
    reports: Sequence[Report], frame: CandleFrame, equity: FloatColumn
) -> tuple[tuple[float | None, ...], ...]:
    """Pearson correlations of daily returns.

    A run's profit of a day / the whole's equity before.
    """
    initial = to_float(reports[0].metrics.initial_cash_quote)
    whole = daily_equity(frame, equity, initial)[:-1]
    days = [
        np.diff(daily_equity(frame, _at(r, r.curves.equity, initial, frame.close_ns), initial))
        for r in reports
    ]
    returns = [day / whole for day in days] if bool((whole > 0).all()) else []
    return tuple(
        tuple(_correlation(a, b) for b in returns) if returns else (None,) * len(days)
        for a in returns or days
    )


def _correlation(a: FloatColumn, b: FloatColumn) -> float | None:
    spread = all(bool(has_spread(float(x.std()), float(x.mean()))) for x in (a, b))
    if len(a) < _FEWEST_DAYS or not spread:
        return None
    return max(-1.0, min(1.0, float(np.corrcoef(a, b)[0, 1])))
