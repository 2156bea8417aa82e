"""Bitget's queries before a first order: fees, position tiers, funding paid."""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.values import ZERO
from bowline.core.sim.exchange import FundingPaid, Tier
from bowline.core.venue import Listing
from bowline.simex.dialects.bitget.market import kind_asked, listing_of
from bowline.simex.dialects.bitget.render import FIELDS, PRODUCTS, wrong
from bowline.simex.venue_api import ApiCall
from bowline.simex.wire_values import ms, plain, plain_or

#: of every contract, "Get Position Tier": the figures are of the size of BTCUSDT's. The rate of a
#: tier counts for the whole position
TIERS = tuple(
    Tier(Decimal(most), Decimal(rate), Decimal(leverage))
    for most, rate, leverage in (
        (150_000, "0.004", 125),
        (900_000, "0.005", 100),
        (3_000_000, "0.01", 50),
        (10_000_000, "0.02", 20),
        (30_000_000, "0.05", 10),
        (60_000_000, "0.1", 5),
        (100_000_000, "0.25", 2),
    )
)


def position_tiers(call: ApiCall) -> object:
    """GET /api/v2/mix/market/query-position-lever of a symbol: values in quote money."""
    listing = listing_of(call, call.query)
    rows, least = [], ZERO
    for level, tier in enumerate(call.venue.view("linear").tiers(), 1):
        rows.append(
            {
                "symbol": listing.venue_symbol,
                "level": str(level),
                "startUnit": plain(least),
                "endUnit": plain(tier.most),
                "leverage": plain(tier.max_leverage),
                "keepMarginRate": plain(tier.maintenance_rate),
            }
        )
        least = tier.most
    return rows


def trade_rate(call: ApiCall) -> object:
    """GET /api/v2/common/trade-rate of a symbol, `businessType` spot or mix."""
    kind = {"spot": "spot", "mix": "linear"}.get(call.query.get("businessType", ""))
    if kind is None:
        raise wrong("businessType")
    listing = call.venue.listing_by_symbol(kind, call.query.get("symbol", "").upper())
    if listing is None:
        raise wrong("symbol")
    fees = call.venue.view(kind).fees(listing.instrument.id)
    return {"makerFeeRate": plain(fees.maker_rate), "takerFeeRate": plain(fees.taker_rate)}


def symbol_price(call: ApiCall) -> object:
    """GET /api/v2/mix/market/symbol-price: the mark stands for the index too."""
    listing = listing_of(call, call.query)
    ticker = call.venue.ticker(listing.instrument.id)
    return [
        {
            "symbol": listing.venue_symbol,
            "price": plain_or(ticker.last),
            "indexPrice": plain_or(ticker.mark),
            "markPrice": plain_or(ticker.mark),
            "ts": str(ms(call.now_ns)),
        }
    ]


def open_interest(call: ApiCall) -> object:
    """GET /api/v2/mix/market/open-interest: only the test account holds any."""
    listing = listing_of(call, call.query)
    row = {"symbol": listing.venue_symbol, "size": "0"}
    return {"openInterestList": [row], "ts": str(ms(call.now_ns))}


def bills(call: ApiCall) -> object:
    """GET /api/v2/mix/account/bill, the newest first: of all its types funding is simulated."""
    if kind_asked(call, call.query) not in PRODUCTS:
        return {"bills": [], "endId": ""}
    if call.query.get("businessType") != "contract_settle_fee":
        raise wrong("businessType: only contract_settle_fee is played here")
    listings = call.venue.listings("linear")
    if call.query.get("symbol"):
        listings = [listing_of(call, call.query)]
    wanted = {each.instrument.id: each for each in listings}
    start_ms, end_ms = FIELDS.window(call.query, "startTime", "endTime")
    before = FIELDS.integer(call.query, "idLessThan", 1 << 62)
    rows = [
        _funding_bill(number, wanted[paid.instrument], paid)
        for number, paid in enumerate(call.venue.view("linear").funding(call.account), 1)
        if paid.instrument in wanted and start_ms <= ms(paid.now_ns) <= end_ms and number < before
    ]
    rows.reverse()
    shown = rows[: FIELDS.limit(call.query, "limit", 20, 100)]
    return {"bills": shown, "endId": shown[-1]["billId"] if shown else ""}


def _funding_bill(number: int, listing: Listing, paid: FundingPaid) -> dict[str, object]:
    return {
        "billId": str(number),
        "symbol": listing.venue_symbol,
        "amount": plain(-paid.amount),
        "fee": "0",
        "feeByCoupon": "",
        "businessType": "contract_settle_fee",
        "coin": paid.asset,
        "balance": "",
        "cTime": str(ms(paid.now_ns)),
    }
