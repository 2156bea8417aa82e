"""Bybit v5: one unified account over spot and linear, REST, public, private and trade streams."""

from bowline.simex.dialects.bybit.dialect import BybitDialect

__all__ = ["BybitDialect"]
