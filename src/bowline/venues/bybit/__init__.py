"""Bybit, API v5: unified spot and USDT perpetuals."""

from bowline.venues.bybit.codec import BybitCodec

__all__ = ["BybitCodec"]
