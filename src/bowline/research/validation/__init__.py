"""Whether a result means anything: luck, overfitting, decay, plateau, costs, other markets."""

from __future__ import annotations

from bowline.research.validation.decay import Decay, measure_decay, rank_correlation
from bowline.research.validation.grid_walk import walk_grid
from bowline.research.validation.look_ahead import Leak, LookAhead, look_ahead
from bowline.research.validation.monte_carlo import (
    Paths,
    Spread,
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
    Shape,
    annual,
    daily_sharpes,
    deflated_sharpe,
    expected_best_sharpe,
    luck_variance,
    probabilistic_sharpe,
    shape_of,
)
from bowline.research.validation.stress import CostStress, measure_stress, stressed
from bowline.research.validation.sweeps import (
    daily_returns,
    gather,
    judge_sweep,
    plateau_of,
    replay,
    sampled_variants,
    stress_of,
)
from bowline.research.validation.verdict import (
    Call,
    Evidence,
    Figures,
    Finding,
    Grade,
    Question,
    Verdict,
    judge,
)
from bowline.research.validation.walk_forward import (
    Choice,
    Fold,
    Leg,
    WalkForward,
    make_folds,
    walk,
)

__all__ = [
    "Call",
    "Choice",
    "CostStress",
    "Decay",
    "Evidence",
    "Figures",
    "Finding",
    "Fold",
    "Grade",
    "Leak",
    "Leg",
    "LookAhead",
    "Overfitting",
    "Paths",
    "Plateau",
    "Question",
    "Shape",
    "Spread",
    "Verdict",
    "WalkForward",
    "annual",
    "blocks_for",
    "cross_validate",
    "daily_returns",
    "daily_sharpes",
    "deflated_sharpe",
    "expected_best_sharpe",
    "find_neighbours",
    "gather",
    "growth_of",
    "judge",
    "judge_sweep",
    "look_ahead",
    "luck_variance",
    "make_folds",
    "measure_decay",
    "measure_plateau",
    "measure_stress",
    "plateau_of",
    "probabilistic_sharpe",
    "rank_correlation",
    "replay",
    "resample_candles",
    "resample_round_trips",
    "sampled_variants",
    "sampling_error",
    "shape_of",
    "shuffle_blocks",
    "stress_of",
    "stressed",
    "walk",
    "walk_grid",
]
