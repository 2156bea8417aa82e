"""Binance's public market endpoints, spot and futures."""

from __future__ import annotations

from bowline.core.model.values import MINUTE_NS
from bowline.core.sim.exchange import MAX_PRICE, MAX_QUANTITY, MinuteCandle, TradePublished
from bowline.core.venue import Listing, ListingStatus
from bowline.simex.dialects.binance.errors import FIELDS
from bowline.simex.dialects.binance.request_fields import (
    kind_of,
    limit_in,
    listing_in,
    listings_in,
    market_of,
    window_in,
)
from bowline.simex.payload import JsonObject
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import aggregate_candles, ms, plain, plain_or

#: `interval` -> minutes
INTERVALS = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240,
    "6h": 360, "8h": 480, "12h": 720, "1d": 1440,
}  # fmt: skip
_DAY_MS = 86_400_000
_SPOT_STATUS = {
    ListingStatus.PRELAUNCH: "PRE_TRADING",
    ListingStatus.HALTED: "BREAK",
}
_LINEAR_STATUS = {
    ListingStatus.PRELAUNCH: "PENDING_TRADING",
    ListingStatus.HALTED: "SETTLING",
}
SPOT_TYPES = [
    "LIMIT", "LIMIT_MAKER", "MARKET",
    "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT",
]  # fmt: skip
LINEAR_TYPES = ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"]


def ping(_: ApiCall) -> object:
    """GET ping."""
    return {}


def time(call: ApiCall) -> object:
    """GET time."""
    return {"serverTime": ms(call.now_ns)}


def instruments(call: ApiCall) -> object:
    """GET exchangeInfo."""
    kind = kind_of(call)
    form = _spot_symbol if kind == "spot" else _linear_symbol
    shown = [
        form(each)
        for each in listings_in(call, call.query)
        if each.status is not ListingStatus.DELISTED
    ]
    return {
        "timezone": "UTC",
        "serverTime": ms(call.now_ns),
        "rateLimits": [
            {"rateLimitType": what, "interval": interval, "intervalNum": number, "limit": limit}
            for what, interval, number, limit in _RATE_LIMITS[kind]
        ],
        "exchangeFilters": [],
        "symbols": shown,
    } | ({} if kind == "spot" else {"futuresType": "U_MARGINED", "assets": _assets(call)})


_RATE_LIMITS = {
    "spot": [("REQUEST_WEIGHT", "MINUTE", 1, 6000), ("ORDERS", "SECOND", 10, 100)],
    "linear": [
        ("REQUEST_WEIGHT", "MINUTE", 1, 2400),
        ("ORDERS", "SECOND", 10, 300),
        ("ORDERS", "MINUTE", 1, 1200),
    ],
}


def _assets(call: ApiCall) -> list[JsonObject]:
    quotes = {each.quote for each in call.venue.listings("linear")}
    return [
        {"asset": each, "marginAvailable": True, "autoAssetExchange": "0"}
        for each in sorted(quotes)
    ]


def _filters(listing: Listing) -> list[JsonObject]:
    tick, lot = plain(listing.instrument.tick_size), plain(listing.instrument.lot_step)
    size: JsonObject = {
        "minQty": plain(listing.min_quantity),
        "maxQty": plain(MAX_QUANTITY),
        "stepSize": lot,
    }
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": tick,
            "maxPrice": plain(MAX_PRICE),
            "tickSize": tick,
        },
        size | {"filterType": "LOT_SIZE"},
    ]


def _spot_symbol(listing: Listing) -> JsonObject:
    instrument = listing.instrument
    return {
        "symbol": listing.venue_symbol,
        "status": _SPOT_STATUS.get(listing.status, "TRADING"),
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": SPOT_TYPES,
        "icebergAllowed": False,
        "ocoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            *_filters(listing),
            {
                "filterType": "NOTIONAL",
                "minNotional": plain(instrument.min_notional),
                "applyMinToMarket": True,
                "maxNotional": "9000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 500},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }


def _linear_symbol(listing: Listing) -> JsonObject:
    instrument = listing.instrument
    lot = {"minQty": plain(listing.min_quantity), "stepSize": plain(instrument.lot_step)}
    return {
        "symbol": listing.venue_symbol,
        "pair": listing.venue_symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": _LINEAR_STATUS.get(listing.status, "TRADING"),
        "baseAsset": listing.base,
        "quoteAsset": listing.quote,
        "marginAsset": listing.quote,
        "pricePrecision": _places(plain(instrument.tick_size)),
        "quantityPrecision": _places(plain(instrument.lot_step)),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "orderTypes": LINEAR_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        "filters": [
            *_filters(listing),
            {"filterType": "MARKET_LOT_SIZE", "maxQty": plain(MAX_QUANTITY)} | lot,
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MIN_NOTIONAL", "notional": plain(instrument.min_notional)},
        ],
    }


def _places(step: str) -> int:
    return len(step.partition(".")[2])


def book(call: ApiCall) -> object:
    """GET depth: the book whose changes the depth streams tell, by the same numbers."""
    listing = listing_in(call, call.query)
    kind = kind_of(call)
    limit = limit_in(call.query, 100 if kind == "spot" else 500, 5000 if kind == "spot" else 1000)
    view = call.venue.depth(listing.instrument.id, 0)
    shown: JsonObject = {
        "lastUpdateId": view.last_update_id,
        "bids": [[plain(price), plain(size)] for price, size in view.bids[:limit]],
        "asks": [[plain(price), plain(size)] for price, size in view.asks[:limit]],
    }
    if kind == "spot":
        return shown
    return shown | {"E": ms(call.now_ns), "T": ms(view.event_ns)}


def candles(call: ApiCall) -> object:
    """GET klines: oldest first, from `startTime` on if that is said, the newest otherwise."""
    listing = listing_in(call, call.query)
    minutes = INTERVALS.get(call.query.get("interval", ""))
    if minutes is None:
        raise ApiError(-1120, "Invalid interval.")
    limit = limit_in(call.query, 500, 1000 if kind_of(call) == "spot" else 1500)
    start_ms, end_ms = window_in(call.query)
    length_ns = minutes * MINUTE_NS
    view = call.venue.view_of(listing.instrument.id)
    known = aggregate_candles(view.candles(listing.instrument.id, limit=100_000), minutes)
    shown = [each for each in known if start_ms <= ms(each.open_ns) <= end_ms]
    shown = shown[:limit] if "startTime" in call.query else shown[-limit:]
    return [_candle(each, length_ns) for each in shown]


def _candle(candle: MinuteCandle, length_ns: int) -> list[object]:
    prices = (candle.open, candle.high, candle.low, candle.close)
    taken = (candle.volume / 2, candle.turnover / 2)
    return [
        ms(candle.open_ns), *map(plain, prices), plain(candle.volume),
        ms(candle.open_ns + length_ns) - 1, plain(candle.turnover), candle.trades,
        *map(plain, taken), "0",
    ]  # fmt: skip


def mark_candles(call: ApiCall) -> object:
    """GET markPriceKlines: the candles of the contract stand for its mark, without volumes."""
    rows = candles(call)
    assert isinstance(rows, list)
    return [[*row[:5], "0", row[6], "0", row[8], "0", "0", "0"] for row in rows]


def ticker_day(call: ApiCall) -> object:
    """GET ticker/24hr."""
    shown = [ticker_object(call.venue, each) for each in listings_in(call, call.query)]
    return shown[0] if call.query.get("symbol") else shown


def ticker_object(venue: SimulatedVenue, listing: Listing) -> JsonObject:
    """The last 24 hours, as REST tells them."""
    instrument = listing.instrument.id
    shown, now_ms = venue.ticker(instrument), ms(venue.now_ns)
    prints = venue.view_of(instrument).trades(instrument)
    last, opened = shown.last, shown.open
    change = last - opened if last is not None and opened is not None else None
    mean = shown.turnover / shown.volume if shown.volume else last
    words: JsonObject = {
        "symbol": listing.venue_symbol,
        "priceChange": plain_or(change, "0"),
        "priceChangePercent": f"{change / opened * 100:.3f}" if change and opened else "0.000",
        "weightedAvgPrice": "0" if mean is None else f"{mean:.8f}",
        "lastPrice": plain_or(last, "0"),
        "lastQty": plain(prints[-1].quantity) if prints else "0",
        "openPrice": plain_or(opened, "0"),
        "highPrice": plain_or(shown.high, "0"),
        "lowPrice": plain_or(shown.low, "0"),
        "volume": plain(shown.volume),
        "quoteVolume": plain(shown.turnover),
        "openTime": now_ms - _DAY_MS,
        "closeTime": now_ms,
        "firstId": prints[0].trade_id if prints else -1,
        "lastId": prints[-1].trade_id if prints else -1,
        "count": len(prints),
    }
    if market_of(instrument) == "spot":
        words |= {"prevClosePrice": plain_or(opened, "0")} | book_ticker_object(venue, listing)
    return words


def ticker_book(call: ApiCall) -> object:
    """GET ticker/bookTicker."""
    shown = [book_ticker_object(call.venue, each) for each in listings_in(call, call.query)]
    return shown[0] if call.query.get("symbol") else shown


def book_ticker_object(venue: SimulatedVenue, listing: Listing) -> JsonObject:
    """The best level of each side; zeros where nobody is."""
    shown = venue.ticker(listing.instrument.id)
    bid, ask = shown.bid or (None, None), shown.ask or (None, None)
    return {
        "symbol": listing.venue_symbol,
        "bidPrice": plain_or(bid[0], "0"),
        "bidQty": plain_or(bid[1], "0"),
        "askPrice": plain_or(ask[0], "0"),
        "askQty": plain_or(ask[1], "0"),
    }


def ticker_price(call: ApiCall) -> object:
    """GET ticker/price."""
    shown = [
        {
            "symbol": each.venue_symbol,
            "price": plain_or(call.venue.ticker(each.instrument.id).last, "0"),
        }
        for each in listings_in(call, call.query)
    ]
    return shown[0] if call.query.get("symbol") else shown


def trades(call: ApiCall) -> object:
    """GET trades: oldest first."""
    listing = listing_in(call, call.query)
    prints = _prints(call, listing)[-limit_in(call.query, 500, 1000) :]
    return [
        {
            "id": each.trade_id,
            "price": plain(each.price),
            "qty": plain(each.quantity),
            "quoteQty": plain(each.price * each.quantity),
            "time": ms(each.now_ns),
            "isBuyerMaker": each.side.sign < 0,
            "isBestMatch": True,
        }
        for each in prints
    ]


def agg_trades(call: ApiCall) -> object:
    """GET aggTrades: oldest first; here every print is an aggregate of its own."""
    listing = listing_in(call, call.query)
    start_ms, end_ms = window_in(call.query)
    since = FIELDS.integer(call.query, "fromId", 0)
    limit = limit_in(call.query, 500, 1000)
    found = [
        each
        for each in _prints(call, listing)
        if each.trade_id >= since and start_ms <= ms(each.now_ns) <= end_ms
    ]
    shown = found[:limit] if {"fromId", "startTime"} & call.query.keys() else found[-limit:]
    return [agg_trade_object(each) for each in shown]


def agg_trade_object(trade: TradePublished) -> JsonObject:
    """An aggregate trade, as REST and the stream have it."""
    return {
        "a": trade.trade_id,
        "p": plain(trade.price),
        "q": plain(trade.quantity),
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": ms(trade.now_ns),
        "m": trade.side.sign < 0,
        "M": True,
    }


def _prints(call: ApiCall, listing: Listing) -> list[TradePublished]:
    return call.venue.view_of(listing.instrument.id).trades(listing.instrument.id, 10_000)


def premium_index(call: ApiCall) -> object:
    """GET premiumIndex: mark price and the funding to come."""
    shown = [_premium(call, each) for each in listings_in(call, call.query)]
    return shown[0] if call.query.get("symbol") else shown


def _premium(call: ApiCall, listing: Listing) -> JsonObject:
    instrument = listing.instrument.id
    mark = plain_or(call.venue.ticker(instrument).mark, "0")
    rate, due_ns = call.venue.funding.get(instrument, (None, 0))
    return {
        "symbol": listing.venue_symbol,
        "markPrice": mark,
        "indexPrice": mark,
        "estimatedSettlePrice": mark,
        "lastFundingRate": plain_or(rate, "0"),
        "interestRate": "0.00010000",
        "nextFundingTime": ms(due_ns),
        "time": ms(call.now_ns),
    }


def funding_rates(call: ApiCall) -> object:
    """GET fundingRate: oldest first."""
    start_ms, end_ms = window_in(call.query)
    limit = limit_in(call.query, 100, 1000)
    found = [
        (at_ns, listing.venue_symbol, rate)
        for listing in listings_in(call, call.query)
        for rate, at_ns in call.venue.funding_paid.get(listing.instrument.id, [])
        if start_ms <= ms(at_ns) <= end_ms
    ]
    found.sort()
    return [
        {"symbol": symbol, "fundingRate": plain(rate), "fundingTime": ms(at_ns), "markPrice": ""}
        for at_ns, symbol, rate in (found[:limit] if "startTime" in call.query else found[-limit:])
    ]
