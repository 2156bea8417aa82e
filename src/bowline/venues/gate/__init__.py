"""Gate, API v4: spot and USDT perpetuals."""

from bowline.venues.gate.codec import GateCodec
from bowline.venues.gate.private import GatePrivateCodec

__all__ = ["GateCodec", "GatePrivateCodec"]
