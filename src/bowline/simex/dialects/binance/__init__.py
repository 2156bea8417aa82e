"""Binance: spot and USD-M futures, a wallet each."""

from bowline.simex.dialects.binance.dialect import BinanceDialect

__all__ = ["BinanceDialect"]
