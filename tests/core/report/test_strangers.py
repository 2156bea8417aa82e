"""Figures that other people's backtesters published, from the fills they published."""

from __future__ import annotations

import csv
import json
import math
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import DAY_NS, SECOND_NS, Side, Timeframe
from bowline.core.report import drawdown_curve, find_drawdowns, fold_executions, make_report, tally
from tests.core.report.runs import BTC, execution, record_of

# ---- freqtrade: 179 long round trips on ten pairs, up to three at once (PUBLISHED.md no. 3)


@pytest.fixture(scope="module")
def freqtrade(shared_data):
    file = shared_data / "ref" / "freqtrade" / "backtest-result.json"
    return json.loads(file.read_text(), parse_float=Decimal)["strategy"]["StrategyTestV3"]


def freqtrade_round_trips(published, *, fee_rate):
    executions = []
    for trade in published["trades"]:
        instrument = InstrumentId(MarketId(1), trade["pair"])
        for side, when in ((Side.BUY, "open"), (Side.SELL, "close")):
            price = trade[f"{when}_rate"]
            executions.append(
                execution(
                    int(trade[f"{when}_timestamp"]) * 1_000_000,
                    side,
                    trade["amount"],
                    price,
                    trade["amount"] * price * fee_rate,
                    instrument=instrument,
                )
            )
    # a pair is left before it is entered again in the same minute
    executions.sort(key=lambda e: (e.fill.event_ns, e.fill.side is Side.BUY))
    trips, still_open = fold_executions(executions)
    assert not still_open
    return trips


def test_freqtrade_money_totals(freqtrade):
    """Its money is before fees: balance, profit factor, the deepest loss of the balance."""
    trips = freqtrade_round_trips(freqtrade, fee_rate=Decimal(0))
    closed = tally(trips)
    start = freqtrade["starting_balance"]

    assert closed.count == freqtrade["total_trades"] == 179
    assert float(start + closed.pnl_quote) == pytest.approx(0.011041902985696884, rel=1e-14)
    assert float(closed.pnl_quote / start) == pytest.approx(0.10419029856968845, rel=1e-13)
    assert closed.profit_factor == pytest.approx(2.4223288739520954, rel=1e-13)
    closed_ns = np.array([t.closed_ns for t in trips])
    # two round trips that close in one minute have no order: the balance is taken after both
    last = np.flatnonzero(np.diff(closed_ns, append=0))
    balance = np.array(np.cumsum([t.pnl for t in trips]) + start, dtype=float)[last]
    depth = drawdown_curve(balance, float(start))
    deepest = max(find_drawdowns(depth, closed_ns[last], 0), key=lambda d: d.depth_pct)
    assert deepest.depth_pct / 100 == pytest.approx(0.018740312808228732, rel=1e-12)
    assert deepest.peak_ns == int(freqtrade["drawdown_start_ts"]) * 1_000_000
    assert deepest.trough_ns == int(freqtrade["drawdown_end_ts"]) * 1_000_000
    fallen = np.maximum.accumulate(balance) - balance
    assert fallen.max() == pytest.approx(0.0002, rel=1e-10)


def test_freqtrade_wins_losses_draws_and_times(freqtrade):
    """Its ratios are after fees, and in terms of the stake with the entry fee (1.0025 here)."""
    closed = tally(freqtrade_round_trips(freqtrade, fee_rate=Decimal("0.0025")))

    assert (closed.wins, closed.losses, closed.draws) == (48, 9, 122)
    # published ratios are rounded to eight decimals, trade by trade
    assert closed.avg_pct / 100 / 1.0025 == pytest.approx(0.0008041243575418989, abs=5e-9)
    minute = 60 * SECOND_NS
    assert round(closed.avg_duration_ns / minute) == 3 * 60 + 40
    assert round(closed.avg_win_duration_ns / minute) == 24
    assert round(closed.avg_loss_duration_ns / minute) == 29 * 60 + 57


# ---- backtesting.py: GOOG daily, SMA 10/20 cross, always in (PUBLISHED.md no. 1)

OPENS_NS = 14 * 3600 * SECOND_NS  # fills are at the open, some hours into the UTC day


def day_ns(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_NS


def rows_of(file):
    with file.open() as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def goog(shared_data):
    folder = shared_data / "ref" / "backtesting_py"
    prices = rows_of(folder / "GOOG.csv")
    columns = {
        name: np.array([float(row[name.capitalize()]) for row in prices])
        for name in ("open", "high", "low", "close", "volume")
    }
    open_ns = np.array([day_ns(row[""]) for row in prices], dtype=np.int64)
    equity = [float(row["Equity"]) for row in rows_of(folder / "goog_smacross_10_20_equity.csv")]
    return {
        "candles": CandleFrame(BTC, Timeframe.D1, open_ns=open_ns, **columns),
        "opens": [Decimal(row["Open"]) for row in prices],
        "trades": rows_of(folder / "goog_smacross_10_20_trades.csv"),
        "equity": np.array(equity),
        "stats": {r[""]: r["value"] for r in rows_of(folder / "goog_smacross_10_20_stats.csv")},
    }


@pytest.fixture(scope="module")
def goog_report(goog):
    """Whole shares for all the money at each flip; prices and days from the published trades."""
    cash, executions = Decimal(10_000), []

    def trade(event_ns, side, shares, price):
        nonlocal cash
        cash -= side.sign * shares * price
        executions.append(execution(event_ns, side, shares, price))

    turns = [(day_ns(t["EntryTime"]), int(t["EntryBar"]), int(t["Size"])) for t in goog["trades"]]
    last = goog["trades"][-1]
    turns.append((day_ns(last["ExitTime"]), int(last["ExitBar"]), -int(last["Size"])))
    held = Decimal(0)
    for day, bar, size in turns:
        price = goog["opens"][bar]
        if held:
            trade(day + OPENS_NS, Side.SELL if held > 0 else Side.BUY, abs(held), price)
        side = Side.BUY if size > 0 else Side.SELL
        paid = price * (1 + side.sign * Decimal("0.002"))
        shares = cash // paid
        trade(day + OPENS_NS, side, shares, paid)
        held = side.sign * shares
    return make_report(record_of(goog["candles"], executions, "10000"))


def test_backtesting_py_shares_and_equity_day_by_day(goog, goog_report):
    ours = [int(t.quantity * t.direction) for t in goog_report.round_trips]
    assert ours == [int(t["Size"]) for t in goog["trades"]]
    assert [float(t.pnl) for t in goog_report.round_trips] == pytest.approx(
        [float(t["PnL"]) for t in goog["trades"]], rel=1e-9, abs=1e-9
    )
    assert goog_report.curves.equity == pytest.approx(goog["equity"], rel=1e-12)
    final = goog_report.record.run.initial_cash + goog_report.metrics.total_profit_quote
    assert round(final, 2) == Decimal("68935.12")


def test_backtesting_py_statistics(goog, goog_report):
    """Where it means the same; its drawdown is negative, its average trade geometric."""
    stats = goog["stats"]
    m = goog_report.metrics

    assert m.total_return_pct == pytest.approx(float(stats["Return [%]"]), rel=1e-12)
    assert m.max_drawdown_pct == pytest.approx(-float(stats["Max. Drawdown [%]"]), rel=1e-12)
    assert m.avg_drawdown_pct == pytest.approx(-float(stats["Avg. Drawdown [%]"]), rel=1e-12)
    assert m.max_drawdown_duration_ns == 688 * DAY_NS
    assert math.ceil(m.avg_drawdown_duration_ns / DAY_NS) == 41
    assert m.round_trip_count == float(stats["# Trades"]) == 93
    assert m.win_rate_pct == pytest.approx(float(stats["Win Rate [%]"]), rel=1e-12)
    assert m.best_round_trip_pct == pytest.approx(float(stats["Best Trade [%]"]), rel=1e-12)
    assert m.worst_round_trip_pct == pytest.approx(float(stats["Worst Trade [%]"]), rel=1e-12)
    assert m.avg_round_trip_pct == pytest.approx(float(stats["Expectancy [%]"]), rel=1e-12)
    growth = math.prod(1 + float(t.return_pct) / 100 for t in goog_report.round_trips)
    assert (growth ** (1 / 93) - 1) * 100 == pytest.approx(
        float(stats["Avg. Trade [%]"]), rel=1e-12
    )
    assert m.max_round_trip_duration_ns == 121 * DAY_NS
    assert math.ceil(m.avg_round_trip_duration_ns / DAY_NS) == 32
    assert m.sqn == pytest.approx(float(stats["SQN"]), rel=1e-12)
    returns = [t.return_pct for t in goog_report.round_trips]
    gained, lost = sum(r for r in returns if r > 0), -sum(r for r in returns if r < 0)
    assert float(gained / lost) == pytest.approx(float(stats["Profit Factor"]), rel=1e-12)
