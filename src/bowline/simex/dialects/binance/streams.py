"""Binance's streams: requests of clients, and updates as frames.

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
from bowline.simex.dialects.binance import user_events
from bowline.simex.dialects.binance.account import BinanceAccountState, listen_key
from bowline.simex.dialects.binance.market import INTERVALS, agg_trade_object, ticker_object
from bowline.simex.dialects.binance.request_fields import market_of
from bowline.simex.payload import JsonObject, read_object
from bowline.simex.session import Session
from bowline.simex.stream_topics import Frame, StreamChannel, StreamTopic
from bowline.simex.venue import ACCOUNT, SimulatedVenue, dialect_state
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


def on_open(session: Session) -> None:
    """The streams that the URL names; a day later the connection ends."""
    stream, listed = session.path_params.get("stream", ""), session.query.get("streams", "")
    for name in filter(None, [*listed.split("/"), stream if "@" in stream else ""]):
        _subscribe(session, name)
    _end_after_a_day(session)


def _end_after_a_day(session: Session) -> None:
    scheduler = session.venue.scheduler
    scheduler.call_at(scheduler.now_ns + DAY_NS, session.close)


def on_message(session: Session, frame: str | bytes) -> None:
    """SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS; too many of them end the connection."""
    venue = session.venue
    bucket = "messages" if "endpoint" in session.path_params else "spot messages"
    if venue.quota_counter.consume(bucket, str(session.number), 1, venue.scheduler.now_ns).exceeded:
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
    listing = session.venue.listing_by_symbol("linear" if endpoint else "spot", symbol.upper())
    if listing is None or (endpoint and _ENDPOINT_OF.get(plain_stem) != endpoint) or len(speed) > 1:
        return None
    found = _topic_for(name, plain_stem, detail, listing, session)
    if found is None or not partial:
        return found
    return msgspec.structs.replace(found, depth=int(partial[1]), interval="partial")


def _topic_for(
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
        channel=channel,
        name=name,
        instrument=instrument,
        depth=depth,
        interval=detail or interval,
        note=note,
    )


# --- user data ------------------------------------------------------------------------------------


def on_private_open(session: Session) -> None:
    """Whoever has a good listen key hears the futures wallet; anybody else is sent away."""
    key = session.query.get("listenKey") or session.path_params.get("key", "")
    if not key or key != listen_key(session.venue):
        session.close()
        return
    session.account = ACCOUNT
    user_topics(session, "linear", f"{key} {session.query.get('events', '')}")
    _expire(session)
    _end_after_a_day(session)


def _expire(session: Session) -> None:
    venue = session.venue
    until_ns = dialect_state(venue, BinanceAccountState).key_until_ns
    if session.closed:
        return
    if venue.scheduler.now_ns < until_ns:
        venue.scheduler.call_at(until_ns, lambda: _expire(session))
        return
    session.send({"e": "listenKeyExpired", "E": ms(venue.now_ns)})
    session.close()


def on_private_message(session: Session, frame: str | bytes) -> None:
    """Messages of clients are ignored here."""
    words = read_object(frame)
    names = list(session.topics) if words.get("method") == "LIST_SUBSCRIPTIONS" else None
    session.send({"result": names, "id": words.get("id")})


def user_topics(session: Session, wallet: str, note: str) -> None:
    """Subscribe the session to the updates of a wallet."""
    for channel in _PRIVATE:
        word = f"{wallet} {channel.value}"
        session.subscribe(
            StreamTopic(
                channel=channel, name=word, account=session.account, wallet=wallet, note=note
            )
        )


# --- rendering ------------------------------------------------------------------------------------


def render_update(
    venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
) -> Iterable[Frame]:
    """The frames that an update is."""
    if topic.wallet == "spot":
        for event in user_events.spot_events(venue, update):
            yield {"subscriptionId": int(topic.note), "event": event}
        return
    if topic.wallet:
        _, _, wanted = topic.note.partition(" ")
        for event in user_events.linear_events(venue, update):
            if not wanted or event["e"] in wanted.split("/"):
                yield event
        return
    for event in _public(venue, topic, update):
        yield {"stream": topic.name, "data": event} if topic.note == WRAPPED else event


def _public(venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate) -> Iterable[JsonObject]:
    match update:
        case DepthUpdated() if topic.interval == "quote":
            yield _quote(venue, update)
        case DepthUpdated() if topic.interval == "partial":
            yield _partial(venue, update)
        case DepthUpdated():
            yield _depth(venue, update)
        case TradePublished():
            yield _trade(venue, topic, update)
        case CandleUpdated():
            yield _candle(venue, topic, update)
        case TickerUpdated():
            yield _ticker(venue, topic.interval, update)
        case MarkUpdated():
            yield _mark(venue, update)


def _head(venue: SimulatedVenue, event: str, symbol: str) -> JsonObject:
    return {"e": event, "E": ms(venue.now_ns), "s": symbol}


def _depth(venue: SimulatedVenue, update: DepthUpdated) -> JsonObject:
    view, change = update.view, update.change
    symbol = venue.listing(view.instrument).venue_symbol
    words = {"e": "depthUpdate", "E": ms(venue.now_ns)}
    if market_of(view.instrument) == "spot":
        words |= {"s": symbol, "U": change.first_update_id, "u": change.last_update_id}
    else:
        words |= {
            "T": ms(change.event_ns),
            "s": symbol,
            "U": change.first_update_id,
            "u": change.last_update_id,
        }
        words["pu"] = change.previous_update_id
    return words | {
        "b": [[plain(price), plain(size)] for price, size in change.bids],
        "a": [[plain(price), plain(size)] for price, size in change.asks],
    }


def _partial(venue: SimulatedVenue, update: DepthUpdated) -> JsonObject:
    view = update.view
    bids = [[plain(price), plain(size)] for price, size in view.bids]
    asks = [[plain(price), plain(size)] for price, size in view.asks]
    if market_of(view.instrument) == "spot":
        return {"lastUpdateId": view.last_update_id, "bids": bids, "asks": asks}
    return _depth(venue, update) | {"b": bids, "a": asks}


def _quote(venue: SimulatedVenue, update: DepthUpdated) -> JsonObject:
    view = update.view
    (bid, bid_size), (ask, ask_size) = (
        next(iter(side), (None, None)) for side in (view.bids, view.asks)
    )
    words: JsonObject = {
        "u": view.last_update_id,
        "s": venue.listing(view.instrument).venue_symbol,
        "b": plain_or(bid, "0"),
        "B": plain_or(bid_size, "0"),
        "a": plain_or(ask, "0"),
        "A": plain_or(ask_size, "0"),
    }
    if market_of(view.instrument) == "spot":
        return words
    times = {"T": ms(view.event_ns), "E": ms(venue.now_ns)}
    return {"e": "bookTicker"} | words | times


def _trade(venue: SimulatedVenue, topic: StreamTopic, trade: TradePublished) -> JsonObject:
    words = _head(venue, topic.interval, venue.listing(trade.instrument).venue_symbol)
    if topic.interval == "aggTrade":
        return words | agg_trade_object(trade)
    words |= {
        "t": trade.trade_id,
        "p": plain(trade.price),
        "q": plain(trade.quantity),
        "T": ms(trade.now_ns),
        "m": trade.side.sign < 0,
    }
    return words | ({"M": True} if market_of(trade.instrument) == "spot" else {"X": "MARKET"})


def _candle(venue: SimulatedVenue, topic: StreamTopic, update: CandleUpdated) -> JsonObject:
    minutes = INTERVALS[topic.interval]
    length_ns = minutes * MINUTE_NS
    start_ns = update.candle.open_ns - update.candle.open_ns % length_ns
    candle = update.candle
    if minutes > 1:
        view = venue.view_of(update.instrument)
        known = view.candles(update.instrument, from_ns=start_ns, limit=minutes + 1)
        parts = [each for each in known if each.open_ns < update.candle.open_ns] + [candle]
        candle = aggregate_candles(parts, minutes)[-1]
    last = update.candle.open_ns + MINUTE_NS == start_ns + length_ns
    symbol = venue.listing(update.instrument).venue_symbol
    return _head(venue, "kline", symbol) | {
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


def _ticker(venue: SimulatedVenue, stem: str, update: TickerUpdated) -> JsonObject:
    shown = ticker_object(venue, venue.listing(update.instrument))
    shown |= {"": _EVENTS[stem]}
    words = {letter: shown[name] for letter, name in _TICKERS[stem] if name in shown}
    return words | {"E": ms(venue.now_ns)}


def _mark(venue: SimulatedVenue, update: MarkUpdated) -> JsonObject:
    rate, due_ns = venue.funding.get(update.instrument, (None, 0))
    mark = plain(update.mark)
    return _head(venue, "markPriceUpdate", venue.listing(update.instrument).venue_symbol) | {
        "p": mark,
        "ap": mark,
        "i": mark,
        "P": mark,
        "r": plain_or(rate, "0"),
        "T": ms(due_ns),
    }
