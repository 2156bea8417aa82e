"""OKX v5: one account over spot and swaps, REST, public, business and private streams."""

from bowline.simex.dialects.okx.dialect import OkxDialect

__all__ = ["OkxDialect"]
