"""The lines of the report: title, field, unit and meaning.

The 25 titles and their order are part of the public interface and must never change.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct


class Unit(Enum):
    """The unit of a metric."""

    TIME = "ns since 1970 UTC"
    DURATION = "ns"
    QUOTE = "quote money"
    PCT = "percent"
    COUNT = "count"
    RATIO = "ratio"


class Metric(Struct, frozen=True):
    """One line. `field` is its name in `Metrics`, `meaning` its definition in a sentence."""

    title: str
    field: str
    unit: Unit
    meaning: str


#: In the order of the report.
METRICS: tuple[Metric, ...] = (
    Metric(
        "Start", "start_ns", Unit.TIME, "Open of the first candle on which the run could decide."
    ),
    Metric("End", "end_ns", Unit.TIME, "Close of the last candle."),
    Metric("Duration", "duration_ns", Unit.DURATION, "End - Start."),
    Metric("Init. Cash", "initial_cash_quote", Unit.QUOTE, "Quote money at the start."),
    Metric(
        "Total Profit",
        "total_profit_quote",
        Unit.QUOTE,
        "Equity at the last close - Init. Cash; an open position counts at that close.",
    ),
    Metric("Total Return [%]", "total_return_pct", Unit.PCT, "Total Profit / Init. Cash."),
    Metric(
        "Benchmark Return [%]",
        "benchmark_return_pct",
        Unit.PCT,
        "Buy and hold without costs: last close / first close - 1.",
    ),
    Metric(
        "Position Coverage [%]",
        "position_coverage_pct",
        Unit.PCT,
        "Share of closes after which a position was held.",
    ),
    Metric(
        "Max. Drawdown [%]",
        "max_drawdown_pct",
        Unit.PCT,
        "Deepest fall below the highest equity so far, at closes; a positive number.",
    ),
    Metric(
        "Avg. Drawdown [%]",
        "avg_drawdown_pct",
        Unit.PCT,
        "Mean over all drawdowns of the deepest point of each; a positive number.",
    ),
    Metric(
        "Max. Drawdown Duration",
        "max_drawdown_duration_ns",
        Unit.DURATION,
        "Longest time from a peak to its recovery, or to the end.",
    ),
    Metric(
        "Avg. Drawdown Duration",
        "avg_drawdown_duration_ns",
        Unit.DURATION,
        "Mean time from a peak to its recovery, or to the end.",
    ),
    Metric(
        "Num. Trades",
        "round_trip_count",
        Unit.COUNT,
        "Closed round trips; a position open at the end is not one.",
    ),
    Metric(
        "Win Rate [%]", "win_rate_pct", Unit.PCT, "Share of the round trips that won after fees."
    ),
    Metric(
        "Best Trade [%]",
        "best_round_trip_pct",
        Unit.PCT,
        "Highest net profit of a round trip in percent of its entry value.",
    ),
    Metric(
        "Worst Trade [%]",
        "worst_round_trip_pct",
        Unit.PCT,
        "Lowest net profit of a round trip in percent of its entry value.",
    ),
    Metric(
        "Avg. Trade [%]", "avg_round_trip_pct", Unit.PCT, "Arithmetic mean of those percentages."
    ),
    Metric(
        "Max. Trade Duration",
        "max_round_trip_duration_ns",
        Unit.DURATION,
        "Longest time from entry to exit.",
    ),
    Metric(
        "Avg. Trade Duration",
        "avg_round_trip_duration_ns",
        Unit.DURATION,
        "Mean time from entry to exit.",
    ),
    Metric(
        "Expectancy",
        "expectancy_quote",
        Unit.QUOTE,
        "Mean net profit of a round trip, in quote money.",
    ),
    Metric(
        "SQN",
        "sqn",
        Unit.RATIO,
        "sqrt(n) * mean / sample deviation of the net profits of n round trips.",
    ),
    Metric(
        "Gross Exposure",
        "gross_exposure_ratio",
        Unit.RATIO,
        "Mean over all closes of |position value| / equity; 0 where flat.",
    ),
    Metric(
        "Sharpe Ratio",
        "sharpe_ratio",
        Unit.RATIO,
        "Mean / sample deviation of daily returns * sqrt(365); risk-free rate 0.",
    ),
    Metric(
        "Sortino Ratio",
        "sortino_ratio",
        Unit.RATIO,
        "Mean of daily returns / sqrt(mean(min(return, 0)^2)) * sqrt(365).",
    ),
    Metric(
        "Calmar Ratio",
        "calmar_ratio",
        Unit.RATIO,
        "(1 + Total Return)^(365 days / Duration) - 1, / Max. Drawdown.",
    ),
)
