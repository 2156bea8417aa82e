"""Gate, API v4: spot and USDT perpetuals."""

from bowline.venues.gate.account_codec import GateAccountCodec
from bowline.venues.gate.feed_codec import GateFeedCodec

__all__ = ["GateAccountCodec", "GateFeedCodec"]
