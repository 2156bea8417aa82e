"""Equity is marked at closes, and every unit of money in it is accounted for."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bowline.core.model.values import DAY_NS, RunId, Side, Timeframe
from bowline.core.report import RunRecord, make_report
from bowline.core.report.equity import daily_equity
from bowline.core.report.record import FundingPayment
from tests.core.report.runs import START_NS, execution, flipping_record, frame, record_of

HOUR = Timeframe.H1.ns

money = st.decimals("0.01", "5000", places=2)
quantities = st.decimals("0.001", "50", places=3)


@st.composite
def records(draw: st.DrawFn) -> RunRecord:
    """Any fills in any order of sides, in money that exists, on any closes."""
    closes = draw(st.lists(money.map(float), min_size=1, max_size=30))
    candles = frame(closes)
    rows = sorted(draw(st.lists(st.integers(0, len(closes) - 1), max_size=20)))
    executions = []
    held = Decimal(0)
    for row in rows:
        side = draw(st.sampled_from(Side))
        quantity = draw(quantities)
        if held * side.sign < 0:
            # one fill never goes through flat here: a fee split in two cannot always be exact
            quantity = min(quantity, abs(held))
        held += side.sign * quantity
        fee = draw(st.decimals("0", "5", places=4))
        executions.append(execution(int(candles.close_ns[row]), side, quantity, draw(money), fee))
    return record_of(candles, executions, "100000")


@given(records())
def test_every_unit_of_profit_is_a_round_trip_s_or_the_open_position_s(record):
    report = make_report(record)
    open_pnl = report.open_position.pnl if report.open_position else Decimal(0)

    assert report.metrics.total_profit_quote == report.closed.pnl_quote + open_pnl
    last = float(record.run.initial_cash + report.metrics.total_profit_quote)
    assert report.curves.equity[-1] == pytest.approx(last, rel=1e-12, abs=1e-9)


@given(records())
def test_equity_at_each_close_is_cash_plus_holdings_at_that_close(record):
    """Against the definition, written out candle by candle in exact money."""
    equity = make_report(record).curves.equity
    for row, close_ns in enumerate(record.candles.close_ns.tolist()):
        close = Decimal(repr(float(record.candles.close[row])))
        cash, quantity = record.run.initial_cash, Decimal(0)
        for done in record.executions:
            if done.fill.event_ns <= close_ns:
                signed = done.fill.side.sign * done.fill.quantity
                cash -= signed * done.fill.price + done.fill.fee
                quantity += signed
        assert equity[row] == pytest.approx(float(cash + quantity * close), rel=1e-12, abs=1e-9)


def test_a_fill_counts_from_the_close_that_decided_it():
    candles = frame([10.0, 20.0, 30.0])
    bought = execution(START_NS + 2 * HOUR, Side.BUY, "10", "20", "1")
    report = make_report(record_of(candles, [bought]))

    assert report.curves.equity.tolist() == [1000.0, 999.0, 1099.0]
    assert report.metrics.position_coverage_pct == pytest.approx(200 / 3)
    assert report.metrics.round_trip_count == 0
    assert report.open_position.pnl == Decimal(99)
    assert report.open_position.return_pct == Decimal("49.5")


def test_a_fill_between_closes_counts_at_the_next_and_one_after_the_last_at_the_last():
    candles = frame([10.0, 20.0])
    between = execution(START_NS + HOUR + 1, Side.BUY, "10", "15")
    after = execution(START_NS + 2 * HOUR + 1, Side.SELL, "10", "21")
    equity = make_report(record_of(candles, [between, after])).curves.equity

    assert equity.tolist() == [1000.0, 1060.0]


def test_a_single_fill_through_flat_closes_and_opens():
    candles = frame([10.0, 12.0, 9.0])
    bought = execution(START_NS + HOUR, Side.BUY, "10", "10", "1")
    turned = execution(START_NS + 2 * HOUR, Side.SELL, "25", "12", "5")
    report = make_report(record_of(candles, [bought, turned]))

    (trip,) = report.round_trips
    assert (trip.pnl, trip.fees) == (Decimal(17), Decimal(3))
    assert report.open_position.position.signed_quantity == -15
    assert report.open_position.pnl == 15 * 3 - 3
    assert report.metrics.total_profit_quote == 17 + 42
    assert report.fees_quote == 6


def test_fees_of_a_flip_lose_nothing_to_rounding_that_anyone_could_see():
    prices = 100 + np.cumsum(np.sin(np.arange(400) / 7.0))
    report = make_report(flipping_record(frame(prices), 13))
    open_pnl = report.open_position.pnl

    explained = report.closed.pnl_quote + open_pnl
    assert abs(report.metrics.total_profit_quote - explained) < Decimal("1e-19")
    assert report.metrics.round_trip_count == 29


def test_the_benchmark_is_bought_at_the_first_close_without_costs():
    report = make_report(record_of(frame([50.0, 40.0, 75.0])))

    assert report.curves.benchmark.tolist() == [1000.0, 800.0, 1500.0]
    assert report.metrics.benchmark_return_pct == pytest.approx(50.0)


def test_a_close_at_midnight_ends_the_day_before_it_and_a_silent_day_keeps_its_equity():
    candles = frame(range(1, 100))
    rows = np.r_[0:24, 72:80]  # all of the first day, nothing for two, some of the fourth
    gappy = candles.slice(0, 99)
    gappy = type(gappy)(
        gappy.instrument,
        gappy.timeframe,
        *(
            getattr(gappy, name)[rows]
            for name in ("open_ns", "open", "high", "low", "close", "volume")
        ),
    )
    assert gappy.close_ns[23] % DAY_NS == 0
    daily = daily_equity(gappy, gappy.close, 0.5)

    assert daily.tolist() == [0.5, 24.0, 24.0, 24.0, 80.0]


@given(
    st.lists(st.integers(1, 2000), min_size=1, max_size=60),
    st.sampled_from([Timeframe.H1, Timeframe.D1]),
)
def test_days_and_months_are_those_of_the_closes_whatever_is_missing(gaps, timeframe):
    """Against the definition, candle by candle, by the calendar."""
    whole = frame(range(1, len(gaps) + 1), timeframe)
    opened = START_NS + np.cumsum(gaps) * timeframe.ns
    candles = replace(whole, open_ns=opened)
    report = make_report(record_of(candles))
    by_day, by_month = {}, {}
    for close_ns, close in zip(candles.close_ns.tolist(), candles.close.tolist(), strict=True):
        day = (close_ns - 1) // DAY_NS
        date = datetime.fromtimestamp(day * 86_400, tz=UTC)
        by_day[day] = by_month[date.year, date.month] = close
    expected = [0.5]
    for day in range(min(by_day), max(by_day) + 1):
        expected.append(by_day.get(day, expected[-1]))

    assert daily_equity(candles, candles.close, 0.5).tolist() == expected
    assert [(m.year, m.month) for m in report.months] == list(by_month)
    ends = [1.0, *by_month.values()]
    grown = [(after / before - 1) * 100 for before, after in pairwise(ends)]
    assert [m.benchmark_pct for m in report.months] == pytest.approx(grown)


def test_months_are_utc_and_multiply_to_the_total():
    prices = 100 * np.exp(np.cumsum(np.cos(np.arange(24 * 80)) / 300))
    report = make_report(flipping_record(frame(prices), 31))

    assert [(m.year, m.month) for m in report.months] == [
        (2025, 6),
        (2025, 7),
        (2025, 8),
        (2025, 9),
    ]
    grown = np.prod([1 + m.return_pct / 100 for m in report.months])
    assert (grown - 1) * 100 == pytest.approx(report.metrics.total_return_pct)
    held = np.prod([1 + m.benchmark_pct / 100 for m in report.months])
    assert (held - 1) * 100 == pytest.approx(report.metrics.benchmark_return_pct)


def test_funding_at_the_moment_of_a_fill_was_paid_by_the_position_before_it():
    """Of 4 paid when a long is sold, its round trip has all, and the short that follows none."""
    hour = Timeframe.H1.ns
    executions = [
        execution(START_NS + hour, Side.BUY, "1", "100"),
        execution(START_NS + 2 * hour, Side.SELL, "2", "100"),
    ]
    paid = [
        FundingPayment(START_NS + at * hour, RunId(1), Decimal(1), Decimal(1), Decimal(amount))
        for at, amount in ((2, 4), (3, 3))
    ]
    record = replace(record_of(frame([100.0] * 4), executions), funding=tuple(paid))
    report = make_report(record)
    (trip,) = report.round_trips
    assert (trip.funding, trip.pnl) == (4, -4)
    assert report.open_position.pnl == -3
    assert report.metrics.total_profit_quote == trip.pnl + report.open_position.pnl
    assert (report.funding_paid_quote, report.funding_received_quote) == (7, 0)


def test_a_month_that_began_with_nothing_has_no_return():
    """A short of ten at 100 with 1,000 has 0 at 200, the last close of June."""
    june = np.array([100.0] * 14 + [200.0])
    candles = frame([*june, 150.0], Timeframe.D1)
    short = execution(START_NS + Timeframe.D1.ns, Side.SELL, "10", "100")
    report = make_report(record_of(candles, [short]))
    assert [month.month for month in report.months] == [6, 7]
    assert [month.return_pct for month in report.months] == [-100.0, None]
