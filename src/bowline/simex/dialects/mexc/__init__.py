"""MEXC: spot v3 with protocol buffers on its streams, contracts v1 in JSON; two wallets."""

from bowline.simex.dialects.mexc.dialect import MexcDialect

__all__ = ["MexcDialect"]
