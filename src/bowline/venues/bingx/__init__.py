"""BingX: spot and USDT perpetuals."""

from bowline.venues.bingx.codec import BingxCodec

__all__ = ["BingxCodec"]
