"""Research: backtests, sweeps and their validation, all on the same core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bowline.research.backtest import backtest

if TYPE_CHECKING:
    from bowline.research.grid import Grid, SweepResult, sweep

__all__ = ["Grid", "SweepResult", "backtest", "sweep"]


def __getattr__(name: str) -> object:
    """Names of `grid`, imported on first use: a backtest alone does not load the kernel."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bowline.research import grid  # noqa: PLC0415 - loaded on first use

    found: object = getattr(grid, name)
    return found
