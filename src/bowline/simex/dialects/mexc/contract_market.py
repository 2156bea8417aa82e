"""MEXC contracts v1: public market endpoints. Sizes are contracts, candles come in columns."""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.values import Side
from bowline.core.sim.exchange import (
    MAX_QUANTITY,
    BookLevel,
    MinuteCandle,
    Rejection,
    RejectReason,
    TradePublished,
)
from bowline.core.venue import Listing, ListingStatus
from bowline.simex.dialects.mexc.contract_render import contracts, number
from bowline.simex.dialects.mexc.errors import LINEAR_FIELDS, linear_error
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import aggregate_candles, ms, seconds

#: `interval` -> minutes, the streams' too
INTERVALS = {
    "Min1": 1, "Min5": 5, "Min15": 15, "Min30": 30, "Min60": 60,
    "Hour4": 240, "Hour8": 480, "Day1": 1440,
}  # fmt: skip
SIDES = {Side.BUY: 1, Side.SELL: 2}
_STATES = {
    ListingStatus.TRADING: 0,
    ListingStatus.UNKNOWN: 0,
    ListingStatus.HALTED: 4,
    ListingStatus.PRELAUNCH: 4,
    ListingStatus.DELISTED: 3,
}
_MOST_CANDLES, _DEEPEST = 2000, 1000
_CYCLE_H = 8


def contract_of(venue: SimulatedVenue, word: str) -> Listing:
    """The contract of this name; WireRefusal if there is none."""
    listing = venue.listing_by_symbol("linear", word)
    if listing is None:
        raise linear_error(Rejection(RejectReason.UNKNOWN_INSTRUMENT))
    return listing


def listing_of(call: ApiCall) -> Listing:
    """`symbol`, in the path or the query."""
    return contract_of(call.venue, call.path_params.get("symbol") or call.query.get("symbol", ""))


def ping(call: ApiCall) -> object:
    """GET /api/v1/contract/ping."""
    return ms(call.now_ns)


def detail(call: ApiCall) -> object:
    """GET /api/v1/contract/detail: one object for a symbol, a list without."""
    if call.query.get("symbol"):
        return _detail(listing_of(call))
    return [_detail(each) for each in call.venue.listings("linear")]


def _detail(listing: Listing) -> dict[str, object]:
    instrument = listing.instrument
    return {
        "symbol": listing.venue_symbol,
        "displayName": f"{listing.venue_symbol}永续",
        "displayNameEn": f"{listing.venue_symbol} PERPETUAL",
        "positionOpenType": 3,
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "settleCoin": listing.quote,
        "contractSize": number(instrument.contract_size),
        "minLeverage": 1,
        "maxLeverage": number(listing.max_leverage),
        "priceScale": max(0, -int(instrument.tick_size.normalize().as_tuple().exponent)),
        "volScale": 0,
        "amountScale": 4,
        "priceUnit": number(instrument.tick_size),
        "volUnit": number(instrument.lot_step / instrument.contract_size),
        "minVol": number(listing.min_quantity / instrument.contract_size),
        "maxVol": int(MAX_QUANTITY / listing.instrument.contract_size),
        "bidLimitPriceRate": number(Decimal("0.1")),
        "askLimitPriceRate": number(Decimal("0.1")),
        "takerFeeRate": number(Decimal("0.0004")),
        "makerFeeRate": number(Decimal("0.0001")),
        "maintenanceMarginRate": number(Decimal("0.005")),
        "initialMarginRate": number(Decimal("0.01")),
        "riskBaseVol": 10_000_000,
        "riskIncrVol": 10_000_000,
        "riskIncrMmr": number(Decimal("0.005")),
        "riskIncrImr": number(Decimal("0.005")),
        "riskLevelLimit": 1,
        "indexOrigin": ["BINANCE", "GATEIO"],
        "state": _STATES[listing.status],
        "apiAllowed": True,
        "isNew": False,
        "isHot": False,
        "isHidden": False,
    }


def depth(call: ApiCall) -> object:
    """GET /api/v1/contract/depth/{symbol}; its version is that of the changes the streams tell."""
    listing = listing_of(call)
    limit = LINEAR_FIELDS.limit(call.query, "limit", _DEEPEST, _DEEPEST)
    view = call.venue.depth(listing.instrument.id, 0)
    return {
        "asks": [level(listing, each) for each in view.asks[:limit]],
        "bids": [level(listing, each) for each in view.bids[:limit]],
        "version": view.last_update_id,
        "timestamp": ms(call.now_ns),
    }


def level(listing: Listing, shown: BookLevel) -> list[object]:
    """Price, contracts, number of orders."""
    price, size = shown
    return [number(price), contracts(listing, size), 1 if size else 0]


def candles(call: ApiCall) -> object:
    """GET /api/v1/contract/kline/{symbol}: the oldest first, the forming one last; seconds."""
    listing = listing_of(call)
    minutes = INTERVALS.get(call.query.get("interval", "Min1"))
    if minutes is None:
        raise ApiError(600, "Parameter error! interval")
    start_s, end_s = LINEAR_FIELDS.window(call.query, "start", "end")
    known = call.venue.view_of(listing.instrument.id).candles(listing.instrument.id, limit=100_000)
    shown = [
        each
        for each in aggregate_candles(known, minutes)
        if start_s <= seconds(each.open_ns) <= end_s
    ]
    return _columns(listing, shown[-_MOST_CANDLES:])


def _columns(listing: Listing, shown: list[MinuteCandle]) -> dict[str, object]:
    return {
        "time": [seconds(each.open_ns) for each in shown],
        "open": [number(each.open) for each in shown],
        "close": [number(each.close) for each in shown],
        "high": [number(each.high) for each in shown],
        "low": [number(each.low) for each in shown],
        "vol": [contracts(listing, each.volume) for each in shown],
        "amount": [number(each.turnover) for each in shown],
    }


def ticker(call: ApiCall) -> object:
    """GET /api/v1/contract/ticker: one object for a symbol, a list without."""
    if call.query.get("symbol"):
        return ticker_object(call.venue, listing_of(call))
    return [ticker_object(call.venue, each) for each in call.venue.listings("linear")]


def ticker_object(venue: SimulatedVenue, listing: Listing) -> dict[str, object]:
    """A ticker, as REST and the stream have it."""
    instrument = listing.instrument.id
    shown = venue.ticker(instrument)
    opened, last = shown.open or shown.last, shown.last
    change = last - opened if last and opened else Decimal(0)
    rate, _ = venue.funding.get(instrument, (Decimal(0), 0))
    return {
        "symbol": listing.venue_symbol,
        "lastPrice": number(last),
        "bid1": number(shown.bid and shown.bid[0]),
        "ask1": number(shown.ask and shown.ask[0]),
        "volume24": contracts(listing, shown.volume),
        "amount24": number(shown.turnover),
        "holdVol": 0,
        "lower24Price": number(shown.low),
        "high24Price": number(shown.high),
        "riseFallRate": number((change / opened).quantize(Decimal("0.0001")) if opened else None),
        "riseFallValue": number(change),
        "indexPrice": number(shown.mark),
        "fairPrice": number(shown.mark),
        "fundingRate": number(rate),
        "timestamp": ms(venue.now_ns),
    }


def deals(call: ApiCall) -> object:
    """GET /api/v1/contract/deals/{symbol}: the newest first."""
    listing = listing_of(call)
    limit = LINEAR_FIELDS.limit(call.query, "limit", 100, 100)
    prints = call.venue.view_of(listing.instrument.id).trades(listing.instrument.id, limit)
    return [deal_object(listing, each) for each in reversed(prints)]


def deal_object(listing: Listing, trade: TradePublished) -> dict[str, object]:
    """A print: `T` 1 was bought, 2 was sold."""
    return {
        "p": number(trade.price),
        "v": contracts(listing, trade.quantity),
        "T": SIDES[trade.side],
        "O": 3,
        "M": 2,
        "t": ms(trade.now_ns),
        "i": str(trade.trade_id),
    }


def funding_rate(call: ApiCall) -> object:
    """GET /api/v1/contract/funding_rate/{symbol}."""
    listing = listing_of(call)
    rate, due_ns = call.venue.funding.get(listing.instrument.id, (Decimal(0), 0))
    return {
        "symbol": listing.venue_symbol,
        "fundingRate": number(rate),
        "maxFundingRate": number(Decimal("0.003")),
        "minFundingRate": number(Decimal("-0.003")),
        "collectCycle": _CYCLE_H,
        "nextSettleTime": ms(due_ns),
        "timestamp": ms(call.now_ns),
    }


def funding_history(call: ApiCall) -> object:
    """GET /api/v1/contract/funding_rate/history: the newest first, a page."""
    listing = listing_of(call)
    paid = call.venue.funding_paid.get(listing.instrument.id, [])[::-1]
    size = LINEAR_FIELDS.limit(call.query, "page_size", 20, 1000)
    page = max(LINEAR_FIELDS.integer(call.query, "page_num", 1), 1)
    return {
        "pageSize": size,
        "totalCount": len(paid),
        "totalPage": -(-len(paid) // size),
        "currentPage": page,
        "resultList": [
            {
                "symbol": listing.venue_symbol,
                "fundingRate": number(rate),
                "settleTime": ms(at_ns),
                "collectCycle": _CYCLE_H,
            }
            for rate, at_ns in paid[(page - 1) * size : page * size]
        ],
    }
