"""The record of a run: the candles it decided on and its executions.

It must hold facts only, and no figure that can be computed from the others.
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
    """One fill and its reason."""

    fill: Fill
    reason: Reason


class FundingPayment(Struct, frozen=True):
    """`amount` of quote currency paid by the run for funding; negative if received."""

    seen_ns: int
    run_id: RunId
    rate: Decimal
    mark: Decimal
    amount: Decimal


class RunRecord(Struct, frozen=True):
    """Everything a report is computed from.

    `candles` are the decision candles only (from `run.start_ns` on): equity is marked at their
    closes. `executions` are in order; a fill decided at a candle's close has its `close_ns` as
    `event_ns`. `refusals` counts the entries that were not allowed. `funding` is in order; funding
    at the time of a fill was paid before it. `without_signal` counts the candles before the first
    on which every rule has had a value: nothing could be entered there.
    """

    run: Run
    candles: CandleFrame
    executions: tuple[Execution, ...]
    refusals: dict[Refusal, int]
    conflicting_signals: int
    funding: tuple[FundingPayment, ...] = ()
    without_signal: int = 0
