"""Binance: spot and USD-M perpetuals."""

from bowline.venues.binance.account_codec import BinanceAccountCodec
from bowline.venues.binance.feed_codec import BinanceFeedCodec

__all__ = ["BinanceAccountCodec", "BinanceFeedCodec"]
