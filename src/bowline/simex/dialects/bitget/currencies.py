"""Bitget's list of currencies.

A stock client asks for these before its first order. Nothing can be deposited or withdrawn here.
"""

from __future__ import annotations

from bowline.simex.symbol_specs import traded_assets
from bowline.simex.venue_api import ApiCall


def currencies(call: ApiCall) -> object:
    """GET /api/v2/spot/public/coins."""
    return [
        {"coinId": str(number), "coin": asset, "transfer": "false", "chains": []}
        for number, asset in enumerate(traded_assets(call.venue.listings("spot")), 1)
        if call.query.get("coin", asset) == asset
    ]
