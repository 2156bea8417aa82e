"""The grid engine: many variants of one strategy on one market, without one Python object each."""

from bowline.research.grid.budget import DEFAULT_BUDGET, SweepBudget, check_variants
from bowline.research.grid.kernel import (
    evaluate,
    evaluate_crosses,
    evaluate_daily,
    instruction_set,
)
from bowline.research.grid.kernel_types import CloseSeries, Convention, Outcome, Rules, SignalBank
from bowline.research.grid.merge import Merge
from bowline.research.grid.plan import (
    ChunkResult,
    GridPlan,
    Hashes,
    candles_without_signal,
    plan_grid,
)
from bowline.research.grid.request import GridRequest
from bowline.research.grid.request_reading import parse_grid
from bowline.research.grid.result import SweepResult
from bowline.research.grid.sweep import Grid, SweepProgress, finish, run_chunks, sweep
from bowline.research.grid.topk import SweepRows

__all__ = [
    "DEFAULT_BUDGET",
    "ChunkResult",
    "CloseSeries",
    "Convention",
    "Grid",
    "GridPlan",
    "GridRequest",
    "Hashes",
    "Merge",
    "Outcome",
    "Rules",
    "SignalBank",
    "SweepBudget",
    "SweepProgress",
    "SweepResult",
    "SweepRows",
    "candles_without_signal",
    "check_variants",
    "evaluate",
    "evaluate_crosses",
    "evaluate_daily",
    "finish",
    "instruction_set",
    "parse_grid",
    "plan_grid",
    "run_chunks",
    "sweep",
]
