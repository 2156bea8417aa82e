"""Gate v4 streams: requests of clients, and updates as frames.

One endpoint a market, for public and private topics alike: each private request is signed. The
update ids of a book are the book's own, the same in every channel and in REST's `id`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from bowline.core.model.values import MINUTE_NS
from bowline.core.sim.exchange import (
    BalanceUpdated,
    CandleUpdated,
    Executed,
    MinuteCandle,
    OrderUpdated,
    PositionUpdated,
    TradePublished,
    VenueOrder,
)
from bowline.core.venue import Listing, OrderKind
from bowline.simex.dialects.gate import auth, ws_orders
from bowline.simex.dialects.gate.market import (
    INTERVALS,
    futures_candle,
    futures_print,
    levels,
    spot_print,
    ticker_object,
)
from bowline.simex.dialects.gate.price_orders import trigger_object
from bowline.simex.dialects.gate.render import (
    as_numbers,
    contracts,
    fine_millis,
    finish_code,
    futures_fill,
    futures_order,
    kind_of,
    position_object,
    spot_fill,
    spot_order,
)
from bowline.simex.payload import JsonObject, read_object
from bowline.simex.session import Session
from bowline.simex.stream_topics import Frame, StreamChannel, StreamTopic
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiError
from bowline.simex.venue_updates import DepthUpdated, TickerUpdated, VenueUpdate
from bowline.simex.wire_values import aggregate_candles, ms, plain, seconds

_ALL = "!all"
_BY_NAME = {
    "trades": StreamChannel.TRADES,
    "book_ticker": StreamChannel.TICKER,
    "tickers": StreamChannel.TICKER,
}
_PRIVATE = {
    "spot": {
        "orders": StreamChannel.ORDERS,
        "priceorders": StreamChannel.ORDERS,
        "usertrades": StreamChannel.FILLS,
        "balances": StreamChannel.BALANCES,
    },
    "futures": {
        "orders": StreamChannel.ORDERS,
        "autoorders": StreamChannel.ORDERS,
        "usertrades": StreamChannel.FILLS,
        "balances": StreamChannel.BALANCES,
        "positions": StreamChannel.POSITIONS,
    },
}
_OBU = re.compile(r"ob\.(?P<symbol>\w+)\.(?P<depth>50|400)")
_DEPTHS = {"20", "50", "100"}
#: how often a book is told, and how deep if nothing is said
_SPEEDS = {"100ms": 100, "20ms": 20}
#: what the stream of positions has as numbers and REST as text
_NUMBERS = (
    "leverage", "cross_leverage_limit", "leverage_max", "risk_limit", "maintenance_rate", "margin",
    "entry_price", "liq_price", "realised_pnl", "realised_point", "history_pnl", "history_point",
    "last_close_pnl",
)  # fmt: skip
#: codes of a refused subscription
_BAD_BODY, _BAD_ARGUMENT, _BAD_AUTH = 1, 2, 4


def on_message(session: Session, frame: str | bytes) -> None:
    """subscribe, unsubscribe, ping, and orders (`api`)."""
    words, prefix = read_object(frame), _prefix(session)
    channel, event = str(words.get("channel", "")), words.get("event")
    if channel == f"{prefix}.ping":
        session.send(_message(session.venue, f"{prefix}.pong", None, "") | {"error": None})
    elif event == "api":
        ws_orders.on_message(session, frame, prefix)
    elif event in ("subscribe", "unsubscribe"):
        _subscriptions(session, words, channel, str(event))
    else:
        session.send(_answer(session, words, (_BAD_BODY, "invalid request body")))


def _prefix(session: Session) -> str:
    return "futures" if "settle" in session.path_params else "spot"


def _subscriptions(session: Session, words: JsonObject, channel: str, event: str) -> None:
    try:
        topics = _topics(session, words, channel, event)
    except ApiError as error:
        code = error.code if isinstance(error.code, int) else _BAD_AUTH
        text = error.message
        if code == _BAD_AUTH:
            text = msgspec.json.encode({"label": error.code, "message": text}).decode() + "\n"
        session.send(_answer(session, words, (code, text)))
        return
    session.send(_answer(session, words, None))
    for topic in topics:
        if event == "subscribe":
            session.subscribe(topic)
        else:
            session.unsubscribe(topic.name)


def _topics(session: Session, words: JsonObject, channel: str, event: str) -> list[StreamTopic]:
    """What is asked for; WireRefusal with a code, or with a label if who asks is not believed."""
    venue, prefix = session.venue, _prefix(session)
    stem, _, name = channel.partition(".")
    payload = words.get("payload")
    args = [str(each) for each in payload] if isinstance(payload, list) else []
    stamp = str(words.get("time", ""))
    if stem != prefix:
        raise ApiError(_BAD_ARGUMENT, f"unknown channel: {channel}")
    if name in _PRIVATE[prefix]:
        proof = words.get("auth")
        proof = proof if isinstance(proof, dict) else {}
        signed = f"channel={channel}&event={event}&time={stamp}"
        session.account = auth.check(
            venue, str(proof.get("KEY", "")), stamp, signed, str(proof.get("SIGN", ""))
        )
        return [_private_topic(session, channel, name, args)]
    if not auth.in_time(venue, stamp):
        raise ApiError(_BAD_ARGUMENT, "invalid argument: time is too far from the server's")
    if name in _BY_NAME and args:
        kind = _BY_NAME[name]
        return [
            StreamTopic(
                channel=kind,
                name=f"{channel}/{word}",
                instrument=_listing(session, word).instrument.id,
            )
            for word in args
        ]
    return [_book_or_candles(session, channel, args)]


def _book_or_candles(session: Session, channel: str, args: list[str]) -> StreamTopic:
    word = "/".join([channel, *args])
    match [channel.partition(".")[2], *args]:
        case ["candlesticks", interval, symbol] if interval in INTERVALS:
            instrument = _listing(session, symbol).instrument.id
            return StreamTopic(
                channel=StreamChannel.CANDLES, name=word, instrument=instrument, interval=interval
            )
        case ["obu", name] if _prefix(session) == "spot" and (found := _OBU.fullmatch(name)):
            instrument = _listing(session, found["symbol"]).instrument.id
            return StreamTopic(
                channel=StreamChannel.BOOK,
                name=word,
                instrument=instrument,
                depth=int(found["depth"]),
                note=name,
            )
        case ["order_book_update", symbol, speed, *more] if speed in _SPEEDS:
            chosen = _prefix(session) == "futures" and more and more[0] in _DEPTHS
            levels_a_side = int(more[0]) if chosen else _SPEEDS[speed]
            instrument = _listing(session, symbol).instrument.id
            return StreamTopic(
                channel=StreamChannel.BOOK, name=word, instrument=instrument, depth=levels_a_side
            )
    raise ApiError(_BAD_ARGUMENT, f"unknown channel or invalid payload: {word}")


def _private_topic(session: Session, channel: str, name: str, args: list[str]) -> StreamTopic:
    if _prefix(session) == "futures":
        user, *args = args or [""]
        if user != session.venue.credentials.user_id:
            raise ApiError(_BAD_ARGUMENT, f"invalid argument: user id {user}")
    kind = "spot" if _prefix(session) == "spot" else "linear"
    symbol = args[0] if args and name != "balances" else _ALL
    instrument = None if symbol == _ALL else _listing(session, symbol).instrument.id
    return StreamTopic(
        channel=_PRIVATE[_prefix(session)][name], name=f"{channel}/{symbol}", instrument=instrument,
        account=session.account, wallet=kind,
    )  # fmt: skip


def _listing(session: Session, word: str) -> Listing:
    kind = "spot" if _prefix(session) == "spot" else "linear"
    listing = session.venue.listing_by_symbol(kind, word)
    if listing is None or session.path_params.get("settle", "usdt") != "usdt":
        name = "currency pair" if kind == "spot" else "contract"
        raise ApiError(_BAD_ARGUMENT, f"unknown {name}: {word}")
    return listing


def initial_frames(venue: SimulatedVenue, topic: StreamTopic) -> Iterable[Frame]:
    """A whole book at the start of `spot.obu`; the other books are started by REST."""
    if topic.channel is not StreamChannel.BOOK or topic.instrument is None:
        return
    view = venue.depth(topic.instrument, topic.depth)
    if topic.note:
        listing = venue.listing(topic.instrument)
        sides = {
            "b": levels(listing, view.bids, spot=True),
            "a": levels(listing, view.asks, spot=True),
        }
        book = {"t": ms(view.event_ns), "full": True, "s": topic.note, "u": view.sequence}
        yield _message(venue, "spot.obu", book | sides)


def render_update(
    venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
) -> Iterable[Frame]:
    """One frame for an update."""
    channel = topic.name.partition("/")[0]
    match update:
        case DepthUpdated():
            yield _message(venue, channel, _book(venue, topic, update))
        case TradePublished():
            yield _message(venue, channel, _print(venue, update))
        case TickerUpdated():
            yield _message(venue, channel, _ticker(venue, channel, update))
        case CandleUpdated():
            yield _message(venue, channel, _candle(venue, topic, update))
        case _:
            if (shown := _private(venue, channel, update)) is not None:
                yield _message(venue, channel, [shown])


def _private(venue: SimulatedVenue, channel: str, update: VenueUpdate) -> JsonObject | None:
    match update:
        case OrderUpdated(order=order):
            return _order(venue, channel, order)
        case Executed():
            return _fill(venue, update)
        case PositionUpdated(position=position):
            numbers = as_numbers(position_object(venue, position), *_NUMBERS)
            return numbers | _when(venue, update.now_ns)
        case BalanceUpdated() if channel == "spot.balances":
            return _spot_balance(venue, update)
        case BalanceUpdated() if update.change:
            return _futures_balance(venue, update)
        case _:
            return None


def _message(
    venue: SimulatedVenue, channel: str, result: object, event: str = "update"
) -> JsonObject:
    now_ns = venue.now_ns
    return {
        "time": seconds(now_ns),
        "time_ms": ms(now_ns),
        "channel": channel,
        "event": event,
        "result": result,
    }


def _when(venue: SimulatedVenue, at_ns: int) -> JsonObject:
    return {"time": seconds(at_ns), "time_ms": ms(at_ns), "user": venue.credentials.user_id}


def _book(venue: SimulatedVenue, topic: StreamTopic, update: DepthUpdated) -> JsonObject:
    change = update.change
    listing = venue.listing(update.view.instrument)
    spot = kind_of(update.view.instrument) == "spot"
    book: JsonObject = {
        "t": ms(change.event_ns),
        "s": topic.note or listing.venue_symbol,
        "U": change.previous_sequence + 1,
        "u": change.sequence,
        "b": levels(listing, change.bids, spot=spot),
        "a": levels(listing, change.asks, spot=spot),
    }
    if topic.note:
        return book
    if spot:
        return book | {"e": "depthUpdate", "E": seconds(change.event_ns)}
    return book | {"l": str(topic.depth)}


def _print(venue: SimulatedVenue, trade: TradePublished) -> object:
    listing = venue.listing(trade.instrument)
    if kind_of(trade.instrument) == "spot":
        times = {"id": trade.trade_id, "create_time": seconds(trade.now_ns)}
        return spot_print(listing, trade) | times
    times = {"create_time": seconds(trade.now_ns), "create_time_ms": ms(trade.now_ns)}
    return [futures_print(listing, trade) | times]


def _ticker(venue: SimulatedVenue, channel: str, update: TickerUpdated) -> object:
    listing = venue.listing(update.instrument)
    spot = kind_of(update.instrument) == "spot"
    if channel.endswith(".tickers"):
        shown = ticker_object(venue, listing)
        return shown if spot else [shown]
    # not the venue's view, which a fault may keep from seeing what is new
    book = venue.engine_of(update.instrument).view.book(update.instrument, 1)
    found: JsonObject = {"t": ms(update.event_ns), "u": book.sequence, "s": listing.venue_symbol}
    for price, size, side in (("b", "B", book.bids), ("a", "A", book.asks)):
        best = side[0] if side else None
        found[price] = plain(best[0]) if best else ""
        if spot:
            found[size] = plain(best[1]) if best else "0"
        else:
            found[size] = contracts(listing, best[1]) if best else 0
    return found


def _candle(venue: SimulatedVenue, topic: StreamTopic, update: CandleUpdated) -> object:
    minutes = INTERVALS[topic.interval]
    length_ns = minutes * MINUTE_NS
    start_ns = update.candle.open_ns - update.candle.open_ns % length_ns
    candle = update.candle
    if minutes > 1:
        known = venue.view_of(update.instrument).candles(
            update.instrument, from_ns=start_ns, limit=minutes + 1
        )
        parts = [each for each in known if each.open_ns < candle.open_ns] + [candle]
        candle = aggregate_candles(parts, minutes)[-1]
    listing = venue.listing(update.instrument)
    last = update.candle.open_ns + MINUTE_NS == start_ns + length_ns
    more = {
        "n": f"{topic.interval}_{listing.venue_symbol}",
        "a": plain(candle.volume),
        "w": update.closed and last,
    }
    if kind_of(update.instrument) == "linear":
        return [futures_candle(listing, candle) | more]
    return _spot_candle(candle) | more


def _spot_candle(candle: MinuteCandle) -> JsonObject:
    return {
        "t": str(seconds(candle.open_ns)),
        "v": plain(candle.turnover),
        "c": plain(candle.close),
        "h": plain(candle.high),
        "l": plain(candle.low),
        "o": plain(candle.open),
    }


def _order(venue: SimulatedVenue, channel: str, order: VenueOrder) -> JsonObject | None:
    """None: the channel of orders says nothing of a stop that waits, the other one of the rest."""
    if channel.endswith(("priceorders", "autoorders")):
        return trigger_object(venue, order) if order.requested.kind is OrderKind.STOP else None
    if order.waiting:
        return None
    new = order.updated_ns == order.created_ns and not order.filled
    user = int(venue.credentials.user_id)
    if kind_of(order.instrument) == "spot":
        event = "finish" if order.done else "put" if new else "update"
        times = {
            "create_time_ms": str(ms(order.created_ns)),
            "update_time_ms": str(ms(order.updated_ns)),
        }
        return spot_order(venue, order) | times | {"user": user, "event": event}
    numbers = as_numbers(futures_order(venue, order), "price", "fill_price", "mkfr", "tkfr")
    state = finish_code(order) if order.done else "_new" if new else "_update"
    return numbers | {
        "finish_as": state,
        "create_time": seconds(order.created_ns),
        "create_time_ms": ms(order.created_ns),
        "finish_time": seconds(order.updated_ns) if order.done else 0,
        "finish_time_ms": ms(order.updated_ns) if order.done else 0,
        "user": str(user),
    }


def _fill(venue: SimulatedVenue, fill: Executed) -> JsonObject:
    at = {"create_time": seconds(fill.now_ns)}
    if kind_of(fill.instrument) == "spot":
        ids = {"id": fill.trade_id, "user_id": int(venue.credentials.user_id)}
        return spot_fill(venue, fill) | ids | at | {"create_time_ms": fine_millis(fill.now_ns)}
    shown = as_numbers(futures_fill(venue, fill), "fee", "point_fee")
    return shown | {"id": str(fill.trade_id), "create_time_ms": ms(fill.now_ns)} | at


def _spot_balance(venue: SimulatedVenue, update: BalanceUpdated) -> JsonObject:
    return {
        "timestamp": str(seconds(update.now_ns)),
        "timestamp_ms": str(ms(update.now_ns)),
        "user": venue.credentials.user_id,
        "currency": update.holding.asset,
        "change": plain(update.change),
        "total": plain(update.holding.total),
        "available": plain(update.holding.free),
        "freeze": plain(update.holding.locked),
        "freeze_change": "0",
        "change_type": "order-match" if update.change else "order-create",
    }


def _futures_balance(venue: SimulatedVenue, update: BalanceUpdated) -> JsonObject:
    return _when(venue, update.now_ns) | {
        "balance": float(update.holding.total),
        "change": float(update.change),
        "text": "-",
        "type": "fund" if update.reason.value == "funding" else "pnl",
        "currency": update.holding.asset.lower(),
    }


def _answer(session: Session, words: JsonObject, error: tuple[int, str] | None) -> JsonObject:
    message = _message(
        session.venue, str(words.get("channel", "")), None, str(words.get("event", ""))
    )
    return message | {
        "id": words.get("id"),
        "conn_id": f"{session.number:016x}",
        "payload": words.get("payload"),
        "error": None if error is None else {"code": error[0], "message": error[1]},
        "result": {"status": "success" if error is None else "fail"},
    }
