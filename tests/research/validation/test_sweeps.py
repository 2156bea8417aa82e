"""Whole sweeps before the judge: the returns are the core's, noise is luck, an edge holds."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bowline.core.model.policy import Costs
from bowline.core.report.equity import daily_equity
from bowline.research import Grid, SweepResult, sweep
from bowline.research.grid import GridPlan
from bowline.research.grid.recheck import run_in_core
from bowline.research.validation import (
    Conclusion,
    Grade,
    Question,
    assess_sweep,
    gather_evidence,
    run_on_candles,
    sampled_variants,
)
from bowline.research.validation.sweeps import daily_returns, evenly_drawn
from bowline.wire import load_catalogue
from tests.research.validation.markets import GRID, random_walk, trending


def swept(candles, **more) -> SweepResult:
    return sweep(Grid({**GRID, **more}, load_catalogue()), candles, check=False)


@pytest.fixture(scope="module")
def noisy() -> SweepResult:
    return swept(random_walk(1))


def test_daily_returns_are_those_of_the_cores_report(noisy: SweepResult) -> None:
    plan = noisy.plan
    variants = np.array([0, 1, 5, 77, plan.variants - 1])
    rows = daily_returns(plan, variants)
    for variant, row in zip(variants.tolist(), rows, strict=True):
        report = run_in_core(plan, variant).report
        daily = daily_equity(report.record.candles, report.curves.equity, 10_000)
        assert row == pytest.approx(daily[1:] / daily[:-1] - 1, abs=1e-9)


@given(st.integers(1, 10**12), st.integers(1, 50))
def test_a_sample_is_even_sorted_and_the_same_again(variants: int, most: int) -> None:
    found = evenly_drawn(variants, most)
    assert len(found) == min(variants, most)
    assert (np.diff(found) > 0).all()
    assert 0 <= found[0] <= found[-1] < variants
    stretch = variants / len(found)
    assert (np.abs(found - stretch * (np.arange(len(found)) + 0.5)) <= stretch / 2 + 1).all()
    assert (evenly_drawn(variants, most) == found).all()


def test_every_variant_is_looked_at_where_that_takes_no_time(noisy: SweepResult) -> None:
    """1,280 variants over hours are all of them; of ten million some are drawn."""
    plan = noisy.plan
    assert sampled_variants(plan).tolist() == list(range(plan.variants))
    assert gather_evidence(noisy).sample.shape[0] == plan.variants

    def of(variants: int, candles: int, days: int) -> int:
        asked = SimpleNamespace(
            variants=variants, candles=range(candles), series=SimpleNamespace(days=days)
        )
        return len(sampled_variants(cast("GridPlan", asked)))

    assert of(1_280, 90 * 24, 90) == 1_280
    assert of(10**7, 90 * 24, 90) == 10_000
    assert of(10**7, 100_000, 70) == 1_000
    assert of(10**7, 525_600, 365) == 250
    assert of(10**7, 20 * 365, 20 * 365) == 273
    assert of(10**7, 10**8, 70_000) == 250


def test_the_evidence_is_about_the_best_row(noisy: SweepResult) -> None:
    evidence = gather_evidence(noisy, 41)
    assert (evidence.trials, evidence.earlier_trials) == (noisy.plan.variants, 41)
    assert evidence.round_trips == noisy.top.round_trips[0]
    best = float(noisy.top.total_return_pct[0])
    assert 100 * (np.prod(1 + evidence.winner) - 1) == pytest.approx(best, abs=1e-6)
    assert evidence.plateau is not None
    assert evidence.plateau.winner == pytest.approx(best, abs=1e-9)
    assert evidence.stress is not None
    assert evidence.stress.return_pct == pytest.approx(best, abs=1e-9)
    assert len(evidence.sample) == min(250, noisy.plan.variants)


def test_twice_the_costs_is_a_run_with_twice_the_costs() -> None:
    """Against a sweep of the same grid with the doubled costs written into it."""
    once = swept(random_walk(2), costs={"fee_pct": 0.05, "slippage_pct": 0.02})
    variant = once.variant(1)
    dearer = replace(once.plan.rules, costs=Costs(Decimal("0.10"), Decimal("0.04")))
    twice = run_in_core(GridPlan(once.plan.request, once.plan.candles, 0, dearer), variant)
    stress = gather_evidence(once).stress
    assert stress is not None
    assert stress.stressed_return_pct == pytest.approx(
        twice.report.metrics.total_return_pct, abs=1e-8
    )
    assert stress.stressed_return_pct < stress.return_pct


def test_sweeps_over_nothing_are_never_believed() -> None:
    verdicts = [assess_sweep(swept(random_walk(seed))) for seed in range(8)]
    assert Conclusion.HOLDS not in {verdict.call for verdict in verdicts}
    confidences = [verdict.figures.deflated_sharpe or 0 for verdict in verdicts]
    assert sum(confidence > 0.95 for confidence in confidences) == 0


def test_an_edge_that_is_there_is_found_and_believed() -> None:
    verdict = assess_sweep(swept(trending(1)))
    assert verdict.call is Conclusion.HOLDS, verdict.headline
    assert verdict.figures.sampled == 128


def test_the_same_sweep_has_the_same_verdict_with_any_number_of_threads(
    noisy: SweepResult,
) -> None:
    assert assess_sweep(noisy, threads=3) == assess_sweep(noisy)


def test_a_sweep_that_kept_nothing_has_a_verdict() -> None:
    verdict = assess_sweep(swept(random_walk(1), keep={"min_round_trips": 10_000}))
    assert verdict.call is Conclusion.UNKNOWN
    grades = {finding.question: finding.grade for finding in verdict.findings}
    assert grades[Question.DEFLATED_SHARPE] is Grade.UNKNOWN


def test_replaying_on_the_same_candles_is_the_row_itself(noisy: SweepResult) -> None:
    found = run_on_candles(noisy.plan, noisy.variant(1), noisy.plan.candles)
    assert found == (noisy.top.total_return_pct[0], noisy.top.max_drawdown_pct[0])
