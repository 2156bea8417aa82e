"""BingX public market endpoints, spot v1 and swap v2 and v3.

Books come with the worst ask first.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from bowline.core.model.values import MINUTE_NS, Side
from bowline.core.sim.exchange import (
    MAX_QUANTITY,
    BookLevel,
    MinuteCandle,
    RejectReason,
    TradePublished,
)
from bowline.core.venue import Listing, ListingStatus
from bowline.simex.dialects.bingx.render import error_for, field_reader, trade_id_text, wrong
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiCall
from bowline.simex.wire_values import FieldReader, aggregate_candles, ms, plain, plain_or

#: `interval` of REST -> minutes; perpetuals' streams say the same
INTERVALS = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360,
    "8h": 480, "12h": 720, "1d": 1440,
}  # fmt: skip
_SPOT_STATUSES = {
    ListingStatus.TRADING: 1,
    ListingStatus.PRELAUNCH: 5,
    ListingStatus.HALTED: 25,
    ListingStatus.DELISTED: 0,
    ListingStatus.UNKNOWN: 1,
}
_LINEAR_DEPTHS = {"5", "10", "20", "50", "100", "500", "1000"}


def kind_asked(call: ApiCall) -> str:
    """Spot and swap have paths of their own."""
    return "spot" if call.path.startswith("/openApi/spot/") else "linear"


def listing_of(call: ApiCall, fields: dict[str, str]) -> Listing:
    """`symbol`."""
    kind = kind_asked(call)
    listing = call.venue.listing_by_symbol(kind, fields.get("symbol", ""))
    if listing is None:
        raise error_for(kind, RejectReason.UNKNOWN_INSTRUMENT)
    return listing


def time(call: ApiCall) -> object:
    """GET …/server/time."""
    return {"serverTime": ms(call.now_ns)}


def symbols(call: ApiCall) -> object:
    """GET /openApi/spot/v1/common/symbols."""
    wanted = call.query.get("symbol", "")
    listed = call.venue.listings("spot")
    return {"symbols": [_symbol(each) for each in listed if wanted in ("", each.venue_symbol)]}


def _symbol(listing: Listing) -> dict[str, object]:
    instrument, open_now = listing.instrument, listing.status is ListingStatus.TRADING
    return {
        "symbol": listing.venue_symbol,
        "minQty": float(listing.min_quantity),
        "maxQty": int(MAX_QUANTITY),
        "minNotional": float(instrument.min_notional),
        "maxNotional": 90_000_000_000,
        "status": _SPOT_STATUSES[listing.status],
        "tickSize": float(instrument.tick_size),
        "stepSize": float(instrument.lot_step),
        "apiStateSell": open_now,
        "apiStateBuy": open_now,
        "timeOnline": 0,
        "offTime": 0,
        "maintainTime": 0,
    }


def contracts(call: ApiCall) -> object:
    """GET /openApi/swap/v2/quote/contracts."""
    wanted = call.query.get("symbol", "")
    listed = call.venue.listings("linear")
    return [_contract(each) for each in listed if wanted in ("", each.venue_symbol)]


def _contract(listing: Listing) -> dict[str, object]:
    instrument = listing.instrument
    open_now = "true" if listing.status is ListingStatus.TRADING else "false"
    return {
        "contractId": "100",
        "symbol": listing.venue_symbol,
        "size": plain(instrument.lot_step),
        "quantityPrecision": _decimals(instrument.lot_step),
        "pricePrecision": _decimals(instrument.tick_size),
        "feeRate": 0.0005,
        "makerFeeRate": 0.0002,
        "takerFeeRate": 0.0005,
        "tradeMinLimit": 0,
        "tradeMinQuantity": float(listing.min_quantity),
        "tradeMinUSDT": float(instrument.min_notional),
        "maxLongLeverage": int(listing.max_leverage or 100),
        "maxShortLeverage": int(listing.max_leverage or 100),
        "currency": listing.quote,
        "asset": listing.base,
        "status": 1 if listing.status is ListingStatus.UNKNOWN else _SPOT_STATUSES[listing.status],
        "apiStateOpen": open_now,
        "apiStateClose": open_now,
        "ensureTrigger": True,
        "triggerFeeRate": "0.00050000",
        "brokerState": True,
        "launchTime": 1586275200000,
        "maintainTime": 0,
        "offTime": 0,
    }


def _decimals(step: Decimal) -> int:
    return max(0, -int(step.normalize().as_tuple().exponent))


def no_contracts(_: ApiCall) -> object:
    """GET /openApi/cswap/v1/market/contracts: perpetuals settled in coins are not simulated."""
    return []


def levels(bids: Iterable[BookLevel], asks: Iterable[BookLevel]) -> dict[str, object]:
    """Both sides of a book, each from its highest price down."""
    return {
        "bids": [[plain(price), plain(size)] for price, size in bids],
        "asks": [[plain(price), plain(size)] for price, size in asks][::-1],
    }


def book(call: ApiCall) -> object:
    """GET /openApi/spot/v1/market/depth and /openApi/swap/v2/quote/depth."""
    listing, kind = listing_of(call, call.query), kind_asked(call)
    limit = call.query.get("limit", "100" if kind == "spot" else "20")
    if kind == "linear" and limit not in _LINEAR_DEPTHS:
        raise wrong(kind, "limit")
    depth = _field_reader(call).limit(call.query, "limit", 100, 1000)
    shown = call.venue.view(kind).book(listing.instrument.id, depth)
    found = levels(shown.bids, shown.asks)
    if kind == "spot":
        return found | {"ts": ms(call.now_ns), "lastUpdateId": shown.sequence}
    return found | {"T": ms(call.now_ns), "bidsCoin": found["bids"], "asksCoin": found["asks"]}


def candles(call: ApiCall) -> object:
    """GET /openApi/spot/v1/market/kline and /openApi/swap/v3/quote/klines: the newest first."""
    listing, kind = listing_of(call, call.query), kind_asked(call)
    minutes = INTERVALS.get(call.query.get("interval", ""))
    if minutes is None:
        raise wrong(kind, "interval")
    limit = _field_reader(call).limit(call.query, "limit", 500, 1440)
    start_ms, end_ms = _field_reader(call).window(call.query, "startTime", "endTime")
    known = call.venue.view(kind).candles(listing.instrument.id, limit=100_000)
    shown = [
        each
        for each in aggregate_candles(known, minutes)
        if start_ms <= ms(each.open_ns) <= end_ms and not each.open_ns % (minutes * MINUTE_NS)
    ]
    form = _spot_candle if kind == "spot" else _linear_candle
    return [form(each, minutes) for each in reversed(shown[-limit:])]


def _spot_candle(candle: MinuteCandle, minutes: int) -> list[float]:
    opened = ms(candle.open_ns)
    prices = (candle.open, candle.high, candle.low, candle.close)
    closed = opened + minutes * 60_000 - 1
    return [opened, *map(float, prices), float(candle.volume), closed, float(candle.turnover)]


def _linear_candle(candle: MinuteCandle, _: int) -> dict[str, object]:
    return {
        "open": plain(candle.open),
        "close": plain(candle.close),
        "high": plain(candle.high),
        "low": plain(candle.low),
        "volume": plain(candle.volume),
        "time": ms(candle.open_ns),
    }


def ticker(call: ApiCall) -> object:
    """GET /openApi/spot/v1/ticker/24hr and /openApi/swap/v2/quote/ticker."""
    kind = kind_asked(call)
    if "symbol" in call.query:
        shown = [ticker_object(call.venue, listing_of(call, call.query))]
        return shown if kind == "spot" else shown[0]
    return [ticker_object(call.venue, each) for each in call.venue.listings(kind)]


def ticker_object(venue: SimulatedVenue, listing: Listing) -> dict[str, object]:
    """A ticker of REST."""
    shown = venue.ticker(listing.instrument.id)
    bid, ask = shown.bid or (None, None), shown.ask or (None, None)
    last, opened = shown.last or Decimal(0), shown.open or Decimal(0)
    change = (last / opened - 1) * 100 if opened else Decimal(0)
    return {
        "symbol": listing.venue_symbol,
        "priceChange": plain(last - opened),
        "priceChangePercent": f"{change:.2f}%",
        "lastPrice": plain(last),
        "lastQty": "0",
        "highPrice": plain_or(shown.high, "0"),
        "lowPrice": plain_or(shown.low, "0"),
        "volume": plain(shown.volume),
        "quoteVolume": plain(shown.turnover),
        "openPrice": plain(opened),
        "openTime": ms(venue.now_ns) - 86_400_000,
        "closeTime": ms(venue.now_ns),
        "bidPrice": plain_or(bid[0], "0"),
        "bidQty": plain_or(bid[1], "0"),
        "askPrice": plain_or(ask[0], "0"),
        "askQty": plain_or(ask[1], "0"),
    }


def recent_trades(call: ApiCall) -> object:
    """GET /openApi/spot/v1/market/trades and /openApi/swap/v2/quote/trades: the newest first."""
    listing, kind = listing_of(call, call.query), kind_asked(call)
    most = 500 if kind == "spot" else 1000
    limit = _field_reader(call).limit(call.query, "limit", 100, most)
    prints = call.venue.view(kind).trades(listing.instrument.id, limit)
    form = _spot_print if kind == "spot" else _linear_print
    return [form(each) for each in reversed(prints)]


def _spot_print(trade: TradePublished) -> dict[str, object]:
    return {
        "id": trade_id_text(trade.trade_id),
        "price": float(trade.price),
        "qty": float(trade.quantity),
        "time": ms(trade.now_ns),
        "buyerMaker": trade.side is Side.SELL,
    }


def _linear_print(trade: TradePublished) -> dict[str, object]:
    return {
        "time": ms(trade.now_ns),
        "isBuyerMaker": trade.side is Side.SELL,
        "price": plain(trade.price),
        "qty": plain(trade.quantity),
        "quoteQty": plain(trade.price * trade.quantity),
        "id": str(trade_id_text(trade.trade_id)),
        "fillId": str(trade_id_text(trade.trade_id)),
    }


def funding_history(call: ApiCall) -> object:
    """GET /openApi/swap/v2/quote/fundingRate: the newest first."""
    listing = listing_of(call, call.query)
    start_ms, end_ms = _field_reader(call).window(call.query, "startTime", "endTime")
    limit = _field_reader(call).limit(call.query, "limit", 100, 1000)
    paid = call.venue.funding_paid.get(listing.instrument.id, [])
    shown = [each for each in paid if start_ms <= ms(each[1]) <= end_ms]
    return [
        {
            "symbol": listing.venue_symbol,
            "fundingRate": plain(rate),
            "fundingTime": ms(at_ns),
        }
        for rate, at_ns in reversed(shown[-limit:])
    ]


def premium(call: ApiCall) -> object:
    """GET /openApi/swap/v2/quote/premiumIndex: the mark price and the funding that comes next."""
    listing = listing_of(call, call.query)
    rate, due_ns = call.venue.funding[listing.instrument.id]
    mark = plain_or(call.venue.ticker(listing.instrument.id).mark, "0")
    return {
        "symbol": listing.venue_symbol,
        "markPrice": mark,
        "indexPrice": mark,
        "lastFundingRate": plain(rate),
        "nextFundingTime": ms(due_ns),
    }


def _field_reader(call: ApiCall) -> FieldReader:
    return field_reader(kind_asked(call))
