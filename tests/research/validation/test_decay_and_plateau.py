"""What is left on later days, and around the winner: by hand, and against ranks made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.values import Timeframe
from bowline.core.rollup import rollup
from bowline.research.grid import GridPlan, parse_grid, plan_grid
from bowline.research.synthetic import synthetic_minutes
from bowline.research.validation import (
    daily_sharpes,
    measure_decay,
    measure_plateau,
    rank_correlation,
)
from bowline.research.validation.plateau import find_neighbours
from bowline.wire import load_catalogue


def test_the_winner_is_chosen_on_the_first_days_alone() -> None:
    """A variant that shines only afterwards must not be the winner."""
    returns = np.random.default_rng(1).normal(0, 0.001, (3, 100))
    returns[0, :70] += 0.01
    returns[1, 70:] += 0.05
    decay = measure_decay(returns)
    assert (decay.winner, decay.days_in_sample, decay.days_out_of_sample) == (0, 70, 30)
    assert decay.winner_in_sample == daily_sharpes(returns[:1, :70])[0]
    assert decay.winner_out_of_sample == daily_sharpes(returns[:1, 70:])[0]
    assert decay.kept_pct == 100 * decay.winner_out_of_sample / decay.winner_in_sample


def test_a_real_edge_keeps_its_ratio_and_noise_keeps_nothing() -> None:
    noise, edge = [], []
    for seed in range(60):
        returns = np.random.default_rng(seed).normal(0, 0.01, (40, 400))
        noise.append(measure_decay(returns).kept_pct)
        returns[3] += 0.005
        edge.append(measure_decay(returns).kept_pct)
    assert np.median(noise) == pytest.approx(0, abs=20)
    assert np.median(edge) == pytest.approx(95, abs=15)


def test_a_winner_that_lost_keeps_nothing_that_could_be_said() -> None:
    returns = np.random.default_rng(1).normal(-0.1, 0.001, (3, 100))
    assert measure_decay(returns).kept_pct is None


def test_later_days_that_gain_alike_have_no_ratio_and_days_of_nothing_have_one_of_0() -> None:
    returns = np.random.default_rng(1).normal(0, 0.01, (2, 100))
    returns[0, :70] += 0.02
    returns[0, 70:] = 0.01
    gained = measure_decay(returns)
    assert (gained.winner, gained.winner_out_of_sample, gained.kept_pct) == (0, None, None)
    returns[0, 70:] = 0.0
    idle = measure_decay(returns)
    assert (idle.winner_out_of_sample, idle.kept_pct) == (0.0, 0.0)


def test_first_days_that_gain_alike_are_the_best_and_have_no_ratio() -> None:
    returns = np.random.default_rng(1).normal(0, 0.01, (3, 100))
    returns[2, :70] = 0.001
    decay = measure_decay(returns)
    assert (decay.winner, decay.winner_in_sample, decay.kept_pct) == (2, None, None)
    assert decay.winner_out_of_sample == daily_sharpes(returns[2:, 70:])[0]
    assert np.isnan(decay.in_sample).tolist() == [False, False, True]
    assert decay.rank_correlation is not None


def test_spearman_by_hand() -> None:
    """1 - 6 sum d^2 / (n (n^2 - 1)) without ties; with ties the correlation of shared ranks."""
    x = np.array([1.0, 5.0, 2.0, 9.0])
    assert rank_correlation(x, np.array([10.0, 20.0, 30.0, 40.0])) == pytest.approx(1 - 6 * 2 / 60)
    tied = rank_correlation(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0]))
    assert tied == pytest.approx(np.corrcoef([1.5, 1.5, 3], [1, 2, 3])[0, 1])
    assert rank_correlation(np.ones(4), x) is None


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=30, unique=True))
def test_any_rising_function_keeps_every_rank(values: list[float]) -> None:
    x = np.array(values)
    assert rank_correlation(x, np.argsort(np.argsort(x)) ** 3.0) == pytest.approx(1)
    assert rank_correlation(x, -np.argsort(np.argsort(x)) * 2.0) == pytest.approx(-1)


GRID = {
    "version": 1,
    "timeframe": "1h",
    "direction": "long-short",
    "sizing": {"mode": "all_in"},
    "indicators": [
        # in no order: a step is one of values, not of places
        {"id": "sma_cross", "params": {"fast": [20, 10, 30, 40], "slow": [30, 25, 50]}},
        {"id": "rsi", "params": {"period": [14, 7, 21]}},
    ],
    "stops": {"sl_pct": [1, "off", 4], "tp_pct": ["off", 3]},
}


def test_neighbours_are_those_that_differ_on_one_axis_by_up_to_two_steps() -> None:
    """Against every variant of a grid with constraints, each compared with each by its values."""
    plan = plan_of(GRID)
    orders = {
        "sma_cross_fast": [10, 20, 30, 40],
        "sma_cross_slow": [25, 30, 50],
        "rsi_period": [7, 14, 21],
        "sl_pct": [1, 4, None],
        "tp_pct": [3, None],
    }
    everything = [plan.params(variant) for variant in range(plan.variants)]
    assert plan.variants > 100
    for variant in range(0, plan.variants, 7):
        mine, expected = everything[variant], []
        for other, theirs in enumerate(everything):
            moved = [name for name in mine if mine[name] != theirs[name]]
            near = [
                abs(orders[name].index(mine[name]) - orders[name].index(theirs[name])) <= 2
                for name in moved
                if name in orders
            ]
            if len(moved) == 1 and near == [True]:
                expected.append(other)
        assert find_neighbours(plan, variant).tolist() == expected


def test_neighbours_stay_within_their_choice_of_indicators() -> None:
    plan = plan_of({**GRID, "choose": "1..2"})
    for variant in range(0, plan.variants, 11):
        mine = plan.params(variant)
        for other in find_neighbours(plan, variant).tolist():
            assert plan.params(other).keys() == mine.keys()


def plan_of(raw: dict) -> GridPlan:
    candles = synthetic_minutes(
        InstrumentId(MarketId(1), "BTCUSDT"), seed=1, minutes=120 * 60, start_ns=0
    )
    return plan_grid(parse_grid(raw, load_catalogue()), rollup(candles, Timeframe.H1), 0)


def test_a_plateau_and_a_lone_peak() -> None:
    broad = measure_plateau(10, np.array([9.0, 8, 9.5, 7]))
    assert (broad.neighbours, broad.score_pct, broad.gaining_pct) == (4, 85.0, 100.0)
    peak = measure_plateau(10, np.array([-9.0, 1, -2, -7]))
    assert (peak.score_pct, peak.gaining_pct, peak.worst) == (0.0, 25.0, -9.0)
    assert measure_plateau(10, np.array([30.0])).score_pct == 100


def test_no_neighbours_or_no_gain_is_no_score() -> None:
    assert measure_plateau(10, np.empty(0)).score_pct is None
    assert measure_plateau(-1, np.array([5.0])).score_pct is None
