"""What a run leaves behind for its report: the candles it decided on and what was executed.

A record holds facts only. It must never hold a figure that can be computed from the others.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from bowline.core.model.event import Run
from bowline.core.model.intent import Reason, Refusal
from bowline.core.model.market import CandleFrame
from bowline.core.model.order import Fill
from bowline.core.model.values import RunId


class Execution(Struct, frozen=True):
    """One fill and why it was wanted."""

    fill: Fill
    reason: Reason


class FundingPayment(Struct, frozen=True):
    """`amount` of quote money has left the run's cash for funding; negative: it was received."""

    seen_ns: int
    run_id: RunId
    rate: Decimal
    mark: Decimal
    amount: Decimal


class RunRecord(Struct, frozen=True):
    """Everything a report is made of.

    `candles` are the decision candles only (from `run.start_ns` on): equity is marked on their
    closes. `executions` are in order; a fill decided at a candle's close has that candle's
    `close_ns` as its `event_ns`. `refusals` counts the entries that were not allowed. `funding` is
    in order; what was paid at the moment of a fill was paid before it.
    """

    run: Run
    candles: CandleFrame
    executions: tuple[Execution, ...]
    refusals: dict[Refusal, int]
    conflicting_signals: int
    funding: tuple[FundingPayment, ...] = ()
