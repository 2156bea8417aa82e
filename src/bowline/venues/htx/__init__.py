"""HTX: spot and USDT perpetuals."""

from bowline.venues.htx.codec import HtxCodec
from bowline.venues.htx.linear_private import HtxLinearPrivateCodec
from bowline.venues.htx.spot_private import HtxSpotPrivateCodec

__all__ = ["HtxCodec", "HtxLinearPrivateCodec", "HtxSpotPrivateCodec"]
