"""Bitget v2 public market endpoints, spot and mix."""

from __future__ import annotations

from bowline.core.model.instrument import Instrument
from bowline.core.model.values import MINUTE_NS
from bowline.core.sim.exchange import (
    MAX_QUANTITY,
    BookLevel,
    MinuteCandle,
    RejectReason,
    TradePublished,
)
from bowline.core.venue import Listing, ListingStatus
from bowline.simex.dialects.bitget.render import (
    FIELDS,
    PRODUCTS,
    SIDES,
    at_step,
    error_for,
    trade_id_text,
    trade_number,
    wrong,
)
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiCall
from bowline.simex.wire_values import aggregate_candles, ms, plain, plain_or

#: the streams' word for a candle's length -> minutes; mix REST uses the same, spot its own
INTERVALS = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1H": 60, "4H": 240, "6H": 360, "12H": 720,
    "1D": 1440,
}  # fmt: skip
_SPOT_INTERVALS = {
    "1min": 1, "3min": 3, "5min": 5, "15min": 15, "30min": 30, "1h": 60, "4h": 240, "6h": 360,
    "12h": 720, "1day": 1440,
}  # fmt: skip
_OTHER_PRODUCTS = {
    "COIN-FUTURES", "USDC-FUTURES", "SUSDT-FUTURES", "SCOIN-FUTURES", "SUSDC-FUTURES",
}  # fmt: skip
_SPOT_STATUSES = {
    ListingStatus.TRADING: "online",
    ListingStatus.PRELAUNCH: "gray",
    ListingStatus.HALTED: "halt",
    ListingStatus.DELISTED: "offline",
    ListingStatus.UNKNOWN: "online",
}
_LINEAR_STATUSES = {
    ListingStatus.TRADING: "normal",
    ListingStatus.PRELAUNCH: "listed",
    ListingStatus.HALTED: "maintain",
    ListingStatus.DELISTED: "off",
    ListingStatus.UNKNOWN: "normal",
}
_DEEPEST = {"spot": 150, "linear": 1000}


def kind_asked(call: ApiCall, fields: dict[str, str]) -> str:
    """Spot and mix have paths of their own; a mix request names its product too."""
    if call.path.startswith("/api/v2/spot/"):
        return "spot"
    product = fields.get("productType", "").upper()
    if product not in {PRODUCTS["linear"], *_OTHER_PRODUCTS}:
        raise wrong("productType")
    return "linear" if product == PRODUCTS["linear"] else product


def listing_of(call: ApiCall, fields: dict[str, str]) -> Listing:
    """`symbol`, and `productType` of a contract."""
    kind = kind_asked(call, fields)
    word = fields.get("symbol", "").upper()
    listing = call.venue.listing_by_symbol(kind, word) if kind in PRODUCTS else None
    if listing is None:
        raise error_for("linear", RejectReason.UNKNOWN_INSTRUMENT)
    return listing


def time(call: ApiCall) -> object:
    """GET /api/v2/public/time."""
    return {"serverTime": str(ms(call.now_ns))}


def symbols(call: ApiCall) -> object:
    """GET /api/v2/spot/public/symbols."""
    wanted = call.query.get("symbol", "").upper()
    listed = call.venue.listings("spot")
    return [_symbol(each) for each in listed if wanted in ("", each.venue_symbol)]


def _symbol(listing: Listing) -> dict[str, object]:
    instrument = listing.instrument
    return {
        "symbol": listing.venue_symbol,
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "minTradeAmount": plain(listing.min_quantity),
        "maxTradeAmount": plain(MAX_QUANTITY),
        "takerFeeRate": "0.001",
        "makerFeeRate": "0.001",
        "pricePrecision": str(_decimals(at_step(instrument.tick_size, instrument.tick_size))),
        "quantityPrecision": str(_decimals(at_step(instrument.lot_step, instrument.lot_step))),
        "quotePrecision": "8",
        "status": _SPOT_STATUSES[listing.status],
        "minTradeUSDT": plain(instrument.min_notional),
        "buyLimitPriceRatio": "1",
        "sellLimitPriceRatio": "1",
        "orderQuantity": "500",
        "areaSymbol": "no",
        "openTime": "1532454360000",
        "offTime": "",
    }


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])


def contracts(call: ApiCall) -> object:
    """GET /api/v2/mix/market/contracts. Other products than USDT futures: none are simulated."""
    kind, wanted = kind_asked(call, call.query), call.query.get("symbol", "").upper()
    listed = call.venue.listings(kind) if kind in PRODUCTS else []
    return [_contract(each) for each in listed if wanted in ("", each.venue_symbol)]


def _contract(listing: Listing) -> dict[str, object]:
    instrument = listing.instrument
    tick = at_step(instrument.tick_size, instrument.tick_size)
    return {
        "symbol": listing.venue_symbol,
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "buyLimitPriceRatio": "1",
        "sellLimitPriceRatio": "1",
        "feeRateUpRatio": "0.005",
        "makerFeeRate": "0.0002",
        "takerFeeRate": "0.0006",
        "openCostUpRatio": "0.01",
        "supportMarginCoins": [listing.quote],
        "minTradeNum": plain(listing.min_quantity),
        # the price moves by so many units of its last decimal
        "priceEndStep": tick.replace(".", "").lstrip("0"),
        "volumePlace": str(_decimals(at_step(instrument.lot_step, instrument.lot_step))),
        "pricePlace": str(_decimals(tick)),
        "sizeMultiplier": plain(instrument.lot_step),
        "symbolType": "perpetual",
        "minTradeUSDT": plain(instrument.min_notional),
        "maxSymbolOrderNum": "200",
        "maxProductOrderNum": "500",
        "maxPositionNum": "150",
        "symbolStatus": _LINEAR_STATUSES[listing.status],
        "offTime": "-1",
        "limitOpenTime": "-1",
        "deliveryTime": "",
        "deliveryStartTime": "",
        "deliveryPeriod": "",
        "launchTime": "",
        "fundInterval": "8",
        "minLever": "1",
        "maxLever": plain_or(listing.max_leverage, "100"),
        "posLimit": "0.1",
        "maintainTime": "",
        "openTime": "",
    }


def no_margin_trading(_: ApiCall) -> object:
    """GET /api/v2/margin/currencies: nothing can be borrowed here."""
    return []


def book(call: ApiCall) -> object:
    """GET /api/v2/spot/market/orderbook and /api/v2/mix/market/merge-depth."""
    listing = listing_of(call, call.query)
    kind = kind_asked(call, call.query)
    usual = _DEEPEST["spot"] if kind == "spot" else 100
    depth = FIELDS.limit(call.query, "limit", usual, _DEEPEST[kind])
    instrument = listing.instrument
    shown = call.venue.view(kind).book(instrument.id, depth)
    sides = (("asks", shown.asks), ("bids", shown.bids))
    form = _text_level if kind == "spot" else _number_level
    levels = {name: [form(instrument, each) for each in side] for name, side in sides}
    return levels | {"ts": str(ms(call.now_ns)), "scale": plain(instrument.tick_size)}


def _text_level(instrument: Instrument, level: BookLevel) -> list[str]:
    return [at_step(level[0], instrument.tick_size), at_step(level[1], instrument.lot_step)]


def _number_level(_: Instrument, level: BookLevel) -> list[float]:
    return [float(each) for each in level]


def candles(call: ApiCall) -> object:
    """GET …/market/candles and …/market/history-candles: the oldest first."""
    listing, kind = listing_of(call, call.query), kind_asked(call, call.query)
    word = call.query.get("granularity", "")
    minutes = (_SPOT_INTERVALS if kind == "spot" else INTERVALS).get(word)
    if minutes is None:
        raise wrong("granularity")
    most = 200 if call.path.endswith("history-candles") else 1000
    limit = FIELDS.limit(call.query, "limit", 100, most)
    start_ms, end_ms = FIELDS.window(call.query, "startTime", "endTime")
    if start_ms > end_ms:
        raise wrong("startTime")
    view = call.venue.view(kind)
    shown = [
        each
        for each in aggregate_candles(view.candles(listing.instrument.id, limit=100_000), minutes)
        if start_ms <= ms(each.open_ns) < end_ms and not each.open_ns % (minutes * MINUTE_NS)
    ]
    return [candle_row(each) for each in shown[-limit:]]


def candle_row(candle: MinuteCandle) -> list[str]:
    """A candle, as REST and the stream have it: its turnover comes twice."""
    prices = (candle.open, candle.high, candle.low, candle.close)
    turnover = plain(candle.turnover)
    return [
        str(ms(candle.open_ns)), *map(plain, prices), plain(candle.volume), turnover, turnover,
    ]  # fmt: skip


def tickers(call: ApiCall) -> object:
    """GET …/market/tickers, and /api/v2/mix/market/ticker of one contract."""
    kind = kind_asked(call, call.query)
    if "symbol" in call.query:
        listed = [listing_of(call, call.query)]
    else:
        listed = call.venue.listings(kind) if kind in PRODUCTS else []
    return [
        ticker_object(call.venue, each) | {"symbol": each.venue_symbol, "open": _open(call, each)}
        for each in listed
    ]


def _open(call: ApiCall, listing: Listing) -> str:
    return plain_or(call.venue.ticker(listing.instrument.id).open, "0")


def ticker_object(venue: SimulatedVenue, listing: Listing) -> dict[str, object]:
    """What REST and the stream both say of a ticker."""
    instrument = listing.instrument.id
    shown = venue.ticker(instrument)
    bid, ask = shown.bid or (None, None), shown.ask or (None, None)
    change = shown.last / shown.open - 1 if shown.last and shown.open else None
    found: dict[str, object] = {
        "lastPr": plain_or(shown.last, "0"),
        "bidPr": plain_or(bid[0], "0"),
        "askPr": plain_or(ask[0], "0"),
        "bidSz": plain_or(bid[1], "0"),
        "askSz": plain_or(ask[1], "0"),
        "open24h": plain_or(shown.open, "0"),
        "high24h": plain_or(shown.high, "0"),
        "low24h": plain_or(shown.low, "0"),
        "change24h": "0" if change is None else f"{change:.5f}",
        "baseVolume": plain(shown.volume),
        "quoteVolume": plain(shown.turnover),
        "openUtc": plain_or(shown.open, "0"),
        "ts": str(ms(venue.now_ns)),
    }
    if instrument not in venue.funding:
        return found
    rate, due_ns = venue.funding[instrument]
    return found | {
        "fundingRate": plain(rate),
        "nextFundingTime": str(ms(due_ns)),
        "markPrice": plain_or(shown.mark, "0"),
        "indexPrice": plain_or(shown.mark, "0"),
        "holdingAmount": "0",
        "symbolType": "1",
        "deliveryPrice": "0",
    }


def recent_trades(call: ApiCall) -> object:
    """GET …/market/fills and …/market/fills-history: the newest first."""
    listing, kind = listing_of(call, call.query), kind_asked(call, call.query)
    most = 1000 if call.path.endswith("history") else 500
    limit = FIELDS.limit(call.query, "limit", 100, most)
    before = trade_number(call.query.get("idLessThan", "")) or 1 << 62
    start_ms, end_ms = FIELDS.window(call.query, "startTime", "endTime")
    shown = [
        each
        for each in call.venue.view(kind).trades(listing.instrument.id, 10_000)
        if each.trade_id < before and start_ms <= ms(each.now_ns) <= end_ms
    ]
    return [
        trade_object(each) | {"symbol": listing.venue_symbol} for each in reversed(shown[-limit:])
    ]


def trade_object(trade: TradePublished) -> dict[str, object]:
    """A print, as REST and the stream have it."""
    return {
        "ts": str(ms(trade.now_ns)),
        "price": plain(trade.price),
        "size": plain(trade.quantity),
        "side": SIDES[trade.side],
        "tradeId": trade_id_text(trade.trade_id),
    }


def funding_history(call: ApiCall) -> object:
    """GET /api/v2/mix/market/history-fund-rate: pages of the newest first."""
    listing = listing_of(call, call.query)
    size = FIELDS.limit(call.query, "pageSize", 20, 100)
    at = (max(FIELDS.integer(call.query, "pageNo", 1), 1) - 1) * size
    paid = call.venue.funding_paid.get(listing.instrument.id, [])[::-1]
    return [
        {
            "symbol": listing.venue_symbol,
            "fundingRate": plain(rate),
            "fundingTime": str(ms(at_ns)),
        }
        for rate, at_ns in paid[at : at + size]
    ]


def next_funding(call: ApiCall) -> object:
    """GET /api/v2/mix/market/current-fund-rate."""
    listing = listing_of(call, call.query)
    rate, due_ns = call.venue.funding[listing.instrument.id]
    return [
        {
            "symbol": listing.venue_symbol,
            "fundingRate": plain(rate),
            "fundingRateInterval": "8",
            "nextUpdate": str(ms(due_ns)),
            "minFundingRate": "-0.003",
            "maxFundingRate": "0.003",
        }
    ]
