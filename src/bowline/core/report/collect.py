"""What happened, picked out of the events and commands of a run: a fold, live or from a journal.

It must take note of facts only; what they come to is the report's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bowline.core.model.event import (
    Command,
    Event,
    FundingPaid,
    OrderFilled,
    PlaceOrder,
    RecordRefusal,
    Run,
)
from bowline.core.model.intent import Reason, Refusal
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import OrderId
from bowline.core.report.record import Execution, RunRecord


class Collected:
    """Executions with their reasons, funding, and refusals by kind, in the order they were told."""

    def __init__(self) -> None:
        self._executions: list[Execution] = []
        self._refusals: Counter[Refusal] = Counter()
        self._funding: list[FundingPaid] = []
        self._reasons: dict[OrderId, Reason] = {}

    def record(self, payloads: Iterable[Event | Command]) -> None:
        """Take note of events and commands."""
        for payload in payloads:
            match payload:
                case PlaceOrder(order=order):
                    self._reasons[order.id] = order.reason
                case OrderFilled(fill=fill):
                    self._executions.append(Execution(fill, self._reasons[fill.order_id]))
                case FundingPaid():
                    self._funding.append(payload)
                case RecordRefusal(refused=refused):
                    self._refusals[refused.reason] += 1

    def finish(self, run: Run, candles: CandleFrame, conflicting_signals: int) -> RunRecord:
        """The record of the run, whose decision candles were `candles`."""
        executions = tuple(self._executions)
        refusals, funding = dict(self._refusals), tuple(self._funding)
        return RunRecord(run, candles, executions, refusals, conflicting_signals, funding)
