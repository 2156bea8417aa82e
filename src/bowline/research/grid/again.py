"""A row of a sweep run again through the core: the whole report, and whether it says the same.

The kernel is fast and the core is right: a row must never be shown before both agree.

1. The strategy of the row is run by the engine, as a backtest of it alone would be, from the same
   anchor and start; lot steps are left out, because the sweep knows none.
2. Without limits on entries, the engine does nothing at a close without a fresh signal that is not
   at a stop of the open position. Only the other closes are told to it.
3. Return and drawdown, in fractions, and exposure and Sharpe must agree within `TOLERANCE`, round
   trips and wins exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from bowline.core.engine import Engine
from bowline.core.errors import BowlineError
from bowline.core.model.event import CandleClosed, Command, Event, Run, RunStarted
from bowline.core.model.instrument import Instrument
from bowline.core.model.intent import Signal
from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import Limits, Policy
from bowline.core.model.values import Direction, OrderId, RunId, to_decimals
from bowline.core.report import Collected, Report, RunRecord, make_report
from bowline.core.signals import History, StrategySpec, strategy_id
from bowline.core.signals.frame import DirectionColumn, Opinion
from bowline.core.signals.opinion import Agreement
from bowline.core.sim import SimVenue, settle
from bowline.research.grid.plan import GridPlan
from bowline.research.grid.topk import Rows

TOLERANCE = 1e-9
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
    spec = plan.spec(variant)
    base = variant // plan.space.lanes
    opinion = Agreement(
        tuple((slot.indicator, params) for slot, params in plan.space.rules(base)), spec.timeframe
    )
    anchor = plan.anchor(variant)
    candles = plan.candles.slice(anchor, len(plan.candles))
    rules = plan.rules
    run = Run(
        id=RunId(1),
        strategy_id=strategy_id(spec),
        account="sweep",
        instrument=Instrument(candles.instrument),
        timeframe=spec.timeframe,
        policy=Policy(rules.direction, spec.stops, rules.sizing, rules.costs, Limits()),
        initial_cash=rules.initial_cash,
        anchor_ns=int(candles.open_ns[0]),
        start_ns=int(plan.candles.open_ns[plan.start]),
        tape_hash=plan.hashes.data,
    )
    return Again(variant, spec, make_report(sparse_backtest(run, opinion, candles)))


def check_row(rows: Rows, place: int, again: Again) -> None:
    """RowDisagrees, with the row and the figures, unless kernel and core say the same."""
    metrics = again.report.metrics
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
        "wins": (int(rows.wins[place]), again.report.closed.wins),
    }
    problems += [
        f"{name}: sweep {mine}, core {core}"
        for name, (mine, core) in counts.items()
        if mine != core
    ]
    if problems:
        raise RowDisagrees(
            f"row {place + 1}, variant {again.variant}: sweep and core disagree",
            problems=tuple(problems),
            hint="this is a bug: please report it with the grid file; nothing of it may be used",
        )


class _KnownEdges(History):
    """The signals of decided candles, asked for in order but not one by one."""

    def __init__(
        self, decided: CandleFrame, direction: DirectionColumn, edge: DirectionColumn
    ) -> None:
        self._decided, self._direction, self._edge = decided, direction, edge

    def close(self, open_ns: int) -> Signal:
        """The signal of the candle that opens at `open_ns`."""
        at = int(self._decided.open_ns.searchsorted(open_ns))
        return Signal(Direction(self._direction[at]), Direction(self._edge[at]))


def sparse_backtest(run: Run, opinion: Opinion, candles: CandleFrame) -> RunRecord:
    """As `research.backtest` for a run without limits, told only the closes that matter."""
    if run.policy.limits != Limits():
        raise ValueError("a run with limits has to be told every close")
    frame = opinion.signals(candles)
    first = int(candles.open_ns.searchsorted(run.start_ns))
    decided = candles.slice(first, len(candles))
    edges = np.flatnonzero(frame.edge[first:])
    history = _KnownEdges(decided, frame.direction[first:], frame.edge[first:])
    engine = Engine({run.id: history})
    venue = SimVenue({run.instrument.id: run.policy.costs})
    collected = Collected()

    def execute(commands: Sequence[Command]) -> list[Event]:
        return [fact for command in commands for fact in venue.execute(command)]

    engine.step(RunStarted(run.start_ns, run, OrderId(1)))
    at = _next(decided, edges, 0, engine, run.id)
    while at < len(decided):
        open_ns = int(decided.open_ns[at])
        close = to_decimals(decided.close[at : at + 1].tolist())[0]
        candle = CandleClosed(
            open_ns + run.timeframe.ns, run.instrument.id, run.timeframe, open_ns, close
        )
        venue.observe(candle)
        settle(engine, candle, collected.record, execute)
        at = _next(decided, edges, at + 1, engine, run.id)
    return collected.finish(run, decided, frame.conflicting_signals)


def _next(decided: CandleFrame, edges: np.ndarray, at: int, engine: Engine, run_id: RunId) -> int:
    """The next close from `at` on that the engine may act at; the length if there is none."""
    found = int(edges.searchsorted(at))
    edge = int(edges[found]) if found < len(edges) else len(decided)
    levels = engine.ledger(run_id).levels
    if levels is None:
        return edge
    # a little wider than the levels: the engine decides in decimals
    lower, upper = float(levels.lower) * (1 + 1e-12), float(levels.upper) * (1 - 1e-12)
    for start in range(at, edge, _AHEAD):
        closes = decided.close[start : min(edge, start + _AHEAD)]
        hits = np.flatnonzero((closes <= lower) | (closes >= upper))
        if len(hits):
            return start + int(hits[0])
    return edge
