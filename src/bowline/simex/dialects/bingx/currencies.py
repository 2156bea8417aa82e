"""BingX's list of currencies.

A stock client asks for these before its first order. Nothing can be deposited or withdrawn here.
"""

from __future__ import annotations

from bowline.simex.symbol_specs import traded_assets
from bowline.simex.venue_api import ApiCall


def currencies(call: ApiCall) -> object:
    """GET /openApi/wallets/v1/capital/config/getall."""
    return [
        {"coin": asset, "name": asset, "networkList": []}
        for asset in traded_assets(call.venue.listings("spot"))
        if call.query.get("coin", asset) == asset
    ]
