"""Binance: spot and USD-M perpetuals."""

from bowline.venues.binance.codec import BinanceCodec

__all__ = ["BinanceCodec"]
