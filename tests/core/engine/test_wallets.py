"""Runs that share a wallet, moment by moment: by amounts worked out by hand.

Nothing costs anything. All runs begin with 1,000 between them and are told their closes at the same
moments unless a case says so.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from msgspec.structs import replace

from bowline.core.engine import Engine, RunState, State, Wallet
from bowline.core.engine.money import backing, equity, free, gross_exposure
from bowline.core.engine.state import Mark
from bowline.core.model.account import Account, Capabilities, Life
from bowline.core.model.command import PlaceOrder, RecordRefusal
from bowline.core.model.event import (
    AccountOpened,
    CandleClosed,
    FillReported,
    OpinionsFormed,
    OrderReported,
    Run,
    RunStarted,
    TraderStarted,
)
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.model.intent import Reason, Refusal, Signal
from bowline.core.model.market import CandleFrame
from bowline.core.model.order import Order, OrderState
from bowline.core.model.policy import (
    AllIn,
    Costs,
    DirectionMode,
    FixedQuote,
    Limits,
    Margin,
    Policy,
    Sharing,
    Stops,
)
from bowline.core.model.position import Position
from bowline.core.model.trading import FillReport, OrderReport
from bowline.core.model.values import Direction, OrderId, RunId, Side, StrategyId, Timeframe
from bowline.core.report import RunRecord
from bowline.core.signals.frame import SignalFrame, frame_of
from bowline.research.portfolio import Member, backtest_portfolio

CASH = Decimal(1000)
FREE = Costs(Decimal(0), Decimal(0))
PLAIN = Policy(
    DirectionMode.LONG_ONLY, Stops(), AllIn(), FREE, Limits(), sharing=Sharing()
)  # fmt: skip


class Told:
    """An opinion that says what it was told to say."""

    warmup = 0

    def __init__(self, signals: list[int]) -> None:
        self._signals = np.array(signals, dtype=np.int8)

    def signals(self, candles: CandleFrame) -> SignalFrame:
        return frame_of(self._signals[: len(candles)])


def coin(number: int) -> InstrumentId:
    return InstrumentId(MarketId(2), f"COIN{number}")


def frame(
    closes: list[float], instrument: InstrumentId, timeframe: Timeframe = Timeframe.H1
) -> CandleFrame:
    column = np.array(closes, dtype=np.float64)
    open_ns = np.arange(len(closes), dtype=np.int64) * timeframe.ns
    return CandleFrame(instrument, timeframe, open_ns, *(column for _ in range(5)))


def member(number: int, candles: CandleFrame, signals: list[int], policy: Policy) -> Member:
    run = Run(
        RunId(number), StrategyId(f"told {number}"), "shared", Instrument(candles.instrument),
        candles.timeframe, policy, CASH, 0, 0,
    )  # fmt: skip
    return Member(run, Told(signals), candles)


def together(*runs: tuple[list[float], list[int], Policy]) -> tuple[RunRecord, ...]:
    """Runs, each on a price of its own."""
    numbered = enumerate(runs, start=1)
    return backtest_portfolio(
        [member(at, frame(closes, coin(at)), told, how) for at, (closes, told, how) in numbered]
    )


def shared(sizing=PLAIN.sizing, margin: Margin | None = None, **sharing) -> Policy:
    return replace(PLAIN, sizing=sizing, margin=margin, sharing=Sharing(**sharing))


def reasons(record: RunRecord) -> list[str]:
    return [each.reason.value for each in record.executions]


@pytest.mark.parametrize(("close", "allowed"), [(92, True), (90, False)])
def test_a_drawdown_counts_from_the_highest_equity_of_the_same_day_too(close, allowed):
    """500 of 1,000 at 100 rise to 1,100 in all at 120; at 90 that is 950, at 92 it is 960.

    From 1,100 these are 13.6 % and 12.7 %; from the 1,000 of the beginning 5 % and 4 %.
    """
    limit = Decimal(13)
    rises = ([100, 120, close], [1, 1, 1], shared(FixedQuote(Decimal(500)), max_drawdown_pct=limit))
    enters = ([50, 50, 50], [0, 0, 1], shared(FixedQuote(Decimal(100)), max_drawdown_pct=limit))
    record = together(rises, enters)[1]
    assert len(record.executions) == int(allowed)
    refused = {reason: count for reason, count in record.refusals.items() if count}
    assert refused == ({} if allowed else {Refusal.MAX_DRAWDOWN: 1})


def test_a_moment_is_never_half_a_peak():
    """One gains 100 and another loses 100 by the same close: there was never more than 1,000."""
    limit = {"max_drawdown_pct": Decimal(5)}
    gains = ([100, 125, 125], [1, 1, 1], shared(FixedQuote(Decimal(400)), **limit))
    loses = ([50, 37.5, 37.5], [1, 1, 1], shared(FixedQuote(Decimal(400)), **limit))
    enters = ([10, 10, 10], [0, 0, 1], shared(FixedQuote(Decimal(100)), **limit))
    assert len(together(gains, loses, enters)[2].executions) == 1
    assert len(together(loses, gains, enters)[2].executions) == 1


@pytest.mark.parametrize(("close", "left"), [(81, False), (80, True), (79, True)])
def test_what_another_position_loses_moves_the_price_of_liquidation(close, left):
    """Each has 1,000 on 500. The second's fall to a fifth takes 800: all that stood behind both.

    Then 1,000 - 1,000 - 1,000 + 200 = -800 stand behind 10 pieces: they are worth it at 80.
    """
    two = shared(margin=Margin(Decimal(2), Decimal(0)), share_pct=Decimal(50))
    first = ([100, 100, close, close], [1, 1, 1, 1], two)
    second = ([50, 10, 10, 10], [1, 1, 1, 1], two)
    assert reasons(together(first, second)[0]) == ["signal", *["liquidation"] * left]


def test_an_entry_that_is_working_stands_behind_nobody():
    """Its money is tied up, and what it is to buy is not there yet."""
    lent = Margin(Decimal(1), Decimal(10))
    one, other = (member(n, frame([1.0], coin(n)), [0], shared(margin=lent)).run for n in (1, 2))
    working = Order(OrderId(7), one.account, other.id, coin(2), Side.BUY, Decimal(2), Reason.SIGNAL)
    wallet = Wallet("shared", one.account, Decimal(1000), runs=(one.id, other.id))
    held = Position(coin(1), Direction.LONG, Decimal(3), 0, Decimal(3), Decimal(300))
    state = State(
        wallets={"shared": wallet},
        runs={
            one.id: RunState(one, "shared", held),
            other.id: RunState(other, "shared", entry_order=working.id, reserve_price=Decimal(50)),
        },
        marks={one.id: Mark(Decimal(100), 0, 1), other.id: Mark(Decimal(50), 0, 1)},
        orders={working.id: working},
    )
    assert backing(state, wallet, one.id) == 1000
    assert equity(state, wallet) == 1300
    assert free(state, wallet) == 900
    assert gross_exposure(state, wallet) == 400
    # once it is filled, what it can spare does: 100 less its maintenance margin of 10
    bought = Position(coin(2), Direction.LONG, Decimal(2), 0, Decimal(2), Decimal(100))
    state.runs[other.id] = RunState(other, "shared", bought)
    assert backing(state, wallet, one.id) == 1090


def test_a_run_is_told_its_own_candles_alone_where_another_looks_at_shorter_ones():
    """A cooldown counts candles of four hours, and four of an hour close within each of them."""
    hours = [100.0, 101, 102, 103] * 6
    slow = frame(hours[3::4], coin(0), Timeframe.H4)
    policy = replace(shared(FixedQuote(Decimal(100))), limits=Limits(cooldown_candles=3))
    signals = [1, -1, 1, -1, 1, 1]
    own = member(1, slow, signals, policy)
    alone = backtest_portfolio([own])[0]
    quick = member(2, frame(hours, coin(0)), [1, -1] * 12, shared(FixedQuote(Decimal(100))))
    assert {reason: count for reason, count in alone.refusals.items() if count} == {
        Refusal.COOLDOWN: 1
    }
    for members in ([quick, own], [own, quick]):
        beside = backtest_portfolio(members)[members.index(own)]
        assert [(e.fill.event_ns, e.fill.price, e.fill.quantity) for e in beside.executions] == [
            (e.fill.event_ns, e.fill.price, e.fill.quantity) for e in alone.executions
        ]
        assert beside.refusals == alone.refusals


# --- what only a real venue says ------------------------------------------------------------------


class Shared:
    """One engine with two runs of one wallet, and the venue in the test's hands."""

    def __init__(self, *told: list[int]) -> None:
        self.told = told
        self.runs = [
            member(number + 1, frame([100.0], coin(number)), [0], shared()).run
            for number in range(len(told))
        ]
        self.engine = Engine()
        can = Capabilities(book_per_run=True)
        self.engine.step(AccountOpened(0, Account(self.runs[0].account, Life.PAPER, "", can)))
        self.at = 0

    def start(self, number: int, first_order_id: int = 1) -> None:
        self.engine.step(TraderStarted(0, "test", OrderId(first_order_id)))
        self.engine.step(RunStarted(0, self.runs[number]))

    def candle(self, number: int) -> tuple:
        """The next candle of one run's instrument closes: orders placed, and refusals."""
        open_ns = self.at * Timeframe.H1.ns
        key = coin(number), Timeframe.H1
        seen = open_ns + Timeframe.H1.ns
        self.engine.step(CandleClosed(seen, *key, open_ns, Decimal(100)))
        opinion = self.told[number]
        before = opinion[self.at - 1] if self.at else 0
        edge = opinion[self.at] if opinion[self.at] != before else 0
        signal = Signal(Direction(opinion[self.at]), Direction(edge))
        formed = OpinionsFormed(seen, *key, open_ns, ((self.runs[number].id, signal),))
        commands = self.engine.step(formed)
        return tuple(c for c in commands if isinstance(c, PlaceOrder | RecordRefusal))

    def fill(self, command: PlaceOrder, part: str = "1") -> None:
        order = command.order
        report = FillReport(
            order.instrument, "a", "v", order.id, order.side, order.quantity * Decimal(part),
            Decimal(100), Decimal(0), "", 1,
        )  # fmt: skip
        self.engine.step(FillReported(2 * Timeframe.H1.ns, order.account, report))

    def end(self, command: PlaceOrder, state: OrderState) -> None:
        order = command.order
        filled = self.engine.state.orders[order.id].filled_quantity
        report = OrderReport(
            "v", order.id, order.instrument, order.side, order.quantity, filled, state, 1
        )
        self.engine.step(OrderReported(2 * Timeframe.H1.ns, order.account, report))


@pytest.mark.parametrize("end", [OrderState.REJECTED, OrderState.CANCELLED])
def test_an_entry_that_comes_to_nothing_gives_its_money_back(end):
    """While it works, the other run may not use it; when it is refused or cancelled, it may."""
    world = Shared([1, 1, 1], [1, 0, 1])
    world.start(0)
    world.start(1)
    (entry,) = world.candle(0)
    (refused,) = world.candle(1)
    assert refused.refused.reason is Refusal.NOTHING_AVAILABLE
    world.end(entry, end)
    for _ in range(2):
        world.at += 1
        commands = world.candle(1)
    (other,) = commands
    assert other.order.quantity == 10


def test_what_a_cancelled_entry_has_filled_stays_tied():
    world = Shared([1, 1, 1], [0, 1, 1])
    world.start(0)
    world.start(1)
    (entry,) = world.candle(0)
    world.fill(entry, "0.25")
    world.end(entry, OrderState.CANCELLED)
    world.candle(1)
    world.at += 1
    (other,) = world.candle(1)
    assert other.order.quantity == Decimal("7.5")


def test_a_run_that_starts_later_takes_no_number_that_was_given_away():
    world = Shared([1, 1, 1], [1, 1, 1])
    world.start(0, first_order_id=70)
    (entry,) = world.candle(0)
    assert entry.order.id == 70
    world.end(entry, OrderState.REJECTED)
    world.start(1, first_order_id=7)
    (other,) = world.candle(1)
    assert other.order.id == 71
