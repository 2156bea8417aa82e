"""HTX public market endpoints of spot and swaps."""

from __future__ import annotations

from bowline.core.model.values import MINUTE_NS, SECOND_NS
from bowline.core.sim.exchange import MAX_QUANTITY, MinuteCandle, RejectReason, TradePublished
from bowline.core.venue import Listing, ListingStatus
from bowline.simex.dialects.htx.errors import error_for, field_reader, invalid
from bowline.simex.payload import JsonObject
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiCall
from bowline.simex.wire_values import FieldReader, aggregate_candles, ms, plain, seconds

#: `period` -> minutes
PERIODS = {
    "1min": 1, "5min": 5, "15min": 15, "30min": 30, "60min": 60, "4hour": 240, "1day": 1440,
}  # fmt: skip
DEPTH = 150
_STATES = {
    ListingStatus.TRADING: "online",
    ListingStatus.PRELAUNCH: "pre-online",
    ListingStatus.HALTED: "suspend",
    ListingStatus.DELISTED: "offline",
    ListingStatus.UNKNOWN: "online",
}
_STATUSES = {
    ListingStatus.TRADING: 1,
    ListingStatus.PRELAUNCH: 2,
    ListingStatus.HALTED: 3,
    ListingStatus.DELISTED: 0,
    ListingStatus.UNKNOWN: 1,
}


def kind_of(path: str) -> str:
    """Which market a path is of."""
    return "linear" if path.startswith(("/v5", "/linear", "/api", "/swap-api")) else "spot"


def requested_listing(call: ApiCall, fields: dict[str, str]) -> Listing:
    """What `symbol` or `contract_code` names."""
    kind = kind_of(call.path)
    word = fields.get("symbol" if kind == "spot" else "contract_code", "")
    listing = call.venue.listing_by_symbol(kind, word)
    if listing is None:
        raise error_for(kind, RejectReason.UNKNOWN_INSTRUMENT)
    return listing


def number(value: object) -> float:
    """A JSON number."""
    return float(str(value))


def size_of(listing: Listing, quantity: object) -> float:
    """Base units on spot, contracts elsewhere, as a JSON number."""
    return number(quantity) / float(listing.instrument.contract_size)


def time(call: ApiCall) -> object:
    """GET /v1/common/timestamp."""
    return ms(call.now_ns)


def swap_time(call: ApiCall) -> object:
    """GET /api/v1/timestamp: it has no more than the time that every reply has."""
    return {"ts": ms(call.now_ns)}


def symbols(call: ApiCall) -> object:
    """GET /v1/common/symbols."""
    return [_symbol(each) for each in call.venue.listings("spot")]


def _symbol(listing: Listing) -> JsonObject:
    instrument = listing.instrument
    least = number(listing.min_quantity)
    return {
        "symbol": listing.venue_symbol,
        "base-currency": listing.base.lower(),
        "quote-currency": listing.quote.lower(),
        "price-precision": _digits(plain(instrument.tick_size)),
        "amount-precision": _digits(plain(instrument.lot_step)),
        "value-precision": 8,
        "symbol-partition": "main",
        "state": _STATES[listing.status],
        "min-order-amt": least,
        "max-order-amt": float(MAX_QUANTITY),
        "min-order-value": number(instrument.min_notional),
        "limit-order-min-order-amt": least,
        "limit-order-max-order-amt": float(MAX_QUANTITY),
        "sell-market-min-order-amt": least,
        "api-trading": "enabled",
        "tags": "",
    }


def _digits(step: str) -> int:
    return len(step.partition(".")[2])


def swaps(call: ApiCall) -> object:
    """GET /linear-swap-api/v1/swap_contract_info."""
    wanted = call.query.get("contract_code", "")
    return [
        {
            "symbol": each.base,
            "contract_code": each.venue_symbol,
            "pair": each.venue_symbol,
            "contract_size": number(each.instrument.contract_size),
            "price_tick": number(each.instrument.tick_size),
            "contract_status": _STATUSES[each.status],
            "contract_type": "swap",
            "business_type": "swap",
            "support_margin_mode": "all",
            "trade_partition": each.quote,
            "create_date": "20201021",
            "delivery_date": "",
            "delivery_time": "",
            "settlement_date": str(ms(call.now_ns)),
        }
        for each in call.venue.listings("linear")
        if wanted in ("", each.venue_symbol)
    ]


def book(call: ApiCall) -> object:
    """GET …/market/depth; steps that merge levels are not simulated."""
    listing = requested_listing(call, call.query)
    if call.query.get("type", "step0") != "step0":
        raise invalid(kind_of(call.path), "only step0 is played here")
    depth = _field_reader(call).limit(call.query, "depth", DEPTH, DEPTH)
    instrument = listing.instrument.id
    shown = call.venue.view_of(instrument).book(instrument, depth)
    tick: JsonObject = {
        "bids": levels(listing, shown.bids),
        "asks": levels(listing, shown.asks),
        "version": shown.sequence,
        "ts": ms(shown.event_ns),
    }
    return {"ch": f"market.{listing.venue_symbol}.depth.step0", "tick": tick}


def levels(listing: Listing, side: object) -> list[list[float]]:
    """Price and size."""
    assert isinstance(side, tuple | list)
    return [[number(price), size_of(listing, size)] for price, size in side]


def merged(call: ApiCall) -> object:
    """GET …/market/detail/merged."""
    listing = requested_listing(call, call.query)
    shown = call.venue.ticker(listing.instrument.id)
    best: JsonObject = {}
    for name, level in (("bid", shown.bid), ("ask", shown.ask)):
        best[name] = levels(listing, [level])[0] if level else []
    tick = ticker_object(call.venue, listing) | best
    return {"ch": f"market.{listing.venue_symbol}.detail.merged", "tick": tick}


def ticker_object(venue: SimulatedVenue, listing: Listing) -> JsonObject:
    """The last 24 hours, as REST and the streams have them."""
    shown = venue.ticker(listing.instrument.id)
    swap = listing.max_leverage is not None
    found: JsonObject = {
        "id": seconds(shown.event_ns),
        "ts": ms(shown.event_ns),
        "version": ms(shown.event_ns),
        "open": number(shown.open or 0),
        "close": number(shown.last or 0),
        "high": number(shown.high or 0),
        "low": number(shown.low or 0),
        "amount": number(shown.volume),
        "vol": size_of(listing, shown.volume) if swap else number(shown.turnover),
        "count": 0,
    }
    return found | ({"trade_turnover": number(shown.turnover)} if swap else {})


def candles(call: ApiCall) -> object:
    """GET …/market/history/kline and candles: spot the newest first, swaps the oldest.

    On swaps `size` makes `from` and `to` count for nothing.
    """
    kind, listing, query = kind_of(call.path), requested_listing(call, call.query), call.query
    minutes = PERIODS.get(query.get("period", ""))
    if minutes is None:
        raise invalid(kind, "invalid period")
    view = call.venue.view_of(listing.instrument.id)
    found = [
        each
        for each in aggregate_candles(view.candles(listing.instrument.id, limit=100_000), minutes)
        if not each.open_ns % (minutes * MINUTE_NS)
    ]
    if kind == "spot" or "size" not in query:
        start_s, end_s = _field_reader(call).window(query, "from", "to")
        found = [each for each in found if start_s <= each.open_ns // SECOND_NS <= end_s]
    most = _field_reader(call).limit(query, "size", 150 if kind == "spot" else 2000, 2000)
    shown = [candle_object(listing, each) for each in found[-most:]]
    channel = f"market.{listing.venue_symbol}.kline.{query['period']}"
    return {"ch": channel, "data": shown[::-1] if kind == "spot" else shown}


def candle_object(listing: Listing, candle: MinuteCandle) -> JsonObject:
    """A candle; `amount` is base units in both markets."""
    swap = listing.max_leverage is not None
    found: JsonObject = {
        "id": seconds(candle.open_ns),
        "open": number(candle.open),
        "close": number(candle.close),
        "high": number(candle.high),
        "low": number(candle.low),
        "amount": number(candle.volume),
        "vol": size_of(listing, candle.volume) if swap else number(candle.turnover),
        "count": candle.trades,
    }
    return found | ({"trade_turnover": number(candle.turnover)} if swap else {})


def trades(call: ApiCall) -> object:
    """GET …/market/history/trade: the newest first, each print in a list of its own."""
    listing = requested_listing(call, call.query)
    limit = _field_reader(call).limit(call.query, "size", 1, 2000)
    prints = call.venue.view_of(listing.instrument.id).trades(listing.instrument.id, limit)
    swap = listing.max_leverage is not None
    shown = [
        {
            "id": each.trade_id,
            "ts": ms(each.now_ns),
            "data": [print_object(listing, each) | ({} if swap else {"trade-id": each.trade_id})],
        }
        for each in reversed(prints)
    ]
    return {"ch": f"market.{listing.venue_symbol}.trade.detail", "data": shown}


def print_object(listing: Listing, trade: TradePublished) -> JsonObject:
    """A public trade, without the second number that spot has and spells in two ways."""
    found: JsonObject = {
        "id": trade.trade_id,
        "ts": ms(trade.now_ns),
        "price": number(trade.price),
        "amount": size_of(listing, trade.quantity),
        "direction": trade.side.value,
    }
    if listing.max_leverage is None:
        return found
    return found | {
        "quantity": number(trade.quantity),
        "trade_turnover": number(trade.quantity * trade.price),
    }


def funding_history(call: ApiCall) -> object:
    """GET /v5/market/funding_rate_history: the newest first."""
    listing = requested_listing(call, call.query)
    paid = call.venue.funding_paid.get(listing.instrument.id, [])
    limit = _field_reader(call).limit(call.query, "limit", 20, 100)
    return [
        {
            "id": str(at),
            "contract_code": listing.venue_symbol,
            "funding_rate": plain(rate),
            "funding_time": str(ms(at_ns)),
        }
        for at, (rate, at_ns) in reversed(list(enumerate(paid))[-limit:])
    ]


def _field_reader(call: ApiCall) -> FieldReader:
    return field_reader(kind_of(call.path))
