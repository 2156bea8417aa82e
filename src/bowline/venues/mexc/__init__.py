"""MEXC: spot in protocol buffers, USDT perpetuals in JSON."""

from bowline.venues.mexc.linear import MexcLinearCodec
from bowline.venues.mexc.private import MexcLinearPrivateCodec
from bowline.venues.mexc.spot import MexcSpotCodec
from bowline.venues.mexc.spot_private import MexcSpotPrivateCodec

__all__ = ["MexcLinearCodec", "MexcLinearPrivateCodec", "MexcSpotCodec", "MexcSpotPrivateCodec"]
