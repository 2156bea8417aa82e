"""Gate's queries before a first order: fees, risk limits, funding paid."""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.values import ONE
from bowline.core.sim.exchange import FundingPaid, progressive_tiers
from bowline.core.venue import Listing
from bowline.simex.dialects.gate.errors import FIELDS, invalid
from bowline.simex.dialects.gate.market import kind_at, requested_listing
from bowline.simex.payload import JsonObject
from bowline.simex.venue_api import ApiCall
from bowline.simex.wire_values import plain, seconds

#: of every perpetual, "Query risk limit tiers": the figures are of the size of BTC_USDT's
TIERS = progressive_tiers(
    (1_000_000, "0.004", 125),
    (2_000_000, "0.005", 100),
    (5_000_000, "0.01", 50),
    (10_000_000, "0.02", 25),
    (20_000_000, "0.05", 10),
    (50_000_000, "0.1", 5),
    (100_000_000, "0.25", 2),
)
_RATE = Decimal("0.0001")


def wallet_fee(call: ApiCall) -> object:
    """GET /wallet/fee: of both markets."""
    spot, futures = (
        call.venue.view(kind).fees(call.venue.listings(kind)[0].instrument.id)
        for kind in ("spot", "linear")
    )
    return {
        "user_id": int(call.venue.credentials.user_id),
        "taker_fee": plain(spot.taker_rate),
        "maker_fee": plain(spot.maker_rate),
        "gt_discount": False,
        "gt_taker_fee": "0",
        "gt_maker_fee": "0",
        "loan_fee": "0.18",
        "point_type": "1",
        "futures_taker_fee": plain(futures.taker_rate),
        "futures_maker_fee": plain(futures.maker_rate),
        "delivery_taker_fee": plain(futures.taker_rate),
        "delivery_maker_fee": plain(futures.maker_rate),
        "debit_fee": 3,
    }


def spot_fee(call: ApiCall) -> object:
    """GET /spot/fee: of a pair, or of all."""
    word = call.query.get("currency_pair", "")
    listing = requested_listing(call, call.query) if word else call.venue.listings("spot")[0]
    fees = call.venue.view("spot").fees(listing.instrument.id)
    return {
        "user_id": int(call.venue.credentials.user_id),
        "taker_fee": plain(fees.taker_rate),
        "maker_fee": plain(fees.maker_rate),
        "gt_discount": False,
        "gt_taker_fee": "0",
        "gt_maker_fee": "0",
        "loan_fee": "0.18",
        "point_type": "1",
        "currency_pair": word,
        "debit_fee": 3,
    }


def futures_fee(call: ApiCall) -> object:
    """GET /futures/{settle}/fee: of a contract, or of all."""
    kind_at(call)
    listings = (
        [requested_listing(call, call.query)] if call.query.get("contract") else _contracts(call)
    )
    view = call.venue.view("linear")
    return {
        each.venue_symbol: {
            "taker_fee": plain(view.fees(each.instrument.id).taker_rate),
            "maker_fee": plain(view.fees(each.instrument.id).maker_rate),
        }
        for each in listings
    }


def risk_limit_tiers(call: ApiCall) -> object:
    """GET /futures/{settle}/risk_limit_tiers: of a contract; without one of the first hundred."""
    if call.path_params.get("settle") != "usdt":
        return []
    listings = (
        [requested_listing(call, call.query)]
        if call.query.get("contract")
        else _contracts(call)[:100]
    )
    rows: list[JsonObject] = [
        {
            "contract": listing.venue_symbol,
            "tier": number,
            "risk_limit": plain(tier.most),
            "initial_rate": plain((ONE / tier.max_leverage).quantize(_RATE)),
            "maintenance_rate": plain(tier.maintenance_rate),
            "leverage_max": plain(tier.max_leverage),
            "deduction": plain(tier.deduction),
        }
        for listing in listings
        for number, tier in enumerate(call.venue.view("linear").tiers(), 1)
    ]
    return _page(call, rows, len(rows) or 1)


def account_book(call: ApiCall) -> object:
    """GET /futures/{settle}/account_book, the newest first: funding is its one simulated type."""
    kind_at(call)
    if call.query.get("type") != "fund":
        raise invalid("of the types only fund is played here")
    begin, end = FIELDS.window(call.query, "from", "to")
    chosen = (
        [requested_listing(call, call.query)] if call.query.get("contract") else _contracts(call)
    )
    wanted = {each.instrument.id: each for each in chosen}
    rows = [
        _funding_row(number, wanted[paid.instrument], paid)
        for number, paid in enumerate(call.venue.view("linear").funding(call.account), 1)
        if paid.instrument in wanted and begin <= seconds(paid.now_ns) <= end
    ]
    rows.reverse()
    return _page(call, rows, 100)


def _page(call: ApiCall, rows: list[JsonObject], usual: int) -> list[JsonObject]:
    at = max(0, FIELDS.integer(call.query, "offset", 0))
    return rows[at : at + FIELDS.limit(call.query, "limit", usual, 1000)]


def _funding_row(number: int, listing: Listing, paid: FundingPaid) -> JsonObject:
    return {
        "time": seconds(paid.now_ns),
        "change": plain(-paid.amount),
        "balance": "",
        "type": "fund",
        # of funding the text is the contract, of a fill its order
        "text": listing.venue_symbol,
        "contract": listing.venue_symbol,
        "trade_id": "",
        "id": str(number),
    }


def _contracts(call: ApiCall) -> list[Listing]:
    return call.venue.listings("linear")
