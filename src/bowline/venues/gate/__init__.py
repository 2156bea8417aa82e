"""Gate, API v4: spot and USDT perpetuals."""

from bowline.venues.gate.codec import GateCodec

__all__ = ["GateCodec"]
