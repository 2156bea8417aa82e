"""The quirk tables by venue. Only `registry` may import it."""

from __future__ import annotations

from collections.abc import Mapping

from bowline.venues.binance.quirks import QUIRKS as BINANCE
from bowline.venues.bingx.quirks import QUIRKS as BINGX
from bowline.venues.bitget.quirks import QUIRKS as BITGET
from bowline.venues.bybit.quirks import QUIRKS as BYBIT
from bowline.venues.gate.quirks import QUIRKS as GATE
from bowline.venues.htx.quirks import QUIRKS as HTX
from bowline.venues.mexc.quirks import QUIRKS as MEXC
from bowline.venues.okx.quirks import QUIRKS as OKX
from bowline.venues.rest.quirks import VenueQuirks

QUIRKS: Mapping[str, VenueQuirks] = {
    each.venue: each for each in (BINANCE, BYBIT, BITGET, BINGX, GATE, OKX, HTX, MEXC)
}
