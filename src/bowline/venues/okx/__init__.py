"""OKX, API v5: spot and USDT swaps."""

from bowline.venues.okx.codec import OkxCodec

__all__ = ["OkxCodec"]
