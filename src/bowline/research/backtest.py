"""A backtest: the engine and the simulated venue over candles that are already known.

It must hold no rule of trading: everything it decides, the engine decides. What it adds is the
feed (columns to facts) and the collection of what happened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bowline.core.engine import Engine
from bowline.core.model.event import (
    Command,
    Event,
    OrderFilled,
    PlaceOrder,
    RecordRefusal,
    Run,
    RunStarted,
    closed_candles,
)
from bowline.core.model.intent import Reason, Refusal
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import OrderId
from bowline.core.report import Execution, RunRecord
from bowline.core.signals.frame import History, Opinion
from bowline.core.sim import SimVenue, settle


class Collected:
    """What happened: executions with their reasons, refusals by kind."""

    def __init__(self) -> None:
        self.executions: list[Execution] = []
        self.refusals: Counter[Refusal] = Counter()
        self._reasons: dict[OrderId, Reason] = {}

    def record(self, payloads: Sequence[Event | Command]) -> None:
        """Take note of events and commands in their order."""
        for payload in payloads:
            match payload:
                case PlaceOrder(order=order):
                    self._reasons[order.id] = order.reason
                case OrderFilled(fill=fill):
                    self.executions.append(Execution(fill, self._reasons[fill.order_id]))
                case RecordRefusal(refused=refused):
                    self.refusals[refused.reason] += 1


def backtest(run: Run, opinion: Opinion, candles: CandleFrame) -> RunRecord:
    """Run `opinion` under `run.policy` over `candles` (all since `run.anchor_ns`, oldest first)."""
    history = History(opinion, candles)
    history.skip_to(run.start_ns)
    decided = candles.slice(history.closed, len(candles))
    engine = Engine({run.id: history})
    venue = SimVenue({run.instrument.id: run.policy.costs})
    collected = Collected()

    def execute(commands: Sequence[Command]) -> list[Event]:
        return [fact for command in commands for fact in venue.execute(command)]

    engine.step(RunStarted(run.start_ns, run, OrderId(1)))
    for candle in closed_candles(decided):
        venue.observe(candle)
        settle(engine, candle, collected.record, execute)
    return RunRecord(
        run,
        decided,
        tuple(collected.executions),
        dict(collected.refusals),
        history.conflicting_signals,
    )
