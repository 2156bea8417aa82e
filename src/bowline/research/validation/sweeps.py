"""The evidence for a verdict on a sweep: daily returns, neighbours and stress of its best row.

It must be computed from the plan alone, so that a result that was saved, resumed or made on a
cluster gets the same verdict as one made here.

1. The winner is row 1. Its daily returns come from its daily equity, as for the report's Sharpe
   ratio.
2. The sample is all variants if memory and time allow it, else one drawn from each of equally long
   ranges of variant numbers: evenly spread, independent of any result, the same for the same grid.
   Figures that depend on the draw have an error estimate.
3. Neighbours and twice the costs are evaluated by the kernel on the same candles.
"""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from bowline.core.model.market import CandleFrame, FloatColumn
from bowline.research.grid.budget import chunk_bases
from bowline.research.grid.kernel import evaluate, evaluate_daily
from bowline.research.grid.plan import GridPlan
from bowline.research.grid.result import SweepResult
from bowline.research.grid.space import IndexColumn
from bowline.research.validation.plateau import Plateau, find_neighbours, measure_plateau
from bowline.research.validation.sharpe import DailyReturns
from bowline.research.validation.stress import CostStress, measure_stress, stressed
from bowline.research.validation.verdict import Evidence, SweepVerdict, make_verdict

#: bounds of the sample: fewest and most variants, candles x variants, days x variants
FEWEST_SAMPLED, MOST_SAMPLED = 250, 10_000
_SAMPLED_CANDLES = 100_000_000
_SAMPLED_DAYS = 2_000_000
_SEED = 20_140_731


def assess_sweep(result: SweepResult, earlier_trials: int = 0, *, threads: int = 1) -> SweepVerdict:
    """The verdict on the best row of `result`; `earlier_trials` were made on the same candles."""
    return make_verdict(gather_evidence(result, earlier_trials, threads=threads))


def gather_evidence(result: SweepResult, earlier_trials: int = 0, *, threads: int = 1) -> Evidence:
    """The evidence of a sweep, which may have no rows."""
    plan = result.plan
    sample = daily_returns(plan, sampled_variants(plan), threads=threads)
    if not len(result):
        return Evidence(np.empty(0), sample, plan.variants, earlier_trials, 0)
    variant = result.variant(1)
    return Evidence(
        winner=daily_returns(plan, np.array([variant]), threads=threads)[0],
        sample=sample,
        trials=plan.variants,
        earlier_trials=earlier_trials,
        round_trips=int(result.top.round_trips[0]),
        plateau=plateau_of(plan, variant, threads=threads),
        stress=stress_of(plan, variant),
    )


def sampled_variants(plan: GridPlan) -> IndexColumn:
    """The variants whose daily returns the verdict uses, ascending."""
    by_time = _SAMPLED_CANDLES // max(1, len(plan.candles))
    by_memory = _SAMPLED_DAYS // max(1, plan.series.days)
    return evenly_drawn(plan.variants, max(FEWEST_SAMPLED, min(MOST_SAMPLED, by_time, by_memory)))


def evenly_drawn(variants: int, most: int) -> IndexColumn:
    """Up to `most` numbers below `variants`, ascending, one from each of as many equal ranges."""
    if variants <= most:
        return np.arange(variants, dtype=np.int64)
    ends = np.arange(most + 1, dtype=np.int64) * variants // most
    draw = np.random.Generator(np.random.PCG64(_SEED))
    return draw.integers(ends[:-1], ends[1:])


def daily_returns(plan: GridPlan, variants: IndexColumn, *, threads: int = 1) -> DailyReturns:
    """(variants, days) float64: the fraction won or lost on each UTC day.

    0 once nothing is left.
    """
    equity = np.empty((len(variants), plan.series.days + 1))
    for lane, places, bases in _by_lane(plan, variants):
        bank, rows = plan.signals(bases)
        stops = plan.stops[lane : lane + 1]
        equity[places] = evaluate_daily(plan.series, bank, rows, stops, plan.rules, threads=threads)
    before, after = equity[:, :-1], equity[:, 1:]
    alive = np.minimum.accumulate(before, axis=1) > 0
    growth = np.ones_like(after)
    np.divide(after, before, out=growth, where=alive)
    return growth - 1


def plateau_of(plan: GridPlan, variant: int, *, threads: int = 1) -> Plateau:
    """The plateau of `variant`, from total returns."""
    own = total_returns(plan, np.array([variant]), threads=threads)
    near = total_returns(plan, find_neighbours(plan, variant), threads=threads)
    return measure_plateau(float(own[0]), near)


def stress_of(plan: GridPlan, variant: int) -> CostStress:
    """The total return of `variant` with its costs and with twice them."""
    base, lane = divmod(variant, plan.space.lanes)
    bank, rows = plan.signals(np.array([base], dtype=np.int64))
    stops = plan.stops[lane : lane + 1]
    dearer = replace(plan.rules, costs=stressed(plan.rules.costs))
    own, more = (
        float(evaluate(plan.series, bank, rows, stops, rules).total_return_pct[0])
        for rules in (plan.rules, dearer)
    )
    return measure_stress(own, more)


def run_on_candles(plan: GridPlan, variant: int, candles: CandleFrame) -> tuple[float, float]:
    """Total return and max drawdown, in percent, of `variant` on other candles of equal number."""
    other = GridPlan(plan.request, candles, plan.start, plan.rules)
    base, lane = divmod(variant, plan.space.lanes)
    outcome = other.evaluate(np.array([base], dtype=np.int64), plan.stops[lane : lane + 1])
    return float(outcome.total_return_pct[0]), float(outcome.max_drawdown_pct[0])


def total_returns(plan: GridPlan, variants: IndexColumn, *, threads: int = 1) -> FloatColumn:
    """Total return, in percent, of each of these variants."""
    found = np.empty(len(variants))
    for lane, places, bases in _by_lane(plan, variants):
        outcome = plan.evaluate(bases, plan.stops[lane : lane + 1], threads)
        found[places] = outcome.total_return_pct
    return found


def _by_lane(plan: GridPlan, variants: IndexColumn) -> list[tuple[int, IndexColumn, IndexColumn]]:
    """For blocks of bases, the variants of each lane: their positions, and their bases.

    Lanes of one block follow each other, so that the signals of a base are computed once.
    """
    bases, lanes = np.divmod(variants, plan.space.lanes)
    order = np.lexsort((lanes, bases))
    ends = np.flatnonzero(np.diff(bases[order])) + 1
    parts = np.split(order, ends[chunk_bases(plan.candles, 1) - 1 :: chunk_bases(plan.candles, 1)])
    found = []
    for part in parts:
        for lane in np.unique(lanes[part]).tolist():
            places = part[lanes[part] == lane]
            found.append((lane, places, bases[places]))
    return found
