"""BingX: spot and USDT perpetuals."""

from bowline.venues.bingx.account_codec import BingxAccountCodec
from bowline.venues.bingx.feed_codec import BingxFeedCodec

__all__ = ["BingxAccountCodec", "BingxFeedCodec"]
