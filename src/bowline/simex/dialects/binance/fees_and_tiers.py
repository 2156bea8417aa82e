"""Binance's queries before a first order: fees, tiers, modes, funding paid."""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.values import ZERO
from bowline.core.sim.exchange import FundingPaid, Tier
from bowline.core.venue import Listing
from bowline.simex.dialects.binance.errors import missing
from bowline.simex.dialects.binance.request_fields import (
    fields_of,
    kind_of,
    limit_in,
    listing_in,
    listings_in,
    window_in,
)
from bowline.simex.payload import JsonObject
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import ms, plain, plain_or

#: of every perpetual: BTCUSDT's brackets, "Notional and Leverage Brackets" (a copy of 2026-09)
TIERS = tuple(
    Tier(Decimal(cap), Decimal(rate), Decimal(leverage), Decimal(deduction))
    for cap, rate, leverage, deduction in (
        (300_000, "0.004", 150, 0),
        (800_000, "0.005", 100, 300),
        (3_000_000, "0.0065", 75, 1_500),
        (12_000_000, "0.01", 50, 12_000),
        (70_000_000, "0.02", 25, 132_000),
        (100_000_000, "0.025", 20, 482_000),
        (230_000_000, "0.05", 10, 2_982_000),
        (480_000_000, "0.1", 5, 14_482_000),
        (600_000_000, "0.125", 4, 26_482_000),
        (800_000_000, "0.15", 3, 41_482_000),
        (1_200_000_000, "0.25", 2, 121_482_000),
        (1_800_000_000, "0.5", 1, 421_482_000),
    )
)


def leverage_brackets(call: ApiCall) -> object:
    """GET leverageBracket: `cum` is what a bracket's maintenance margin is less."""
    return [
        {"symbol": each.venue_symbol, "notionalCoef": 1.0, "brackets": _brackets(call.venue)}
        for each in listings_in(call, fields_of(call))
    ]


def _brackets(venue: SimulatedVenue) -> list[JsonObject]:
    rows: list[JsonObject] = []
    least = ZERO
    for number, tier in enumerate(venue.view("linear").tiers(), 1):
        rows.append(
            {
                "bracket": number,
                "initialLeverage": int(tier.max_leverage),
                "notionalCap": int(tier.most),
                "notionalFloor": int(least),
                "maintMarginRatio": float(tier.maintenance_rate),
                "cum": float(tier.deduction),
            }
        )
        least = tier.most
    return rows


def most_value(leverage: Decimal) -> str:
    """`maxNotionalValue` at a leverage."""
    fits = [tier.most for tier in TIERS if tier.max_leverage >= leverage]
    return plain(max(fits, default=ZERO))


def multi_assets(_: ApiCall) -> object:
    """GET multiAssetsMargin: one asset is the margin of its own contracts."""
    return {"multiAssetsMargin": False}


def set_multi_assets(call: ApiCall) -> object:
    """POST multiAssetsMargin: it stays off."""
    wanted = fields_of(call).get("multiAssetsMargin", "").lower()
    if wanted not in ("true", "false"):
        raise missing("multiAssetsMargin")
    if wanted == "false":
        raise ApiError(-4171, "No need to change multi-assets mode.")
    raise ApiError(-4167, "Unable to adjust to Multi-Assets mode: it is not played here.")


def account_config(call: ApiCall) -> object:
    """GET /fapi/v1/accountConfig."""
    from_view = call.venue.view("linear")
    hedged = {
        from_view.settings(call.account, each.instrument.id).position_mode.value
        for each in call.venue.listings("linear")
    } == {"hedge"}
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": False,
        "canWithdraw": False,
        "dualSidePosition": hedged,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }


def commission(call: ApiCall) -> object:
    """GET /api/v3/account/commission and /fapi/v1/commissionRate of a symbol."""
    listing = listing_in(call, fields_of(call))
    instrument = listing.instrument.id
    fees = call.venue.view_of(instrument).fees(instrument)
    maker, taker = plain(fees.maker_rate), plain(fees.taker_rate)
    if kind_of(call) == "linear":
        return {
            "symbol": listing.venue_symbol,
            "makerCommissionRate": maker,
            "takerCommissionRate": taker,
        }
    nothing = {"maker": "0", "taker": "0", "buyer": "0", "seller": "0"}
    return {
        "symbol": listing.venue_symbol,
        "standardCommission": {"maker": maker, "taker": taker, "buyer": "0", "seller": "0"},
        "specialCommission": nothing,
        "taxCommission": nothing,
        "discount": {
            "enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB",
            "discount": "0.75",
        },
    }  # fmt: skip


def trade_fees(call: ApiCall) -> object:
    """GET /sapi/v1/asset/tradeFee of a spot symbol or all."""
    wanted, view = fields_of(call).get("symbol"), call.venue.view("spot")
    rows = []
    for listing in call.venue.listings("spot"):
        fees = view.fees(listing.instrument.id)
        if wanted in (None, listing.venue_symbol):
            rows.append(
                {
                    "symbol": listing.venue_symbol,
                    "makerCommission": plain(fees.maker_rate),
                    "takerCommission": plain(fees.taker_rate),
                }
            )
    if not rows:
        raise ApiError(-1121, "Invalid symbol.")
    return rows


def income(call: ApiCall) -> object:
    """GET /fapi/v1/income, oldest first: of all its types funding alone is simulated."""
    fields = fields_of(call)
    if fields.get("incomeType") not in (None, "", "FUNDING_FEE"):
        return []
    chosen = {each.instrument.id: each for each in listings_in(call, fields)}
    start_ms, end_ms = window_in(fields)
    paid = call.venue.view("linear").funding(call.account)
    rows = [
        _funding_row(number, chosen[each.instrument], each)
        for number, each in enumerate(paid, 1)
        if each.instrument in chosen and start_ms <= ms(each.now_ns) <= end_ms
    ]
    return rows[: limit_in(fields, 100, 1000)]


def _funding_row(number: int, listing: Listing, paid: FundingPaid) -> JsonObject:
    return {
        "symbol": listing.venue_symbol,
        "incomeType": "FUNDING_FEE",
        "income": plain(-paid.amount),
        "asset": paid.asset,
        "info": "FUNDING_FEE",
        "time": ms(paid.now_ns),
        "tranId": number,
        "tradeId": "",
    }


def adjusted_funding(_: ApiCall) -> object:
    """GET /fapi/v1/fundingInfo: symbols whose funding was adjusted, and none was."""
    return []


def open_interest(call: ApiCall) -> object:
    """GET /fapi/v1/openInterest of a symbol: only the test account holds any."""
    listing = listing_in(call, fields_of(call))
    return {"symbol": listing.venue_symbol, "openInterest": "0", "time": ms(call.now_ns)}


def average_price(call: ApiCall) -> object:
    """GET /api/v3/avgPrice: of the last five minutes, by volume."""
    instrument = listing_in(call, fields_of(call)).instrument.id
    minutes = call.venue.view_of(instrument).candles(instrument, limit=5)
    volume = sum((each.volume for each in minutes), ZERO)
    value = sum((each.turnover for each in minutes), ZERO)
    last = call.venue.ticker(instrument).last
    price = (value / volume).quantize(Decimal("0.00000001")) if volume else last
    return {"mins": 5, "price": plain_or(price, "0"), "closeTime": ms(call.now_ns)}
