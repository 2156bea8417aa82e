"""Collects what a report needs from the facts and commands of a trader, live or from a journal.

It must record facts only; figures are computed by the report.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from bowline.core.model.command import Command, PlaceOrder, RecordRefusal
from bowline.core.model.event import CandleClosed, Event, FillReported, MoneyKind, MoneyMoved, Run
from bowline.core.model.intent import Refusal
from bowline.core.model.market import CandleFrame
from bowline.core.model.order import Fill, Order
from bowline.core.model.values import OrderId, RunId
from bowline.core.report.record import Execution, FundingPayment, RunRecord


class RunRecorder:
    """Executions with their reasons, funding, and refusals by kind, in order, for each run."""

    def __init__(self) -> None:
        self._executions: defaultdict[RunId, list[Execution]] = defaultdict(list)
        self._refusals: defaultdict[RunId, Counter[Refusal]] = defaultdict(Counter)
        self._funding: defaultdict[RunId, list[FundingPayment]] = defaultdict(list)
        self._orders: dict[OrderId, Order] = {}

    def note(self, fact: Event, commands: Sequence[Command], cause: int) -> int:
        """Record as the driver reports it, where nothing has a seq."""
        del cause
        if commands or not isinstance(fact, CandleClosed):
            self.record((fact, *commands))
        return 0

    def record(self, payloads: Iterable[Event | Command]) -> None:
        """Record facts and commands."""
        for payload in payloads:
            match payload:
                case PlaceOrder(order=order):
                    self._orders[order.id] = order
                case FillReported():
                    self._note_fill(payload)
                case MoneyMoved(kind=MoneyKind.FUNDING):
                    self._note_funding(payload)
                case RecordRefusal(refused=refused):
                    self._refusals[refused.intent.run_id][refused.reason] += 1

    def _note_fill(self, fact: FillReported) -> None:
        report = fact.report
        order = None if report.client_id is None else self._orders.get(report.client_id)
        if order is not None:
            fill = Fill(
                order.id, report.trade_id, report.instrument, report.side, report.quantity,
                report.price, report.fee, report.event_ns,
            )  # fmt: skip
            self._executions[order.run_id].append(Execution(fill, order.reason))

    def _note_funding(self, fact: MoneyMoved) -> None:
        if fact.run_id is not None and fact.rate is not None and fact.mark is not None:
            paid = FundingPayment(fact.seen_ns, fact.run_id, fact.rate, fact.mark, -fact.amount)
            self._funding[fact.run_id].append(paid)

    def finish(
        self, run: Run, candles: CandleFrame, conflicting_signals: int, without_signal: int
    ) -> RunRecord:
        """The record of a run, whose decision candles were `candles`."""
        return RunRecord(
            run,
            candles,
            tuple(self._executions[run.id]),
            dict(self._refusals[run.id]),
            conflicting_signals,
            tuple(self._funding[run.id]),
            min(without_signal, len(candles)),
        )
