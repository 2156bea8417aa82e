"""Gate's list of currencies.

A stock client asks for these before its first order. Nothing can be deposited or withdrawn here.
"""

from __future__ import annotations

from bowline.simex.symbol_specs import traded_assets
from bowline.simex.venue_api import ApiCall


def currencies(call: ApiCall) -> object:
    """GET /api/v4/spot/currencies."""
    return [
        {
            "currency": asset,
            "name": asset,
            "delisted": False,
            "withdraw_disabled": True,
            "withdraw_delayed": False,
            "deposit_disabled": True,
            "trade_disabled": False,
            "chain": asset,
            "chains": [],
        }
        for asset in traded_assets(call.venue.listings("spot"))
    ]


def none_listed(_: ApiCall) -> object:
    """GET delivery/{settle}/contracts, options/underlyings: no dated contract, no option."""
    return []
