"""The grid engine: many variants of one strategy on one market, without one Python object each."""

from bowline.research.grid.budget import USUAL_BUDGET, Budget, hold_variants
from bowline.research.grid.kernel import (
    evaluate,
    evaluate_crosses,
    evaluate_daily,
    instruction_set,
)
from bowline.research.grid.merge import Merge
from bowline.research.grid.plan import ChunkResult, GridPlan, Hashes, plan_grid
from bowline.research.grid.request import GridRequest
from bowline.research.grid.request_reading import parse_grid
from bowline.research.grid.result import SweepResult
from bowline.research.grid.sweep import Grid, Progress, finish, run_chunks, sweep
from bowline.research.grid.tape import Convention, Outcome, Rules, SignalBank, Tape
from bowline.research.grid.topk import Rows

__all__ = [
    "USUAL_BUDGET",
    "Budget",
    "ChunkResult",
    "Convention",
    "Grid",
    "GridPlan",
    "GridRequest",
    "Hashes",
    "Merge",
    "Outcome",
    "Progress",
    "Rows",
    "Rules",
    "SignalBank",
    "SweepResult",
    "Tape",
    "evaluate",
    "evaluate_crosses",
    "evaluate_daily",
    "finish",
    "hold_variants",
    "instruction_set",
    "parse_grid",
    "plan_grid",
    "run_chunks",
    "sweep",
]
