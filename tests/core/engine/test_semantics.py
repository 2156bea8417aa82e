"""The engine does what the clear loop does: every direction, sizing, stop, cost and limit."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.model.event import Run
from bowline.core.model.instrument import FILE_MARKET, Instrument, InstrumentId
from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import (
    AllIn,
    Costs,
    DirectionMode,
    FirstSignal,
    FixedQuote,
    Limits,
    Policy,
    ProfitLock,
    Stops,
    StrategyCompound,
)
from bowline.core.model.values import DAY_NS, HUNDRED, RunId, StrategyId, Timeframe
from bowline.core.signals.frame import SignalFrame, frame_of
from bowline.research import backtest
from bowline.research.grid.reference import LoopAccount, LoopRules, run_loop

INSTRUMENT = Instrument(InstrumentId(FILE_MARKET.market_id, "TEST"))
ALLOWED = {
    DirectionMode.LONG_ONLY: (1,),
    DirectionMode.SHORT_ONLY: (-1,),
    DirectionMode.LONG_SHORT: (1, -1),
}
pct = st.decimals("0.05", "30", places=2)
maybe_pct = st.none() | pct
sizings = st.one_of(
    st.just(AllIn()),
    st.builds(FixedQuote, quote=st.decimals("5", "2000", places=2)),
    st.builds(StrategyCompound, budget_quote=st.none() | st.decimals("10", "1500", places=2)),
    st.builds(
        ProfitLock,
        safe_profit_pct=st.decimals("0", "100", places=1),
        budget_quote=st.none() | st.decimals("10", "1500", places=2),
    ),
)
policies = st.builds(
    Policy,
    direction=st.sampled_from(DirectionMode),
    stops=st.builds(Stops, sl_pct=maybe_pct, tp_pct=maybe_pct),
    sizing=sizings,
    costs=st.builds(
        Costs,
        fee_pct=st.decimals("0", "1", places=3),
        slippage_pct=st.decimals("0", "0.5", places=3),
    ),
    limits=st.builds(
        Limits,
        daily_loss_pct=st.just(Decimal(0)) | st.decimals("0.5", "20", places=1),
        cooldown_candles=st.integers(0, 3),
    ),
    first_signal=st.sampled_from(FirstSignal),
)


class Told:
    """An opinion that says what it was told to say, the first signal at candle `first`."""

    warmup = 0

    def __init__(self, signals: list[int], first: int = 0) -> None:
        self._signals = np.array(signals, dtype=np.int8)
        self._first = first

    def signals(self, candles: CandleFrame) -> SignalFrame:
        return frame_of(self._signals[: len(candles)], first=self._first)


def market(closes: list[float]) -> CandleFrame:
    column = np.array(closes)
    open_ns = np.arange(len(closes), dtype=np.int64) * Timeframe.H4.ns
    return CandleFrame(INSTRUMENT.id, Timeframe.H4, open_ns, *(column for _ in range(5)))


def rules_of(policy: Policy) -> LoopRules:
    sizing = policy.sizing

    def rate(value: Decimal | None) -> float | None:
        return None if value is None else float(value / HUNDRED)

    return LoopRules(
        allows=ALLOWED[policy.direction],
        sl=rate(policy.stops.sl_pct),
        tp=rate(policy.stops.tp_pct),
        mode="fixed_quote" if isinstance(sizing, FixedQuote) else "all",
        quote=float(getattr(sizing, "quote", 0)),
        budget=float(b) if (b := getattr(sizing, "budget_quote", None)) is not None else None,
        safe_profit=float(getattr(sizing, "safe_profit_pct", Decimal(0)) / HUNDRED),
        fee=float(policy.costs.fee_rate),
        slippage=float(policy.costs.slippage_rate),
        daily_loss=float(policy.limits.daily_loss_pct / HUNDRED),
        cooldown=policy.limits.cooldown_candles,
    )


def both(
    closes: list[float], signals: list[int], policy: Policy, first: int = 0
) -> tuple[list[tuple], LoopAccount]:
    """Fills of the engine as (candle, side, quantity, price, reason), and the clear loop's life."""
    candles = market(closes)
    cash = Decimal(1000)
    run = Run(RunId(1), StrategyId("told"), "test", INSTRUMENT, Timeframe.H4, policy, cash, 0, 0)
    record = backtest(run, Told(signals, first), candles)
    fills = [
        (
            e.fill.event_ns // Timeframe.H4.ns - 1,
            e.fill.side.sign,
            float(e.fill.quantity),
            float(e.fill.price),
            e.reason.value,
        )
        for e in record.executions
    ]
    days = [int(ns // DAY_NS) for ns in candles.open_ns]
    edges = first + 1 if policy.first_signal is FirstSignal.WAIT else 0
    life = run_loop(closes, days, signals, float(cash), rules_of(policy), edges=edges)
    assert sum(record.refusals.values()) == life.refused
    return fills, life


@given(
    walk=st.lists(st.tuples(st.integers(-900, 1100), st.integers(-1, 1)), min_size=2, max_size=120),
    policy=policies,
    first=st.integers(0, 5),
)
def test_engine_does_what_the_clear_loop_does(walk, policy, first):
    closes, signals, price = [], [], 100.0
    for step, signal in walk:
        price = max(0.01, round(price * (1 + step / 5000), 2))
        closes.append(price)
        signals.append(signal)
    fills, life = both(closes, signals, policy, first)
    assert [f[:2] + f[4:] for f in fills] == [f[:2] + f[4:] for f in life.fills]
    for mine, theirs in zip(fills, life.fills, strict=True):
        assert mine[2:4] == pytest.approx(theirs[2:4], rel=1e-9)


def policy_with(**changes) -> Policy:
    plain = {
        "direction": DirectionMode.LONG_SHORT,
        "stops": Stops(),
        "sizing": AllIn(),
        "costs": Costs(Decimal(0), Decimal(0)),
        "limits": Limits(),
    }
    return Policy(**(plain | changes))


def test_a_stopped_position_waits_for_a_fresh_signal():
    fills, _ = both([100, 90, 91, 92], [1, 1, 1, 1], policy_with(stops=Stops(sl_pct=Decimal(5))))
    assert [(f[0], f[4]) for f in fills] == [(0, "signal"), (1, "stop_loss")]


def test_a_stop_and_an_opposite_edge_on_one_candle_make_an_exit_and_then_an_entry():
    fills, _ = both([100, 90, 90], [1, -1, -1], policy_with(stops=Stops(sl_pct=Decimal(5))))
    assert [(f[0], f[1], f[4]) for f in fills] == [
        (0, 1, "signal"),
        (1, -1, "stop_loss"),
        (1, -1, "signal"),
    ]


def test_neutral_holds_and_a_short_edge_closes_a_long_only_position():
    fills, _ = both([100, 101, 102], [1, 0, -1], policy_with(direction=DirectionMode.LONG_ONLY))
    assert [(f[0], f[1]) for f in fills] == [(0, 1), (2, -1)]


def test_stops_count_from_the_fill_price_with_its_slippage():
    costs = Costs(Decimal(0), Decimal(1))
    # bought at 101: 5 % below is 95.95, which 95.96 does not reach and 95.95 does
    policy = policy_with(stops=Stops(sl_pct=Decimal(5)), costs=costs)
    assert len(both([100, 95.96], [1, 1], policy)[0]) == 1
    assert len(both([100, 95.95], [1, 1], policy)[0]) == 2


def test_a_short_that_costs_all_the_cash_there_is_is_bust_and_ends_the_run():
    fills, life = both([100, 250, 100, 100], [-1, -1, 0, -1], policy_with())
    assert [f[4] for f in fills] == ["signal", "bust"]
    assert life.refused == 1


@pytest.mark.parametrize(
    ("signals", "first", "entries"),
    [
        ([1, 1, 1], 0, []),
        ([1, -1, -1], 0, [(1, -1)]),
        ([1, 0, 1], 0, [(2, 1)]),
        ([0, 1, 1], 0, [(1, 1)]),
        ([-1, 1, 1], 0, [(1, 1)]),
        # a warm-up of two candles; what is said before its end is never new
        ([0, 0, -1, -1, 1], 2, [(4, 1)]),
        ([0, 0, 0, -1, -1], 2, [(3, -1)]),
        ([1, -1, 1, 1, 1], 2, []),
    ],
)  # fmt: skip
def test_a_run_that_waits_enters_when_the_first_signal_changes(signals, first, entries):
    """The table of docs/reference/spec.md, and the same with candles that only warm up."""
    closes = [100.0] * len(signals)
    waits = policy_with(first_signal=FirstSignal.WAIT)
    assert [f[:2] for f in both(closes, signals, waits, first)[0]] == entries
    at, side = next((t, s) for t, s in enumerate(signals) if s)
    assert both(closes, signals, policy_with(), first)[0][0][:2] == (at, side)
