"""The codecs of every venue. Only `registry` may import it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from bowline.core.model.instrument import Market
from bowline.core.venue import Listings
from bowline.venues.account_codec import AccountCodec
from bowline.venues.binance import BinanceAccountCodec, BinanceFeedCodec
from bowline.venues.bingx import BingxAccountCodec, BingxFeedCodec
from bowline.venues.bitget import BitgetAccountCodec, BitgetFeedCodec
from bowline.venues.bybit import BybitAccountCodec, BybitFeedCodec
from bowline.venues.feed_codec import FeedCodec
from bowline.venues.gate import GateAccountCodec, GateFeedCodec
from bowline.venues.htx import HtxFeedCodec, HtxLinearAccountCodec, HtxSpotAccountCodec
from bowline.venues.mexc import (
    MexcLinearAccountCodec,
    MexcLinearFeedCodec,
    MexcSpotAccountCodec,
    MexcSpotFeedCodec,
)
from bowline.venues.okx import OkxAccountCodec, OkxFeedCodec


def _gate(market: Market, listings: Listings) -> FeedCodec:
    return GateFeedCodec(market, listings, lambda: int(time.time()))


def _mexc(market: Market, listings: Listings) -> FeedCodec:
    codec_class = MexcSpotFeedCodec if market.kind == "spot" else MexcLinearFeedCodec
    return codec_class(market, listings)


FEED_CODECS: Mapping[str, Callable[[Market, Listings], FeedCodec]] = {
    "binance": BinanceFeedCodec,
    "bybit": BybitFeedCodec,
    "bitget": BitgetFeedCodec,
    "bingx": BingxFeedCodec,
    "gate": _gate,
    "okx": OkxFeedCodec,
    "htx": HtxFeedCodec,
    "mexc": _mexc,
}

#: hosts of book snapshots by REST, by market
SNAPSHOT_HOSTS: Mapping[str, str] = {
    "binance:spot": "https://api.binance.com",
    "binance:linear": "https://fapi.binance.com",
    "gate:linear": "https://api.gateio.ws",
    "mexc:spot": "https://api.mexc.com",
    "mexc:linear": "https://contract.mexc.com",
}


def _without_account_id(
    codec_class: Callable[[Market, Listings], AccountCodec],
) -> Callable[[Market, Listings, str], AccountCodec]:
    return lambda market, listings, _: codec_class(market, listings)


#: account codecs by market; the third argument is the account's id, for `NEEDS_ACCOUNT_ID`
ACCOUNT_CODECS: Mapping[str, Callable[[Market, Listings, str], AccountCodec]] = {
    "binance:spot": _without_account_id(BinanceAccountCodec),
    "binance:linear": _without_account_id(BinanceAccountCodec),
    "bybit:spot": _without_account_id(BybitAccountCodec),
    "bybit:linear": _without_account_id(BybitAccountCodec),
    "bitget:spot": _without_account_id(BitgetAccountCodec),
    "bitget:linear": _without_account_id(BitgetAccountCodec),
    "bingx:spot": _without_account_id(BingxAccountCodec),
    "bingx:linear": _without_account_id(BingxAccountCodec),
    "gate:spot": GateAccountCodec,
    "gate:linear": GateAccountCodec,
    "okx:spot": _without_account_id(OkxAccountCodec),
    "okx:linear": _without_account_id(OkxAccountCodec),
    "htx:spot": _without_account_id(HtxSpotAccountCodec),
    "htx:linear": _without_account_id(HtxLinearAccountCodec),
    "mexc:spot": _without_account_id(MexcSpotAccountCodec),
    "mexc:linear": _without_account_id(MexcLinearAccountCodec),
}
NEEDS_ACCOUNT_ID = frozenset({"gate:linear"})
