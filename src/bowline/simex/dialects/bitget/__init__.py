"""Bitget API v2, classic accounts: spot and USDT futures apart, REST and streams."""

from bowline.simex.dialects.bitget.dialect import BitgetDialect

__all__ = ["BitgetDialect"]
