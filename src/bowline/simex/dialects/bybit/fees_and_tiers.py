"""Bybit's queries before a first order: fees, risk limits, marks, open interest."""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.values import ONE
from bowline.core.sim.exchange import progressive_tiers
from bowline.simex.dialects.bybit.market import candles, kind_of, listing_of
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import ms, parse_int, plain

#: of every perpetual, "Get Risk Limit": the figures are of the size of BTCUSDT's
TIERS = progressive_tiers(
    (2_000_000, "0.005", 100),
    (2_600_000, "0.0056", 90),
    (3_200_000, "0.0062", 80),
    (10_000_000, "0.01", 50),
    (50_000_000, "0.02", 25),
    (100_000_000, "0.05", 10),
    (300_000_000, "0.1", 5),
)
_RATE = Decimal("0.0001")
#: symbols on a page of risk limits
_PAGE = 15


def risk_limits(call: ApiCall) -> object:
    """GET /v5/market/risk-limit of a symbol, or of fifteen a page."""
    category = call.query.get("category", "")
    if category == "inverse":
        return {"category": category, "list": [], "nextPageCursor": ""}
    if category != "linear":
        raise ApiError(10001, "params error: category invalid")
    chosen = call.venue.listings("linear")
    if call.query.get("symbol"):
        chosen = [listing_of(call, call.query)]
    at = parse_int(call.query.get("cursor"), 0)
    number = at * len(TIERS)
    rows = []
    for listing in chosen[at : at + _PAGE]:
        for tier in call.venue.view("linear").tiers():
            number += 1
            rows.append(
                {
                    "id": number,
                    "symbol": listing.venue_symbol,
                    "riskLimitValue": plain(tier.most),
                    "maintenanceMargin": plain(tier.maintenance_rate),
                    "initialMargin": plain((ONE / tier.max_leverage).quantize(_RATE)),
                    "isLowestRisk": int(tier is TIERS[0]),
                    "maxLeverage": f"{tier.max_leverage:.2f}",
                    "mmDeduction": plain(tier.deduction) if tier.deduction else "",
                }
            )
    after = str(at + _PAGE) if at + _PAGE < len(chosen) else ""
    return {"category": category, "list": rows, "nextPageCursor": after}


def fee_rates(call: ApiCall) -> object:
    """GET /v5/account/fee-rate of a symbol or all."""
    kind = kind_of(call.query)
    wanted = call.query.get("symbol", "")
    rows = []
    for listing in call.venue.listings(kind):
        fees = call.venue.view(kind).fees(listing.instrument.id)
        if wanted in ("", listing.venue_symbol):
            rows.append(
                {
                    "symbol": listing.venue_symbol,
                    "takerFeeRate": plain(fees.taker_rate),
                    "makerFeeRate": plain(fees.maker_rate),
                }
            )
    if not rows:
        raise ApiError(10001, "Not supported symbols")
    return {"category": kind, "list": rows}


def price_candles(call: ApiCall) -> object:
    """GET /v5/market/mark-price-kline, index- and premium-: the candles without volumes."""
    found = candles(call)
    assert isinstance(found, dict)
    return found | {"list": [row[:5] for row in found["list"]]}


def open_interest(call: ApiCall) -> object:
    """GET /v5/market/open-interest: only the test account holds any."""
    listing = listing_of(call, call.query)
    row = {"openInterest": "0", "timestamp": str(ms(call.now_ns))}
    return {
        "category": "linear", "symbol": listing.venue_symbol, "list": [row], "nextPageCursor": "",
    }  # fmt: skip
