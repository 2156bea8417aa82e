"""HTX: spot and USDT perpetuals."""

from bowline.venues.htx.codec import HtxCodec

__all__ = ["HtxCodec"]
