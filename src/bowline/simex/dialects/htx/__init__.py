"""HTX: spot v1 and v2, USDT swaps v5, and a pair of streams for each."""

from bowline.simex.dialects.htx.dialect import HtxDialect

__all__ = ["HtxDialect"]
