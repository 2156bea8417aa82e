"""A row of a sweep run again through the core: the whole report, and whether it says the same.

The kernel is fast and the core is right: a row must never be shown before both agree.

1. The strategy of the row is run by the engine, as a backtest of it alone would be, from the same
   anchor and start; lot steps are left out, because the sweep knows none.
2. Without limits on entries, the engine does nothing at a close without a fresh signal that is not
   at a stop of the open position. Only the other closes are told to it.
3. Return and drawdown, in fractions, and exposure and Sharpe must agree within `TOLERANCE`, round
   trips and wins exactly.
4. Rows that differ in their stops alone share a base, and what they think of the market is computed
   once if they come one after the other. A stop that was never met is not met if it is wider: such
   rows share a run too, and each is held to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import numpy as np
from msgspec import Struct

from bowline.core.completeness import Hole
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
from bowline.research.grid.topk import Rows

TOLERANCE = 1e-9
#: rows of the top that are run again in one go
_LOT = 8
#: closes looked at in one go for the next that matters
_AHEAD = 4_096


class RowDisagrees(BowlineError):
    """Kernel and core do not say the same of a row: a bug, and no result may be shown."""


class Again(Struct, frozen=True):
    """A row as the core has it."""

    variant: int
    spec: StrategySpec
    report: Report


def run_again(plan: GridPlan, variant: int) -> Again:
    """The report of one variant by the core."""
    return _run(plan, variant, _thoughts(plan, variant))


def side_by_side(plan: GridPlan, top: Rows) -> list[list[int]]:
    """The places of all rows in lots of a few, those of one base one after the other.

    A lot ends with its base once it has `_LOT` rows, and within it at twice as many.
    """
    lots: list[list[int]] = []
    before = -1
    for place in np.argsort(top.variant, kind="stable").tolist():
        base = int(top.variant[place]) // plan.space.lanes
        if not lots or len(lots[-1]) >= (_LOT if base != before else 2 * _LOT):
            lots.append([])
        lots[-1].append(place)
        before = base
    return lots


class Checked(Struct, frozen=True):
    """What the core says of a row: its metrics, and how many positions it held through a gap."""

    metrics: Metrics
    held_across: int = 0


def rows_again(plan: GridPlan, top: Rows, places: Iterable[int]) -> list[Checked]:
    """What the core says of these rows of `top`, in this order; RowDisagrees as `check_row`.

    The lots of `side_by_side` take the least time.
    """
    found = []
    base, thoughts, done = -1, None, list[_Done]()
    for place in places:
        variant = int(top.variant[place])
        if thoughts is None or variant // plan.space.lanes != base:
            base, thoughts, done = variant // plan.space.lanes, _thoughts(plan, variant), []
        stops = Stops(*plan.request.lanes[variant % plan.space.lanes])
        run = next((each for each in done if each.is_run_of(stops)), None)
        if run is None:
            run = _Done.of(_run(plan, variant, thoughts).report, plan.completeness.gaps)
            done.append(run)
        check_row(top, place, run.metrics, run.closed)
        found.append(Checked(run.metrics, run.held_across))
    return found


class _Done(Struct, frozen=True):
    """What is kept of a run, whose curves are large: its policy, why it left, what it came to."""

    policy: Policy
    met: frozenset[Reason]
    metrics: Metrics
    closed: Tally
    held_across: int

    @classmethod
    def of(cls, report: Report, gaps: Sequence[Hole]) -> _Done:
        """What is kept of this one."""
        met = frozenset(each.reason for each in report.record.executions)
        held = count_held_across(report, gaps)
        return cls(report.record.run.policy, met, report.metrics, report.closed, held)

    def is_run_of(self, stops: Stops) -> bool:
        """Whether a run with these stops, and nothing else changed, is the same fill by fill."""
        if not isinstance(self.policy.sizing, AllIn | FixedQuote | StrategyCompound | ProfitLock):
            return False
        own = self.policy.stops
        return self._holds(own.sl_pct, stops.sl_pct, Reason.STOP_LOSS) and self._holds(
            own.tp_pct, stops.tp_pct, Reason.TAKE_PROFIT
        )

    def _holds(self, own: Decimal | None, asked: Decimal | None, reason: Reason) -> bool:
        if own == asked:
            return True
        return own is not None and (asked is None or asked > own) and reason not in self.met


def _thoughts(plan: GridPlan, variant: int) -> SignalFrame:
    """What the core thinks of the market, as the base of this variant: its stops have no say."""
    rules = plan.space.rules(variant // plan.space.lanes)
    opinion = Agreement(
        tuple((slot.indicator, params) for slot, params in rules), plan.request.template.timeframe
    )
    return opinion.signals(plan.candles.slice(plan.anchor(variant), len(plan.candles)))


def _run(plan: GridPlan, variant: int, thoughts: SignalFrame) -> Again:
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
    return Again(variant, spec, make_report(backtest_signals(run, thoughts, candles)))


def check_row(rows: Rows, place: int, metrics: Metrics, closed: Tally) -> None:
    """RowDisagrees, with the row and the figures, unless kernel and core say the same."""
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
            hint="this is a bug: please report it with the grid file; nothing of it may be used",
        )
