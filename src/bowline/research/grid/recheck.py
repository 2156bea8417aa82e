"""Rows of a sweep run again by the core: the whole report, and whether it agrees with the kernel.

The kernel is fast and the core is right: no row may be shown before both agree.

1. The strategy of the row is run by the engine, as a backtest of it alone would be, from the same
   anchor and start. Lot steps are left out, because the sweep does not know them.
2. Without limits on entries, the engine does nothing at a close without a fresh signal that is not
   at a stop of the open position. Only the other closes are passed to it.
3. Return and drawdown (as fractions), exposure and Sharpe ratio must agree within `TOLERANCE`;
   round trips and wins must be equal.
4. Rows that differ in their stops alone share a base, so their signals are computed once if they
   follow each other. A stop that was never reached is not reached if it is wider: such rows share
   a run too, and each row is checked against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import numpy as np
from msgspec import Struct

from bowline.core.completeness import MissingSpan
from bowline.core.errors import BowlineError
from bowline.core.model.event import Run
from bowline.core.model.instrument import Instrument
from bowline.core.model.intent import Reason
from bowline.core.model.policy import (
    AllIn,
    FixedQuote,
    Limits,
    Policy,
    ProfitLock,
    Stops,
    StrategyCompound,
)
from bowline.core.model.values import AccountId, RunId
from bowline.core.report import Metrics, Report, Tally, count_held_across, make_report
from bowline.core.signals import StrategySpec, strategy_id
from bowline.core.signals.frame import SignalFrame
from bowline.core.signals.opinion import Agreement
from bowline.research.backtest import backtest_signals
from bowline.research.grid.plan import GridPlan
from bowline.research.grid.topk import SweepRows

TOLERANCE = 1e-9
#: rows of one batch
_BATCH_ROWS = 8


class RowDisagrees(BowlineError):
    """Kernel and core disagree on a row: a bug. No result may be shown."""


class CoreRun(Struct, frozen=True):
    """One variant as the core ran it."""

    variant: int
    spec: StrategySpec
    report: Report


def run_in_core(plan: GridPlan, variant: int) -> CoreRun:
    """The report of one variant by the core."""
    return _run(plan, variant, _signals_of(plan, variant))


def recheck_batches(plan: GridPlan, top: SweepRows) -> list[list[int]]:
    """The places of all rows of `top` in small batches, rows of one base next to each other.

    A batch ends at the end of a base once it has `_BATCH_ROWS` rows, and within a base at twice as
    many.
    """
    batches: list[list[int]] = []
    before = -1
    for place in np.argsort(top.variant, kind="stable").tolist():
        base = int(top.variant[place]) // plan.space.lanes
        if not batches or len(batches[-1]) >= (_BATCH_ROWS if base != before else 2 * _BATCH_ROWS):
            batches.append([])
        batches[-1].append(place)
        before = base
    return batches


class RecheckedRow(Struct, frozen=True):
    """The core's result for a row: its metrics, and how many positions it held through a gap."""

    metrics: Metrics
    held_across: int = 0


def recheck_rows(plan: GridPlan, top: SweepRows, places: Iterable[int]) -> list[RecheckedRow]:
    """The core's results for these rows of `top`, in this order; RowDisagrees as `check_row`.

    Batches of `recheck_batches` take the least time.
    """
    found = []
    base, signals, done = -1, None, list[_FinishedRun]()
    for place in places:
        variant = int(top.variant[place])
        if signals is None or variant // plan.space.lanes != base:
            base, signals, done = variant // plan.space.lanes, _signals_of(plan, variant), []
        stops = Stops(*plan.request.lanes[variant % plan.space.lanes])
        run = next((each for each in done if each.gives_same_run(stops)), None)
        if run is None:
            run = _FinishedRun.of(_run(plan, variant, signals).report, plan.completeness.gaps)
            done.append(run)
        check_row(top, place, run.metrics, run.closed)
        found.append(RecheckedRow(run.metrics, run.held_across))
    return found


class _FinishedRun(Struct, frozen=True):
    """What is kept of a run (its curves are large): policy, exit reasons, metrics."""

    policy: Policy
    met: frozenset[Reason]
    metrics: Metrics
    closed: Tally
    held_across: int

    @classmethod
    def of(cls, report: Report, gaps: Sequence[MissingSpan]) -> _FinishedRun:
        """The part of `report` that is kept."""
        met = frozenset(each.reason for each in report.record.executions)
        held = count_held_across(report, gaps)
        return cls(report.record.run.policy, met, report.metrics, report.closed, held)

    def gives_same_run(self, stops: Stops) -> bool:
        """Whether a run with `stops` instead, and nothing else changed, has the same fills."""
        if not isinstance(self.policy.sizing, AllIn | FixedQuote | StrategyCompound | ProfitLock):
            return False
        own = self.policy.stops
        return self._stop_is_equal(
            own.sl_pct, stops.sl_pct, Reason.STOP_LOSS
        ) and self._stop_is_equal(own.tp_pct, stops.tp_pct, Reason.TAKE_PROFIT)

    def _stop_is_equal(self, own: Decimal | None, asked: Decimal | None, reason: Reason) -> bool:
        if own == asked:
            return True
        return own is not None and (asked is None or asked > own) and reason not in self.met


def _signals_of(plan: GridPlan, variant: int) -> SignalFrame:
    """The core's signals for the base of this variant; they do not depend on its stops."""
    rules = plan.space.rules(variant // plan.space.lanes)
    opinion = Agreement(
        tuple((slot.indicator, params) for slot, params in rules), plan.request.template.timeframe
    )
    return opinion.signals(plan.candles.slice(plan.anchor(variant), len(plan.candles)))


def _run(plan: GridPlan, variant: int, signals: SignalFrame) -> CoreRun:
    spec, rules = plan.spec(variant), plan.rules
    candles = plan.candles.slice(plan.anchor(variant), len(plan.candles))
    run = Run(
        id=RunId(1),
        strategy_id=strategy_id(spec),
        account=AccountId("sweep"),
        instrument=Instrument(candles.instrument),
        timeframe=spec.timeframe,
        policy=Policy(
            rules.direction,
            spec.stops,
            rules.sizing,
            rules.costs,
            Limits(),
            first_signal=rules.first_signal,
        ),
        initial_cash=rules.initial_cash,
        anchor_ns=int(candles.open_ns[0]),
        start_ns=int(plan.candles.open_ns[plan.start]),
        tape_hash=plan.hashes.data,
    )
    return CoreRun(variant, spec, make_report(backtest_signals(run, signals, candles)))


def check_row(rows: SweepRows, place: int, metrics: Metrics, closed: Tally) -> None:
    """RowDisagrees, with the row and the figures, unless kernel and core agree."""
    sharpe = np.nan if metrics.sharpe_ratio is None else metrics.sharpe_ratio
    pairs = {
        "total_return": (rows.total_return_pct[place] / 100, metrics.total_return_pct / 100),
        "max_drawdown": (rows.max_drawdown_pct[place] / 100, metrics.max_drawdown_pct / 100),
        "exposure": (rows.exposure_pct[place] / 100, metrics.position_coverage_pct / 100),
        "sharpe": (rows.sharpe[place], sharpe),
    }
    problems = [
        f"{name}: sweep {mine!r}, core {core!r}"
        for name, (mine, core) in pairs.items()
        if not np.isclose(mine, core, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
    ]
    counts = {
        "round_trips": (int(rows.round_trips[place]), metrics.round_trip_count),
        "wins": (int(rows.wins[place]), closed.wins),
    }
    problems += [
        f"{name}: sweep {mine}, core {core}"
        for name, (mine, core) in counts.items()
        if mine != core
    ]
    if problems:
        raise RowDisagrees(
            f"row {place + 1}, variant {rows.variant[place]}: sweep and core disagree",
            problems=tuple(problems),
            hint="this is a bug: please report it with the grid file, and do not use the result",
        )
