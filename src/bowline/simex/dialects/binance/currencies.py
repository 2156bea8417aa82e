"""Binance's lists around the markets: currencies, margin pairs, coin-margined contracts.

A stock client asks for these before its first order. Nothing can be deposited or withdrawn here.
"""

from __future__ import annotations

from bowline.simex.symbol_specs import traded_assets
from bowline.simex.venue_api import ApiCall
from bowline.simex.wire_values import ms


def currencies(call: ApiCall) -> object:
    """GET /sapi/v1/capital/config/getall ("All Coins' Information")."""
    return [
        {
            "coin": asset,
            "name": asset,
            "depositAllEnable": False,
            "withdrawAllEnable": False,
            "trading": True,
            "isLegalMoney": False,
            "networkList": [],
        }
        for asset in traded_assets(call.venue.listings("spot"))
    ]


def none_listed(_: ApiCall) -> object:
    """GET margin/allPairs and margin/isolated/allPairs: there is no margin account."""
    return []


def no_coin_margined(call: ApiCall) -> object:
    """GET /dapi/v1/exchangeInfo: no contract is settled in a coin here."""
    return {
        "timezone": "UTC",
        "serverTime": ms(call.now_ns),
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [],
    }
