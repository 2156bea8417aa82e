"""Bybit v5 streams: requests of clients, and updates as frames.

Three endpoints: public (one path a market), private and trade. All speak JSON text.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable

from bowline.core.model.values import MINUTE_NS
from bowline.core.sim.exchange import (
    BalanceUpdated,
    BookLevel,
    CandleUpdated,
    Executed,
    MinuteCandle,
    OrderUpdated,
    PositionUpdated,
    TradePublished,
)
from bowline.simex.depth_view import DepthView
from bowline.simex.dialects.bybit import trading
from bowline.simex.dialects.bybit.account import DisconnectCancelAll
from bowline.simex.dialects.bybit.market import INTERVALS, ticker_object
from bowline.simex.dialects.bybit.render import (
    SIDES,
    category_of,
    fill_object,
    order_object,
    position_object,
    trade_id_text,
    wallet_object,
)
from bowline.simex.payload import JsonObject, read_object, signatures_match, text_fields
from bowline.simex.session import Session
from bowline.simex.stream_topics import Frame, StreamChannel, StreamTopic
from bowline.simex.venue import ACCOUNT, SimulatedVenue, dialect_state
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.venue_updates import DepthUpdated, TickerUpdated, VenueUpdate
from bowline.simex.wire_values import aggregate_candles, ms, parse_int, plain

_DEPTHS = {"1", "50", "200", "500", "1000"}
_PRIVATE = {
    "order": StreamChannel.ORDERS,
    "execution": StreamChannel.FILLS,
    "position": StreamChannel.POSITIONS,
    "wallet": StreamChannel.BALANCES,
}
_ORDERS: dict[str, Callable[[ApiCall, dict[str, str]], dict[str, str]]] = {
    "order.create": trading.place,
    "order.cancel": trading.withdraw,
    "order.amend": trading.change,
}

_TRADE_WINDOW_MS = 5_000


def on_public_message(session: Session, frame: str | bytes) -> None:
    """subscribe, unsubscribe, ping."""
    words = read_object(frame)
    if words.get("op") == "ping":
        session.send(_success(session, words, "ping", ret_msg="pong"))
    else:
        _subscriptions(session, words, _public_topic)


def on_private_message(session: Session, frame: str | bytes) -> None:
    """auth, and then the same."""
    words = read_object(frame)
    match words.get("op"):
        case "ping":
            now = [str(ms(session.venue.now_ns))]
            pong = {"req_id": words.get("req_id", ""), "op": "pong", "args": now}
            session.send(pong | {"conn_id": _connection(session)})
        case "auth":
            error = _log_in(session, words)
            session.send(
                _success(session, words, "auth")
                if error is None
                else {"op": "auth", "success": False, "ret_msg": error.message,
                    "retCode": error.code, "conn_id": _connection(session)}
            )  # fmt: skip
        case _ if not session.account:
            session.send(_failure(session, words, "Request not authorized"))
        case _:
            _subscriptions(session, words, _private_topic)


def on_trade_message(session: Session, frame: str | bytes) -> None:
    """auth, ping, and orders."""
    words = read_object(frame)
    op, connection = words.get("op"), {"connId": _connection(session)}
    if op == "ping":
        now = [str(ms(session.venue.now_ns))]
        session.send({"retCode": 0, "retMsg": "OK", "op": "pong", "data": now} | connection)
    elif op == "auth":
        error = _log_in(session, words)
        code, text = (0, "OK") if error is None else (error.code, error.message)
        session.send({"retCode": code, "retMsg": text, "op": "auth"} | connection)
    else:
        faults = session.faults_of(f"WS {op}")
        answer = {} if "reset" in faults else _traded(session, words) | connection
        if faults & {"reset", "drop_reply"}:
            session.abort()
        else:
            session.send(answer)


def on_private_close(session: Session) -> None:
    """A private stream was lost: the cancel-all timer starts, if it was set."""
    venue = session.venue
    seconds = dialect_state(venue, DisconnectCancelAll).wait_s
    if not seconds or not session.cancel_timer_topics:
        return

    def fire() -> None:
        if not venue.subscriptions.has_account(ACCOUNT):
            for kind in ("spot", "linear"):
                venue.cancel_all(ACCOUNT, kind)
            venue.publish()

    venue.scheduler.call_later(seconds, fire)


def _traded(session: Session, words: JsonObject) -> JsonObject:
    """The answer to one order frame; the same checks as REST, and the same words."""
    venue, op = session.venue, str(words.get("op"))
    args = words.get("args")
    sent = args[0] if isinstance(args, list) and args and isinstance(args[0], dict) else {}
    header = words.get("header")
    stamp = str(header.get("X-BAPI-TIMESTAMP", "")) if isinstance(header, dict) else ""
    fields = text_fields(sent)
    call = ApiCall(venue=venue, method="WS", path=op, account=session.account)
    answer: JsonObject = {"reqId": words.get("reqId", ""), "retCode": 0, "retMsg": "OK", "op": op}
    answer["header"] = {
        "Timenow": str(ms(venue.now_ns)), "X-Bapi-Limit": "20", "X-Bapi-Limit-Status": "19",
    }  # fmt: skip
    try:
        _check_trade(session, op, stamp)
        return answer | {"data": _ORDERS[op](call, fields)}
    except ApiError as error:
        return answer | {"retCode": error.code, "retMsg": error.message, "data": {}}


def _check_trade(session: Session, op: str, stamp: str) -> None:
    if not session.account:
        raise ApiError(10003, "Request not authorized")
    if op not in _ORDERS:
        raise ApiError(10404, "op type is not found")
    if abs(parse_int(stamp, 0) - ms(session.venue.now_ns)) > _TRADE_WINDOW_MS:
        raise ApiError(10002, "The request time exceeds the time window range.")


def _log_in(session: Session, words: JsonObject) -> ApiError | None:
    args = words.get("args")
    key, expires, signature = map(str, args) if isinstance(args, list) and len(args) == 3 else (  # noqa: PLR2004
        "", "0", "",
    )  # fmt: skip
    keys = session.venue.credentials
    if key != keys.api_key or not session.venue.api_key_valid:
        return ApiError(10003, "Invalid apikey")
    expected = hmac.new(keys.secret.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256)
    if not signatures_match(expected.hexdigest(), signature):
        return ApiError(10004, "Invalid sign")
    if parse_int(expires, 0) <= ms(session.venue.now_ns):
        return ApiError(10002, "Params Error: expires")
    session.account = ACCOUNT
    return None


def _subscriptions(
    session: Session, words: JsonObject, topic_of: Callable[[Session, str], StreamTopic | None]
) -> None:
    args, op = words.get("args"), words.get("op")
    names = [str(each) for each in args] if isinstance(args, list) else []
    if op not in ("subscribe", "unsubscribe") or not names:
        session.send(_failure(session, words, "error:invalid op"))
        return
    if op == "unsubscribe":
        for name in names:
            session.unsubscribe(name)
        session.send(_success(session, words, "unsubscribe"))
        return
    if session.path_params.get("market") == "spot" and len(names) > 10:  # noqa: PLR2004 - the venue's bound
        session.send(_failure(session, words, "args size >10"))
        return
    topics = {name: topic_of(session, name) for name in names}
    if bad := [name for name, topic in topics.items() if topic is None and name[:3] != "dcp"]:
        session.send(_failure(session, words, f"error:handler not found,topic:{bad[0]}"))
        return
    session.send(_success(session, words, "subscribe"))
    for topic in topics.values():
        if topic is not None:
            session.subscribe(topic)


def _public_topic(session: Session, name: str) -> StreamTopic | None:
    """`orderbook.50.BTCUSDT`, `publicTrade.BTCUSDT`, `tickers.BTCUSDT`, `kline.1.BTCUSDT`."""
    parts = name.split(".")
    listing = session.venue.listing_by_symbol(session.path_params["market"], parts[-1])
    if listing is None:
        return None
    instrument = listing.instrument.id
    match parts[:-1]:
        case ["orderbook", depth] if depth in _DEPTHS:
            return StreamTopic(
                channel=StreamChannel.BOOK, name=name, instrument=instrument, depth=int(depth)
            )
        case ["publicTrade"]:
            return StreamTopic(channel=StreamChannel.TRADES, name=name, instrument=instrument)
        case ["tickers"]:
            return StreamTopic(channel=StreamChannel.TICKER, name=name, instrument=instrument)
        case ["kline", interval] if interval in INTERVALS:
            return StreamTopic(
                channel=StreamChannel.CANDLES, name=name, instrument=instrument, interval=interval
            )
        case _:
            return None


def _private_topic(session: Session, name: str) -> StreamTopic | None:
    """`order`, or of one market: `order.linear`."""
    stem, _, kind = name.partition(".")
    if stem == "dcp":
        session.cancel_timer_topics.add(name)
    if stem not in _PRIVATE or kind not in ("", "spot", "linear"):
        return None
    return StreamTopic(channel=_PRIVATE[stem], name=name, account=session.account, note=kind)


def initial_frames(venue: SimulatedVenue, topic: StreamTopic) -> Iterable[Frame]:
    """Books and tickers begin with a snapshot."""
    if topic.instrument is None:
        return
    if topic.channel is StreamChannel.BOOK:
        view = venue.depth(topic.instrument, topic.depth)
        yield _book(venue, topic, "snapshot", view, view.bids, view.asks)
    elif topic.channel is StreamChannel.TICKER:
        yield _ticker(venue, topic, "snapshot")


def render_update(
    venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
) -> Iterable[Frame]:
    """One frame for an update."""
    match update:
        case DepthUpdated(view=view, change=change):
            # "Orderbook" stream: u is 1 in the snapshot that follows a restart of the service
            if change.update_number == 1:
                yield _book(venue, topic, "snapshot", view, view.bids, view.asks)
            else:
                yield _book(venue, topic, "delta", view, change.bids, change.asks)
        case TradePublished():
            yield {"topic": topic.name, "type": "snapshot", "ts": ms(venue.now_ns),
                "data": [_print(venue, update)]}  # fmt: skip
        case TickerUpdated():
            spot = category_of(update.instrument) == "spot"
            yield _ticker(venue, topic, "snapshot" if spot else "delta")
        case CandleUpdated():
            yield from _candle(venue, topic, update)
        case OrderUpdated(order=order) if topic.note in ("", category_of(order.instrument)):
            yield _private(venue, topic, order_object(venue, order))
        case Executed() if topic.note in ("", category_of(update.instrument)):
            yield _private(venue, topic, fill_object(venue, update))
        case PositionUpdated(position=position):
            yield _private(venue, topic, position_object(venue, position))
        case BalanceUpdated(holding=holding):
            yield _private(venue, topic, wallet_object([holding]))


def _book(
    venue: SimulatedVenue,
    topic: StreamTopic,
    kind: str,
    view: DepthView,
    bids: Iterable[BookLevel],
    asks: Iterable[BookLevel],
) -> JsonObject:
    return {
        "topic": topic.name,
        "type": kind,
        "ts": ms(venue.now_ns),
        "data": {
            "s": venue.listing(view.instrument).venue_symbol,
            "b": [[plain(price), plain(size)] for price, size in bids],
            "a": [[plain(price), plain(size)] for price, size in asks],
            "u": view.update_number,
            "seq": view.last_update_id,
        },
        "cts": ms(view.event_ns),
    }


def _print(venue: SimulatedVenue, trade: TradePublished) -> JsonObject:
    return {
        "T": ms(trade.now_ns),
        "s": venue.listing(trade.instrument).venue_symbol,
        "S": SIDES[trade.side],
        "v": plain(trade.quantity),
        "p": plain(trade.price),
        "L": "ZeroPlusTick",
        "i": trade_id_text(trade.instrument, trade.trade_id),
        "BT": False,
        "RPI": False,
        "seq": trade.trade_id,
    }


def _ticker(venue: SimulatedVenue, topic: StreamTopic, kind: str) -> JsonObject:
    assert topic.instrument is not None
    shown = ticker_object(venue, venue.listing(topic.instrument))
    return {
        "topic": topic.name,
        "type": kind,
        "data": shown,
        "cs": ms(venue.now_ns),
        "ts": ms(venue.now_ns),
    }


def _candle(
    venue: SimulatedVenue, topic: StreamTopic, update: CandleUpdated
) -> Iterable[JsonObject]:
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
    yield {
        "topic": topic.name,
        "type": "snapshot",
        "ts": ms(venue.now_ns),
        "data": [_candle_words(candle, start_ns, topic.interval, length_ns, update.now_ns)
            | {"confirm": update.closed and last}],
    }  # fmt: skip


def _candle_words(
    candle: MinuteCandle, start_ns: int, interval: str, length_ns: int, now_ns: int
) -> JsonObject:
    return {
        "start": ms(start_ns),
        "end": ms(start_ns + length_ns) - 1,
        "interval": interval,
        "open": plain(candle.open),
        "close": plain(candle.close),
        "high": plain(candle.high),
        "low": plain(candle.low),
        "volume": plain(candle.volume),
        "turnover": plain(candle.turnover),
        "timestamp": ms(now_ns),
    }


def _private(venue: SimulatedVenue, topic: StreamTopic, shown: JsonObject) -> JsonObject:
    now = ms(venue.now_ns)
    return {"id": f"{topic.name}-{now}", "topic": topic.name, "creationTime": now, "data": [shown]}


def _connection(session: Session) -> str:
    return f"cojifin88smerbj9t560-{session.number:x}"


def _success(session: Session, words: JsonObject, op: str, ret_msg: str = "") -> JsonObject:
    request = {"req_id": words["req_id"]} if "req_id" in words else {}
    return {
        "success": True,
        "ret_msg": ret_msg,
        "conn_id": _connection(session),
        "op": op,
    } | request


def _failure(session: Session, words: JsonObject, ret_msg: str) -> JsonObject:
    return _success(session, words, str(words.get("op", "")), ret_msg) | {"success": False}
