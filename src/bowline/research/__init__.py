"""Research: backtests and sweeps on the same core, and whether to believe them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bowline.research.backtest import backtest

if TYPE_CHECKING:
    from bowline.research.grid import Grid, SweepResult, sweep

__all__ = ["Grid", "SweepResult", "backtest", "sweep"]


def __getattr__(name: str) -> object:
    """What is the grid's: a backtest alone does not wait for the kernel to be loaded."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bowline.research import grid  # noqa: PLC0415 - that is the point

    found: object = getattr(grid, name)
    return found
