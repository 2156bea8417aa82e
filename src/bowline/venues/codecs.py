"""The feeds and the accounts' streams there are. Only whoever opens a venue may read it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from bowline.core.model.instrument import Market
from bowline.core.venue import Listings
from bowline.venues.binance import BinanceCodec, BinancePrivateCodec
from bowline.venues.bingx import BingxCodec, BingxPrivateCodec
from bowline.venues.bitget import BitgetCodec, BitgetPrivateCodec
from bowline.venues.bybit import BybitCodec, BybitPrivateCodec
from bowline.venues.feed import FeedCodec
from bowline.venues.gate import GateCodec, GatePrivateCodec
from bowline.venues.htx import HtxCodec, HtxLinearPrivateCodec, HtxSpotPrivateCodec
from bowline.venues.mexc import (
    MexcLinearCodec,
    MexcLinearPrivateCodec,
    MexcSpotCodec,
    MexcSpotPrivateCodec,
)
from bowline.venues.okx import OkxCodec, OkxPrivateCodec
from bowline.venues.private import PrivateCodec


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


def _without_number(
    made: Callable[[Market, Listings], PrivateCodec],
) -> Callable[[Market, Listings, str], PrivateCodec]:
    return lambda market, listings, _: made(market, listings)


#: an account's streams, by market; the third word is the account's number, for those in `NUMBERED`
PRIVATE_CODECS: Mapping[str, Callable[[Market, Listings, str], PrivateCodec]] = {
    "binance:spot": _without_number(BinancePrivateCodec),
    "binance:linear": _without_number(BinancePrivateCodec),
    "bybit:spot": _without_number(BybitPrivateCodec),
    "bybit:linear": _without_number(BybitPrivateCodec),
    "bitget:spot": _without_number(BitgetPrivateCodec),
    "bitget:linear": _without_number(BitgetPrivateCodec),
    "bingx:spot": _without_number(BingxPrivateCodec),
    "bingx:linear": _without_number(BingxPrivateCodec),
    "gate:spot": GatePrivateCodec,
    "gate:linear": GatePrivateCodec,
    "okx:spot": _without_number(OkxPrivateCodec),
    "okx:linear": _without_number(OkxPrivateCodec),
    "htx:spot": _without_number(HtxSpotPrivateCodec),
    "htx:linear": _without_number(HtxLinearPrivateCodec),
    "mexc:spot": _without_number(MexcSpotPrivateCodec),
    "mexc:linear": _without_number(MexcLinearPrivateCodec),
}
NUMBERED = frozenset({"gate:linear"})
