"""OKX, API v5: spot and USDT swaps."""

from bowline.venues.okx.account_codec import OkxAccountCodec
from bowline.venues.okx.feed_codec import OkxFeedCodec

__all__ = ["OkxAccountCodec", "OkxFeedCodec"]
