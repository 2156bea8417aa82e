"""A backtest: the engine and the simulated venue over candles that are already known.

It must hold no rule of trading: everything it decides, the engine decides. What it adds is the
feed (columns to facts) and the record of what happened.
"""

from __future__ import annotations

from collections.abc import Sequence

from bowline.core.engine import Engine
from bowline.core.model.event import Command, Event, Run, RunStarted, closed_candles
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import OrderId
from bowline.core.report import Collected, RunRecord
from bowline.core.signals.frame import History, Opinion
from bowline.core.sim import SimVenue, settle


def backtest(
    run: Run, opinion: Opinion, candles: CandleFrame, minutes: CandleFrame | None = None
) -> RunRecord:
    """Run `opinion` under `run.policy` over `candles` (all since `run.anchor_ns`, oldest first).

    `minutes` are those that the candles are made of: a run that fills by the minute needs them.
    """
    history = History(opinion, candles)
    history.skip_to(run.start_ns)
    decided = candles.slice(history.closed, len(candles))
    engine = Engine({run.id: history})
    venue = SimVenue({run.instrument.id: run.policy.costs})
    collected = Collected()

    def execute(commands: Sequence[Command]) -> list[Event]:
        return [fact for command in commands for fact in venue.execute(command)]

    engine.step(RunStarted(run.start_ns, run, OrderId(1)))
    for candle in closed_candles(decided, run.policy.fills, minutes):
        venue.observe(candle)
        settle(engine, candle, collected.record, execute)
    return collected.finish(run, decided, history.conflicting_signals)
