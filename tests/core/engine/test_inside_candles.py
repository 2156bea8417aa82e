"""Stops inside the candle: where they are met, what they fill at, and which of two is met first."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bowline.core.facts import closed_candles
from bowline.core.model.event import Run
from bowline.core.model.instrument import FILE_MARKET, Instrument, InstrumentId
from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import AllIn, Costs, DirectionMode, Fills, Limits, Policy, Stops
from bowline.core.model.values import RunId, Side, StrategyId, Timeframe
from bowline.core.report import Execution, fold_executions
from bowline.core.rollup import rollup
from bowline.core.signals.frame import SignalFrame, frame_of
from bowline.research import backtest

ID = InstrumentId(FILE_MARKET.market_id, "TEST")
FREE = Costs(Decimal(0), Decimal(0))
PLAIN = Policy(
    DirectionMode.LONG_SHORT, Stops(Decimal(5), Decimal(5)), AllIn(), FREE, Limits(), Fills.INTRABAR
)
Row = tuple[float, float, float, float]


class Told:
    """An opinion that says what it was told to say."""

    warmup = 0

    def __init__(self, signals: list[int]) -> None:
        self._signals = np.array(signals, dtype=np.int8)

    def signals(self, candles: CandleFrame) -> SignalFrame:
        return frame_of(self._signals[: len(candles)])


def frame(rows: list[Row]) -> CandleFrame:
    """One-minute candles of open, high, low and close."""
    columns = np.array(rows, dtype=np.float64).T
    open_ns = np.arange(len(rows), dtype=np.int64) * Timeframe.M1.ns
    return CandleFrame(ID, Timeframe.M1, open_ns, *columns, columns[0])


def fills_of(
    candles: CandleFrame, signals: list[int], policy: Policy, minutes: CandleFrame | None = None
) -> tuple[Execution, ...]:
    run = Run(
        RunId(1), StrategyId("told"), "test", Instrument(ID), candles.timeframe, policy,
        Decimal(1000), 0, 0,
    )  # fmt: skip
    return backtest(run, Told(signals), candles, minutes).executions


def left(second: Row, policy: Policy = PLAIN, signal: int = 1) -> tuple[float, str] | None:
    """Price and reason of leaving a position entered at 100, in the candle after it."""
    fills = fills_of(frame([(100, 100, 100, 100), second]), [signal, signal], policy)
    return (float(fills[1].fill.price), fills[1].reason.value) if len(fills) > 1 else None


@pytest.mark.parametrize(
    ("second", "signal", "expected"),
    [
        ((100, 104, 96, 100), 1, None),
        ((100, 101, 94, 100), 1, (95, "stop_loss")),
        ((100, 106, 99, 100), 1, (105, "take_profit")),
        ((100, 106, 94, 100), 1, (95, "stop_loss")),
        ((93, 99, 92, 98), 1, (93, "stop_loss")),
        ((108, 109, 90, 98), 1, (108, "take_profit")),
        ((100, 101, 95, 100), 1, (95, "stop_loss")),
        ((100, 106, 99, 100), -1, (105, "stop_loss")),
        ((100, 101, 94, 100), -1, (95, "take_profit")),
        ((100, 106, 94, 100), -1, (105, "stop_loss")),
        ((107, 108, 99, 100), -1, (107, "stop_loss")),
    ],
)
def test_a_stop_fills_where_it_is_met_and_the_losing_one_first(second, signal, expected):
    assert left(second, signal=signal) == expected


def test_at_closes_the_same_candle_leaves_nothing():
    """The difference is the policy's, not the candles'."""
    assert left((100, 106, 94, 100), replace(PLAIN, fills=Fills.CLOSE)) is None


def test_a_met_stop_pays_slippage_like_every_other_exit():
    costs = Costs(Decimal(0), Decimal(1))
    # bought at 101, stopped 5 % below it, sold for 1 % less than that
    assert left((100, 101, 94, 100), replace(PLAIN, costs=costs)) == (
        pytest.approx(101 * 0.95 * 0.99),
        "stop_loss",
    )


def test_a_stop_and_a_fresh_signal_leave_inside_the_candle_and_enter_at_its_close():
    rows = [(100, 100, 100, 100), (100, 101, 90, 98)]
    fills = fills_of(frame(rows), [1, -1], PLAIN)
    assert [(float(e.fill.price), e.reason.value) for e in fills] == [
        (100, "signal"),
        (95, "stop_loss"),
        (98, "signal"),
    ]


def test_a_short_is_bust_inside_the_candle_at_the_price_that_takes_all_its_cash():
    policy = replace(PLAIN, stops=Stops())
    assert left((100, 250, 100, 100), policy, signal=-1) == (200, "bust")


prices = st.integers(20, 400)
rows = st.tuples(prices, prices, prices, prices).map(lambda p: (p[0], max(p), min(p), p[1]))
pct = st.decimals("1", "60", places=1)


@given(
    candles=st.lists(st.tuples(rows, st.integers(-1, 1)), min_size=2, max_size=60),
    stops=st.builds(Stops, sl_pct=st.none() | pct, tp_pct=st.none() | pct),
)
def test_every_position_ends_at_the_first_candle_that_meets_a_stop(candles, stops):
    """Each round trip is looked at by itself, candle by candle, with plain numbers."""
    data, signals = [row for row, _ in candles], [signal for _, signal in candles]
    fills = fills_of(frame(data), signals, replace(PLAIN, stops=stops))
    trips, still_open = fold_executions(fills)
    spans = [(t.opened_ns, t.closed_ns, t.entry_price, t.direction, t) for t in trips]
    last_ns = len(data) * Timeframe.M1.ns
    spans += [(p.opened_ns, last_ns, p.entry_price, p.direction, None) for p in still_open]
    for opened_ns, closed_ns, entry, direction, trip in spans:
        loss = None if stops.sl_pct is None else entry * (1 - direction * stops.sl_pct / 100)
        gain = None if stops.tp_pct is None else entry * (1 + direction * stops.tp_pct / 100)
        end = int(closed_ns // Timeframe.M1.ns)
        for at in range(int(opened_ns // Timeframe.M1.ns), end):
            met = meeting(data[at], int(direction), loss, gain)
            if trip is not None and at == end - 1 and trip.reason.value in {"signal", "bust"}:
                assert met is None or trip.reason.value == "bust"
            elif trip is not None and at == end - 1:
                # quantities are rounded to 28 digits, and the price is computed back from them
                assert met is not None
                assert (met[1], abs(met[0] - trip.exit_price) < Decimal("1e-20")) == (
                    trip.reason.value,
                    True,
                )
            else:
                assert met is None


def meeting(
    row: Row, direction: int, loss: Decimal | None, gain: Decimal | None
) -> tuple[Decimal, str] | None:
    """Price and name of the stop that a candle meets; a long's view, a short's is its mirror."""
    opened, high, low, _ = (Decimal(value) for value in row)
    worst, best = (low, high) if direction > 0 else (high, low)

    def beyond(price: Decimal, level: Decimal, side: int) -> bool:
        return (price - level) * direction * side >= 0

    for price in (opened, None):
        if loss is not None and beyond(price or worst, loss, -1):
            return price or loss, "stop_loss"
        if gain is not None and beyond(price or best, gain, 1):
            return price or gain, "take_profit"
    return None


@given(
    walk=st.lists(rows, min_size=10, max_size=100),
    opinions=st.lists(st.integers(-1, 1), min_size=20, max_size=20),
    stops=st.builds(Stops, sl_pct=st.none() | pct, tp_pct=st.none() | pct),
)
def test_by_the_minute_is_what_a_run_on_minutes_does(walk, opinions, stops):
    """Five-minute decisions with minute stops = minute decisions told only what is said each fifth.

    Nothing of the two paths is shared but the rule for one candle.
    """
    minutes = frame(walk[: len(walk) // 5 * 5])
    fives = rollup(minutes, Timeframe.M5)
    told = opinions[: len(fives)]
    policy = replace(PLAIN, stops=stops, fills=Fills.MINUTES)
    by_five = fills_of(fives, told, policy, minutes)
    each_minute = [(told[at // 5 - 1] if at >= 5 else 0) for at in range(1, len(minutes) + 1)]
    by_one = fills_of(minutes, each_minute, replace(policy, fills=Fills.INTRABAR))

    def plain(fills: tuple[Execution, ...]) -> list[tuple[Side, Decimal, Decimal, str]]:
        return [(e.fill.side, e.fill.price, e.fill.quantity, e.reason.value) for e in fills]

    assert plain(by_five) == plain(by_one)


def test_a_missing_minute_is_noticed_and_not_stepped_over():
    minutes = frame([(100, 100, 100, 100)] * 10)
    fives = rollup(minutes, Timeframe.M5)
    with pytest.raises(ValueError, match="lacks a part"):
        list(closed_candles(fives, Fills.MINUTES, minutes.slice(0, 9)))
    with pytest.raises(ValueError, match="need `minutes`"):
        list(closed_candles(fives, Fills.MINUTES))
