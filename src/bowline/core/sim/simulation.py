"""Runs over stored candles: an engine, the close-fill simulator, and the order of the facts.

Backtest, portfolio and paper over a recording share it, so that they differ in nothing but where
candles come from and where entries go. It must hold no rule of trading.

1. What happens inside a candle comes first, then its close, then what the runs think of it.
2. What was due in funding before a close is paid before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bowline.core.engine import Engine
from bowline.core.facts import SimulatedCandle
from bowline.core.model.account import Account, Life
from bowline.core.model.event import AccountOpened, FundingFixed, OpinionsFormed, Run, RunStarted
from bowline.core.model.intent import Signal
from bowline.core.model.values import RunId
from bowline.core.sim.close_fill import BACKTEST_ACCOUNT_CAN, CloseFillSimulator
from bowline.core.sim.driver import Driver, Record

#: what runs think of the candle that opens at a moment, where it is news
Opinions = Mapping[int, tuple[tuple[RunId, Signal], ...]]


class Simulation:
    """One engine and the simulated accounts of its runs."""

    def __init__(self, runs: Sequence[Run], record: Record, life: Life = Life.BACKTEST) -> None:
        self.engine = Engine()
        self._life = life
        self._runs = runs
        self._venue = CloseFillSimulator(runs)
        accounts = dict.fromkeys((run.account for run in runs), self._venue)
        self._driver = Driver(self.engine, accounts, record)

    def begin(self) -> None:
        """Open accounts and runs: the first facts of a new journal."""
        opened = {run.account: run for run in reversed(self._runs)}
        for account_id, run in opened.items():
            quote = run.instrument.quote
            account = Account(account_id, self._life, quote, BACKTEST_ACCOUNT_CAN)
            self._driver.take(AccountOpened(run.start_ns, account))
        for run in self._runs:
            self._driver.take(RunStarted(run.start_ns, run))

    def resume(self) -> None:
        """Go on from the state that the engine was given: what it knows is all there is."""
        self._venue.resume(self.engine.state)

    def take(self, fact: SimulatedCandle | FundingFixed, opinions: Opinions) -> None:
        """One fact of the market and everything that follows from it."""
        if isinstance(fact, FundingFixed):
            for moved in self._venue.fund(fact):
                self._driver.take(moved)
            return
        candle = fact.fact
        if fact.path:
            for filled in self._venue.play(candle, fact.path):
                self._driver.take(filled)
        self._venue.close(candle)
        self._driver.take(candle)
        formed = opinions.get(candle.open_ns)
        if formed:
            key = candle.instrument, candle.timeframe
            self._driver.take(OpinionsFormed(candle.seen_ns, *key, candle.open_ns, formed))
