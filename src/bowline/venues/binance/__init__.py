"""Binance: spot and USD-M perpetuals."""

from bowline.venues.binance.codec import BinanceCodec
from bowline.venues.binance.private import BinancePrivateCodec

__all__ = ["BinanceCodec", "BinancePrivateCodec"]
