"""A backtest: the engine and the simulated venue over candles that are already known.

It must hold no rule of trading: everything it decides, the engine decides. What it adds is the
feed (columns to facts) and the record of what happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bowline.core.engine import Engine
from bowline.core.facts import closed_candles, with_funding
from bowline.core.model.event import (
    CandleClosed,
    Command,
    Event,
    FundingFixed,
    MarketFact,
    Run,
    RunStarted,
)
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import OrderId
from bowline.core.report import Collected, RunRecord
from bowline.core.signals.frame import History, Opinion
from bowline.core.sim import SimVenue, settle


def backtest(
    run: Run,
    opinion: Opinion,
    candles: CandleFrame,
    minutes: CandleFrame | None = None,
    funding: Sequence[FundingFixed] | None = None,
) -> RunRecord:
    """Run `opinion` under `run.policy` over `candles` (all since `run.anchor_ns`, oldest first).

    `minutes` are those that the candles are made of: a run that fills by the minute needs them.
    `funding` is what was due, oldest first: a run that pays it needs that.
    """
    if run.policy.funding and funding is None:
        raise ValueError("a run that pays funding needs to be told what was due")
    history = History(opinion, candles)
    history.skip_to(run.start_ns)
    decided = candles.slice(history.closed, len(candles))
    engine = Engine({run.id: history})
    venue = SimVenue({run.instrument.id: run.policy.costs})
    collected = Collected()

    def execute(commands: Sequence[Command]) -> list[Event]:
        return [fact for command in commands for fact in venue.execute(command)]

    engine.step(RunStarted(run.start_ns, run, OrderId(1)))
    closed = closed_candles(decided, run.policy.fills, minutes)
    facts: Iterable[MarketFact] = closed
    if funding:
        facts = with_funding(closed, funding, run.start_ns)
    for fact in facts:
        if isinstance(fact, CandleClosed):
            venue.observe(fact)
        settle(engine, fact, collected.record, execute)
    return collected.finish(run, decided, history.conflicting_signals)
