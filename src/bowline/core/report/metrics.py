"""The 25 metrics of a backtest: each has one definition, here, and one title, in `titles.py`.

An undefined figure (a ratio to zero, an average of nothing) is None and must never be NaN, 0 or
infinity. `docs/reference/metrics.md` has the same definitions for users.
"""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
from msgspec import Struct

from bowline.core.model.market import CandleFrame, FloatColumn
from bowline.core.model.values import DAY_NS, HUNDRED, to_float
from bowline.core.report.drawdown import Drawdown
from bowline.core.report.equity import Curves, daily_equity, final_equity
from bowline.core.report.long_sum import long_sum
from bowline.core.report.record import RunRecord
from bowline.core.report.round_trips import Tally
from bowline.core.rounding import ROUNDING, has_spread, is_negligible

DAYS_A_YEAR = 365
_FEWEST_DAYS = 2


class Metrics(Struct, frozen=True):
    """All 25, in the order of the report. None is an undefined figure."""

    start_ns: int
    end_ns: int
    duration_ns: int
    initial_cash_quote: Decimal
    total_profit_quote: Decimal
    total_return_pct: float
    benchmark_return_pct: float
    position_coverage_pct: float
    max_drawdown_pct: float
    avg_drawdown_pct: float | None
    max_drawdown_duration_ns: int | None
    avg_drawdown_duration_ns: int | None
    round_trip_count: int
    win_rate_pct: float | None
    best_round_trip_pct: float | None
    worst_round_trip_pct: float | None
    avg_round_trip_pct: float | None
    max_round_trip_duration_ns: int | None
    avg_round_trip_duration_ns: int | None
    expectancy_quote: Decimal | None
    sqn: float | None
    gross_exposure_ratio: float | None
    sharpe_ratio: float | None
    sortino_ratio: float | None
    calmar_ratio: float | None


class DailyRatios(Struct, frozen=True):
    """Sharpe and Sortino of daily returns, annualised over 365 days, risk-free rate 0."""

    sharpe: float | None
    sortino: float | None


def make_metrics(
    record: RunRecord, curves: Curves, drawdowns: tuple[Drawdown, ...], closed: Tally
) -> Metrics:
    """The 25 metrics of a run. Needs at least one candle.

    Start = open of the first candle, End = close of the last. Total profit = equity at the last
    close - initial cash, exact. Benchmark = last close / first close - 1. Coverage = share of
    closes after which a position is held. Drawdowns are positive percentages of the peak.
    """
    candles, initial_cash = record.candles, record.run.initial_cash
    return metrics_of(
        candles,
        int(candles.open_ns[0]),
        initial_cash,
        final_equity(record) - initial_cash,
        (float(candles.close[-1] / candles.close[0]) - 1) * 100,
        curves,
        drawdowns,
        closed,
    )


def metrics_of(
    candles: CandleFrame,
    start_ns: int,
    initial_cash: Decimal,
    profit: Decimal,
    benchmark_return_pct: float,
    curves: Curves,
    drawdowns: tuple[Drawdown, ...],
    closed: Tally,
) -> Metrics:
    """The same for any curves; of `candles` only the times of the closes are used."""
    end_ns = int(candles.close_ns[-1])
    depths = [d.depth_pct for d in drawdowns]
    lengths = [d.duration_ns for d in drawdowns]
    deepest = max(depths, default=0.0)
    daily = daily_equity(candles, curves.equity, to_float(initial_cash))
    ratios = daily_ratios(daily)
    return Metrics(
        start_ns=start_ns,
        end_ns=end_ns,
        duration_ns=end_ns - start_ns,
        initial_cash_quote=initial_cash,
        total_profit_quote=profit,
        total_return_pct=to_float(profit / initial_cash * HUNDRED),
        benchmark_return_pct=benchmark_return_pct,
        position_coverage_pct=int(np.count_nonzero(curves.position_value)) / len(candles) * 100,
        max_drawdown_pct=deepest,
        avg_drawdown_pct=math.fsum(depths) / len(depths) if depths else None,
        max_drawdown_duration_ns=max(lengths, default=None),
        avg_drawdown_duration_ns=round(Decimal(sum(lengths)) / len(lengths)) if lengths else None,
        round_trip_count=closed.count,
        win_rate_pct=closed.win_rate_pct,
        best_round_trip_pct=closed.best_pct,
        worst_round_trip_pct=closed.worst_pct,
        avg_round_trip_pct=closed.avg_pct,
        max_round_trip_duration_ns=closed.max_duration_ns,
        avg_round_trip_duration_ns=closed.avg_duration_ns,
        expectancy_quote=closed.expectancy_quote,
        sqn=closed.sqn,
        gross_exposure_ratio=gross_exposure(curves),
        sharpe_ratio=ratios.sharpe,
        sortino_ratio=ratios.sortino,
        calmar_ratio=calmar_ratio(daily, end_ns - start_ns, deepest),
    )


def gross_exposure(curves: Curves) -> float | None:
    """Mean over all closes of |position value| / equity, 0 where flat.

    None if a position was ever held on an equity that is zero (within rounding) or less.
    """
    held = curves.position_value != 0
    equity, share = curves.equity[held], np.abs(curves.position_value[held])
    if bool(((equity <= 0) | is_negligible(equity, share)).any()):
        return None
    share /= equity
    return long_sum(share) / len(held)


def daily_ratios(daily: FloatColumn) -> DailyRatios:
    """The two ratios of a series of daily equity whose first value is the initial cash.

    r = daily[i] / daily[i-1] - 1
    Sharpe = mean(r) / std(r, ddof 1) * sqrt(365) (Sharpe 1994)
    Sortino = mean(r) / sqrt(mean(min(r, 0)^2)) * sqrt(365) (Sortino and Price 1994)

    None for a denominator that is 0 or rounding, for under two days, and if a day began with an
    equity of 0 or less.
    """
    days = len(daily) - 1
    if days < _FEWEST_DAYS or bool((daily[:-1] <= 0).any()):
        return DailyRatios(None, None)
    returns = daily[1:] / daily[:-1] - 1
    mean = math.fsum(returns) / days
    deviation = math.sqrt(math.fsum((returns - mean) ** 2) / (days - 1))
    downside = math.sqrt(math.fsum(np.minimum(returns, 0) ** 2) / days)
    year = math.sqrt(DAYS_A_YEAR)
    return DailyRatios(
        sharpe=mean / deviation * year if has_spread(deviation, mean) else None,
        sortino=mean / downside * year if has_spread(downside, mean) else None,
    )


def calmar_ratio(daily: FloatColumn, elapsed_ns: int, max_drawdown_pct: float) -> float | None:
    """((last / first)^(365 days / elapsed) - 1) / max drawdown, of daily equity as above.

    Young (Futures, October 1991) divides the compound annual return by the maximum drawdown. The
    exponent uses the elapsed time, not the number of days touched, which is one more if a run does
    not start at midnight. None for under two days, without a drawdown, if a day began with an
    equity of 0 or less, and if the power overflows.
    """
    growth = float(daily[-1] / daily[0])
    depth = max_drawdown_pct / 100
    if elapsed_ns < _FEWEST_DAYS * DAY_NS or bool((daily[:-1] <= 0).any()):
        return None
    if growth < 0 or depth <= ROUNDING:
        return None
    try:
        return (math.pow(growth, DAYS_A_YEAR * DAY_NS / elapsed_ns) - 1) / depth
    except OverflowError:  # a few good days compounded over a year overflow
        return None
