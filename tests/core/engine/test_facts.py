"""What the engine does with facts that a simulated venue never sends, and after a restart."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.engine import Engine
from bowline.core.model.event import (
    CandleClosed,
    Command,
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderLost,
    OrderRejected,
    PlaceOrder,
    RecordRefusal,
    Run,
    RunStarted,
)
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.model.intent import Reason, Refusal
from bowline.core.model.market import CandleFrame
from bowline.core.model.order import Fill, OrderState
from bowline.core.model.policy import AllIn, Costs, DirectionMode, Limits, Policy, Stops
from bowline.core.model.values import OrderId, RunId, Side, StrategyId, Timeframe, to_decimals
from bowline.core.signals.frame import History, SignalFrame, frame_of
from bowline.core.sim import SimVenue

ID = InstrumentId(MarketId(2), "BTCUSDT")
POLICY = Policy(
    DirectionMode.LONG_SHORT,
    Stops(sl_pct=Decimal(5)),
    AllIn(),
    Costs(Decimal("0.1"), Decimal("0.01")),
    Limits(),
)


class Told:
    """An opinion that says what it was told to say."""

    warmup = 0

    def __init__(self, signals: list[int]) -> None:
        self._signals = np.array(signals, dtype=np.int8)

    def signals(self, candles: CandleFrame) -> SignalFrame:
        return frame_of(self._signals[: len(candles)])


class World:
    """An engine on a market that closes at given prices, with the venue in the test's hands."""

    def __init__(
        self, closes: list[float], signals: list[int], instrument: Instrument | None = None
    ) -> None:
        column = np.array(closes, dtype=np.float64)
        open_ns = np.arange(len(closes), dtype=np.int64) * Timeframe.M1.ns
        self.frame = CandleFrame(ID, Timeframe.M1, open_ns, *(column for _ in range(5)))
        self.opinion = Told(signals)
        self.run = Run(
            RunId(1), StrategyId("told"), "test", instrument or Instrument(ID), Timeframe.M1,
            POLICY, Decimal(1000), 0, 0,
        )  # fmt: skip
        self.engine = self.new_engine()
        self.engine.step(RunStarted(0, self.run, OrderId(7)))
        self.at = 0

    def new_engine(self) -> Engine:
        self.history = History(self.opinion, self.frame)
        return Engine({self.run.id: self.history})

    def candle(self) -> tuple[Command, ...]:
        """The next candle closes."""
        open_ns = int(self.frame.open_ns[self.at])
        (close,) = to_decimals([float(self.frame.close[self.at])])
        self.at += 1
        return self.engine.step(
            CandleClosed(open_ns + Timeframe.M1.ns, ID, Timeframe.M1, open_ns, close)
        )

    def fill(self, command: Command, part: str = "1", trade: str = "a") -> tuple[Command, ...]:
        """The venue fills a part of the order at 100 without a fee."""
        assert isinstance(command, PlaceOrder)
        order = command.order
        quantity = order.quantity * Decimal(part)
        fill = Fill(order.id, trade, ID, order.side, quantity, Decimal(100), Decimal(0), 1)
        return self.engine.step(OrderFilled(1, fill))

    @property
    def ledger(self):
        return self.engine.ledger(RunId(1))


def entered() -> World:
    """A world with a long position, entered by order 7."""
    world = World([100, 100, 90, 90, 90, 100], [1, 1, 1, 1, 1, -1])
    (command,) = world.candle()
    world.fill(command)
    return world


def test_an_exit_the_venue_rejects_is_tried_again_at_the_next_close():
    """A position that should be left must never be forgotten because one order was refused."""
    world = entered()
    assert world.candle() == ()
    (stop,) = world.candle()
    assert (stop.order.reason, stop.order.reduce_only) == (Reason.STOP_LOSS, True)
    world.engine.step(OrderRejected(2, stop.order.id, "no"))
    (again,) = world.candle()
    assert (again.order.reason, again.order.side) == (Reason.STOP_LOSS, Side.SELL)
    assert again.order.id == stop.order.id + 1
    world.fill(again)
    assert world.ledger.position is None
    assert world.candle() == ()


def test_a_signal_exit_the_venue_rejects_is_not_lost_with_its_edge():
    world = World([100, 100, 100], [1, -1, -1])
    world.fill(world.candle()[0])
    (exit_order,) = world.candle()
    world.engine.step(OrderRejected(2, exit_order.order.id, "no"))
    (again,) = world.candle()
    assert (again.order.reason, again.order.reduce_only) == (Reason.SIGNAL, True)


def test_an_exit_that_was_tried_again_is_done_once_it_has_filled():
    """The next position has nothing to do with it."""
    world = World([100, 100, 90, 90, 90, 90, 90], [1, 1, 1, 1, -1, -1, -1])
    world.fill(world.candle()[0])
    world.candle()
    (stop,) = world.candle()
    world.engine.step(OrderRejected(2, stop.order.id, "no"))
    world.fill(world.candle()[0])
    (entry,) = world.candle()
    assert not entry.order.reduce_only
    world.fill(entry)
    assert world.candle() == ()
    assert world.ledger.position is not None


def test_an_order_nobody_knows_about_blocks_the_run_until_it_is_resolved():
    """Unknown may have happened: no second order, not even an exit, until the venue has spoken."""
    world = World([100, 100, 100, 100], [1, -1, 1, -1])
    (entry,) = world.candle()
    world.engine.step(OrderLost(2, entry.order.id))
    assert world.ledger.order.state is OrderState.UNKNOWN
    assert world.candle() == ()
    assert world.candle() == ()
    world.fill(entry)
    assert world.ledger.position is not None
    (flip,) = world.candle()
    assert flip.order.reduce_only


def test_a_rejected_entry_leaves_the_run_flat_and_ready():
    world = World([100, 100, 100], [1, 0, 1])
    (entry,) = world.candle()
    world.engine.step(OrderRejected(2, entry.order.id, "no"))
    assert world.candle() == ()
    (again,) = world.candle()
    assert again.order.id == entry.order.id + 1


def test_a_partly_filled_entry_that_is_cancelled_keeps_what_was_filled():
    world = World([100, 100, 100], [1, 1, -1])
    (entry,) = world.candle()
    world.engine.step(OrderAccepted(1, entry.order.id, "v"))
    world.fill(entry, "0.25")
    world.engine.step(OrderCancelled(2, entry.order.id))
    assert world.ledger.position.quantity == entry.order.quantity / 4
    world.candle()
    (leave,) = world.candle()
    assert leave.order.quantity == entry.order.quantity / 4


def test_a_flip_enters_only_when_the_exit_has_filled_whole():
    world = World([100, 100], [1, -1], Instrument(ID, lot_step=Decimal("0.01")))
    world.fill(world.candle()[0])
    (leave,) = world.candle()
    assert world.fill(leave, "0.5", "a") == ()
    (enter,) = world.fill(leave, "0.5", "b")
    assert (enter.order.side, enter.order.reduce_only) == (Side.SELL, False)


def test_the_same_fill_twice_is_a_bug_and_changes_nothing():
    world = World([100], [1])
    (entry,) = world.candle()
    world.fill(entry)
    before = world.engine.snapshot()
    with pytest.raises(ValueError, match="no run has a working order 7"):
        world.fill(entry)
    assert world.engine.snapshot() == before


@pytest.mark.parametrize(
    ("instrument", "refusal"),
    [
        (Instrument(ID, lot_step=Decimal(1000)), Refusal.BELOW_LOT_STEP),
        (Instrument(ID, min_notional=Decimal(5000)), Refusal.BELOW_MIN_NOTIONAL),
    ],
)
def test_an_entry_the_venue_would_refuse_is_refused_here_with_its_reason(instrument, refusal):
    world = World([100], [1], instrument)
    (record,) = world.candle()
    assert isinstance(record, RecordRefusal)
    assert record.refused.reason is refusal
    assert world.ledger.plan is None


def test_quantities_are_whole_lot_steps_and_never_more_than_there_is_money_for():
    world = World([97.3], [1], Instrument(ID, lot_step=Decimal("0.01")))
    (entry,) = world.candle()
    assert entry.order.quantity % Decimal("0.01") == 0
    assert entry.order.quantity * Decimal("97.3") <= 1000


@given(
    signals=st.lists(st.integers(-1, 1), min_size=4, max_size=40),
    steps=st.lists(st.integers(-300, 300), min_size=40, max_size=40),
    cut=st.integers(1, 39),
)
def test_a_restored_snapshot_goes_on_as_if_nothing_had_happened(signals, steps, cut):
    """At any candle: state out, state in, and the rest of the run gives the same commands."""
    closes = np.round(100 * np.exp(np.cumsum(np.array(steps[: len(signals)]) / 5000)), 2).tolist()
    world = World(closes, signals)
    venue = SimVenue({ID: POLICY.costs})
    said: list[list[Event | Command]] = []
    states = []
    for _ in closes:
        states.append(world.engine.snapshot())
        said.append(played(world, venue))
    cut = min(cut, len(closes) - 1)
    world.engine, world.at = world.new_engine(), cut
    world.engine.restore(states[cut])
    world.history.skip_to(int(world.frame.open_ns[cut]))
    assert [played(world, venue) for _ in closes[cut:]] == said[cut:]


def played(world: World, venue: SimVenue) -> list[Event | Command]:
    """One candle and everything after it."""
    happened: list[Event | Command] = []
    open_ns = int(world.frame.open_ns[world.at])
    (close,) = to_decimals([float(world.frame.close[world.at])])
    venue.observe(CandleClosed(0, ID, Timeframe.M1, open_ns, close))
    commands = list(world.candle())
    while commands:
        happened += commands
        facts = [fact for command in commands for fact in venue.execute(command)]
        happened += facts
        commands = [command for fact in facts for command in world.engine.step(fact)]
    return happened
