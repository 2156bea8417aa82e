"""OKX's list of currencies.

A stock client asks for these before its first order. Nothing can be deposited or withdrawn here.
"""

from __future__ import annotations

from bowline.simex.symbol_specs import traded_assets
from bowline.simex.venue_api import ApiCall


def currencies(call: ApiCall) -> object:
    """GET /api/v5/asset/currencies: a row for each chain of each currency."""
    wanted = set(filter(None, call.query.get("ccy", "").split(",")))
    return [
        {
            "ccy": asset,
            "name": asset,
            "chain": f"{asset}-Simulated",
            "canDep": False,
            "canWd": False,
            "canInternal": False,
            "mainNet": True,
            "minDep": "0",
            "minWd": "0",
            "maxWd": "0",
            "wdTickSz": "8",
            "fee": "0",
        }
        for asset in traded_assets(call.venue.listings("spot"))
        if not wanted or asset in wanted
    ]
