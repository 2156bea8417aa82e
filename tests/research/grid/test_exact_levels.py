"""A close exactly on a level meets it, and one a tick short of it does not: in core and kernel.

Levels here are whole ticks by their decimals; hardly any of the floats between price and level is
exact, and quantities are quotients of 28 digits. The expected answer is in how a case is made.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pytest

from bowline.core.model.event import Run
from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import (
    AllIn,
    Costs,
    DirectionMode,
    FixedQuote,
    Limits,
    Policy,
    ProfitLock,
    Sizing,
    Stops,
)
from bowline.core.model.values import RunId, StrategyId, Timeframe
from bowline.research import backtest
from bowline.research.grid import CloseSeries, Outcome, Rules, SignalBank, evaluate
from bowline.research.grid.library import available
from tests.chance import seeded
from tests.core.engine.test_semantics import INSTRUMENT, Told, market

TICK = Decimal("0.01")
CASH = Decimal(1000)
FEES = [Decimal(0), Decimal("0.1"), Decimal("0.075")]
#: percent of a stop, with a slippage, each with the price step that makes the level whole ticks:
#: a long is bought at p * (1 + slippage), a short sold at p * (1 - slippage)
STOPS = [
    ("0.5", "0", "2"), ("1", "0", "1"), ("1.5", "0", "2"), ("5", "0", "0.2"), ("12.5", "0", "0.08"),
    ("20", "0", "0.05"), ("5", "1", "20"), ("1", "0.5", "200"), ("10", "0.01", "1000"),
]  # fmt: skip


class Case(NamedTuple):
    """An entry at `price`, and the close at which it must be left: a tick before, it must not."""

    side: int
    stops: Stops
    costs: Costs
    sizing: Sizing
    price: Decimal
    level: Decimal
    reason: str


def stop_cases(count: int) -> list[Case]:
    """Stop losses and take profits of longs and shorts, from small prices to large ones."""
    chance, cases = seeded(7), []
    for number in range(count):
        pct, slippage, step = map(Decimal, STOPS[number % len(STOPS)])
        price = step * chance.randint(40, 40_000)
        side, loses = (1, -1)[number // 9 % 2], bool(number // 18 % 2)
        moved = -side if loses else side
        level = price * (1 + side * slippage / 100) * (1 + moved * pct / 100)
        assert level == level.quantize(TICK)
        stops = Stops(sl_pct=pct) if loses else Stops(tp_pct=pct)
        costs = Costs(chance.choice(FEES), slippage)
        sizing = chance.choice([AllIn(), FixedQuote(Decimal(300))])
        reason = "stop_loss" if loses else "take_profit"
        cases.append(Case(side, stops, costs, sizing, price, level, reason))
    return cases


def bust_cases(count: int) -> list[Case]:
    """Shorts that are bust where buying back, without its fee, takes all the cash there is.

    With all of it in: cash = n (1 + f), sold for n (1 - f), so twice the price that was got. With
    1/k of the cash in: (k + 1 - f) times that price.
    """
    chance, cases = seeded(8), []
    for number in range(count):
        fee = FEES[number % 3]
        parts = (1, 2, 4, 5)[number // 3 % 4]
        slippage = Decimal(number // 12 % 2)
        price = Decimal(100) * chance.randint(1, 4_000)
        got = price * (1 - slippage / 100)
        level = got * (2 if parts == 1 else parts + 1 - fee / 100)
        sizing = AllIn() if parts == 1 else FixedQuote(CASH / parts)
        if level != level.quantize(TICK):
            continue
        cases.append(Case(-1, Stops(), Costs(fee, slippage), sizing, price, level, "bust"))
    return cases


CASES = [*stop_cases(252), *bust_cases(48)]


def closes_of(case: Case, last: Decimal) -> list[float]:
    """Far above and far below first: what was there before the entry must not matter."""
    price = float(case.price)
    return [8 * price, price / 8, price, float(last)]


def told(case: Case) -> list[int]:
    return [0, 0, case.side, case.side]


def nearly(case: Case) -> Decimal:
    """A tick before the level."""
    return case.level + (TICK if case.level < case.price else -TICK)


def test_the_cases_are_hard() -> None:
    """Of most, neither the entry's quotient nor the floats come out on the level."""
    shares = {side: sum(case.side == side for case in CASES) for side in (1, -1)}
    assert min(shares.values()) > 100
    apart = 0
    for case in CASES:
        pct = case.stops.sl_pct or case.stops.tp_pct
        if pct is None:
            continue
        moved = -1 if case.level < case.price else 1
        entry = float(case.price) * (1 + case.side * float(case.costs.slippage_rate))
        apart += entry * (1 + moved * float(pct) / 100) != float(case.level)
    assert apart > 50


def test_the_core_leaves_exactly_on_the_level() -> None:
    for case in CASES:
        policy = Policy(DirectionMode.LONG_SHORT, case.stops, case.sizing, case.costs, Limits())
        run = Run(RunId(1), StrategyId("t"), "t", INSTRUMENT, Timeframe.H4, policy, CASH, 0, 0)
        for last, met in ((case.level, True), (nearly(case), False)):
            candles = market(closes_of(case, last))
            executions = backtest(run, Told(told(case)), candles).executions
            reasons = [each.reason.value for each in executions]
            assert reasons == (["signal", case.reason] if met else ["signal"]), case


def swept(candles: CandleFrame, signals: list[int], stops: np.ndarray, rules: Rules) -> Outcome:
    """What the kernel says of these signals under each pair of stops."""
    bank = SignalBank(len(candles))
    base = np.array([[bank.add(np.array(signals, dtype=np.int8))]], dtype=np.int32)
    return evaluate(CloseSeries(candles, 0), bank, base, stops, rules)


@pytest.mark.parametrize("path", available())
@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize(("won", "level"), [(110, 231), (125, "281.25"), (150, 375), (200, 600)])
def test_what_profit_lock_set_aside_stands_behind_a_short_too(path, lanes, won, level, monkeypatch):
    """1,000 at 100 win (won - 100) * 10, all of it safe; the other 1,000 are sold at `won`.

    So 2,000 and what is safe buy back 1,000 / won pieces: (2,000 + safe) * won / 1,000 each.
    """
    monkeypatch.setenv("BOWLINE_KERNEL", path)
    level = Decimal(level)
    assert level == (2000 + Decimal(won - 100) * 10) * won / 1000
    sizing, free = ProfitLock(Decimal(100)), Costs(Decimal(0), Decimal(0))
    policy = Policy(DirectionMode.LONG_SHORT, Stops(), sizing, free, Limits())
    run = Run(RunId(1), StrategyId("t"), "t", INSTRUMENT, Timeframe.H4, policy, CASH, 0, 0)
    nan = float("nan")
    stops = np.array([[nan, nan], [999.0, nan], [nan, 999.0]][:lanes])
    for last, trips in ((level, 2), (level - TICK, 1)):
        candles, signals = market([100.0, float(won), float(last)]), [1, -1, -1]
        executions = backtest(run, Told(signals), candles).executions
        assert [e.reason.value for e in executions][3:] == ["bust"][: trips - 1]
        row = swept(candles, signals, stops, Rules(policy.direction, sizing, free, CASH))
        assert row.round_trips.tolist() == [trips] * lanes


@pytest.mark.parametrize("path", available())
@pytest.mark.parametrize("lanes", [1, 3])
def test_the_kernel_leaves_exactly_on_the_level(path, lanes, monkeypatch) -> None:
    """Alone (without stops that is another way through it), and among lanes that are never met."""
    monkeypatch.setenv("BOWLINE_KERNEL", path)
    for case in CASES:
        mine = [float("nan") if each is None else float(each)
                for each in (case.stops.sl_pct, case.stops.tp_pct)]  # fmt: skip
        stops = np.array([mine, [999.0, float("nan")], [float("nan"), 999.0]][:lanes])
        rules = Rules(DirectionMode.LONG_SHORT, case.sizing, case.costs, CASH)
        for last, met in ((case.level, 1), (nearly(case), 0)):
            candles = market(closes_of(case, last))
            row = swept(candles, told(case), stops, rules)
            # the other lanes are bust where this one is, and far from their stops elsewhere
            others = met if case.reason == "bust" else 0
            assert row.round_trips.tolist() == [met, *[others] * (lanes - 1)], case
