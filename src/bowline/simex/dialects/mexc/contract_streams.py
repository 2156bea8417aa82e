"""MEXC's one endpoint for contracts: `sub.depth` and the like, and after a login `push.personal.*`.

All is JSON. A login brings every private channel at once.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from bowline.core.model.values import MINUTE_NS
from bowline.core.sim.exchange import (
    BalanceUpdated,
    CandleUpdated,
    Executed,
    MarkUpdated,
    OrderUpdated,
    PositionUpdated,
    TradePublished,
)
from bowline.simex.dialects.mexc.contract_market import (
    INTERVALS,
    contract_of,
    deal_object,
    level,
    ticker_object,
)
from bowline.simex.dialects.mexc.contract_render import (
    asset_object,
    contracts,
    fill_object,
    number,
    order_object,
    plan_object,
    position_object,
)
from bowline.simex.payload import JsonObject, read_object, signatures_match
from bowline.simex.session import Session
from bowline.simex.stream_topics import Frame, StreamChannel, StreamTopic
from bowline.simex.venue import ACCOUNT, SimulatedVenue
from bowline.simex.venue_api import ApiError
from bowline.simex.venue_updates import DepthUpdated, VenueUpdate
from bowline.simex.wire_values import aggregate_candles, ms, parse_int, seconds

_CHANNELS = {
    "depth": StreamChannel.BOOK,
    "depth.full": StreamChannel.BOOK,
    "deal": StreamChannel.TRADES,
    "kline": StreamChannel.CANDLES,
    "ticker": StreamChannel.TICKER,
    "fair.price": StreamChannel.MARK,
}
_DEPTHS = {"5": 5, "10": 10, "20": 20}
_PERSONAL = {
    "push.personal.order": StreamChannel.ORDERS,
    "push.personal.order.deal": StreamChannel.FILLS,
    "push.personal.position": StreamChannel.POSITIONS,
    "push.personal.asset": StreamChannel.BALANCES,
}
_WINDOW_MS = 60_000


def on_message(session: Session, frame: str | bytes) -> None:
    """ping, login, sub.*, unsub.*."""
    words: JsonObject = read_object(frame)
    requested = words.get("param")
    param: JsonObject = requested if isinstance(requested, dict) else {}
    method = str(words.get("method", ""))
    verb, _, name = method.partition(".")
    try:
        match verb:
            case "ping":
                _send(session, "pong", ms(session.venue.now_ns))
            case "login":
                _log_in(session, param)
            case "personal" if session.account:
                _send(session, f"rs.{method}", "success")
            case "sub" | "unsub" if name in _CHANNELS:
                _subscribe(session, verb, name, param)
            case _:
                _send(session, "rs.error", f"Unknown method {method}")
    except ApiError:
        _send(session, "rs.error", f"Contract [{param.get('symbol', '')}] not exists")


def _subscribe(session: Session, verb: str, name: str, param: JsonObject) -> None:
    listing = contract_of(session.venue, str(param.get("symbol", "")))
    interval = str(param.get("interval", "")) if name == "kline" else ""
    depth = _DEPTHS.get(str(param.get("limit", 20)), 0) if name == "depth.full" else 0
    if (name == "kline" and interval not in INTERVALS) or (name == "depth.full" and not depth):
        _send(session, "rs.error", f"Parameter error! [{listing.venue_symbol}]")
        return
    word = f"push.{name} {listing.venue_symbol} {interval}{depth or ''}"
    _send(session, f"rs.{verb}.{name}", "success")
    if verb == "unsub":
        session.unsubscribe(word)
        return
    topic = StreamTopic(
        channel=_CHANNELS[name],
        name=word,
        instrument=listing.instrument.id,
        depth=depth,
        interval=interval,
        note=f"push.{name}",
    )
    session.subscribe(topic)


def _log_in(session: Session, param: JsonObject) -> None:
    keys, venue = session.venue.credentials, session.venue
    stamp = str(param.get("reqTime", ""))
    signed = f"{keys.api_key}{stamp}".encode()
    expected = hmac.new(keys.secret.encode(), signed, hashlib.sha256).hexdigest()
    if param.get("apiKey") != keys.api_key or not venue.api_key_valid:
        _send(session, "rs.error", "api key not exists")
    elif not signatures_match(expected, str(param.get("signature", ""))):
        _send(session, "rs.error", "Signature verification failed")
    elif abs(parse_int(stamp, 0) - ms(venue.now_ns)) > _WINDOW_MS:
        _send(session, "rs.error", "reqTime is out of its window")
    else:
        session.account = ACCOUNT
        _send(session, "rs.login", "success")
        for word, channel in _PERSONAL.items():
            session.subscribe(
                StreamTopic(channel=channel, name=word, account=ACCOUNT, wallet="linear", note=word)
            )


def _send(session: Session, channel: str, content: object) -> None:
    session.send({"channel": channel, "data": content, "ts": ms(session.venue.now_ns)})


def initial_frames(venue: SimulatedVenue, topic: StreamTopic) -> Iterable[Frame]:
    """Tickers and short books begin with what there is; the long book's start is REST's."""
    if topic.channel is StreamChannel.BOOK and topic.instrument is not None:
        # from here on its changes are counted
        venue.depth(topic.instrument, topic.depth)
    if topic.channel is StreamChannel.TICKER or topic.depth:
        yield _frame(venue, topic, _shown(venue, topic))


def _shown(venue: SimulatedVenue, topic: StreamTopic) -> JsonObject:
    assert topic.instrument is not None
    listing = venue.listing(topic.instrument)
    if topic.channel is StreamChannel.TICKER:
        return ticker_object(venue, listing)
    view = venue.depth(topic.instrument, topic.depth)
    return {
        "asks": [level(listing, each) for each in view.asks],
        "bids": [level(listing, each) for each in view.bids],
        "version": view.last_update_id,
    }


def render_update(
    venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
) -> Iterable[Frame]:
    """One frame for an update."""
    if topic.account:
        return [_personal(venue, topic, update)]
    return [_public(venue, topic, update)]


def _public(venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate) -> JsonObject:
    match update:
        case DepthUpdated() if not topic.depth:
            content: object = _change(venue, update)
        case TradePublished():
            content = [deal_object(venue.listing(update.instrument), update)]
        case CandleUpdated():
            content = _candle(venue, topic, update)
        case MarkUpdated():
            word = venue.listing(update.instrument).venue_symbol
            content = {"symbol": word, "price": number(update.mark)}
        case _:
            content = _shown(venue, topic)
    return _frame(venue, topic, content)


def _personal(venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate) -> JsonObject:
    match update:
        case OrderUpdated(order=order) if order.waiting:
            plan = plan_object(venue, order)
            return _frame(venue, topic, plan) | {"channel": "push.personal.plan.order"}
        case OrderUpdated(order=order):
            content = order_object(venue, order)
        case Executed():
            content = fill_object(venue, update)
        case PositionUpdated(position=position):
            content = position_object(venue, position)
        case BalanceUpdated(holding=holding):
            content = asset_object(holding)
        case _:
            raise AssertionError(f"{type(update).__name__} is not personal")
    return _frame(venue, topic, content)


def _frame(venue: SimulatedVenue, topic: StreamTopic, content: object) -> JsonObject:
    found: JsonObject = {"channel": topic.note, "data": content, "ts": ms(venue.now_ns)}
    if topic.instrument is not None:
        found["symbol"] = venue.listing(topic.instrument).venue_symbol
    return found


def _change(venue: SimulatedVenue, update: DepthUpdated) -> JsonObject:
    listing, change = venue.listing(update.view.instrument), update.change
    return {
        "asks": [level(listing, each) for each in change.asks],
        "bids": [level(listing, each) for each in change.bids],
        "begin": change.first_update_id,
        "end": change.last_update_id,
        "version": change.last_update_id,
    }


def _candle(venue: SimulatedVenue, topic: StreamTopic, update: CandleUpdated) -> JsonObject:
    minutes, listing = INTERVALS[topic.interval], venue.listing(update.instrument)
    start_ns = update.candle.open_ns - update.candle.open_ns % (minutes * MINUTE_NS)
    view = venue.view_of(update.instrument)
    known = view.candles(update.instrument, from_ns=start_ns, limit=minutes + 1)
    parts = [each for each in known if each.open_ns < update.candle.open_ns] + [update.candle]
    candle = aggregate_candles(parts, minutes)[-1]
    return {
        "symbol": listing.venue_symbol,
        "interval": topic.interval,
        "t": seconds(start_ns),
        "o": number(candle.open),
        "c": number(candle.close),
        "h": number(candle.high),
        "l": number(candle.low),
        "a": number(candle.turnover),
        "q": contracts(listing, candle.volume),
        "ro": number(candle.open),
        "rc": number(candle.close),
        "rh": number(candle.high),
        "rl": number(candle.low),
    }
