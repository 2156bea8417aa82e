"""The public feeds there are, by venue. Only whoever opens a venue may read it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from bowline.core.model.instrument import Market
from bowline.core.venue import Listings
from bowline.venues.binance import BinanceCodec
from bowline.venues.bingx import BingxCodec
from bowline.venues.bitget import BitgetCodec
from bowline.venues.bybit import BybitCodec
from bowline.venues.feed import FeedCodec
from bowline.venues.gate import GateCodec
from bowline.venues.htx import HtxCodec
from bowline.venues.mexc import MexcLinearCodec, MexcSpotCodec
from bowline.venues.okx import OkxCodec


def _gate(market: Market, listings: Listings) -> FeedCodec:
    return GateCodec(market, listings, lambda: int(time.time()))


def _mexc(market: Market, listings: Listings) -> FeedCodec:
    made = MexcSpotCodec if market.kind == "spot" else MexcLinearCodec
    return made(market, listings)


CODECS: Mapping[str, Callable[[Market, Listings], FeedCodec]] = {
    "binance": BinanceCodec,
    "bybit": BybitCodec,
    "bitget": BitgetCodec,
    "bingx": BingxCodec,
    "gate": _gate,
    "okx": OkxCodec,
    "htx": HtxCodec,
    "mexc": _mexc,
}

#: where a book's start is asked for by REST, by market
START_HOSTS: Mapping[str, str] = {
    "binance:spot": "https://api.binance.com",
    "binance:linear": "https://fapi.binance.com",
    "gate:linear": "https://api.gateio.ws",
    "mexc:spot": "https://api.mexc.com",
    "mexc:linear": "https://contract.mexc.com",
}
