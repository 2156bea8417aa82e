"""Bybit, API v5: unified spot and USDT perpetuals."""

from bowline.venues.bybit.codec import BybitCodec
from bowline.venues.bybit.private import BybitPrivateCodec

__all__ = ["BybitCodec", "BybitPrivateCodec"]
