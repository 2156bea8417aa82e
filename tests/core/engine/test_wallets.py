"""Runs that share a wallet, moment by moment: by amounts worked out by hand.

Nothing costs anything. All runs begin with 1,000 between them and are told their closes at the same
moments unless a case says so.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from msgspec.structs import replace

from bowline.core.engine import Engine
from bowline.core.engine.wallet import Stake, Wallet
from bowline.core.model.event import (
    CandleClosed,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    PlaceOrder,
    Run,
    RunStarted,
)
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.model.intent import Refusal
from bowline.core.model.market import CandleFrame
from bowline.core.model.order import Fill
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
from bowline.core.model.values import OrderId, RunId, StrategyId, Timeframe
from bowline.core.report import RunRecord
from bowline.core.signals.frame import History, SignalFrame, frame_of
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
    wallet = Wallet("shared", Decimal(1000))
    one, other = RunId(1), RunId(2)
    wallet.stakes[one] = Stake(Decimal(3), Decimal(100), Decimal(1), Decimal("0.1"))
    wallet.stakes[other] = Stake(Decimal(2), Decimal(50), Decimal(1), Decimal("0.1"), working=True)
    assert wallet.backing(one) == 1000
    assert wallet.equity == 1300
    assert wallet.free == 900
    assert wallet.gross_exposure == 400
    # once it is filled, what it can spare does: 100 less its maintenance margin of 10
    wallet.stakes[other].working = False
    assert wallet.backing(one) == 1090


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
        self.members = [
            member(number + 1, frame([100.0] * len(each), coin(number)), each, shared())
            for number, each in enumerate(told)
        ]
        self.engine = Engine({m.run.id: History(m.opinion, m.candles) for m in self.members})
        self.at = 0

    def start(self, number: int, first_order_id: int = 1) -> None:
        self.engine.step(RunStarted(0, self.members[number].run, OrderId(first_order_id)))

    def candle(self, number: int) -> tuple:
        """The next candle of one run's instrument closes."""
        open_ns = self.at * Timeframe.H1.ns
        event = CandleClosed(
            open_ns + Timeframe.H1.ns, coin(number), Timeframe.H1, open_ns, Decimal(100)
        )
        return self.engine.step(event)

    def fill(self, command: PlaceOrder, part: str = "1") -> None:
        order = command.order
        quantity = order.quantity * Decimal(part)
        fill = Fill(
            order.id, "a", order.instrument, order.side, quantity, Decimal(100), Decimal(0), 1
        )
        self.engine.step(OrderFilled(1, fill))


@pytest.mark.parametrize("end", [OrderRejected, OrderCancelled])
def test_an_entry_that_comes_to_nothing_gives_its_money_back(end):
    """While it works, the other run may not use it; when it is refused or cancelled, it may."""
    world = Shared([1, 1, 1], [1, 0, 1])
    world.start(0)
    world.start(1)
    (entry,) = world.candle(0)
    (refused,) = world.candle(1)
    assert refused.refused.reason is Refusal.NOTHING_AVAILABLE
    more = ("no",) if end is OrderRejected else ()
    world.engine.step(end(2, entry.order.id, *more))
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
    world.engine.step(OrderCancelled(2, entry.order.id))
    world.candle(1)
    world.at += 1
    (other,) = world.candle(1)
    assert other.order.quantity == Decimal("7.5")


def test_a_run_that_starts_later_takes_no_number_that_was_given_away():
    world = Shared([1, 1, 1], [1, 1, 1])
    world.start(0, first_order_id=70)
    (entry,) = world.candle(0)
    assert entry.order.id == 70
    world.engine.step(OrderRejected(2, entry.order.id, "no"))
    world.start(1, first_order_id=7)
    (other,) = world.candle(1)
    assert other.order.id == 71
