"""Bitget, API v2: spot and USDT futures."""

from bowline.venues.bitget.codec import BitgetCodec
from bowline.venues.bitget.private import BitgetPrivateCodec

__all__ = ["BitgetCodec", "BitgetPrivateCodec"]
