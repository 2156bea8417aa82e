"""OKX, API v5: spot and USDT swaps."""

from bowline.venues.okx.codec import OkxCodec
from bowline.venues.okx.private import OkxPrivateCodec

__all__ = ["OkxCodec", "OkxPrivateCodec"]
