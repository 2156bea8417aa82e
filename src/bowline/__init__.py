"""Bowline: crypto autotrading from market data and research to paper and live trading."""

__version__ = "0.1.0"
