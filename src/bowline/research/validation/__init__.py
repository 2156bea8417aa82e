"""Validation: luck, overfitting, decay, plateau, costs and other markets."""

from __future__ import annotations

from bowline.research.validation.decay import Decay, measure_decay, rank_correlation
from bowline.research.validation.grid_walk import walk_grid
from bowline.research.validation.look_ahead import LookAheadLeak, LookAheadResult, look_ahead
from bowline.research.validation.monte_carlo import (
    Percentiles,
    ResampledPaths,
    growth_of,
    resample_candles,
    resample_round_trips,
    shuffle_blocks,
)
from bowline.research.validation.overfitting import (
    Overfitting,
    blocks_for,
    cross_validate,
    sampling_error,
)
from bowline.research.validation.plateau import Plateau, find_neighbours, measure_plateau
from bowline.research.validation.sharpe import (
    ReturnMoments,
    annual,
    daily_sharpes,
    deflated_sharpe,
    expected_best_sharpe,
    luck_variance,
    moments_of,
    probabilistic_sharpe,
)
from bowline.research.validation.stress import CostStress, measure_stress, stressed
from bowline.research.validation.sweeps import (
    assess_sweep,
    daily_returns,
    gather_evidence,
    plateau_of,
    run_on_candles,
    sampled_variants,
    stress_of,
)
from bowline.research.validation.verdict import (
    FEWEST_DAYS,
    FEWEST_ROUND_TRIPS,
    Conclusion,
    Evidence,
    Grade,
    Question,
    QuestionFinding,
    SweepVerdict,
    VerdictFigures,
    make_verdict,
)
from bowline.research.validation.walk_forward import (
    Choice,
    Fold,
    FoldResult,
    WalkForward,
    make_folds,
    run_walk_forward,
)

__all__ = [
    "FEWEST_DAYS",
    "FEWEST_ROUND_TRIPS",
    "Choice",
    "Conclusion",
    "CostStress",
    "Decay",
    "Evidence",
    "Fold",
    "FoldResult",
    "Grade",
    "LookAheadLeak",
    "LookAheadResult",
    "Overfitting",
    "Percentiles",
    "Plateau",
    "Question",
    "QuestionFinding",
    "ResampledPaths",
    "ReturnMoments",
    "SweepVerdict",
    "VerdictFigures",
    "WalkForward",
    "annual",
    "assess_sweep",
    "blocks_for",
    "cross_validate",
    "daily_returns",
    "daily_sharpes",
    "deflated_sharpe",
    "expected_best_sharpe",
    "find_neighbours",
    "gather_evidence",
    "growth_of",
    "look_ahead",
    "luck_variance",
    "make_folds",
    "make_verdict",
    "measure_decay",
    "measure_plateau",
    "measure_stress",
    "moments_of",
    "plateau_of",
    "probabilistic_sharpe",
    "rank_correlation",
    "resample_candles",
    "resample_round_trips",
    "run_on_candles",
    "run_walk_forward",
    "sampled_variants",
    "sampling_error",
    "shuffle_blocks",
    "stress_of",
    "stressed",
    "walk_grid",
]
