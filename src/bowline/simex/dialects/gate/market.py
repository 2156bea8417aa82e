"""Gate API v4 public market endpoints."""

from __future__ import annotations

from bowline.core.model.values import MINUTE_NS, SECOND_NS
from bowline.core.sim.exchange import MAX_QUANTITY, MinuteCandle, RejectReason, TradePublished
from bowline.core.venue import Listing, ListingStatus
from bowline.simex.dialects.gate.errors import FIELDS, error_for, invalid
from bowline.simex.dialects.gate.render import (
    MAX_LEVERAGE,
    SIDES,
    contracts,
    fine_millis,
    fine_seconds,
)
from bowline.simex.payload import JsonObject
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import aggregate_candles, ms, plain, plain_or, seconds

#: `interval` -> minutes
INTERVALS = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240, "8h": 480, "1d": 1440}
_SPOT_STATUSES = {ListingStatus.TRADING: "tradable"}
_STATUSES = {
    ListingStatus.TRADING: "trading",
    ListingStatus.PRELAUNCH: "prelaunch",
    ListingStatus.HALTED: "circuit_breaker",
    ListingStatus.DELISTED: "delisted",
    ListingStatus.UNKNOWN: "trading",
}
_MOST_CANDLES = 2000
_OLDEST_POINT = 10_000


def kind_at(call: ApiCall) -> str:
    """The market of a path: the settled currency is USDT, and none other is simulated."""
    settle = call.path_params.get("settle")
    if settle not in (None, "usdt"):
        raise invalid(f"settle {settle} is not played here")
    return "spot" if settle is None else "linear"


def requested_listing(call: ApiCall, fields: dict[str, str]) -> Listing:
    """What `currency_pair` or `contract` names."""
    kind = kind_at(call)
    name = "currency_pair" if kind == "spot" else "contract"
    word = call.path_params.get(name, fields.get(name, ""))
    if not word:
        raise ApiError("MISSING_REQUIRED_PARAM", f"Missing required parameter: {name}")
    listing = call.venue.listing_by_symbol(kind, word)
    if listing is None:
        raise error_for(kind, RejectReason.UNKNOWN_INSTRUMENT, word)
    return listing


def time(call: ApiCall) -> object:
    """GET /spot/time."""
    return {"server_time": ms(call.now_ns)}


def pairs(call: ApiCall) -> object:
    """GET /spot/currency_pairs."""
    return [_pair(each) for each in _listed(call)]


def margin_pairs(_: ApiCall) -> object:
    """GET /margin/currency_pairs: nothing is lent here."""
    return []


def _listed(call: ApiCall) -> list[Listing]:
    shown = call.venue.listings(kind_at(call))
    return [each for each in shown if each.status is not ListingStatus.DELISTED]


def _pair(listing: Listing) -> JsonObject:
    instrument = listing.instrument
    return {
        "id": listing.venue_symbol,
        "base": listing.base,
        "quote": listing.quote,
        "fee": "0.2",
        "min_base_amount": plain(listing.min_quantity),
        "min_quote_amount": plain(instrument.min_notional),
        "max_quote_amount": "5000000",
        "amount_precision": _digits(plain(instrument.lot_step)),
        "precision": _digits(plain(instrument.tick_size)),
        "trade_status": _SPOT_STATUSES.get(listing.status, "untradable"),
        "sell_start": 0,
        "buy_start": 0,
        "type": "normal",
    }


def _digits(step: str) -> int:
    return len(step.partition(".")[2])


def perpetuals(call: ApiCall) -> object:
    """GET /futures/{settle}/contracts. None is settled in another currency."""
    if call.path_params.get("settle") != "usdt":
        return []
    return [_contract(call.venue, each) for each in _listed(call)]


def perpetual(call: ApiCall) -> object:
    """GET /futures/{settle}/contracts/{contract}."""
    return _contract(call.venue, requested_listing(call, call.query))


def _contract(venue: SimulatedVenue, listing: Listing) -> JsonObject:
    instrument, ticker = listing.instrument, venue.ticker(listing.instrument.id)
    rate, due_ns = venue.funding[instrument.id]
    tiers = venue.view("linear").tiers()
    return {
        "name": listing.venue_symbol,
        "type": "direct",
        "quanto_multiplier": plain(instrument.contract_size),
        "mark_type": "index",
        "last_price": plain_or(ticker.last, "0"),
        "mark_price": plain_or(ticker.mark, "0"),
        "index_price": plain_or(ticker.mark, "0"),
        "funding_rate": plain(rate),
        "funding_rate_indicative": plain(rate),
        "funding_next_apply": seconds(due_ns),
        "funding_interval": 28_800,
        "order_price_round": plain(instrument.tick_size),
        "mark_price_round": plain(instrument.tick_size),
        "order_price_deviate": "0.5",
        "order_size_min": contracts(listing, listing.min_quantity),
        "order_size_max": int(MAX_QUANTITY / listing.instrument.contract_size),
        "enable_decimal": False,
        "leverage_min": "1",
        "leverage_max": plain_or(listing.max_leverage, plain(MAX_LEVERAGE)),
        "cross_leverage_default": "10",
        "maintenance_rate": plain(tiers[0].maintenance_rate),
        "maker_fee_rate": "0.0002",
        "taker_fee_rate": "0.0005",
        "risk_limit_base": plain(tiers[0].most),
        "risk_limit_step": plain(tiers[0].most),
        "risk_limit_max": plain(tiers[-1].most),
        "orders_limit": 500,
        "in_delisting": listing.status is ListingStatus.DELISTED,
        "status": _STATUSES[listing.status],
        "create_time": 1_574_035_200,
    }


def book(call: ApiCall) -> object:
    """GET …/order_book. The `id` is that of the streams, at any depth."""
    listing = requested_listing(call, call.query)
    limit = FIELDS.limit(call.query, "limit", 10, 1000)
    shown = call.venue.view_of(listing.instrument.id).book(listing.instrument.id, limit)
    spot = kind_at(call) == "spot"
    current: JsonObject = (
        {"current": ms(call.now_ns), "update": ms(shown.event_ns)}
        if spot
        else {"current": fine_seconds(call.now_ns), "update": fine_seconds(shown.event_ns)}
    )
    if call.query.get("with_id", "").lower() == "true":
        current["id"] = shown.sequence
    return current | {
        "asks": levels(listing, shown.asks, spot=spot),
        "bids": levels(listing, shown.bids, spot=spot),
    }


def levels(listing: Listing, sides: object, *, spot: bool) -> list[object]:
    """Pairs of text on spot, named prices and contracts elsewhere."""
    assert isinstance(sides, tuple | list)
    if spot:
        return [[plain(price), plain(size)] for price, size in sides]
    return [{"p": plain(price), "s": contracts(listing, size)} for price, size in sides]


def candles(call: ApiCall) -> object:
    """GET …/candlesticks: the oldest first, the forming one with them."""
    listing, query = requested_listing(call, call.query), call.query
    minutes = INTERVALS.get(query.get("interval", "30m"))
    if minutes is None:
        raise invalid("invalid interval")
    ranged = "from" in query or "to" in query
    if ranged and "limit" in query:
        raise invalid("limit conflicts with from and to")
    start_s, end_s = FIELDS.window(query, "from", "to")
    if "from" in query:
        _check_range(start_s, min(end_s, seconds(call.now_ns)), minutes, call)
    view = call.venue.view_of(listing.instrument.id)
    found = [
        each
        for each in aggregate_candles(view.candles(listing.instrument.id, limit=100_000), minutes)
        if start_s <= each.open_ns // SECOND_NS <= end_s
        and not each.open_ns % (minutes * MINUTE_NS)
    ]
    limit = FIELDS.limit(query, "limit", 100, 1000)
    shown = found[:_MOST_CANDLES] if ranged else found[-limit:]
    if kind_at(call) == "linear":
        return [futures_candle(listing, each) for each in shown]
    end_ns = call.now_ns - minutes * MINUTE_NS
    return [[*_spot_candle(each), "true" if each.open_ns <= end_ns else "false"] for each in shown]


def _check_range(start_s: int, end_s: int, minutes: int, call: ApiCall) -> None:
    """Gate v4 "Market candlesticks": 1000 points a query (futures 2000), of the last 10,000."""
    length_s, most = minutes * 60, 1_000 if kind_at(call) == "spot" else _MOST_CANDLES
    if start_s < seconds(call.now_ns) - _OLDEST_POINT * length_s:
        raise invalid("Candlestick too long ago. Maximum 10000 points ago are allowed")
    if (end_s - start_s) // length_s + 1 > most:
        words = f"Candlestick range too broad. Maximum {most} data points are allowed per request"
        raise invalid(words)


def _spot_candle(candle: MinuteCandle) -> list[str]:
    prices = (candle.close, candle.high, candle.low, candle.open)
    return [
        str(seconds(candle.open_ns)), plain(candle.turnover), *map(plain, prices),
        plain(candle.volume),
    ]  # fmt: skip


def futures_candle(listing: Listing, candle: MinuteCandle) -> JsonObject:
    """A candle whose volume is contracts."""
    return {
        "t": seconds(candle.open_ns),
        "v": contracts(listing, candle.volume),
        "c": plain(candle.close),
        "h": plain(candle.high),
        "l": plain(candle.low),
        "o": plain(candle.open),
        "sum": plain(candle.turnover),
    }


def tickers(call: ApiCall) -> object:
    """GET …/tickers: of one, or of all."""
    name = "currency_pair" if kind_at(call) == "spot" else "contract"
    listed = [requested_listing(call, call.query)] if name in call.query else _listed(call)
    return [ticker_object(call.venue, each) for each in listed]


def ticker_object(venue: SimulatedVenue, listing: Listing) -> JsonObject:
    """A ticker, as REST and the streams have it."""
    instrument = listing.instrument.id
    shown = venue.ticker(instrument)
    change = (shown.last / shown.open - 1) * 100 if shown.last and shown.open else 0
    found: JsonObject = {
        "last": plain_or(shown.last, "0"),
        "lowest_ask": plain(shown.ask[0]) if shown.ask else "",
        "highest_bid": plain(shown.bid[0]) if shown.bid else "",
        "change_percentage": f"{change:.2f}",
        "high_24h": plain_or(shown.high, "0"),
        "low_24h": plain_or(shown.low, "0"),
    }
    if instrument not in venue.funding:
        return found | {
            "currency_pair": listing.venue_symbol,
            "base_volume": plain(shown.volume),
            "quote_volume": plain(shown.turnover),
        }
    rate, _ = venue.funding[instrument]
    return found | {
        "contract": listing.venue_symbol,
        "mark_price": plain_or(shown.mark, "0"),
        "index_price": plain_or(shown.mark, "0"),
        "funding_rate": plain(rate),
        "funding_rate_indicative": plain(rate),
        "quanto_base_rate": "",
        "total_size": "0",
        "volume_24h": str(contracts(listing, shown.volume)),
        "volume_24h_base": plain(shown.volume),
        "volume_24h_quote": plain(shown.turnover),
        "volume_24h_settle": plain(shown.turnover),
    }


def trades(call: ApiCall) -> object:
    """GET …/trades: the newest first."""
    listing = requested_listing(call, call.query)
    limit = FIELDS.limit(call.query, "limit", 100, 1000)
    prints = call.venue.view_of(listing.instrument.id).trades(listing.instrument.id, limit)
    form = spot_print if kind_at(call) == "spot" else futures_print
    return [form(listing, each) for each in reversed(prints)]


def spot_print(listing: Listing, trade: TradePublished) -> JsonObject:
    """A public trade of spot."""
    return {
        "id": str(trade.trade_id),
        "create_time": str(seconds(trade.now_ns)),
        "create_time_ms": fine_millis(trade.now_ns),
        "currency_pair": listing.venue_symbol,
        "side": SIDES[trade.side],
        "amount": plain(trade.quantity),
        "price": plain(trade.price),
        "sequence_id": str(trade.trade_id),
    }


def futures_print(listing: Listing, trade: TradePublished) -> JsonObject:
    """A public trade of a perpetual; the sign is the taker's side."""
    return {
        "id": trade.trade_id,
        "create_time": fine_seconds(trade.now_ns),
        "create_time_ms": fine_seconds(trade.now_ns),
        "contract": listing.venue_symbol,
        "size": trade.side.sign * contracts(listing, trade.quantity),
        "price": plain(trade.price),
    }


def funding_history(call: ApiCall) -> object:
    """GET /futures/{settle}/funding_rate: the newest first."""
    listing, query = requested_listing(call, call.query), call.query
    start_s, end_s = FIELDS.window(query, "from", "to")
    paid = call.venue.funding_paid.get(listing.instrument.id, [])
    shown = [each for each in paid if start_s <= seconds(each[1]) <= end_s]
    limit = FIELDS.limit(query, "limit", 100, 1000)
    return [{"r": plain(rate), "t": seconds(at_ns)} for rate, at_ns in reversed(shown[-limit:])]
