"""Leverage and sizing by risk: how much is entered, when it is liquidated; no money is lost.

Liquidation prices are Binance's own examples; everything else is recomputed here from the fills.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bowline.core.engine.levels import ruin_price
from bowline.core.engine.money import backing
from bowline.core.engine.sizing import loss_at_stop
from bowline.core.engine.state import Mark, RunState, State, Wallet
from bowline.core.errors import BadInput
from bowline.core.model.event import FundingFixed, Run
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId, market_by_name
from bowline.core.model.intent import Reason, Refusal
from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import (
    AllIn,
    Costs,
    DirectionMode,
    Fills,
    FixedQuote,
    Limits,
    Margin,
    Policy,
    RiskPct,
    Stops,
)
from bowline.core.model.position import Position
from bowline.core.model.values import AccountId, Direction, RunId, Side, StrategyId, Timeframe
from bowline.core.report import RunRecord, fold_executions, make_report
from bowline.core.signals import Strategies, parse_spec, policy_of
from bowline.core.signals.frame import SignalFrame, frame_of
from bowline.research import backtest
from tests.generators import catalogue

ID = InstrumentId(MarketId(2), "BTCUSDT")
HOUR = Timeframe.H1.ns
CASH = Decimal(1000)
FREE = Costs(Decimal(0), Decimal(0))
COSTLY = Costs(Decimal("0.1"), Decimal("0.05"))
PLAIN = Policy(DirectionMode.LONG_SHORT, Stops(), AllIn(), FREE, Limits())
TEN = Margin(Decimal(10), Decimal("0.5"))
#: what 28 digits may round away in a whole run
DUST = Decimal("1e-17")
Row = tuple[float, float, float, float]


class Told:
    """An opinion that says what it was told to say."""

    warmup = 0

    def __init__(self, signals: list[int]) -> None:
        self._signals = np.array(signals, dtype=np.int8)

    def signals(self, candles: CandleFrame) -> SignalFrame:
        return frame_of(self._signals[: len(candles)])


def frame(rows: list[Row]) -> CandleFrame:
    columns = np.array(rows, dtype=np.float64).T
    open_ns = np.arange(len(rows), dtype=np.int64) * HOUR
    return CandleFrame(ID, Timeframe.H1, open_ns, *columns, columns[0])


def flat(*closes: float) -> list[Row]:
    return [(close, close, close, close) for close in closes]


def played(
    rows: list[Row], signals: list[int], policy: Policy, *, lot: str = "0", funding=None
) -> RunRecord:
    instrument = Instrument(ID, lot_step=Decimal(lot))
    run = Run(RunId(1), StrategyId("told"), "test", instrument, Timeframe.H1, policy, CASH, 0, 0)
    return backtest(run, Told(signals), frame(rows), None, funding)


def outcome(record: RunRecord) -> list[tuple[float, str]]:
    return [(float(e.fill.price), e.reason.value) for e in record.executions]


# --- Binance's own examples (its FAQ on USD-M liquidation prices) ---------------------------------

BALANCE = Decimal("1535443.01")
#: quantity, entry price, mark price, maintenance rate, maintenance amount
ETH = tuple(map(Decimal, ("3683.979", "1456.84", "1335.18", "0.10", "135365.00")))
BTC = tuple(map(Decimal, ("109.488", "32481.980", "31967.27", "0.025", "16300.000")))


@pytest.mark.parametrize(("held", "expected"), [(ETH, "1114.78"), (BTC, "18778.73")])
def test_an_isolated_position_is_liquidated_where_binance_says(held, expected):
    """A maintenance amount is a constant: it acts as if it were money of the wallet."""
    quantity, entry, _, rate, amount = held
    backing = BALANCE + amount - quantity * entry
    found = ruin_price(backing, quantity, Direction.LONG, rate)
    assert found.quantize(Decimal("0.01")) == Decimal(expected)


@pytest.mark.parametrize(
    ("held", "other", "expected"), [(ETH, BTC, "1153.26"), (BTC, ETH, "26316.89")]
)
def test_positions_that_share_a_wallet_are_liquidated_where_binance_says(held, other, expected):
    """Cross margin: what the other position gains, loses and needs is in the price of this one."""
    spent = sum((each[0] * each[1] for each in (held, other)), Decimal(0))
    runs = (RunId(1), RunId(2))
    cash = BALANCE + held[4] + other[4] - spent
    state = State(wallets={"shared": Wallet("shared", AccountId("a"), cash, runs=runs)})
    for run_id, (quantity, entry, mark, rate, _) in zip(runs, (held, other), strict=True):
        policy = replace(PLAIN, margin=Margin(Decimal(20), rate * 100))
        run = Run(
            run_id, StrategyId("told"), AccountId("a"), Instrument(ID), Timeframe.H1, policy, CASH,
            0, 0,
        )  # fmt: skip
        position = Position(ID, Direction.LONG, quantity, 0, quantity, quantity * entry)
        state.runs[run_id] = RunState(run, "shared", position)
        state.marks[run_id] = Mark(mark, 0, 1)
    behind = backing(state, state.wallets["shared"], RunId(1))
    found = ruin_price(behind, held[0], Direction.LONG, held[3])
    assert found.quantize(Decimal("0.01")) == Decimal(expected)


# --- entering and being liquidated ----------------------------------------------------------------


def test_leverage_carries_its_multiple_of_the_money_and_pays_the_fee_out_of_it():
    fills = played(flat(100, 100), [1, 1], replace(PLAIN, margin=TEN)).executions
    assert fills[0].fill.quantity == 100
    (entry,) = played(flat(100, 100), [1, 1], replace(PLAIN, margin=TEN, costs=COSTLY)).executions
    notional = entry.fill.quantity * entry.fill.price
    assert abs(notional / 10 + entry.fill.fee - CASH) < DUST


@pytest.mark.parametrize(
    ("signal", "closes", "expected"),
    [
        # 1,000 carries 100 pieces at 100; a long is at its end at 9000 / (100 * 0.995) = 90.452
        (1, (100, 90.46, 100), [(100, "signal")]),
        (1, (100, 90.45, 100), [(100, "signal"), (90.45, "liquidation")]),
        # a short at 11000 / (100 * 1.005) = 109.453
        (-1, (100, 109.45, 100), [(100, "signal")]),
        (-1, (100, 109.46, 100), [(100, "signal"), (109.46, "liquidation")]),
    ],
)
def test_a_position_is_liquidated_at_the_close_that_leaves_less_than_its_maintenance_margin(
    signal, closes, expected
):
    record = played(flat(*closes), [signal] * 3, replace(PLAIN, margin=TEN))
    assert outcome(record) == expected


@pytest.mark.parametrize(
    ("second", "signal", "sl_pct", "expected"),
    [
        ((100, 101, 89, 95), 1, None, (9000 / 99.5, "liquidation")),
        ((85, 86, 84, 85), 1, None, (85, "liquidation")),
        ((100, 101, 89, 95), 1, 5, (95, "stop_loss")),
        ((100, 101, 89, 95), 1, 12, (9000 / 99.5, "liquidation")),
        ((100, 111, 99, 105), -1, None, (11000 / 100.5, "liquidation")),
        ((100, 111, 99, 105), -1, 12, (11000 / 100.5, "liquidation")),
        ((100, 111, 99, 105), -1, 5, (105, "stop_loss")),
    ],
)
def test_inside_a_candle_the_nearer_of_stop_and_liquidation_is_met_first(
    second, signal, sl_pct, expected
):
    stops = Stops(None if sl_pct is None else Decimal(sl_pct))
    policy = replace(PLAIN, margin=TEN, fills=Fills.INTRABAR, stops=stops)
    (_, (price, why)) = outcome(played([*flat(100), second], [signal] * 2, policy))
    assert (price, why) == (pytest.approx(expected[0]), expected[1])


@pytest.mark.parametrize(("rate", "left"), [("0.02", "liquidation"), ("-0.02", None)])
def test_funding_moves_the_liquidation_price(rate, left):
    """Two percent of ten times the money is a fifth of it: 92 is too low for what remains."""
    policy = replace(PLAIN, margin=TEN, funding=True)
    due = FundingFixed(HOUR + 1, ID, Decimal(rate), Decimal(100))
    record = played(flat(100, 92), [1, 1], policy, funding=(due,))
    assert (outcome(record)[-1][1] if len(record.executions) > 1 else None) == left


def test_an_entry_that_would_be_liquidated_at_once_is_refused():
    policy = replace(
        PLAIN, margin=Margin(Decimal(100), Decimal("0.9")), costs=Costs(Decimal(0), Decimal("0.2"))
    )
    record = played(flat(100, 100), [1, 1], policy)
    assert (record.executions, record.refusals) == ((), {Refusal.BELOW_MAINTENANCE: 1})


# --- properties -----------------------------------------------------------------------------------

prices = st.integers(60, 160)
walks = st.lists(
    st.tuples(prices, prices, prices, prices).map(lambda p: (p[0], max(p), min(p), p[1])),
    min_size=3,
    max_size=40,
)
opinions = st.lists(st.integers(-1, 1), min_size=40, max_size=40)
margins = st.builds(
    Margin,
    st.decimals("1.5", "20", places=1),
    st.decimals("0", "4", places=1),
)
sizings = st.sampled_from([AllIn(), FixedQuote(Decimal(2500)), RiskPct(Decimal(2))])
pct = st.decimals("1", "30", places=1)
policies = st.builds(
    Policy,
    st.just(DirectionMode.LONG_SHORT),
    st.builds(Stops, sl_pct=pct, tp_pct=st.none() | pct),
    sizings,
    st.sampled_from([FREE, COSTLY]),
    st.just(Limits()),
    st.sampled_from([Fills.CLOSE, Fills.INTRABAR]),
    margin=margins,
)


@given(walks, opinions, policies)
def test_no_money_appears_or_vanishes(rows, signals, policy):
    """Equity = initial cash + every round trip + what is open, exactly but for rounding."""
    record = played(rows, signals[: len(rows)], policy)
    report = make_report(record)
    total = sum((trip.pnl for trip in report.round_trips), Decimal(0))
    total += report.open_position.pnl if report.open_position else 0
    assert abs(report.metrics.total_profit_quote - total) < DUST


@given(walks, opinions, policies)
def test_a_position_ends_at_the_first_close_that_leaves_too_little_and_never_later(
    rows, signals, policy
):
    """Recomputed from the fills alone: beyond the candle of its end nothing is ever below zero."""
    policy = replace(policy, fills=Fills.CLOSE, stops=Stops())
    policy = replace(
        policy, sizing=AllIn() if isinstance(policy.sizing, RiskPct) else policy.sizing
    )
    record = played(rows, signals[: len(rows)], policy)
    fills, cash, quantity = list(record.executions), CASH, Decimal(0)
    for at, row in enumerate(rows):
        close = Decimal(row[3])
        needed = abs(quantity) * close * policy.maintenance_rate
        ruined = quantity != 0 and cash + quantity * close <= needed
        here = [e for e in fills if e.fill.event_ns == (at + 1) * HOUR]
        assert ruined == any(e.reason is Reason.LIQUIDATION for e in here)
        for each in here:
            signed = each.fill.side.sign * each.fill.quantity
            cash -= signed * each.fill.price + each.fill.fee
            quantity += signed
        if abs(quantity) < DUST:
            quantity = Decimal(0)
        assert quantity == 0 or cash + quantity * close > 0


@given(walks, opinions, policies)
def test_leverage_one_without_maintenance_is_no_leverage(rows, signals, policy):
    """The same fills, digit by digit; only the name of a short's ruin is another."""
    lent = replace(policy, margin=Margin(Decimal(1), Decimal(0)))
    mine = played(rows, signals[: len(rows)], lent).executions
    theirs = played(rows, signals[: len(rows)], replace(policy, margin=None)).executions
    assert [repr(e.fill) for e in mine] == [repr(e.fill) for e in theirs]


@given(
    direction=st.sampled_from([1, -1]),
    sl_pct=st.decimals("0.5", "20", places=1),
    risk_pct=st.decimals("0.1", "5", places=1),
    costs=st.sampled_from([FREE, COSTLY, Costs(Decimal(1), Decimal("0.2"))]),
    lot=st.sampled_from(["0", "0.001"]),
)
def test_what_is_lost_at_the_stop_is_the_share_that_was_risked(
    direction, sl_pct, risk_pct, costs, lot
):
    policy = replace(
        PLAIN, stops=Stops(sl_pct), sizing=RiskPct(risk_pct), costs=costs,
        fills=Fills.INTRABAR, margin=Margin(Decimal(50), Decimal(0)),
    )  # fmt: skip
    worst = 100 * (1 - direction * 0.5)
    rows = [*flat(100), (100, max(100, worst), min(100, worst), 100)]
    record = played(rows, [direction] * 2, policy, lot=lot)
    ((trip,), _) = fold_executions(record.executions)
    assert trip.reason is Reason.STOP_LOSS
    risked = CASH * risk_pct / 100
    one_lot = Decimal(lot) * 100 * loss_at_stop(policy, Side.entering(Direction(direction))) * 2
    assert risked - one_lot - DUST <= -trip.pnl <= risked + DUST


def test_what_is_risked_is_capped_by_what_the_leverage_carries():
    policy = replace(PLAIN, stops=Stops(Decimal("0.1")), sizing=RiskPct(Decimal(5)))
    for margin, most in ((None, 10), (Margin(Decimal(3), Decimal("0.5")), 30)):
        fills = played(flat(100, 100), [1, 1], replace(policy, margin=margin)).executions
        assert float(fills[0].fill.quantity) == pytest.approx(most)


@pytest.mark.parametrize("sl_pct", [None, "0", "-3"])
def test_without_a_stop_on_the_losing_side_nothing_is_sized_by_risk(sl_pct):
    stops = Stops(None if sl_pct is None else Decimal(sl_pct))
    record = played(flat(100, 100), [1, 1], replace(PLAIN, stops=stops, sizing=RiskPct(Decimal(1))))
    assert (record.executions, record.refusals) == ((), {Refusal.NO_STOP_DISTANCE: 1})


# --- where it may be asked for --------------------------------------------------------------------

RAW = {
    "version": 1,
    "timeframe": "1h",
    "direction": "long-short",
    "indicators": [{"id": "sma_cross", "params": {"fast": 3, "slow": 8}}],
    "sizing": {"mode": "all_in"},
    "margin": {"leverage": 3},
}


def test_leverage_is_refused_where_nothing_is_lent():
    spec = parse_spec(RAW, catalogue(), Strategies())
    assert policy_of(spec, market_by_name("bybit:linear")).margin == Margin(
        Decimal(3), Decimal("0.5")
    )
    with pytest.raises(BadInput, match="binance:spot has no leverage: only perpetuals do"):
        policy_of(spec, market_by_name("binance:spot"))
