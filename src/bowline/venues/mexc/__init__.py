"""MEXC: spot in protocol buffers, USDT perpetuals in JSON."""

from bowline.venues.mexc.linear_account_codec import MexcLinearAccountCodec
from bowline.venues.mexc.linear_feed_codec import MexcLinearFeedCodec
from bowline.venues.mexc.spot_account_codec import MexcSpotAccountCodec
from bowline.venues.mexc.spot_feed_codec import MexcSpotFeedCodec

__all__ = [
    "MexcLinearAccountCodec",
    "MexcLinearFeedCodec",
    "MexcSpotAccountCodec",
    "MexcSpotFeedCodec",
]
