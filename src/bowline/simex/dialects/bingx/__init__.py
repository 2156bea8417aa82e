"""BingX: spot v1 and perpetual swaps v2, REST, market streams and the streams of a listen key."""

from bowline.simex.dialects.bingx.dialect import BingxDialect

__all__ = ["BingxDialect"]
