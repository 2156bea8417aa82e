"""BingX: spot and USDT perpetuals."""

from bowline.venues.bingx.codec import BingxCodec
from bowline.venues.bingx.private import BingxPrivateCodec

__all__ = ["BingxCodec", "BingxPrivateCodec"]
