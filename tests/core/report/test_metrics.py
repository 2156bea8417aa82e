"""Each of the 25 metrics is what its formula says, and None where the formula says nothing."""

from __future__ import annotations

import math
import re
import statistics
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.errors import BadInput
from bowline.core.model.market import empty_frame
from bowline.core.model.values import DAY_NS, Direction, Side, Timeframe
from bowline.core.report import METRICS, Metrics, calmar_ratio, daily_ratios, make_report, tally
from tests.chance import seeded
from tests.core.report.runs import BTC, START_NS, execution, flipping_record, frame, record_of

TITLES = [
    "Start", "End", "Duration", "Init. Cash", "Total Profit", "Total Return [%]",
    "Benchmark Return [%]", "Position Coverage [%]", "Max. Drawdown [%]", "Avg. Drawdown [%]",
    "Max. Drawdown Duration", "Avg. Drawdown Duration", "Num. Trades", "Win Rate [%]",
    "Best Trade [%]", "Worst Trade [%]", "Avg. Trade [%]", "Max. Trade Duration",
    "Avg. Trade Duration", "Expectancy", "SQN", "Gross Exposure", "Sharpe Ratio",
    "Sortino Ratio", "Calmar Ratio",
]  # fmt: skip

prices = 100 + np.cumsum(np.sin(np.arange(24 * 20) / 7.0))


def test_the_report_has_exactly_the_25_titles_in_the_order_of_the_requirement():
    assert [m.title for m in METRICS] == TITLES
    assert [m.field for m in METRICS] == [f.name for f in msgspec.structs.fields(Metrics)]
    assert list(make_report(record_of(frame([1.0]))).by_title()) == TITLES


def test_the_figures_of_a_small_run_worked_out_by_hand():
    """Buy 5 at 100, sell at 120, short 5 at 120, cover at 130; fees of 1 each; two hours a day."""
    candles = frame([100.0, 120.0, 120.0, 130.0], Timeframe.H12)
    half_day = Timeframe.H12.ns
    report = make_report(
        record_of(
            candles,
            [
                execution(START_NS + half_day, Side.BUY, "5", "100", "1"),
                execution(START_NS + 2 * half_day, Side.SELL, "5", "120", "1"),
                execution(START_NS + 3 * half_day, Side.SELL, "5", "120", "1"),
                execution(START_NS + 4 * half_day, Side.BUY, "5", "130", "1"),
            ],
        )
    )
    m = report.metrics

    assert report.curves.equity.tolist() == [999.0, 1098.0, 1097.0, 1046.0]
    assert (m.start_ns, m.end_ns) == (START_NS, START_NS + 4 * half_day)
    assert m.duration_ns == 4 * half_day
    assert (m.initial_cash_quote, m.total_profit_quote) == (1000, 46)
    assert m.total_return_pct == pytest.approx(4.6)
    assert m.benchmark_return_pct == pytest.approx(30.0)
    assert m.position_coverage_pct == 50.0
    assert m.max_drawdown_pct == pytest.approx(100 * 52 / 1098)
    assert m.avg_drawdown_pct == pytest.approx((0.1 + 100 * 52 / 1098) / 2)
    # the first fee is a drawdown from the start to the recovery at the second close
    assert m.max_drawdown_duration_ns == 2 * half_day
    assert m.avg_drawdown_duration_ns == 2 * half_day
    assert (m.round_trip_count, m.win_rate_pct) == (2, 50.0)
    assert m.best_round_trip_pct == pytest.approx(98 / 5)
    assert m.worst_round_trip_pct == pytest.approx(-52 / 6)
    assert m.avg_round_trip_pct == pytest.approx((98 / 5 - 52 / 6) / 2)
    assert (m.max_round_trip_duration_ns, m.avg_round_trip_duration_ns) == (half_day, half_day)
    assert m.expectancy_quote == 23
    assert m.sqn == pytest.approx(math.sqrt(2) * 23 / statistics.stdev([98, -52]))
    assert m.gross_exposure_ratio == pytest.approx((500 / 999 + 600 / 1097) / 4)
    returns = [0.098, 1046 / 1098 - 1]
    mean, year = statistics.mean(returns), math.sqrt(365)
    assert m.sharpe_ratio == pytest.approx(mean / statistics.stdev(returns) * year)
    assert m.sortino_ratio == pytest.approx(mean / math.sqrt(returns[1] ** 2 / 2) * year)
    assert m.calmar_ratio == pytest.approx((1.046 ** (365 / 2) - 1) / (52 / 1098))
    assert (report.closed.wins, report.closed.losses, report.closed.draws) == (1, 1, 0)
    assert report.closed.profit_factor == pytest.approx(98 / 52)
    assert report.fees_quote == 4


def test_a_run_without_a_fill_has_no_figure_where_there_is_none():
    m = make_report(record_of(frame(prices))).metrics

    missing = {metric.field for metric in METRICS if getattr(m, metric.field) is None}
    assert missing == {
        "avg_drawdown_pct", "max_drawdown_duration_ns", "avg_drawdown_duration_ns",
        "win_rate_pct", "best_round_trip_pct", "worst_round_trip_pct", "avg_round_trip_pct",
        "max_round_trip_duration_ns", "avg_round_trip_duration_ns", "expectancy_quote", "sqn",
        "sharpe_ratio", "sortino_ratio", "calmar_ratio",
    }  # fmt: skip
    assert (m.total_profit_quote, m.max_drawdown_pct, m.gross_exposure_ratio) == (0, 0.0, 0.0)


def test_no_candle_is_a_mistake_a_person_can_mend():
    with pytest.raises(BadInput, match="no candle"):
        make_report(record_of(empty_frame(BTC, Timeframe.H1)))


def test_executions_out_of_order_are_a_bug():
    late = execution(START_NS + 2, Side.BUY, "1", "1")
    early = execution(START_NS + 1, Side.SELL, "1", "1")
    with pytest.raises(ValueError, match="order"):
        make_report(record_of(frame(prices), [late, early]))


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=40),
    st.integers(1, 12),
    st.integers(1, 40),
)
def test_no_metric_is_ever_nan_or_infinite(walk, every, cash):
    """Whatever the market does, the account going below zero included."""
    closes = np.abs(np.array(walk)) + 0.01
    record = flipping_record(frame(closes, Timeframe.H6), every, fee_pct="3")
    for metric in METRICS:
        value = getattr(make_report(record).metrics, metric.field)
        assert value is None or math.isfinite(value), metric.title


@given(st.lists(st.floats(0.5, 2.0), min_size=2, max_size=50), st.floats(0.01, 1000))
def test_daily_ratios_do_not_depend_on_the_size_of_the_account(steps, scale):
    daily = np.cumprod(steps)
    ours, scaled = daily_ratios(daily), daily_ratios(daily * scale)
    calmars = [calmar_ratio(each, 9 * DAY_NS, 10.0) for each in (daily, daily * scale)]
    pairs = [(ours.sharpe, scaled.sharpe), (ours.sortino, scaled.sortino), tuple(calmars)]
    for one, other in pairs:
        if one is not None and other is not None and abs(one) < 1e6:
            assert one == pytest.approx(other, rel=1e-6, abs=1e-6)


def test_daily_ratios_are_none_where_a_day_began_with_nothing():
    lost = np.array([100.0, 0.0, 0.0])
    ratios = daily_ratios(lost)
    assert (ratios.sharpe, ratios.sortino) == (None, None)
    assert calmar_ratio(lost, 2 * DAY_NS, 100.0) is None
    assert calmar_ratio(np.array([100.0, 50.0, 0.0]), 2 * DAY_NS, 100.0) == -1.0
    assert daily_ratios(np.array([100.0, 101.0])).sharpe is None


def test_a_few_lucky_days_have_no_calmar_instead_of_an_overflow():
    assert calmar_ratio(np.array([1.0, 1e3, 1e6]), 2 * DAY_NS, 1.0) is None


def test_calmar_counts_the_time_that_passed_and_not_the_days_that_were_begun():
    """30 days from noon to noon lie in 31 UTC days: 1.03^(365 / 30), not ^(365 / 31)."""
    noon = START_NS + DAY_NS // 2
    closes = np.append(np.linspace(100, 110, 49), np.linspace(109.5, 103, 11))
    half_day = Timeframe.H12.ns
    bought = execution(noon + half_day, Side.BUY, "10", "100")
    metrics = make_report(record_of(frame(closes, Timeframe.H12, noon), [bought])).metrics

    assert metrics.duration_ns == 30 * DAY_NS
    fell = 1 - 1030 / 1100
    assert metrics.calmar_ratio == pytest.approx((1.03 ** (365 / 30) - 1) / fell, rel=1e-9)


def test_two_days_must_pass_before_there_is_a_calmar():
    daily = np.array([100.0, 102.0, 101.0])
    assert calmar_ratio(daily, 2 * DAY_NS - 1, 1.0) is None
    assert calmar_ratio(daily, 2 * DAY_NS, 1.0) == pytest.approx((1.01**182.5 - 1) / 0.01)


@pytest.mark.parametrize("start", [1.0, 99.99, 65000.37, 1e-8, 1e6])
@pytest.mark.parametrize("rate", [0.01, 0.003, 0.0, -0.02])
@pytest.mark.parametrize("digits", [None, 8])
def test_equal_returns_have_no_deviation_however_they_are_rounded(start, rate, digits):
    """`digits` significant digits are what recorded prices have."""
    daily = [start * (1 + rate) ** day for day in range(180)]
    if digits:
        daily = [float(f"{value:.{digits + 2}g}") for value in daily]
    ratios = daily_ratios(np.array(daily))
    assert ratios.sharpe is None
    assert ratios.sortino is None if rate >= 0 else ratios.sortino == pytest.approx(-(365**0.5))


def test_small_returns_that_differ_are_no_equal_returns():
    """A strategy that moves a millionth of its account has the ratio of one that moves all."""
    returns = np.tile([0.02, -0.01, 0.005], 30)
    whole, part = (
        daily_ratios(np.cumprod(np.concatenate(([1.0], 1 + share * returns))))
        for share in (1, 1e-6)
    )
    assert part.sharpe == pytest.approx(whole.sharpe, rel=1e-3)
    assert part.sortino == pytest.approx(whole.sortino, rel=1e-3)


def test_losses_that_are_rounding_make_no_profit_factor_and_no_sqn():
    """A third of 10 bought and sold at one price leaves a 28th digit, which is no loss."""
    hour, third = Timeframe.H1.ns, Decimal(10) / 3
    executions = []
    for at, paid in enumerate([Decimal(3), Decimal(3) + Decimal("1e-26"), Decimal(4)]):
        executions += [
            execution(START_NS + (2 * at + 1) * hour, Side.BUY, third, paid),
            execution(START_NS + (2 * at + 2) * hour, Side.SELL, third, Decimal(3 + (at == 2) * 2)),
        ]
    assert (
        tally(make_report(record_of(frame(prices), executions)).round_trips).profit_factor is None
    )
    draws = make_report(record_of(frame(prices), executions[:4])).closed
    assert (draws.draws, draws.sqn, draws.profit_factor) == (2, None, None)


def test_exposure_of_a_position_on_a_lost_account_does_not_exist():
    candles = frame([100.0, 100.0, 400.0])
    short = execution(START_NS + Timeframe.H1.ns, Side.SELL, "10", "100")
    report = make_report(record_of(candles, [short]))

    assert report.metrics.gross_exposure_ratio is None
    assert report.metrics.max_drawdown_pct == pytest.approx(300.0)


@pytest.mark.parametrize("left", ["0", "1e-13"])
def test_exposure_on_what_rounding_left_of_an_account_does_not_exist(left):
    """A short of ten at 100 with 1,000 has nothing left at 200."""
    candles = frame([100.0, 100.0, 200.0])
    short = execution(START_NS + Timeframe.H1.ns, Side.SELL, "10", "100")
    record = record_of(candles, [short])
    run = msgspec.structs.replace(record.run, initial_cash=Decimal(1000) + Decimal(left))
    report = make_report(msgspec.structs.replace(record, run=run))
    assert report.metrics.gross_exposure_ratio is None


def test_a_short_that_doubled_its_account_is_less_than_fully_exposed():
    candles = frame([100.0, 50.0])
    short = execution(START_NS + Timeframe.H1.ns, Side.SELL, "10", "100")
    report = make_report(record_of(candles, [short]))

    assert report.metrics.gross_exposure_ratio == pytest.approx((1 + 500 / 1500) / 2)


@pytest.mark.chance
def test_the_order_of_round_trips_does_not_matter():
    trips = list(make_report(flipping_record(frame(prices), 9)).round_trips)
    expected = tally(trips)
    seeded(7).shuffle(trips)

    assert tally(trips) == expected


def test_equal_profits_have_no_sqn_and_a_sure_win_no_profit_factor():
    hour = Timeframe.H1.ns
    executions = [
        execution(START_NS + i * hour, Side.BUY if i % 2 else Side.SELL, "1", price)
        for i, price in enumerate(["100.1", "100.2"] * 3, start=1)
    ]
    closed = make_report(record_of(frame(prices), executions)).closed

    assert (closed.count, closed.wins, closed.pnl_quote) == (3, 3, Decimal("0.3"))
    assert (closed.sqn, closed.profit_factor) == (None, None)


def test_equal_records_make_equal_reports():
    one, other = (make_report(flipping_record(frame(prices), 9)) for _ in range(2))
    assert one.metrics == other.metrics
    assert one.round_trips == other.round_trips
    assert one.drawdowns == other.drawdowns
    assert one.curves.equity.tobytes() == other.curves.equity.tobytes()
    assert {t.direction for t in one.round_trips} == {Direction.LONG, Direction.SHORT}


def test_the_reference_page_says_what_the_report_says():
    page = (Path(__file__).parents[3] / "docs" / "reference" / "metrics.md").read_text()
    for metric in METRICS:
        meaning = metric.meaning.replace("|", "&#124;")
        assert re.search(
            rf"^\| {re.escape(metric.title)} \| `{metric.field}` \|.*\| {re.escape(meaning)} \|$",
            page,
            flags=re.MULTILINE,
        ), metric.title


@pytest.mark.parametrize(
    ("exit_price", "counted"),
    [
        ("100.0000005", (1, 0, 0)),
        ("100.0000004", (0, 0, 1)),
        ("99.9999996", (0, 0, 1)),
        ("99.9999995", (0, 1, 0)),
    ],
)
def test_a_return_of_half_the_eighth_decimal_is_the_first_that_counts(exit_price, counted):
    hour = Timeframe.H1.ns
    executions = [
        execution(START_NS + hour, Side.BUY, "1", "100"),
        execution(START_NS + 2 * hour, Side.SELL, "1", exit_price),
    ]
    closed = make_report(record_of(frame(prices), executions)).closed
    assert (closed.wins, closed.losses, closed.draws) == counted
