"""HTX's list of currencies, and its lists of contracts that are not simulated.

A stock client asks for these before its first order. Nothing can be deposited or withdrawn here.
"""

from __future__ import annotations

from bowline.simex.symbol_specs import traded_assets
from bowline.simex.venue_api import ApiCall


def currencies(call: ApiCall) -> object:
    """GET /v2/reference/currencies."""
    return [
        {"currency": asset.lower(), "assetType": 1, "chains": [], "instStatus": "normal"}
        for asset in traded_assets(call.venue.listings("spot"))
        if call.query.get("currency", asset.lower()) == asset.lower()
    ]


def coin_margined(call: ApiCall) -> object:
    """GET /swap-api/v1/swap_contract_info: coin-margined swaps, once listed and delisted (0).

    A stock client takes an empty list for a failure.
    """
    return [_delisted(base) | {"contract_code": f"{base}-USD"} for base in _bases(call)]


def dated(call: ApiCall) -> object:
    """GET /api/v1/contract_contract_info: dated coin-margined futures, long delivered."""
    when = {"delivery_date": "20200103", "delivery_time": "1578038400000"}
    return [_delisted(base) | {"contract_code": f"{base}200103"} | when for base in _bases(call)]


def _bases(call: ApiCall) -> list[str]:
    return sorted({each.base for each in call.venue.listings("linear")})


def _delisted(base: str) -> dict[str, object]:
    return {
        "symbol": base,
        "contract_size": 100.0,
        "price_tick": 0.1,
        "create_date": "20191220",
        "contract_status": 0,
        "settlement_date": "",
    }
