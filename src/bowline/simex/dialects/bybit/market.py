"""Bybit v5 public market endpoints."""

from __future__ import annotations

from bowline.core.model.values import MINUTE_NS
from bowline.core.sim.exchange import (
    MAX_PRICE,
    MAX_QUANTITY,
    MinuteCandle,
    RejectReason,
    TradePublished,
)
from bowline.core.venue import Listing, ListingStatus
from bowline.simex.dialects.bybit.render import FIELDS, SIDES, error_for, trade_id_text
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import aggregate_candles, ms, plain, plain_or, seconds

KINDS = ("spot", "linear")
#: `interval` -> minutes
INTERVALS = {
    "1": 1, "3": 3, "5": 5, "15": 15, "30": 30,
    "60": 60, "120": 120, "240": 240, "360": 360, "720": 720, "D": 1440,
}  # fmt: skip
_STATUSES = {
    ListingStatus.TRADING: "Trading",
    ListingStatus.PRELAUNCH: "PreLaunch",
    ListingStatus.HALTED: "Settling",
    ListingStatus.DELISTED: "Closed",
    ListingStatus.UNKNOWN: "Trading",
}


def kind_of(fields: dict[str, str]) -> str:
    """`category`, where it is one that is simulated."""
    kind = fields.get("category", "")
    if kind not in KINDS:
        raise ApiError(10001, f"params error: category invalid {kind}".strip())
    return kind


def listing_of(call: ApiCall, fields: dict[str, str]) -> Listing:
    """`category` and `symbol`."""
    kind = kind_of(fields)
    listing = call.venue.listing_by_symbol(kind, fields.get("symbol", ""))
    if listing is None:
        raise error_for(kind, RejectReason.UNKNOWN_INSTRUMENT)
    return listing


def time(call: ApiCall) -> object:
    """GET /v5/market/time."""
    return {"timeSecond": str(seconds(call.now_ns)), "timeNano": str(call.now_ns)}


def instruments(call: ApiCall) -> object:
    """GET /v5/market/instruments-info. Inverse and options: none are simulated."""
    kind, wanted = call.query.get("category", ""), call.query.get("status", "")
    listed = call.venue.listings(kind) if kind in KINDS else []
    symbol = call.query.get("symbol")
    shown = [
        each
        for each in listed
        if each.status is not ListingStatus.DELISTED
        and (not symbol or each.venue_symbol == symbol)
        and (not wanted or _STATUSES[each.status] == wanted)
    ]
    form = _spot_instrument if kind == "spot" else _linear_instrument
    return {"category": kind, "list": [form(each) for each in shown], "nextPageCursor": ""}


def _spot_instrument(listing: Listing) -> dict[str, object]:
    instrument = listing.instrument
    return {
        "symbol": listing.venue_symbol,
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "innovation": "0",
        "status": _STATUSES[listing.status],
        "marginTrading": "utaOnly",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": plain(instrument.lot_step),
            "quotePrecision": "0.00000001",
            "minOrderQty": plain(listing.min_quantity),
            "maxOrderQty": plain(MAX_QUANTITY),
            "minOrderAmt": plain(instrument.min_notional),
            "maxOrderAmt": "8000000",
        },
        "priceFilter": {"tickSize": plain(instrument.tick_size)},
        "riskParameters": {"priceLimitRatioX": "0.05", "priceLimitRatioY": "0.15"},
    }


def _linear_instrument(listing: Listing) -> dict[str, object]:
    instrument = listing.instrument
    return {
        "symbol": listing.venue_symbol,
        "contractType": "LinearPerpetual",
        "status": _STATUSES[listing.status],
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "settleCoin": listing.quote,
        "launchTime": "1584230400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(max(0, -int(instrument.tick_size.normalize().as_tuple().exponent))),
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": plain_or(listing.max_leverage, "100"),
            "leverageStep": "0.01",
        },
        "priceFilter": {
            "minPrice": plain(instrument.tick_size),
            "maxPrice": plain(MAX_PRICE),
            "tickSize": plain(instrument.tick_size),
        },
        "lotSizeFilter": {
            "maxOrderQty": plain(MAX_QUANTITY),
            "minOrderQty": plain(listing.min_quantity),
            "qtyStep": plain(instrument.lot_step),
            "postOnlyMaxOrderQty": plain(MAX_QUANTITY),
            "maxMktOrderQty": plain(MAX_QUANTITY),
            "minNotionalValue": plain(instrument.min_notional),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": 480,
        "copyTrading": "none",
        "upperFundingRate": "0.005",
        "lowerFundingRate": "-0.005",
        "isPreListing": False,
    }


def book(call: ApiCall) -> object:
    """GET /v5/market/orderbook."""
    listing = listing_of(call, call.query)
    deepest = 200 if call.query["category"] == "spot" else 500
    depth = FIELDS.limit(call.query, "limit", 25, deepest)
    instrument = listing.instrument.id
    shown = call.venue.view_of(instrument).book(instrument, depth)
    return {
        "s": listing.venue_symbol,
        "b": [[plain(price), plain(size)] for price, size in shown.bids],
        "a": [[plain(price), plain(size)] for price, size in shown.asks],
        "ts": ms(call.now_ns),
        "u": shown.sequence,
        "seq": shown.sequence,
        "cts": ms(shown.event_ns),
    }


def candles(call: ApiCall) -> object:
    """GET /v5/market/kline and mark-price-kline: the newest first, the forming one with them."""
    listing = listing_of(call, call.query)
    minutes = INTERVALS.get(call.query.get("interval", ""))
    if minutes is None:
        raise ApiError(10001, "params error: interval invalid")
    limit = FIELDS.limit(call.query, "limit", 200, 1000)
    start_ms, end_ms = FIELDS.window(call.query, "start", "end")
    length_ns = minutes * MINUTE_NS
    view = call.venue.view_of(listing.instrument.id)
    known = view.candles(listing.instrument.id, limit=100_000)
    shown = [
        each
        for each in aggregate_candles(known, minutes)
        if start_ms <= ms(each.open_ns) <= end_ms and not each.open_ns % length_ns
    ]
    return {
        "category": call.query["category"],
        "symbol": listing.venue_symbol,
        # from `start` on where only that is said, the newest otherwise
        "list": [_candle(each) for each in reversed(shown[-limit:])],
    }


def _candle(candle: MinuteCandle) -> list[str]:
    prices = (candle.open, candle.high, candle.low, candle.close)
    return [
        str(ms(candle.open_ns)), *map(plain, prices), plain(candle.volume), plain(candle.turnover)
    ]  # fmt: skip


def tickers(call: ApiCall) -> object:
    """GET /v5/market/tickers."""
    kind = kind_of(call.query)
    listed = [listing_of(call, call.query)] if "symbol" in call.query else call.venue.listings(kind)
    return {"category": kind, "list": [ticker_object(call.venue, each) for each in listed]}


def ticker_object(venue: SimulatedVenue, listing: Listing) -> dict[str, object]:
    """A ticker, as REST and the stream have it."""
    instrument = listing.instrument.id
    shown = venue.ticker(instrument)
    bid, ask = shown.bid or (None, None), shown.ask or (None, None)
    change = shown.last / shown.open - 1 if shown.last and shown.open else None
    found: dict[str, object] = {
        "symbol": listing.venue_symbol,
        "bid1Price": plain_or(bid[0]),
        "bid1Size": plain_or(bid[1]),
        "ask1Price": plain_or(ask[0]),
        "ask1Size": plain_or(ask[1]),
        "lastPrice": plain_or(shown.last),
        "prevPrice24h": plain_or(shown.open),
        "price24hPcnt": "" if change is None else f"{change:.6f}",
        "highPrice24h": plain_or(shown.high),
        "lowPrice24h": plain_or(shown.low),
        "turnover24h": plain(shown.turnover),
        "volume24h": plain(shown.volume),
    }
    if instrument not in venue.funding:
        return found | {"usdIndexPrice": plain_or(shown.last)}
    rate, due_ns = venue.funding[instrument]
    return found | {
        "markPrice": plain_or(shown.mark),
        "indexPrice": plain_or(shown.mark),
        "prevPrice1h": plain_or(shown.open),
        "openInterest": "0",
        "openInterestValue": "0",
        "fundingRate": plain(rate),
        "nextFundingTime": str(ms(due_ns)),
        "fundingIntervalHour": "8",
    }


def recent_trades(call: ApiCall) -> object:
    """GET /v5/market/recent-trade: the newest first."""
    listing = listing_of(call, call.query)
    most = 60 if call.query["category"] == "spot" else 1000
    limit = FIELDS.limit(call.query, "limit", 60, most)
    prints = call.venue.view_of(listing.instrument.id).trades(listing.instrument.id, limit)
    return {
        "category": call.query["category"],
        "list": [_print(listing, each) for each in reversed(prints)],
    }


def _print(listing: Listing, trade: TradePublished) -> dict[str, object]:
    return {
        "execId": trade_id_text(trade.instrument, trade.trade_id),
        "symbol": listing.venue_symbol,
        "price": plain(trade.price),
        "size": plain(trade.quantity),
        "side": SIDES[trade.side],
        "time": str(ms(trade.now_ns)),
        "isBlockTrade": False,
        "isRPITrade": False,
        "seq": str(trade.trade_id),
    }


def funding_history(call: ApiCall) -> object:
    """GET /v5/market/funding/history: the newest first."""
    listing = listing_of(call, call.query)
    start_ms, end_ms = FIELDS.window(call.query, "startTime", "endTime")
    paid = call.venue.funding_paid.get(listing.instrument.id, [])
    shown = [each for each in paid if start_ms <= ms(each[1]) <= end_ms]
    limit = FIELDS.limit(call.query, "limit", 200, 200)
    return {
        "category": call.query["category"],
        "list": [
            {
                "symbol": listing.venue_symbol,
                "fundingRate": plain(rate),
                "fundingRateTimestamp": str(ms(at_ns)),
            }
            for rate, at_ns in reversed(shown[-limit:])
        ],
    }
