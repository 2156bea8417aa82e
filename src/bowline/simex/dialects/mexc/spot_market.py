"""MEXC spot v3: public market endpoints, in a form close to the one that many venues copied."""

from __future__ import annotations

from bowline.core.model.values import MINUTE_NS, Side
from bowline.core.sim.exchange import (
    MinuteCandle,
    Rejection,
    RejectReason,
    Ticker,
    TradePublished,
)
from bowline.core.venue import Listing, ListingStatus
from bowline.simex.dialects.mexc.errors import SPOT_FIELDS, spot_error
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import aggregate_candles, ms, plain, plain_or

#: `interval` -> minutes; the streams have words of their own
INTERVALS = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "60m": 60, "4h": 240, "1d": 1440}
_STATUSES = {
    ListingStatus.TRADING: "1",
    ListingStatus.UNKNOWN: "1",
    ListingStatus.HALTED: "2",
    ListingStatus.PRELAUNCH: "2",
    ListingStatus.DELISTED: "3",
}
_MOST_CANDLES, _MOST_PRINTS, _DEEPEST = 500, 1000, 5000


def listing_of(call: ApiCall, fields: dict[str, str]) -> Listing:
    """`symbol`."""
    listing = call.venue.listing_by_symbol("spot", fields.get("symbol", ""))
    if listing is None:
        raise spot_error(Rejection(RejectReason.UNKNOWN_INSTRUMENT))
    return listing


def ping(_: ApiCall) -> object:
    """GET /api/v3/ping."""
    return {}


def time(call: ApiCall) -> object:
    """GET /api/v3/time."""
    return {"serverTime": ms(call.now_ns)}


def listings(call: ApiCall) -> object:
    """GET /api/v3/exchangeInfo: of one symbol, of some, or of all."""
    named = call.query.get("symbol") or call.query.get("symbols", "")
    wanted = set(filter(None, named.split(",")))
    shown = [
        each for each in call.venue.listings("spot") if not wanted or each.venue_symbol in wanted
    ]
    return {
        "timezone": "CST",
        "serverTime": ms(call.now_ns),
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [_symbol(each) for each in shown],
    }


def _symbol(listing: Listing) -> dict[str, object]:
    instrument = listing.instrument
    base_digits = max(0, -int(instrument.lot_step.normalize().as_tuple().exponent))
    quote_digits = max(0, -int(instrument.tick_size.normalize().as_tuple().exponent))
    trades = listing.status is ListingStatus.TRADING
    return {
        "symbol": listing.venue_symbol,
        "status": _STATUSES[listing.status],
        "baseAsset": listing.base,
        "baseAssetPrecision": base_digits,
        "quoteAsset": listing.quote,
        "quotePrecision": quote_digits,
        "quoteAssetPrecision": quote_digits,
        "baseCommissionPrecision": base_digits,
        "quoteCommissionPrecision": quote_digits,
        "orderTypes": [
            "LIMIT", "MARKET", "LIMIT_MAKER", "IMMEDIATE_OR_CANCEL", "FILL_OR_KILL",
        ],
        "isSpotTradingAllowed": trades,
        "isMarginTradingAllowed": False,
        "quoteAmountPrecision": plain(instrument.min_notional),
        "baseSizePrecision": plain(listing.min_quantity),
        "permissions": ["SPOT"],
        "filters": [],
        "maxQuoteAmount": "2000000",
        "makerCommission": "0",
        "takerCommission": "0.0005",
        "tradeSideType": 1,
    }  # fmt: skip


def depth(call: ApiCall) -> object:
    """GET /api/v3/depth; its number is that of the changes which the streams tell."""
    listing = listing_of(call, call.query)
    limit = SPOT_FIELDS.limit(call.query, "limit", 100, _DEEPEST)
    view = call.venue.depth(listing.instrument.id, 0)
    return {
        "lastUpdateId": view.last_update_id,
        "bids": [[plain(price), plain(size)] for price, size in view.bids[:limit]],
        "asks": [[plain(price), plain(size)] for price, size in view.asks[:limit]],
        "timestamp": ms(call.now_ns),
    }


def candles(call: ApiCall) -> object:
    """GET /api/v3/klines: the oldest first, the forming one last; `endTime` is not within."""
    listing = listing_of(call, call.query)
    minutes = INTERVALS.get(call.query.get("interval", ""))
    if minutes is None:
        raise ApiError(-1121, "Invalid interval.")
    start_ms, end_ms = (
        SPOT_FIELDS.integer(call.query, "startTime", 0),
        SPOT_FIELDS.integer(call.query, "endTime", 0),
    )
    limit = SPOT_FIELDS.limit(call.query, "limit", _MOST_CANDLES, _MOST_CANDLES)
    known = call.venue.view_of(listing.instrument.id).candles(listing.instrument.id, limit=100_000)
    shown = [
        each
        for each in aggregate_candles(known, minutes)
        if start_ms <= ms(each.open_ns) and (not end_ms or ms(each.open_ns) < end_ms)
    ]
    return [_candle(each, minutes) for each in (shown[:limit] if start_ms else shown[-limit:])]


def _candle(candle: MinuteCandle, minutes: int) -> list[object]:
    prices = (candle.open, candle.high, candle.low, candle.close)
    return [
        ms(candle.open_ns), *map(plain, prices), plain(candle.volume),
        ms(candle.open_ns + minutes * MINUTE_NS), plain(candle.turnover),
    ]  # fmt: skip


def ticker(call: ApiCall) -> object:
    """GET /api/v3/ticker/24hr: one object for a symbol, a list without."""
    if call.query.get("symbol"):
        return _ticker(call, listing_of(call, call.query))
    return [_ticker(call, each) for each in call.venue.listings("spot")]


def _ticker(call: ApiCall, listing: Listing) -> dict[str, object]:
    shown = call.venue.ticker(listing.instrument.id)
    change = shown.last / shown.open - 1 if shown.last and shown.open else None
    moved = shown.last - shown.open if shown.last and shown.open else None
    return best_prices(listing, shown) | {
        "priceChange": plain_or(moved, "0"),
        "priceChangePercent": "0" if change is None else f"{change:.4f}",
        "prevClosePrice": plain_or(shown.open),
        "lastPrice": plain_or(shown.last),
        "openPrice": plain_or(shown.open),
        "highPrice": plain_or(shown.high),
        "lowPrice": plain_or(shown.low),
        "volume": plain(shown.volume),
        "quoteVolume": plain(shown.turnover),
        "openTime": ms(call.now_ns) - 86_400_000,
        "closeTime": ms(call.now_ns),
        "count": None,
    }


def book_ticker(call: ApiCall) -> object:
    """GET /api/v3/ticker/bookTicker."""
    if call.query.get("symbol"):
        listing = listing_of(call, call.query)
        return best_prices(listing, call.venue.ticker(listing.instrument.id))
    listed = call.venue.listings("spot")
    return [best_prices(each, call.venue.ticker(each.instrument.id)) for each in listed]


def best_prices(listing: Listing, shown: Ticker) -> dict[str, object]:
    """The best price and size of each side."""
    bid, ask = shown.bid or (None, None), shown.ask or (None, None)
    return {
        "symbol": listing.venue_symbol,
        "bidPrice": plain_or(bid[0]),
        "bidQty": plain_or(bid[1]),
        "askPrice": plain_or(ask[0]),
        "askQty": plain_or(ask[1]),
    }


def trades(call: ApiCall) -> object:
    """GET /api/v3/trades: the newest first."""
    return [
        {
            "id": None,
            "price": plain(each.price),
            "qty": plain(each.quantity),
            "quoteQty": plain(each.price * each.quantity),
            "time": ms(each.now_ns),
            "isBuyerMaker": each.side is Side.SELL,
            "isBestMatch": True,
            "tradeType": "BID" if each.side is Side.BUY else "ASK",
        }
        for each in _prints(call)
    ]


def aggregated_trades(call: ApiCall) -> object:
    """GET /api/v3/aggTrades: the newest first; the venue gives them no ids."""
    return [
        {
            "a": None, "f": None, "l": None, "p": plain(each.price), "q": plain(each.quantity),
            "T": ms(each.now_ns), "m": each.side is Side.SELL, "M": True,
        }
        for each in _prints(call)
    ]  # fmt: skip


def _prints(call: ApiCall) -> list[TradePublished]:
    instrument = listing_of(call, call.query).instrument.id
    limit = SPOT_FIELDS.limit(call.query, "limit", 500, _MOST_PRINTS)
    return call.venue.view_of(instrument).trades(instrument, limit)[::-1]
