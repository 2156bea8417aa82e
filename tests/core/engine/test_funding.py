"""Funding takes and brings exactly what the position held then owes, and nothing is lost."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bowline.core.engine import Engine, Wallet
from bowline.core.engine.money import equity
from bowline.core.facts import closed_candles, with_funding
from bowline.core.model.account import Account, Life
from bowline.core.model.event import (
    AccountOpened,
    FundingFixed,
    MoneyKind,
    MoneyMoved,
    Run,
    RunStarted,
)
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import AllIn, Costs, DirectionMode, Limits, Policy, Stops
from bowline.core.model.values import RunId, StrategyId, Timeframe
from bowline.core.report import make_report
from bowline.core.signals.frame import SignalFrame, frame_of
from bowline.core.sim import Simulation
from bowline.research import backtest
from bowline.research.backtest import opinions_of

ID = InstrumentId(MarketId(2), "BTCUSDT")
HOUR = Timeframe.H1.ns
CASH = Decimal(1000)
POLICY = Policy(
    DirectionMode.LONG_SHORT,
    Stops(sl_pct=Decimal(20)),
    AllIn(),
    Costs(Decimal("0.1"), Decimal("0.01")),
    Limits(),
    funding=True,
)
#: what 28 digits may round away in a whole run
DUST = Decimal("1e-18")


class Told:
    """An opinion that says what it was told to say."""

    warmup = 0

    def __init__(self, signals: list[int]) -> None:
        self._signals = np.array(signals, dtype=np.int8)

    def signals(self, candles: CandleFrame) -> SignalFrame:
        return frame_of(self._signals[: len(candles)])


def frame(closes: list[float]) -> CandleFrame:
    column = np.array(closes, dtype=np.float64)
    open_ns = np.arange(len(closes), dtype=np.int64) * HOUR
    return CandleFrame(ID, Timeframe.H1, open_ns, *(column for _ in range(5)))


def run_with(policy: Policy) -> Run:
    return Run(
        RunId(1), StrategyId("told"), "test", Instrument(ID), Timeframe.H1, policy, CASH, 0, 0
    )


def due(at_hours: float, rate: str, mark: str) -> FundingFixed:
    return FundingFixed(int(at_hours * HOUR), ID, Decimal(rate), Decimal(mark))


def paid(closes: list[float], signals: list[int], *funding: FundingFixed) -> list[Decimal]:
    record = backtest(run_with(POLICY), Told(signals), frame(closes), None, funding)
    return [each.amount for each in record.funding]


def test_a_long_pays_a_positive_rate_and_a_short_receives_it():
    costs = Costs(Decimal(0), Decimal(0))
    for signal, rate, sign in ((1, "0.01", 1), (-1, "0.01", -1), (1, "-0.01", -1)):
        record = backtest(
            run_with(replace(POLICY, costs=costs)),
            Told([signal] * 3),
            frame([100, 100, 100]),
            None,
            (due(2, rate, "110"),),
        )
        # 10 base units, worth 1100 at the mark, pay 1 %
        assert [each.amount for each in record.funding] == [sign * Decimal(11)]


def test_who_enters_at_the_moment_of_a_funding_does_not_pay_and_who_leaves_at_it_does():
    closes, signals = [100, 100, 100, 100], [0, 1, -1, -1]
    first, second = due(2, "0.01", "100"), due(3, "0.01", "100")
    # entered at the close at 2 h, turned around at the close at 3 h
    assert len(paid(closes, signals, first)) == 0
    (amount,) = paid(closes, signals, first, second)
    assert amount > 0


def test_a_run_that_does_not_pay_is_not_touched_by_what_is_due():
    plain = replace(POLICY, funding=False)
    with_due = backtest(
        run_with(plain), Told([1, 1]), frame([100, 100]), None, (due(2, "0.01", "100"),)
    )
    assert with_due.funding == ()
    assert with_due.executions == (
        backtest(run_with(plain), Told([1, 1]), frame([100, 100])).executions
    )


steps = st.tuples(st.integers(-300, 300), st.integers(-1, 1))
dues = st.tuples(
    st.integers(1, 80), st.decimals("-0.02", "0.02", places=6), st.integers(5_000, 15_000)
)


@given(
    walk=st.lists(steps, min_size=2, max_size=80),
    asked=st.lists(dues, max_size=40, unique_by=lambda each: each[0]),
)
def test_money_is_conserved_and_every_amount_is_what_was_held(walk, asked):
    """Wallet, executions, round trips and the equity curve all tell of the same money."""
    closes, price = [], 10_000
    for step, _ in walk:
        price = max(100, price + step)
        closes.append(price / 100)
    signals = [signal for _, signal in walk]
    # quarters of an hour: some are due at closes, most between them
    funding = tuple(
        FundingFixed(quarter * HOUR // 4, ID, rate, Decimal(mark) / 100)
        for quarter, rate, mark in sorted(asked)
    )
    run, candles = run_with(POLICY), frame(closes)
    record = backtest(run, Told(signals), candles, None, funding)
    by_moment = {each.seen_ns: each for each in record.funding}
    for each in funding:
        held = sum(
            e.fill.side.sign * e.fill.quantity
            for e in record.executions
            if e.fill.event_ns < each.seen_ns
        )
        if each.seen_ns > int(candles.close_ns[-1]) or not held:
            assert each.seen_ns not in by_moment
        else:
            owed = held * each.rate * each.mark
            assert abs(by_moment[each.seen_ns].amount - owed) < DUST
    engine = engine_after(run, Told(signals), candles, funding)
    wallet = wallet_of(engine, run)
    worth = equity(engine.state, wallet)
    report = make_report(record)
    total = report.funding_paid_quote - report.funding_received_quote
    assert abs(total - sum(each.amount for each in record.funding)) < DUST
    flows = sum(
        -e.fill.side.sign * e.fill.quantity * e.fill.price - e.fill.fee for e in record.executions
    )
    assert abs(wallet.cash + wallet.idle - (CASH + flows - total)) < DUST
    profit = sum(trip.pnl for trip in report.round_trips)
    profit += report.open_position.pnl if report.open_position else 0
    assert abs(profit - (worth - CASH)) < DUST
    assert abs(report.metrics.total_profit_quote - profit) < DUST
    assert abs(float(worth) - report.curves.equity[-1]) < 1e-6


def engine_after(
    run: Run, opinion: Told, candles: CandleFrame, funding: tuple[FundingFixed, ...]
) -> Engine:
    """The engine at the end of the same run, taken through a snapshot after every fact."""
    opinions = opinions_of(run, opinion.signals(candles), candles)
    played = Simulation((run,), lambda *_: 0)
    played.begin()
    for fact in with_funding(closed_candles(candles), funding, 0):
        played.take(fact, opinions)
        played.engine.restore(played.engine.snapshot())
        played.resume()
    return played.engine


def test_a_venue_that_pays_unasked_is_believed():
    """A real venue reports what it took: the books follow it, position or not, and once."""
    run, engine = run_with(POLICY), Engine()
    engine.step(AccountOpened(0, Account(run.account, Life.SANDBOX, "USDT")))
    engine.step(RunStarted(0, run))
    took = MoneyMoved(5, run.account, "USDT", Decimal(-7), MoneyKind.FUNDING, "1", ID)
    for _ in range(2):
        engine.step(took)
    assert wallet_of(engine, run).cash == CASH - 7


def wallet_of(engine: Engine, run: Run) -> Wallet:
    return engine.state.wallets[engine.state.runs[run.id].wallet_id]


def test_a_run_that_pays_is_never_played_without_being_told_what_was_due():
    with pytest.raises(ValueError, match="pays funding needs"):
        backtest(run_with(POLICY), Told([1, 1]), frame([100, 100]))
