"""Bitget, API v2: spot and USDT futures."""

from bowline.venues.bitget.account_codec import BitgetAccountCodec
from bowline.venues.bitget.feed_codec import BitgetFeedCodec

__all__ = ["BitgetAccountCodec", "BitgetFeedCodec"]
