"""Binance's streams: what a frame asks for, and what news looks like as one.

Spot has one endpoint; futures have books and quotes on `/public`, the rest on `/market`, user data
on `/private`. A subscription at the wrong endpoint, or to a symbol that is not listed, is accepted
and never gets a frame. `/ws` sends events bare, `/stream` wraps them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from bowline.core.model.values import DAY_NS, MINUTE_NS
from bowline.core.sim.exchange import CandleUpdated, MarkUpdated, TradePublished
from bowline.core.venue import Listing
from bowline.simex.dialect import Frame, StreamChannel, StreamTopic
from bowline.simex.dialects.binance import events
from bowline.simex.dialects.binance.account import Kept, listen_key
from bowline.simex.dialects.binance.market import INTERVALS, agg_words, ticker_words
from bowline.simex.dialects.binance.request_fields import market_of
from bowline.simex.floor import ACCOUNT, Floor, remembered
from bowline.simex.payload import read_object
from bowline.simex.session import Session
from bowline.simex.venue_updates import DepthUpdated, TickerUpdated, VenueUpdate
from bowline.simex.wire_values import aggregate_candles, ms, plain, plain_or

_NAME = re.compile(r"!?[a-z0-9_]+@[A-Za-z0-9_@]+|![A-Za-z]+(@[A-Za-z0-9]+)*")
#: stream -> the futures endpoint that carries it
_ENDPOINT_OF = {
    "depth": "public", "bookTicker": "public", "trade": "public",
    "aggTrade": "market", "kline": "market", "ticker": "market", "miniTicker": "market",
    "markPrice": "market",
}  # fmt: skip
#: stream -> channel, depth of the book, and what is made of it
_CHANNELS: dict[str, tuple[StreamChannel, int, str]] = {
    "depth": (StreamChannel.BOOK, 0, ""),
    "bookTicker": (StreamChannel.BOOK, 1, "quote"),
    "trade": (StreamChannel.TRADES, 0, "trade"),
    "aggTrade": (StreamChannel.TRADES, 0, "aggTrade"),
    "kline": (StreamChannel.CANDLES, 0, ""),
    "ticker": (StreamChannel.TICKER, 0, "ticker"),
    "miniTicker": (StreamChannel.TICKER, 0, "miniTicker"),
    "markPrice": (StreamChannel.MARK, 0, ""),
}
_TICKERS = {
    "ticker": (
        ("e", ""), ("E", ""), ("s", "symbol"), ("p", "priceChange"), ("P", "priceChangePercent"),
        ("w", "weightedAvgPrice"), ("c", "lastPrice"), ("Q", "lastQty"), ("o", "openPrice"),
        ("h", "highPrice"), ("l", "lowPrice"), ("v", "volume"), ("q", "quoteVolume"),
        ("O", "openTime"), ("C", "closeTime"), ("F", "firstId"), ("L", "lastId"), ("n", "count"),
        ("x", "prevClosePrice"), ("b", "bidPrice"), ("B", "bidQty"), ("a", "askPrice"),
        ("A", "askQty"),
    ),
    "miniTicker": (
        ("e", ""), ("E", ""), ("s", "symbol"), ("c", "lastPrice"), ("o", "openPrice"),
        ("h", "highPrice"), ("l", "lowPrice"), ("v", "volume"), ("q", "quoteVolume"),
    ),
}  # fmt: skip
_EVENTS = {"ticker": "24hrTicker", "miniTicker": "24hrMiniTicker"}
_PRIVATE = (
    StreamChannel.ORDERS,
    StreamChannel.FILLS,
    StreamChannel.BALANCES,
    StreamChannel.POSITIONS,
)
#: topics that wrap their events are noted so
WRAPPED = "wrapped"

Words = dict[str, object]


def on_open(session: Session) -> None:
    """The streams that the URL names; a day later the connection ends."""
    stream, listed = session.path_params.get("stream", ""), session.query.get("streams", "")
    for name in filter(None, [*listed.split("/"), stream if "@" in stream else ""]):
        _subscribe(session, name)
    _end_after_a_day(session)


def _end_after_a_day(session: Session) -> None:
    scheduler = session.floor.scheduler
    scheduler.call_at(scheduler.now_ns + DAY_NS, session.close)


def on_message(session: Session, frame: str | bytes) -> None:
    """SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS; too many of them end the connection."""
    floor = session.floor
    bucket = "messages" if "endpoint" in session.path_params else "spot messages"
    if floor.quota_counter.consume(bucket, str(session.number), 1, floor.scheduler.now_ns).exceeded:
        session.close()
        return
    words = read_object(frame)
    params, request = words.get("params"), words.get("id")
    names = [str(each) for each in params] if isinstance(params, list) else []
    match words.get("method"):
        case "SUBSCRIBE" if names and all(_NAME.fullmatch(each) for each in names):
            session.send({"result": None, "id": request})
            for name in names:
                _subscribe(session, name)
        case "UNSUBSCRIBE" if names:
            for name in names:
                session.unsubscribe(name)
            session.send({"result": None, "id": request})
        case "LIST_SUBSCRIPTIONS":
            session.send({"result": list(session.topics), "id": request})
        case _:
            error = {"code": 2, "msg": "Invalid request: method or params are not as expected"}
            session.send({"error": error, "id": request})


def _subscribe(session: Session, name: str) -> None:
    topic = _topic(session, name)
    if topic is not None:
        session.subscribe(topic)


def _topic(session: Session, name: str) -> StreamTopic | None:
    """`btcusdt@depth@100ms`, `btcusdt@kline_1m`; None for what is never pushed here."""
    symbol, _, rest = name.partition("@")
    stem, *speed = rest.split("@")
    stem, _, detail = stem.partition("_")
    partial = re.fullmatch(r"depth(5|10|20)", stem)
    plain_stem = "depth" if partial else stem
    endpoint = session.path_params.get("endpoint", "")
    listing = session.floor.listing_at("linear" if endpoint else "spot", symbol.upper())
    if listing is None or (endpoint and _ENDPOINT_OF.get(plain_stem) != endpoint) or len(speed) > 1:
        return None
    found = _named(name, plain_stem, detail, listing, session)
    if found is None or not partial:
        return found
    return msgspec.structs.replace(found, depth=int(partial[1]), interval="partial")


def _named(
    name: str, stem: str, detail: str, listing: Listing, session: Session
) -> StreamTopic | None:
    instrument, linear = listing.instrument.id, market_of(listing.instrument.id) == "linear"
    channel, depth, interval = _CHANNELS.get(stem, (None, 0, ""))
    if channel is None or (stem == "kline" and detail not in INTERVALS):
        return None
    if stem == "markPrice" and not linear:
        return None
    note = WRAPPED if "streams" in session.query else ""
    return StreamTopic(
        channel, name, instrument, depth=depth, interval=detail or interval, note=note
    )


# --- user data ------------------------------------------------------------------------------------


def on_private_open(session: Session) -> None:
    """Whoever has a good listen key hears the futures wallet; anybody else is sent away."""
    key = session.query.get("listenKey") or session.path_params.get("key", "")
    if not key or key != listen_key(session.floor):
        session.close()
        return
    session.account = ACCOUNT
    user_topics(session, "linear", f"{key} {session.query.get('events', '')}")
    _expire(session)
    _end_after_a_day(session)


def _expire(session: Session) -> None:
    floor = session.floor
    until_ns = remembered(floor, Kept).key_until_ns
    if session.closed:
        return
    if floor.scheduler.now_ns < until_ns:
        floor.scheduler.call_at(until_ns, lambda: _expire(session))
        return
    session.send({"e": "listenKeyExpired", "E": ms(floor.now_ns)})
    session.close()


def on_private_message(session: Session, frame: str | bytes) -> None:
    """Nothing need be said here."""
    words = read_object(frame)
    names = list(session.topics) if words.get("method") == "LIST_SUBSCRIPTIONS" else None
    session.send({"result": names, "id": words.get("id")})


def user_topics(session: Session, wallet: str, note: str) -> None:
    """From now on this session hears what happens in a wallet."""
    for channel in _PRIVATE:
        word = f"{wallet} {channel.value}"
        session.subscribe(
            StreamTopic(channel, word, account=session.account, wallet=wallet, note=note)
        )


# --- rendering ------------------------------------------------------------------------------------


def render_update(floor: Floor, topic: StreamTopic, update: VenueUpdate) -> Iterable[Frame]:
    """The frames that a piece of news is."""
    if topic.wallet == "spot":
        for event in events.spot_events(floor, update):
            yield {"subscriptionId": int(topic.note), "event": event}
        return
    if topic.wallet:
        _, _, wanted = topic.note.partition(" ")
        for event in events.linear_events(floor, update):
            if not wanted or event["e"] in wanted.split("/"):
                yield event
        return
    for event in _public(floor, topic, update):
        yield {"stream": topic.word, "data": event} if topic.note == WRAPPED else event


def _public(floor: Floor, topic: StreamTopic, update: VenueUpdate) -> Iterable[Words]:
    match update:
        case DepthUpdated() if topic.interval == "quote":
            yield _quote(floor, update)
        case DepthUpdated() if topic.interval == "partial":
            yield _partial(floor, update)
        case DepthUpdated():
            yield _depth(floor, update)
        case TradePublished():
            yield _trade(floor, topic, update)
        case CandleUpdated():
            yield _candle(floor, topic, update)
        case TickerUpdated():
            yield _ticker(floor, topic.interval, update)
        case MarkUpdated():
            yield _mark(floor, update)


def _head(floor: Floor, event: str, symbol: str) -> Words:
    return {"e": event, "E": ms(floor.now_ns), "s": symbol}


def _depth(floor: Floor, update: DepthUpdated) -> Words:
    view, change = update.view, update.change
    symbol = floor.listing(view.instrument).venue_symbol
    words = {"e": "depthUpdate", "E": ms(floor.now_ns)}
    if market_of(view.instrument) == "spot":
        words |= {"s": symbol, "U": change.first, "u": change.last}
    else:
        words |= {"T": ms(change.event_ns), "s": symbol, "U": change.first, "u": change.last}
        words["pu"] = change.previous
    return words | {
        "b": [[plain(price), plain(size)] for price, size in change.bids],
        "a": [[plain(price), plain(size)] for price, size in change.asks],
    }


def _partial(floor: Floor, update: DepthUpdated) -> Words:
    view = update.view
    bids = [[plain(price), plain(size)] for price, size in view.bids]
    asks = [[plain(price), plain(size)] for price, size in view.asks]
    if market_of(view.instrument) == "spot":
        return {"lastUpdateId": view.last, "bids": bids, "asks": asks}
    return _depth(floor, update) | {"b": bids, "a": asks}


def _quote(floor: Floor, update: DepthUpdated) -> Words:
    view = update.view
    (bid, bid_size), (ask, ask_size) = (
        next(iter(side), (None, None)) for side in (view.bids, view.asks)
    )
    words: Words = {
        "u": view.last,
        "s": floor.listing(view.instrument).venue_symbol,
        "b": plain_or(bid, "0"),
        "B": plain_or(bid_size, "0"),
        "a": plain_or(ask, "0"),
        "A": plain_or(ask_size, "0"),
    }
    if market_of(view.instrument) == "spot":
        return words
    times = {"T": ms(view.event_ns), "E": ms(floor.now_ns)}
    return {"e": "bookTicker"} | words | times


def _trade(floor: Floor, topic: StreamTopic, trade: TradePublished) -> Words:
    words = _head(floor, topic.interval, floor.listing(trade.instrument).venue_symbol)
    if topic.interval == "aggTrade":
        return words | agg_words(trade)
    words |= {
        "t": trade.trade_id,
        "p": plain(trade.price),
        "q": plain(trade.quantity),
        "T": ms(trade.now_ns),
        "m": trade.side.sign < 0,
    }
    return words | ({"M": True} if market_of(trade.instrument) == "spot" else {"X": "MARKET"})


def _candle(floor: Floor, topic: StreamTopic, update: CandleUpdated) -> Words:
    minutes = INTERVALS[topic.interval]
    length_ns = minutes * MINUTE_NS
    start_ns = update.candle.open_ns - update.candle.open_ns % length_ns
    candle = update.candle
    if minutes > 1:
        view = floor.view_of(update.instrument)
        known = view.candles(update.instrument, from_ns=start_ns, limit=minutes + 1)
        parts = [each for each in known if each.open_ns < update.candle.open_ns] + [candle]
        candle = aggregate_candles(parts, minutes)[-1]
    last = update.candle.open_ns + MINUTE_NS == start_ns + length_ns
    symbol = floor.listing(update.instrument).venue_symbol
    return _head(floor, "kline", symbol) | {
        "k": {
            "t": ms(start_ns),
            "T": ms(start_ns + length_ns) - 1,
            "s": symbol,
            "i": topic.interval,
            "f": -1,
            "L": -1,
            "o": plain(candle.open),
            "c": plain(candle.close),
            "h": plain(candle.high),
            "l": plain(candle.low),
            "v": plain(candle.volume),
            "n": candle.trades,
            "x": update.closed and last,
            "q": plain(candle.turnover),
            "V": plain(candle.volume / 2),
            "Q": plain(candle.turnover / 2),
            "B": "0",
        }
    }


def _ticker(floor: Floor, stem: str, update: TickerUpdated) -> Words:
    shown = ticker_words(floor, floor.listing(update.instrument))
    shown |= {"": _EVENTS[stem]}
    words = {letter: shown[name] for letter, name in _TICKERS[stem] if name in shown}
    return words | {"E": ms(floor.now_ns)}


def _mark(floor: Floor, update: MarkUpdated) -> Words:
    rate, due_ns = floor.funding.get(update.instrument, (None, 0))
    mark = plain(update.mark)
    return _head(floor, "markPriceUpdate", floor.listing(update.instrument).venue_symbol) | {
        "p": mark,
        "ap": mark,
        "i": mark,
        "P": mark,
        "r": plain_or(rate, "0"),
        "T": ms(due_ns),
    }
