"""Research: backtests now, sweeps and validation on the same core."""

from bowline.research.backtest import backtest

__all__ = ["backtest"]
