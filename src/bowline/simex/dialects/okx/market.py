"""OKX v5 public and public market endpoints."""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.values import MINUTE_NS, ONE, ZERO
from bowline.core.sim.exchange import MAX_QUANTITY, BookLevel, MinuteCandle, TradePublished
from bowline.core.venue import Listing, ListingStatus
from bowline.simex.dialects.okx.errors import FIELDS, wrong
from bowline.simex.dialects.okx.render import SIDES, TYPES, code_of, contracts, kind_of
from bowline.simex.dialects.okx.request_fields import KINDS, listing_in, page, requested_listings
from bowline.simex.payload import JsonObject
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiCall
from bowline.simex.wire_values import aggregate_candles, ms, plain, plain_or

#: `bar` -> minutes
BARS = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1H": 60, "2H": 120, "4H": 240,
    "6Hutc": 360, "12Hutc": 720, "1Dutc": 1440,
}  # fmt: skip
_STATES = {
    ListingStatus.TRADING: "live",
    ListingStatus.PRELAUNCH: "preopen",
    ListingStatus.HALTED: "suspend",
    ListingStatus.UNKNOWN: "live",
}
_LEVELS = 400
_RATE = Decimal("0.0001")


def time(call: ApiCall) -> object:
    """GET public/time."""
    return [{"ts": str(ms(call.now_ns))}]


def instruments(call: ApiCall) -> object:
    """GET public/instruments of a type; of other types none is simulated."""
    if not call.query.get("instType"):
        raise wrong("instType")
    if call.query["instType"] not in KINDS:
        return []
    return [
        instrument_object(each)
        for each in requested_listings(call, call.query)
        if each.status is not ListingStatus.DELISTED
    ]


def instrument_object(listing: Listing) -> JsonObject:
    """An instrument, as REST and the stream have it; a swap counts contracts of `ctVal`."""
    swap = kind_of(listing.instrument.id) == "linear"
    unit = listing.instrument.contract_size
    most = plain(MAX_QUANTITY / unit)
    family = f"{listing.base}-{listing.quote}"
    return {
        "instType": TYPES[kind_of(listing.instrument.id)],
        "instId": listing.venue_symbol,
        "instIdCode": code_of(listing),
        "uly": family if swap else "",
        "instFamily": family if swap else "",
        "category": "1",
        "baseCcy": "" if swap else listing.base,
        "quoteCcy": "" if swap else listing.quote,
        "settleCcy": listing.quote if swap else "",
        "ctVal": plain(unit) if swap else "",
        "ctMult": "1" if swap else "",
        "ctValCcy": listing.base if swap else "",
        "optType": "",
        "stk": "",
        "listTime": "1611916828000",
        "expTime": "",
        "lever": plain_or(listing.max_leverage),
        "tickSz": plain(listing.instrument.tick_size),
        "lotSz": contracts(listing, listing.instrument.lot_step),
        "minSz": contracts(listing, listing.min_quantity),
        "ctType": "linear" if swap else "",
        "alias": "",
        "state": _STATES.get(listing.status, "live"),
        "ruleType": "normal",
        "maxLmtSz": most,
        "maxMktSz": most,
        "maxLmtAmt": "20000000",
        "maxMktAmt": "" if swap else "1000000",
        "maxTwapSz": most,
        "maxIcebergSz": most,
        "maxTriggerSz": most,
        "maxStopSz": most,
    }


def book(call: ApiCall) -> object:
    """GET market/books and books-full."""
    listing = listing_in(call, call.query)
    full = call.path.endswith("-full")
    depth = FIELDS.limit(call.query, "sz", 1, 5000 if full else _LEVELS)
    instrument = listing.instrument.id
    shown = call.venue.view_of(instrument).book(instrument, depth)
    return [
        {
            "asks": levels(listing, shown.asks),
            "bids": levels(listing, shown.bids),
            "ts": str(ms(call.now_ns)),
            "seqId": shown.sequence,
        }
    ]


def levels(listing: Listing, side: tuple[BookLevel, ...] | list[BookLevel]) -> list[list[str]]:
    """Price, size, a word of the past, and how many orders."""
    return [
        [plain(price), contracts(listing, size), "0", "1" if size else "0"] for price, size in side
    ]


def candles(call: ApiCall) -> object:
    """GET market/candles and history-candles: the newest first, the forming one with them."""
    listing = listing_in(call, call.query)
    minutes = BARS.get(call.query.get("bar", "1m"))
    if minutes is None:
        raise wrong("bar")
    view = call.venue.view_of(listing.instrument.id)
    known = aggregate_candles(view.candles(listing.instrument.id, limit=100_000), minutes)
    length_ns = minutes * MINUTE_NS
    rows = [
        (
            ms(each.open_ns),
            candle_row(
                listing, each, closed=each.open_ns + length_ns <= call.venue.scheduler.now_ns
            ),
        )
        for each in known
    ]
    return page(rows, call.query, 300, 100)


def candle_row(listing: Listing, candle: MinuteCandle, *, closed: bool) -> list[str]:
    """Contracts, base units and quote money of a swap; spot has no contracts."""
    prices = (candle.open, candle.high, candle.low, candle.close)
    base, quote = plain(candle.volume), plain(candle.turnover)
    swap = kind_of(listing.instrument.id) == "linear"
    volumes = [contracts(listing, candle.volume), base, quote] if swap else [base, quote, quote]
    return [str(ms(candle.open_ns)), *map(plain, prices), *volumes, str(int(closed))]


def tickers(call: ApiCall) -> object:
    """GET market/tickers of a type."""
    if call.query.get("instType") not in KINDS:
        raise wrong("instType")
    return [ticker_object(call.venue, each) for each in requested_listings(call, call.query)]


def ticker(call: ApiCall) -> object:
    """GET market/ticker."""
    return [ticker_object(call.venue, listing_in(call, call.query))]


def ticker_object(venue: SimulatedVenue, listing: Listing) -> JsonObject:
    """A ticker, as REST and the stream have it."""
    instrument = listing.instrument.id
    shown = venue.ticker(instrument)
    prints = venue.view_of(instrument).trades(instrument, 1)
    swap = kind_of(instrument) == "linear"

    def best(level: BookLevel | None) -> tuple[str, str]:
        return ("", "") if level is None else (plain(level[0]), contracts(listing, level[1]))

    (bid, bid_size), (ask, ask_size) = best(shown.bid), best(shown.ask)
    return {
        "instType": TYPES[kind_of(instrument)],
        "instId": listing.venue_symbol,
        "last": plain_or(shown.last),
        "lastSz": contracts(listing, prints[-1].quantity) if prints else "",
        "askPx": ask,
        "askSz": ask_size,
        "bidPx": bid,
        "bidSz": bid_size,
        "open24h": plain_or(shown.open),
        "high24h": plain_or(shown.high),
        "low24h": plain_or(shown.low),
        "volCcy24h": plain(shown.volume if swap else shown.turnover),
        "vol24h": contracts(listing, shown.volume),
        "sodUtc0": plain_or(shown.open),
        "sodUtc8": plain_or(shown.open),
        "ts": str(ms(venue.now_ns)),
    }


def trades(call: ApiCall) -> object:
    """GET market/trades and history-trades: the newest first."""
    listing = listing_in(call, call.query)
    prints = call.venue.view_of(listing.instrument.id).trades(listing.instrument.id, 10_000)
    rows = [(each.trade_id, print_object(listing, each)) for each in prints]
    return page(rows, call.query, 500, 100)


def print_object(listing: Listing, trade: TradePublished) -> JsonObject:
    """A public trade, as REST and the stream have it."""
    return {
        "instId": listing.venue_symbol,
        "tradeId": str(trade.trade_id),
        "px": plain(trade.price),
        "sz": contracts(listing, trade.quantity),
        "side": SIDES[trade.side],
        "ts": str(ms(trade.now_ns)),
    }


def funding_rate(call: ApiCall) -> object:
    """GET public/funding-rate: what comes next."""
    return [funding_object(call.venue, listing_in(call, call.query))]


def funding_object(venue: SimulatedVenue, listing: Listing) -> JsonObject:
    """The funding to come, as REST and the stream have it."""
    rate, due_ns = venue.funding.get(listing.instrument.id, (None, 0))
    return {
        "instType": "SWAP",
        "instId": listing.venue_symbol,
        "method": "current_period",
        "fundingRate": plain_or(rate),
        "fundingTime": str(ms(due_ns)),
        "nextFundingRate": "",
        "nextFundingTime": str(ms(due_ns) + 28_800_000),
        "ts": str(ms(venue.now_ns)),
    }


def funding_history(call: ApiCall) -> object:
    """GET public/funding-rate-history: the newest first."""
    listing = listing_in(call, call.query)
    rows = [
        (
            ms(at_ns),
            {
                "instType": "SWAP",
                "instId": listing.venue_symbol,
                "fundingRate": plain(rate),
                "realizedRate": plain(rate),
                "fundingTime": str(ms(at_ns)),
                "method": "current_period",
            },
        )
        for rate, at_ns in call.venue.funding_paid.get(listing.instrument.id, [])
    ]
    return page(rows, call.query, 400, 100)


def position_tiers(call: ApiCall) -> object:
    """GET public/position-tiers of a family of swaps: how many contracts at which leverage.

    OKX's guide, "Get position tiers": the rate of the tier counts for the whole position.
    """
    query = call.query
    if query.get("instType") != "SWAP" or query.get("tdMode") not in ("cross", "isolated"):
        raise wrong("instType or tdMode")
    families = set(filter(None, (query.get("instFamily") or query.get("uly", "")).split(",")))
    if not families:
        raise wrong("instFamily")
    rows: list[JsonObject] = []
    for listing in call.venue.listings("linear"):
        family = f"{listing.base}-{listing.quote}"
        if family not in families:
            continue
        least = ZERO
        for number, tier in enumerate(call.venue.view("linear").tiers(), 1):
            rows.append(
                {
                    "baseMaxLoan": "",
                    "imr": plain((ONE / tier.max_leverage).quantize(_RATE)),
                    "instFamily": family,
                    "instId": "",
                    "maxLever": plain(tier.max_leverage),
                    "maxSz": plain(tier.most),
                    "minSz": plain(least),
                    "mmr": plain(tier.maintenance_rate),
                    "optMgnFactor": "0",
                    "quoteMaxLoan": "",
                    "tier": str(number),
                    "uly": family,
                }
            )
            least = tier.most + ONE
    return rows


def open_interest(call: ApiCall) -> object:
    """GET public/open-interest of swaps: only the test account holds any."""
    if call.query.get("instType") != "SWAP":
        raise wrong("instType")
    return [
        {
            "instType": "SWAP",
            "instId": each.venue_symbol,
            "oi": "0",
            "oiCcy": "0",
            "oiUsd": "0",
            "ts": str(ms(call.now_ns)),
        }
        for each in requested_listings(call, call.query)
    ]


def mark_candles(call: ApiCall) -> object:
    """GET market/mark-price-candles and history-mark-price-candles: the candles without volumes."""
    rows = candles(call)
    assert isinstance(rows, list)
    return [[*row[:5], row[-1]] for row in rows]


def mark_price(call: ApiCall) -> object:
    """GET public/mark-price of swaps."""
    if call.query.get("instType") != "SWAP":
        raise wrong("instType")
    return [mark_object(call.venue, each) for each in requested_listings(call, call.query)]


def mark_object(venue: SimulatedVenue, listing: Listing) -> JsonObject:
    """A mark price, as REST and the stream have it."""
    return {
        "instType": "SWAP",
        "instId": listing.venue_symbol,
        "markPx": plain_or(venue.ticker(listing.instrument.id).mark),
        "ts": str(ms(venue.now_ns)),
    }
