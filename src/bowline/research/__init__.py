"""Research: backtests and sweeps on the same core, and whether to believe them."""

from bowline.research.backtest import backtest
from bowline.research.grid import Grid, SweepResult, sweep

__all__ = ["Grid", "SweepResult", "backtest", "sweep"]
