"""Bitget, API v2: spot and USDT futures."""

from bowline.venues.bitget.codec import BitgetCodec

__all__ = ["BitgetCodec"]
