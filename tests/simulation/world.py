"""One seed is one world: an engine, a venue, a network, a clock and crashes, all in one process.

First faults, then a quiet phase in which everything must converge. The invariants are looked at
after every fact. `python -m tests.simulation SEED` plays one world again.
"""

from __future__ import annotations

from decimal import Decimal
from random import Random

from msgspec.structs import replace

from bowline.core.engine import Engine
from bowline.core.model.account import Account, Capabilities, Life
from bowline.core.model.command import Command
from bowline.core.model.event import (
    AccountOpened,
    CandleClosed,
    Event,
    OpinionsFormed,
    Run,
    RunStarted,
)
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.model.intent import Signal
from bowline.core.model.order import ENDED, OrderState, Purpose
from bowline.core.model.policy import (
    Costs,
    DirectionMode,
    Fills,
    FixedQuote,
    Limits,
    Policy,
    Stops,
)
from bowline.core.model.values import (
    AccountId,
    Direction,
    RunId,
    StrategyId,
    Timeframe,
)
from bowline.core.sim import Driver
from tests.simulation.venue import MS_NS, Faults, Venue, next_due, quiet

ID = InstrumentId(MarketId(2), "BTCUSDT")
MINUTE = Timeframe.M1.ns
CANDLES, QUIET_CANDLES = 40, 6
ACCOUNT = AccountId("main")
CASH = Decimal(10_000)


class Violated(AssertionError):
    """An invariant does not hold; the message says in which world and when."""


class World:
    """A run on one instrument of one account."""

    def __init__(self, seed: int) -> None:
        self.seed, self.chance = seed, Random(seed)
        self.faults = Faults.drawn(self.chance)
        self.venue = Venue(ACCOUNT, Random(seed + 1), self.faults, Decimal(100), cash=CASH)
        self.run = Run(
            RunId(1), StrategyId("told"), ACCOUNT,
            Instrument(ID, lot_step=Decimal("0.01"), base="BTC", quote="USDT"), Timeframe.M1,
            self._policy(), CASH, 0, 0,
        )  # fmt: skip
        self.can = Capabilities(
            rests_stops=self.chance.random() < 0.8,
            rests_take_profits=self.chance.random() < 0.6,
            pairs_stops=True,
            stops_lock=self.chance.random() < 0.3,
            continuous=True,
        )
        self.completes = self.chance.random() < 0.5
        self.crashes = self.chance.random() < 0.5
        self.written: list[Event | Command] = []
        self.engine = Engine()
        self.driver = self._driver()
        self.now_ns = 0

    def _policy(self) -> Policy:
        draw = self.chance
        return Policy(
            draw.choice(list(DirectionMode)),
            Stops(Decimal(draw.choice([1, 2, 5])), draw.choice([None, Decimal(2), Decimal(6)])),
            FixedQuote(Decimal(draw.choice([100, 1_000]))),
            Costs(Decimal("0.1"), Decimal("0.01")),
            Limits(Decimal(0), draw.choice([0, 0, 1])),
            draw.choice([Fills.CLOSE, Fills.INTRABAR]),
        )

    def _driver(self) -> Driver:
        return Driver(self.engine, {ACCOUNT: self.venue}, self._record)

    # --- playing ----------------------------------------------------------------------------------

    def play(self) -> None:
        """The whole world; Violated if anything does not hold."""
        account = Account(
            ACCOUNT, Life.SANDBOX, "USDT", self.can, completes_part_fills=self.completes
        )
        self.take(AccountOpened(0, account))
        self.take(RunStarted(0, self.run))
        for at in range(CANDLES):
            self._candle(at, self.chance.choice([0, 0, 0, 1, -1]))
        self.venue.faults = quiet(self.faults)
        for at in range(CANDLES, CANDLES + QUIET_CANDLES):
            self._candle(at, 0)
        self._must_have_converged()

    def _candle(self, at: int, opinion: int) -> None:
        """A minute: prices move, reports arrive, and its close is told with what the run thinks."""
        open_ns, end_ns = at * MINUTE, (at + 1) * MINUTE
        for tick in range(1, 7):
            self._live_until(open_ns + tick * MINUTE // 6)
            drift = Decimal(self.chance.randint(-120, 120)) / 100
            self.venue.move(max(Decimal(1), self.venue.price + drift))
        self.venue.poll()
        self._live_until(end_ns)
        self.take(CandleClosed(end_ns, ID, Timeframe.M1, open_ns, self.venue.price))
        self._live_until(end_ns + self.chance.randint(0, 300) * MS_NS)
        if opinion:
            direction = Direction(opinion)
            formed = ((self.run.id, Signal(direction, direction)),)
            self.take(OpinionsFormed(self.now_ns, ID, Timeframe.M1, open_ns, formed))

    def _live_until(self, until_ns: int) -> None:
        while self.venue.due and self.venue.due[0][0] <= until_ns:
            at_ns, _, what, args = next_due(self.venue)
            self.now_ns = self.venue.now_ns = max(self.now_ns, at_ns)
            if callable(what):
                what(*args)
            else:
                self.take(replace(what, seen_ns=self.now_ns))
        self.now_ns = self.venue.now_ns = max(self.now_ns, until_ns)

    def take(self, fact: Event) -> None:
        self.driver.take(fact)
        self._must_hold(fact)
        if self.crashes and self.chance.random() < 0.03:
            self._crash()

    def _crash(self) -> None:
        """The process is gone: what was written is folded, and nothing else is known."""
        before = self.engine.snapshot()
        self.engine = Engine()
        for entry in self.written:
            self.engine.fold(entry)
        if self.engine.snapshot() != before:
            raise self._violated("a fold of what was written is another state")
        self.driver = self._driver()

    def _record(self, fact: Event, commands, _cause: int) -> int:
        self.written += (fact, *commands)
        return 0

    # --- what must hold ---------------------------------------------------------------------------

    def _violated(self, what: str) -> Violated:
        return Violated(f"world {self.seed} at {self.now_ns / 1e9:.3f} s: {what}")

    def _must_hold(self, fact: Event) -> None:
        state = self.engine.state
        run = state.runs.get(self.run.id)
        if run is None:
            return
        for order in state.orders.values():
            if order.filled_quantity > order.quantity:
                raise self._violated(f"order {order.id} has more filled than was ordered")
        exits = [
            o for o in state.orders.values() if o.purpose is Purpose.EXIT and o.state not in ENDED
        ]
        if len(exits) > 1:
            raise self._violated(f"two exits at once after {type(fact).__name__}")
        entries = [o for o in state.orders.values() if not o.reduce_only and o.state not in ENDED]
        if len(entries) > 1:
            raise self._violated("two entries at once")
        known = {fill.trade_id for fill in self.venue.fills}
        booked = [key.split("|")[3] for key in state.booked if key.startswith("fill|")]
        if len(booked) != len(set(booked)) or not set(booked) <= known:
            raise self._violated("a fill was booked that the venue does not have, or twice")
        self._money_must_be_right(run)

    def _money_must_be_right(self, run) -> None:
        """Cash is what the booked fills came to, to the last digit; so is the position."""
        booked = {key.split("|")[3] for key in self.engine.state.booked}
        cash, held = CASH, Decimal(0)
        for fill in self.venue.fills:
            if fill.trade_id in booked:
                cash -= fill.side.sign * fill.quantity * fill.price + fill.fee
                held += fill.side.sign * fill.quantity
        wallet = self.engine.state.wallets[run.wallet_id]
        if abs(wallet.cash - cash) > Decimal("1e-18"):
            raise self._violated(f"cash is {wallet.cash}, the fills that were booked say {cash}")
        mine = run.position.signed_quantity if run.position else Decimal(0)
        if mine != held:
            raise self._violated(f"the position is {mine}, the fills that were booked say {held}")

    def _must_have_converged(self) -> None:
        state = self.engine.state
        run = state.runs[self.run.id]
        mine = run.position.signed_quantity if run.position else Decimal(0)
        if mine != self.venue.position:
            raise self._violated(f"the position is {mine}, the venue has {self.venue.position}")
        if abs(state.wallets[run.wallet_id].cash - self.venue.cash) > Decimal("1e-18"):
            raise self._violated("cash differs from the venue's")
        doubtful = [o for o in state.orders.values() if o.state is OrderState.UNKNOWN]
        if doubtful:
            raise self._violated(f"order {doubtful[0].id} is still in doubt")
        there = {i for i, o in self.venue.orders.items() if not o.ended}
        here = {o.id for o in state.orders.values() if o.state not in ENDED}
        if there != here:
            raise self._violated(f"open orders: here {sorted(here)}, there {sorted(there)}")
        if state.held:
            raise self._violated("a fill is held whose order is known")
        resting = [state.orders[i] for i in run.resting]
        stops = [o for o in resting if o.purpose is Purpose.STOP]
        guarded = run.position is None or run.plan_id is not None or not self.can.rests_stops
        covers = [o.quantity - o.filled_quantity for o in stops]
        if not guarded and covers != [run.position.quantity]:
            raise self._violated(f"the position of {mine} is not covered by one stop")
        if run.position is None and resting:
            raise self._violated("a stop rests without a position")
