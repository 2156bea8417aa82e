"""Bybit, API v5: unified spot and USDT perpetuals."""

from bowline.venues.bybit.account_codec import BybitAccountCodec
from bowline.venues.bybit.feed_codec import BybitFeedCodec

__all__ = ["BybitAccountCodec", "BybitFeedCodec"]
