"""HTX: spot and USDT perpetuals."""

from bowline.venues.htx.feed_codec import HtxFeedCodec
from bowline.venues.htx.linear_account_codec import HtxLinearAccountCodec
from bowline.venues.htx.spot_account_codec import HtxSpotAccountCodec

__all__ = ["HtxFeedCodec", "HtxLinearAccountCodec", "HtxSpotAccountCodec"]
