"""Bitget v2 streams: requests of clients, and updates as frames.

A book begins with a snapshot and goes on with changes, each with a number that rises and the
checksum of the best 25 levels after it; `books1`, `books5` and `books15` are whole every time.
A `ping_frame` is a text of its own, not JSON.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from zlib import crc32

from bowline.core.model.instrument import Instrument
from bowline.core.model.order import OrderState
from bowline.core.model.values import MINUTE_NS, ZERO
from bowline.core.sim.exchange import (
    BalanceUpdated,
    BookLevel,
    CandleUpdated,
    Executed,
    Holding,
    MinuteCandle,
    OrderUpdated,
    PositionUpdated,
    TradePublished,
    VenueOrder,
)
from bowline.core.venue import Listing
from bowline.simex.depth_view import DepthChange, DepthView
from bowline.simex.dialects.bitget.market import (
    INTERVALS,
    candle_row,
    ticker_object,
    trade_object,
)
from bowline.simex.dialects.bitget.render import (
    PRODUCTS,
    at_step,
    coin_object,
    fill_object,
    kind_of,
    linear_order,
    plan_order,
    position_object,
    spot_order,
)
from bowline.simex.payload import JsonObject, read_object, signatures_match, text_fields
from bowline.simex.session import Session
from bowline.simex.stream_topics import Frame, StreamChannel, StreamTopic
from bowline.simex.venue import ACCOUNT, SimulatedVenue, dialect_state
from bowline.simex.venue_api import ApiError
from bowline.simex.venue_updates import DepthUpdated, TickerUpdated, VenueUpdate
from bowline.simex.wire_values import aggregate_candles, ms, parse_int, plain

_KINDS = {word: kind for kind, word in PRODUCTS.items()}
_DEPTHS = {"books": 500, "books1": 1, "books5": 5, "books15": 15}
_CHECKED = 25
_PRIVATE = {
    "orders": StreamChannel.ORDERS,
    "orders-algo": StreamChannel.ORDERS,
    "fill": StreamChannel.FILLS,
    "positions": StreamChannel.POSITIONS,
    "account": StreamChannel.BALANCES,
}
_SNAPSHOT_CANDLES = 500
_SNAPSHOT_TRADES = 50
_LOGIN_WINDOW_MS = 30_000
_MS_DIGITS = 13


def on_message(session: Session, frame: str | bytes) -> None:
    """ping, login, subscribe, unsubscribe."""
    if frame == "ping":
        session.send(b"pong")
        return
    words = read_object(frame)
    op, args = words.get("op"), words.get("args")
    if op not in ("login", "subscribe", "unsubscribe") or not isinstance(args, list):
        session.send(_error(ApiError(30003, "Invalid op")))
        return
    for each in args:
        arg = text_fields(each) if isinstance(each, dict) else {}
        try:
            session.send(_handle_op(session, op, arg))
        except ApiError as error:
            session.send(_error(error) | ({} if op == "login" else {"arg": arg, "op": op}))
            continue
        if op == "subscribe":
            session.subscribe(_topic(session, arg))


def _handle_op(session: Session, op: str, arg: dict[str, str]) -> JsonObject:
    if op == "login":
        _log_in(session, arg)
        return {"event": "login", "code": 0}
    topic = _topic(session, arg)
    if op == "unsubscribe":
        session.unsubscribe(topic.name)
    return {"event": op, "arg": arg}


def _log_in(session: Session, arg: dict[str, str]) -> None:
    """Base64 of the HMAC of time and `GET/user/verify`; the time in seconds or milliseconds."""
    keys, stamp = session.venue.credentials, arg.get("timestamp", "")
    if arg.get("apiKey") != keys.api_key or not session.venue.api_key_valid:
        raise ApiError(30011, "Invalid ACCESS_KEY")
    if arg.get("passphrase") != keys.password:
        raise ApiError(30012, "Invalid ACCESS_PASSPHRASE")
    sent_ms = parse_int(stamp, 0) * (1 if len(stamp) >= _MS_DIGITS else 1000)
    if abs(ms(session.venue.now_ns) - sent_ms) > _LOGIN_WINDOW_MS:
        raise ApiError(30014, "Request timestamp expired")
    signed = hmac.new(keys.secret.encode(), f"{stamp}GET/user/verify".encode(), hashlib.sha256)
    if not signatures_match(base64.b64encode(signed.digest()).decode(), arg.get("sign", "")):
        raise ApiError(30015, "Invalid sign")
    session.account = ACCOUNT


def _topic(session: Session, arg: dict[str, str]) -> StreamTopic:
    product, channel = arg.get("instType", ""), arg.get("channel", "")
    name = arg.get("instId", arg.get("coin", "default"))
    word = f"{product}:{channel}:{name}"
    kind = _KINDS.get(product)
    listing = None if kind is None else session.venue.listing_by_symbol(kind, name)
    unknown = ApiError(30001, f"instType:{product},channel:{channel},instId:{name} doesn't exist")
    if kind is None or (listing is None and (name != "default" or channel not in _PRIVATE)):
        raise unknown
    if channel in _PRIVATE:
        if not session.account:
            raise ApiError(30004, "User needs to log in")
        instrument = None if listing is None else listing.instrument.id
        return StreamTopic(
            channel=_PRIVATE[channel],
            name=word,
            instrument=instrument,
            account=session.account,
            note=channel,
        )
    assert listing is not None
    instrument, interval = listing.instrument.id, channel.removeprefix("candle")
    if channel in _DEPTHS:
        return StreamTopic(
            channel=StreamChannel.BOOK,
            name=word,
            instrument=instrument,
            depth=_DEPTHS[channel],
            note=channel,
        )
    if channel == "trade":
        return StreamTopic(
            channel=StreamChannel.TRADES, name=word, instrument=instrument, note=channel
        )
    if channel == "ticker":
        return StreamTopic(
            channel=StreamChannel.TICKER, name=word, instrument=instrument, note=channel
        )
    if interval != channel and interval in INTERVALS:
        return StreamTopic(
            channel=StreamChannel.CANDLES,
            name=word,
            instrument=instrument,
            interval=interval,
            note=channel,
        )
    raise unknown


# what goes out


def initial_frames(venue: SimulatedVenue, topic: StreamTopic) -> Iterable[Frame]:
    """Every channel of state begins with how things stand."""
    match topic.channel:
        case StreamChannel.BOOK:
            assert topic.instrument is not None
            yield _whole_book(venue, topic, venue.depth(topic.instrument, topic.depth))
        case StreamChannel.TICKER:
            yield _ticker(venue, topic)
        case StreamChannel.TRADES:
            assert topic.instrument is not None
            prints = venue.view_of(topic.instrument).trades(topic.instrument, _SNAPSHOT_TRADES)
            shown = [trade_object(each) for each in reversed(prints)]
            yield _push(venue, topic, "snapshot", shown)
        case StreamChannel.CANDLES:
            yield _push(venue, topic, "snapshot", _candles_so_far(venue, topic))
        case StreamChannel.BALANCES:
            holdings = venue.view(_kind(topic)).holdings(topic.account)
            yield _balances(venue, topic, holdings)
        case StreamChannel.POSITIONS if venue.view("linear").positions(
            topic.account, topic.instrument
        ):
            yield _positions(venue, topic)
        case _:
            pass


def render_update(
    venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
) -> Iterable[Frame]:
    """One frame for an update."""
    match update:
        case DepthUpdated(view=view, change=change):
            whole = topic.note != "books"
            yield _whole_book(venue, topic, view) if whole else _change(venue, topic, view, change)
        case TradePublished():
            yield _push(venue, topic, "update", [trade_object(update)])
        case TickerUpdated():
            yield _ticker(venue, topic)
        case CandleUpdated():
            yield _push(venue, topic, "update", [candle_row(_forming(venue, topic, update))])
        case OrderUpdated(order=order) if kind_of(order.instrument) == _kind(topic):
            yield from _order(venue, topic, order)
        case Executed() if kind_of(update.instrument) == _kind(topic):
            yield _push(venue, topic, "snapshot", [fill_object(venue, update)])
        case PositionUpdated() if _kind(topic) == "linear":
            yield _positions(venue, topic)
        case BalanceUpdated(holding=holding):
            yield from _balance(venue, topic, holding)


def _push(venue: SimulatedVenue, topic: StreamTopic, action: str, shown: object) -> JsonObject:
    """The names come in the venue's own order: clients look at how a frame begins."""
    product, channel, name = topic.name.split(":")
    key = "coin" if channel == "account" else "instId"
    return {
        "action": action,
        "arg": {"instType": product, "channel": channel, key: name},
        "data": shown,
        "ts": ms(venue.now_ns),
    }


def _kind(topic: StreamTopic) -> str:
    return _KINDS[topic.name.partition(":")[0]]


def _whole_book(venue: SimulatedVenue, topic: StreamTopic, view: DepthView) -> JsonObject:
    """A snapshot has no checksum: 0."""
    levels = _levels(venue.listing(view.instrument).instrument, view.bids, view.asks)
    return _push(venue, topic, "snapshot", [levels | _sequence_fields(view, 0)])


def _change(
    venue: SimulatedVenue, topic: StreamTopic, view: DepthView, change: DepthChange
) -> JsonObject:
    instrument = venue.listing(view.instrument).instrument
    best = _levels(instrument, view.bids[:_CHECKED], view.asks[:_CHECKED])
    levels = _levels(instrument, change.bids, change.asks)
    return _push(venue, topic, "update", [levels | _sequence_fields(view, _checksum(best))])


def _levels(
    instrument: Instrument, bids: Iterable[BookLevel], asks: Iterable[BookLevel]
) -> dict[str, list[list[str]]]:
    tick, lot = instrument.tick_size, instrument.lot_step
    return {
        name: [[at_step(price, tick), at_step(size, lot)] for price, size in side]
        for name, side in (("asks", asks), ("bids", bids))
    }


def _sequence_fields(view: DepthView, checksum: int) -> JsonObject:
    return {"checksum": checksum, "seq": view.update_number, "ts": str(ms(view.event_ns))}


def _checksum(best: dict[str, list[list[str]]]) -> int:
    """CRC-32 of `bid:size:ask:size:…`, as a signed number."""
    words = []
    for at in range(_CHECKED):
        for side in ("bids", "asks"):
            words += best[side][at] if at < len(best[side]) else []
    value = crc32(":".join(words).encode())
    return value - (1 << 32) if value >= 1 << 31 else value


def _ticker(venue: SimulatedVenue, topic: StreamTopic) -> JsonObject:
    assert topic.instrument is not None
    listing = venue.listing(topic.instrument)
    contract = {"symbol": listing.venue_symbol} if _is_contract(listing) else {}
    shown = {"instId": listing.venue_symbol} | ticker_object(venue, listing) | contract
    return _push(venue, topic, "snapshot", [shown])


def _is_contract(listing: Listing) -> bool:
    return listing.max_leverage is not None


def _candles_so_far(venue: SimulatedVenue, topic: StreamTopic) -> list[list[str]]:
    assert topic.instrument is not None
    minutes = INTERVALS[topic.interval]
    known = venue.view_of(topic.instrument).candles(topic.instrument, limit=100_000)
    whole = [
        each
        for each in aggregate_candles(known, minutes)
        if not each.open_ns % (minutes * MINUTE_NS)
    ]
    return [candle_row(each) for each in whole[-_SNAPSHOT_CANDLES:]]


def _forming(venue: SimulatedVenue, topic: StreamTopic, update: CandleUpdated) -> MinuteCandle:
    minutes, candle = INTERVALS[topic.interval], update.candle
    start_ns = candle.open_ns - candle.open_ns % (minutes * MINUTE_NS)
    if minutes == 1:
        return candle
    known = venue.view_of(update.instrument).candles(
        update.instrument, from_ns=start_ns, limit=minutes + 1
    )
    parts = [each for each in known if each.open_ns < candle.open_ns]
    return aggregate_candles([*parts, candle], minutes)[-1]


def _order(venue: SimulatedVenue, topic: StreamTopic, order: VenueOrder) -> Iterable[JsonObject]:
    """A trigger order is told of in a channel of its own until it is triggered."""
    plans = topic.note == "orders-algo"
    if order.waiting is not plans:
        return
    name = {"instId": venue.listing(order.instrument).venue_symbol}
    if plans:
        shown = plan_order(venue, order)
        shown = {"status": shown.pop("planStatus", "live")} | shown
        yield _push(venue, topic, "snapshot", [name | shown])
        return
    if _kind(topic) == "spot":
        shown = spot_order(venue, order, pending=False)
        # `size` is money here, and what was asked for is the new size
        shown |= {"newSize": shown["size"], "notional": plain(order.cost)}
    else:
        shown = linear_order(venue, order, state_name="status")
        shown["notionalUsd"] = plain(order.quantity * (order.price or order.average_price or ZERO))
    del shown["symbol"], shown["baseVolume"]
    yield _push(venue, topic, "snapshot", [name | shown | _filled(venue, order)])


def _filled(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    """How far it is filled, and the execution that brought it there."""
    fees = [{"feeCoin": asset, "fee": plain(-fee)} for asset, fee in order.fees]
    shown: JsonObject = {"accBaseVolume": plain(order.filled), "feeDetail": fees}
    if order.state not in (OrderState.PARTLY_FILLED, OrderState.FILLED):
        return shown
    fill, so_far = None, ZERO
    for each in venue.engine_of(order.instrument).view.fills(order.account, order.instrument):
        if each.order_id == order.order_id and so_far < order.filled:
            fill, so_far = each, so_far + each.quantity
    assert fill is not None, "what is filled has fills"
    execution = fill_object(venue, fill)
    return shown | {
        "baseVolume": plain(fill.quantity),
        "fillPrice": plain(fill.price),
        "fillTime": execution["cTime"],
        "fillFee": plain(-fill.fee),
        "fillFeeCoin": fill.fee_asset,
        "fillNotionalUsd": plain(fill.price * fill.quantity),
        "tradeId": execution["tradeId"],
        "tradeScope": "M" if fill.maker else "T",
        "pnl": plain(fill.realised),
    }


def _positions(venue: SimulatedVenue, topic: StreamTopic) -> JsonObject:
    """All that are open, every time: one that is missing is flat."""
    shown = [
        position_object(venue, each)
        for each in venue.view("linear").positions(topic.account, topic.instrument)
    ]
    renamed = [{"posId": "", "instId": each.pop("symbol")} | each for each in shown]
    return _push(venue, topic, "snapshot", renamed)


class BitgetSentBalances:
    """What the topics of balances have told last, by topic and asset."""

    def __init__(self) -> None:
        self.of: dict[tuple[str, str], Holding] = {}


def _balance(venue: SimulatedVenue, topic: StreamTopic, moved: Holding) -> Iterable[JsonObject]:
    """Of this account alone: the other one's updates have the same form."""
    view = venue.view(_kind(topic))
    held = {each.asset: each for each in view.holdings(topic.account)}
    if held.get(moved.asset) is not None:
        told, key = dialect_state(venue, BitgetSentBalances).of, (topic.name, moved.asset)
        if told.get(key) != held[moved.asset]:
            told[key] = held[moved.asset]
            yield _balances(venue, topic, [held[moved.asset]])


def _balances(venue: SimulatedVenue, topic: StreamTopic, holdings: list[Holding]) -> JsonObject:
    if _kind(topic) == "spot":
        return _push(
            venue, topic, "snapshot", [coin_object(each, venue.now_ns) for each in holdings]
        )
    shown = [
        {
            "marginCoin": each.asset,
            "frozen": plain(each.total - each.free),
            "available": plain(each.total - each.locked),
            "maxOpenPosAvailable": plain(each.free),
            "maxTransferOut": plain(each.free),
            "equity": plain(each.total + each.unrealised),
            "usdtEquity": plain(each.total + each.unrealised),
            "crossedRiskRate": "0",
            "unrealizedPL": plain(each.unrealised),
        }
        for each in holdings
    ]
    return _push(venue, topic, "snapshot", shown)


def _error(error: ApiError) -> JsonObject:
    return {"event": "error", "code": error.code, "msg": error.message}
