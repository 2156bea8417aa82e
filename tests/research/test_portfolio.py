"""Runs on one wallet: a lone run is its backtest, no money is lost, limits hold at any moment.

What the wallet has is recomputed here from the fills of all runs, without the engine's books.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from bowline.core.errors import BadInput
from bowline.core.facts import closed_candles
from bowline.core.model.event import FundingFixed, Run
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.model.intent import Reason, Refusal
from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import (
    AllIn,
    Costs,
    DirectionMode,
    Fills,
    Limits,
    Margin,
    Policy,
    RiskPct,
    Sharing,
    Stops,
)
from bowline.core.model.values import RunId, StrategyId, Timeframe
from bowline.core.report import RunRecord, make_portfolio_report, make_report
from bowline.core.signals.frame import SignalFrame, frame_of
from bowline.core.sim import Simulation
from bowline.research import backtest
from bowline.research.backtest import opinions_of
from bowline.research.portfolio import Member, backtest_portfolio
from tests.generators import catalogue, margin_specs, sample_specs
from tests.paper_runs import setup_of
from tests.scenarios.test_close_fills_stay import minutes

BTC, ETH = (InstrumentId(MarketId(2), symbol) for symbol in ("BTCUSDT", "ETHUSDT"))
HOUR = Timeframe.H1.ns
CASH = Decimal(1000)
FREE = Costs(Decimal(0), Decimal(0))
COSTLY = Costs(Decimal("0.1"), Decimal("0.05"))
PLAIN = Policy(DirectionMode.LONG_SHORT, Stops(), AllIn(), FREE, Limits(), sharing=Sharing())
HALF = Sharing(share_pct=Decimal(50))
#: what 28 digits may round away in a whole portfolio
DUST = Decimal("1e-17")


class Told:
    """An opinion that says what it was told to say."""

    warmup = 0

    def __init__(self, signals: list[int]) -> None:
        self._signals = np.array(signals, dtype=np.int8)

    def signals(self, candles: CandleFrame) -> SignalFrame:
        return frame_of(self._signals[: len(candles)])


def frame(
    closes: list[float], instrument: InstrumentId = BTC, timeframe: Timeframe = Timeframe.H1
) -> CandleFrame:
    column = np.array(closes, dtype=np.float64)
    open_ns = np.arange(len(closes), dtype=np.int64) * timeframe.ns
    return CandleFrame(instrument, timeframe, open_ns, *(column for _ in range(5)))


def member(
    number: int, candles: CandleFrame, signals: list[int], policy: Policy = PLAIN, **more
) -> Member:
    run = Run(
        RunId(number), StrategyId(f"told {number}"), "portfolio", Instrument(candles.instrument),
        candles.timeframe, policy, CASH, int(candles.open_ns[0]), int(candles.open_ns[0]),
    )  # fmt: skip
    return Member(run, Told(signals), candles, **more)


def entries(record: RunRecord) -> list[float]:
    """Notional of each entry."""
    return [
        float(e.fill.quantity * e.fill.price)
        for e in record.executions
        if e.fill.side.sign == (1 if e.reason is Reason.SIGNAL else 0)
    ]


# --- a portfolio of one ---------------------------------------------------------------------------


@cache
def lone_specs():
    return [*sample_specs(12, seed=11), *margin_specs(12, seed=5)]


@pytest.mark.chance
@pytest.mark.parametrize("number", range(24))
def test_a_portfolio_of_one_run_is_its_backtest_bit_for_bit(number):
    setup = setup_of(lone_specs()[number], minutes(), catalogue())
    alone = make_report(backtest(setup.run, setup.opinion, setup.candles))
    shared = replace(setup.run, policy=replace(setup.run.policy, sharing=Sharing()))
    (record,) = backtest_portfolio([Member(shared, setup.opinion, setup.candles)])
    whole = make_portfolio_report([record])
    assert [repr(e) for e in record.executions] == [repr(e) for e in alone.record.executions]
    assert record.refusals == alone.record.refusals
    assert asdict(whole.metrics) == asdict(alone.metrics)
    assert whole.closed == alone.closed
    assert whole.curves.equity.tobytes() == alone.curves.equity.tobytes()
    assert whole.curves.benchmark.tobytes() == alone.curves.benchmark.tobytes()
    assert whole.months == alone.months
    assert whole.drawdowns == alone.drawdowns


# --- one wallet -----------------------------------------------------------------------------------


def test_runs_are_sized_by_the_money_that_all_of_them_have():
    """The second enters after the first has doubled its half: half of 1,500 is more than it had."""
    records = backtest_portfolio([
        member(1, frame([100, 200, 200]), [1, 1, -1], replace(PLAIN, sharing=HALF)),
        member(2, frame([50, 50, 50], ETH), [0, 1, 1], replace(PLAIN, sharing=HALF)),
    ])  # fmt: skip
    assert entries(records[0])[0] == 500
    assert entries(records[1]) == [500]
    richer = backtest_portfolio([
        member(1, frame([100, 200, 200]), [1, -1, -1], replace(PLAIN, sharing=HALF)),
        member(2, frame([50, 50, 50], ETH), [0, 0, 1], replace(PLAIN, sharing=HALF)),
    ])  # fmt: skip
    assert entries(richer[1]) == [750]


def test_two_runs_that_enter_at_one_close_never_take_the_same_money():
    """The first takes all there is; for the second nothing is left, and no crumb of rounding is."""
    closes = [97.3, 98.1, 96.4]
    both = [member(n, frame(closes), [1, 1, 1], replace(PLAIN, costs=COSTLY)) for n in (1, 2)]
    first, second = backtest_portfolio(both)
    assert len(first.executions) == 1
    assert (second.executions, second.refusals) == ((), {Refusal.NOTHING_AVAILABLE: 1})


def test_what_one_run_borrows_is_not_there_for_another():
    """Four times 1,000 are lent; the first ties up 750 of margin, so 250 carry 1,000 more."""
    lent = replace(PLAIN, margin=Margin(Decimal(4), Decimal(1)))
    three_quarters = replace(lent, sharing=Sharing(share_pct=Decimal(75)))
    records = backtest_portfolio([
        member(1, frame([100, 100]), [1, 1], three_quarters),
        member(2, frame([50, 50], ETH), [1, 1], lent),
    ])  # fmt: skip
    assert [entries(record) for record in records] == [[3000], [1000]]


def test_runs_on_other_timeframes_and_instruments_do_not_wait_for_each_other():
    """A hole in the candles of one is nothing to the others."""
    hours = frame([100 + at for at in range(12)])
    holed = replace(
        hours,
        **{
            n: np.delete(getattr(hours, n), [3, 4])
            for n in ("open_ns", "open", "high", "low", "close", "volume")
        },
    )
    quarter = replace(PLAIN, sharing=Sharing(share_pct=Decimal(25)))
    fours = frame([50, 51, 52], ETH, Timeframe.H4)
    records = backtest_portfolio([
        member(1, holed, [0, 0, 0, 1] + [1] * 6, quarter),
        member(2, fours, [1, -1, 1], quarter),
    ])  # fmt: skip
    assert [e.fill.event_ns // HOUR for e in records[0].executions] == [6]
    assert [e.fill.event_ns // HOUR for e in records[1].executions] == [4, 8, 8, 12, 12]
    report = make_portfolio_report(records)
    assert (report.close_ns // HOUR).tolist() == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12]


# --- limits ---------------------------------------------------------------------------------------


def refused(record: RunRecord) -> dict[Refusal, int]:
    return {refusal: count for refusal, count in record.refusals.items() if count}


def test_no_more_positions_than_allowed_are_held():
    sharing = Sharing(share_pct=Decimal(20), max_positions=2)
    policy = replace(PLAIN, sharing=sharing)
    members = [
        member(n, frame([100, 100, 100], InstrumentId(MarketId(2), f"C{n}")), [1, 1, 1], policy)
        for n in (1, 2, 3)
    ]
    records = backtest_portfolio(members)
    assert [len(record.executions) for record in records] == [1, 1, 0]
    assert refused(records[2]) == {Refusal.MAX_POSITIONS: 1}


def test_entries_get_what_the_exposure_limit_leaves_and_then_nothing():
    sharing = Sharing(share_pct=Decimal(40), max_gross_exposure_pct=Decimal(60))
    policy = replace(PLAIN, sharing=sharing)
    members = [
        member(n, frame([100, 100], InstrumentId(MarketId(2), f"C{n}")), [1, 1], policy)
        for n in (1, 2, 3)
    ]
    records = backtest_portfolio(members)
    assert [entries(record) for record in records] == [[400], [200], []]
    assert refused(records[2]) == {Refusal.MAX_GROSS_EXPOSURE: 1}


@pytest.mark.parametrize(
    ("sharing", "refusal"),
    [
        (Sharing(share_pct=Decimal(50), max_drawdown_pct=Decimal(20)), Refusal.MAX_DRAWDOWN),
        (Sharing(share_pct=Decimal(50), daily_loss_pct=Decimal(20)), Refusal.PORTFOLIO_DAILY_LOSS),
    ],
)
def test_what_one_run_loses_stops_the_entries_of_all_but_no_exit(sharing, refusal):
    """A half that loses half is a quarter of the wallet."""
    policy = replace(PLAIN, sharing=sharing)
    loses = member(
        1, frame([100, 50, 50]), [1, 1, -1], replace(policy, direction=DirectionMode.LONG_ONLY)
    )
    other = member(2, frame([100, 100, 100], ETH), [0, 0, 1], policy)
    first, second = backtest_portfolio([loses, other])
    assert len(first.executions) == 2
    assert (second.executions, refused(second)) == ((), {refusal: 1})
    off = replace(policy, sharing=HALF)
    calm = backtest_portfolio(
        [
            replace(loses, run=replace(loses.run, policy=off)),
            replace(other, run=replace(other.run, policy=off)),
        ]
    )
    assert len(calm[1].executions) == 1


def test_a_loss_of_yesterday_is_not_todays():
    policy = replace(PLAIN, sharing=Sharing(share_pct=Decimal(50), daily_loss_pct=Decimal(20)))
    day = 24
    falls = member(1, frame([100] + [50] * (day + 1)), [1] * (day + 2), policy)
    later = member(2, frame([100] * (day + 2), ETH), [0] * day + [1, 1], policy)
    assert len(backtest_portfolio([falls, later])[1].executions) == 1


# --- properties -----------------------------------------------------------------------------------

walk = st.lists(st.integers(60, 160), min_size=12, max_size=12)
opinion = st.lists(st.integers(-1, 1), min_size=12, max_size=12)
policies = st.builds(
    Policy,
    st.just(DirectionMode.LONG_SHORT),
    st.builds(Stops, sl_pct=st.decimals("2", "30", places=1)),
    st.sampled_from([AllIn(), RiskPct(Decimal(2))]),
    st.sampled_from([FREE, COSTLY]),
    st.just(Limits()),
    st.just(Fills.CLOSE),
    margin=st.none() | st.builds(Margin, st.just(Decimal(5)), st.just(Decimal(1))),
)
sharings = st.builds(
    Sharing,
    st.sampled_from([Decimal(30), Decimal(60), Decimal(100)]),
    st.integers(0, 2),
    st.sampled_from([Decimal(0), Decimal(150)]),
    st.sampled_from([Decimal(0), Decimal(25)]),
    st.sampled_from([Decimal(0), Decimal(10)]),
)


@st.composite
def portfolios(draw: st.DrawFn) -> list[Member]:
    """Three runs: two on the same candles, one on four-hour candles of another instrument."""
    sharing, shared = draw(sharings), frame(draw(walk))
    places = [shared, shared, frame(draw(walk)[:3], ETH, Timeframe.H4)]
    return [
        member(
            number, candles, draw(opinion)[: len(candles)],
            replace(draw(policies), sharing=sharing),
        )
        for number, candles in enumerate(places, start=1)
    ]  # fmt: skip


@given(portfolios())
def test_the_whole_is_the_sum_of_its_parts_and_no_money_is_lost(members):
    records = backtest_portfolio(members)
    whole = make_portfolio_report(records)
    total = sum((trip.pnl for part in whole.parts for trip in part.report.round_trips), Decimal(0))
    for part in whole.parts:
        total += part.report.open_position.pnl if part.report.open_position else 0
    assert abs(whole.metrics.total_profit_quote - total) < DUST
    parts = sum(part.contribution for part in whole.parts)
    assert np.allclose(whole.curves.equity, float(CASH) + parts, rtol=1e-12, atol=1e-9)
    assert abs(whole.curves.equity[-1] - float(CASH + total)) < 1e-6


def moves_of(records) -> list[tuple[int, Decimal, Decimal]]:
    """Every fill of all runs in the order of the orders: which run, signed quantity, cash."""
    fills = sorted(
        (e.fill.event_ns, int(e.fill.order_id), at, e.fill)
        for at, record in enumerate(records)
        for e in record.executions
    )
    signed = [(at, fill.side.sign * fill.quantity, fill) for _, _, at, fill in fills]
    return [(at, size, -size * fill.price - fill.fee) for at, size, fill in signed]


@given(portfolios())
def test_never_are_more_positions_held_than_allowed(members):
    most = members[0].run.policy.sharing.max_positions or len(members)
    held = dict.fromkeys(range(len(members)), Decimal(0))
    for at, size, _ in moves_of(backtest_portfolio(members)):
        held[at] += size
        assert sum(abs(each) > DUST for each in held.values()) <= most


@given(portfolios())
def test_what_is_bought_without_leverage_is_paid_for(members):
    """Three runs, one wallet, two of them asked in one breath: its cash is never below nothing."""
    plain = replace(members[0].run.policy, margin=None, direction=DirectionMode.LONG_ONLY)
    bought = [
        replace(each, run=replace(each.run, policy=replace(plain, sizing=each.run.policy.sizing)))
        for each in members
    ]
    cash = CASH
    for _, _, change in moves_of(backtest_portfolio(bought)):
        cash += change
        assert cash > -DUST


@given(portfolios(), st.integers(2, 20))
def test_after_every_moment_the_wallet_has_more_than_its_positions_need(members, leverage):
    """Two leveraged runs on the same candles: whoever is asked last sees what both have come to."""
    lent = Margin(Decimal(leverage), Decimal(4))
    pair = [
        replace(m, run=replace(m.run, policy=replace(m.run.policy, margin=lent, costs=FREE)))
        for m in members[:2]
    ]
    records = backtest_portfolio(pair)
    cash, held = CASH, [Decimal(0), Decimal(0)]
    for close_ns, close in zip(
        pair[0].candles.close_ns.tolist(), pair[0].candles.close, strict=True
    ):
        for at, record in enumerate(records):
            for each in (e.fill for e in record.executions if e.fill.event_ns == close_ns):
                signed = each.side.sign * each.quantity
                cash, held[at] = cash - signed * each.price, held[at] + signed
        mark = Decimal(float(close))
        needed = sum(abs(each) for each in held) * mark * Decimal("0.04")
        if needed > DUST:
            assert cash + sum(held) * mark > needed


@given(portfolios(), st.integers(1, 11))
def test_a_restored_portfolio_still_has_one_wallet(members, cut):
    """State out, state in: the rest gives the same commands, and money is counted once."""
    said = []
    for restored in (False, True):
        noted: list[str] = []

        def note(fact, commands, _cause, noted=noted) -> int:
            noted.extend(map(repr, (fact, *commands)))
            return 0

        played = Simulation([m.run for m in members[:2]], note)
        played.begin()
        formed: dict = {}
        for m in members[:2]:
            signals = m.opinion.signals(m.candles)
            for open_ns, opinions in opinions_of(m.run, signals, m.candles).items():
                formed[open_ns] = (*formed.get(open_ns, ()), *opinions)
        for at, candle in enumerate(closed_candles(members[0].candles)):
            if restored and at == cut:
                played.engine.restore(played.engine.snapshot())
                played.resume()
            played.take(candle, formed)
        said.append(noted)
        assert len(played.engine.state.wallets) == 1
    assert said[0] == said[1]


def test_a_shared_wallet_stands_behind_every_position():
    """Ten times lent, down 12 percent: alone it is liquidated, beside idle money it is not."""
    lent = replace(PLAIN, margin=Margin(Decimal(10), Decimal("0.5")))
    falls = frame([100, 88, 88])
    (alone,) = backtest_portfolio([member(1, falls, [1, 1, 1], lent)])
    assert [e.reason for e in alone.executions] == [Reason.SIGNAL, Reason.LIQUIDATION]
    half = replace(lent, sharing=HALF)
    beside = backtest_portfolio([
        member(1, falls, [1, 1, 1], half), member(2, frame([50] * 3, ETH), [0] * 3, half),
    ])  # fmt: skip
    assert [e.reason for e in beside[0].executions] == [Reason.SIGNAL]


def test_funding_of_an_instrument_is_paid_once_by_each_run_on_it():
    policy = replace(PLAIN, sharing=HALF, funding=True)
    due = (FundingFixed(HOUR * 4 + 1, BTC, Decimal("0.01"), Decimal(100)),)
    members = [
        member(1, frame([100] * 12), [1] * 12, policy, funding=due),
        member(2, frame([100] * 3, BTC, Timeframe.H4), [1] * 3, policy, funding=due),
    ]
    records = backtest_portfolio(members)
    assert [[float(p.amount) for p in record.funding] for record in records] == [[5], [5]]
    other = (replace(due[0], mark=Decimal(101)),)
    with pytest.raises(BadInput, match="mark the same funding at"):
        backtest_portfolio([members[0], replace(members[1], funding=other)])


def test_runs_that_would_be_told_different_things_of_one_candle_are_refused():
    with pytest.raises(BadInput, match="differ in their candles"):
        backtest_portfolio([member(1, frame([1, 2]), [0, 0]), member(2, frame([1, 3]), [0, 0])])


def test_runs_that_do_the_same_are_correlated_and_those_that_do_the_opposite_are_not():
    days = [100.0, 103, 99, 104, 108, 101, 100, 107]
    walk_of_days = frame(days, BTC, Timeframe.D1)
    third = replace(PLAIN, sharing=Sharing(share_pct=Decimal(30)))
    signals = ([1] * 8, [1] * 8, [-1] * 8, [0] * 8)
    members = [member(n, walk_of_days, each, third) for n, each in enumerate(signals, start=1)]
    found = make_portfolio_report(backtest_portfolio(members)).correlations
    assert found[0][1] == pytest.approx(1)
    assert found[0][2] == pytest.approx(-1)
    assert found[0][3] is None


@pytest.mark.parametrize(("days", "known"), [(2, False), (3, True)])
def test_two_days_are_too_few_to_correlate(days, known):
    """Two points always lie on a line."""
    half = replace(PLAIN, sharing=Sharing(share_pct=Decimal(50)))
    walk_of_days = frame([100.0, 103, 99][:days], BTC, Timeframe.D1)
    members = [member(n, walk_of_days, [1, 1, 1][:days], half) for n in (1, 2)]
    found = make_portfolio_report(backtest_portfolio(members)).correlations
    assert (found[0][1] is not None) is known
