"""HTX public streams: gzip, the server's ping, whole books by request on spot and by push on swaps.

Books of spot say the number before theirs, those of swaps count up by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bowline.core.model.values import MINUTE_NS
from bowline.core.sim.exchange import BookLevel, CandleUpdated, TradePublished
from bowline.core.venue import Listing
from bowline.simex.depth_view import DepthView
from bowline.simex.dialects.htx.market import (
    PERIODS,
    candle_object,
    levels,
    print_object,
    ticker_object,
)
from bowline.simex.payload import JsonObject, read_object
from bowline.simex.session import Session
from bowline.simex.stream_topics import Frame, StreamChannel, StreamTopic
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_updates import DepthUpdated, TickerUpdated, VenueUpdate
from bowline.simex.wire_values import aggregate_candles, ms

_TOPIC = re.compile(r"market\.(?P<word>[\w-]+)\.(?P<rest>.+)")
_MBP = {f"mbp.{depth}": depth for depth in (5, 20, 150, 400)}
_SIZES = {f"depth.size_{depth}.high_freq": depth for depth in (20, 150)}
_PLAIN = {
    "trade.detail": StreamChannel.TRADES,
    "bbo": StreamChannel.TICKER,
    "detail": StreamChannel.TICKER,
}
#: a topic of a swap's book that is pushed whole each time
_WHOLE = "whole"


def on_spot_message(session: Session, frame: str | bytes) -> None:
    """sub, unsub and pong."""
    _on_message(session, frame, "spot")


def on_feed_message(session: Session, frame: str | bytes) -> None:
    """The same for books, and `req` for a whole one."""
    _on_message(session, frame, "feed")


def on_swap_message(session: Session, frame: str | bytes) -> None:
    """sub, unsub and pong."""
    _on_message(session, frame, "linear")


def ping_frame(session: Session) -> Frame:
    """To be answered with the same number."""
    return {"ping": ms(session.venue.now_ns)}


def _on_message(session: Session, frame: str | bytes, endpoint: str) -> None:
    words = read_object(frame)
    now = {"ts": ms(session.venue.now_ns)}
    if "pong" in words:
        return
    verb = next((each for each in ("sub", "unsub", "req") if each in words), "")
    name, request = str(words.get(verb, "")), words.get("id")
    topic = _topic(session.venue, endpoint, name, words)
    if topic is None or (verb == "req" and topic.channel is not StreamChannel.BOOK):
        said: JsonObject = {"status": "error", "err-code": "bad-request", "id": request}
        session.send(said | {"err-msg": f"invalid topic {name}"} | now)
    elif verb == "req":
        session.send({"id": request, "rep": name, "status": "ok"} | now | _started(session, topic))
    elif verb == "unsub":
        session.unsubscribe(name)
        session.send({"id": request, "status": "ok", "unsubbed": name} | now)
    else:
        session.send({"id": request, "status": "ok", "subbed": name} | now)
        session.subscribe(topic)


def _topic(
    venue: SimulatedVenue, endpoint: str, name: str, words: JsonObject
) -> StreamTopic | None:
    found = _TOPIC.fullmatch(name)
    kind = "linear" if endpoint == "linear" else "spot"
    listing = venue.listing_by_symbol(kind, found["word"]) if found else None
    if found is None or listing is None:
        return None
    rest, instrument = found["rest"], listing.instrument.id
    if kind == "spot" and rest in _MBP:
        return StreamTopic(
            channel=StreamChannel.BOOK, name=name, instrument=instrument, depth=_MBP[rest]
        )
    if endpoint == "feed":
        return None
    if kind == "linear" and rest in _SIZES:
        note = "" if words.get("data_type") == "incremental" else _WHOLE
        return StreamTopic(
            channel=StreamChannel.BOOK,
            name=name,
            instrument=instrument,
            depth=_SIZES[rest],
            note=note,
        )
    if (period := rest.removeprefix("kline.")) in PERIODS:
        return StreamTopic(
            channel=StreamChannel.CANDLES, name=name, instrument=instrument, interval=period
        )
    return (
        StreamTopic(channel=_PLAIN[rest], name=name, instrument=instrument, note=rest)
        if rest in _PLAIN
        else None
    )


def _started(session: Session, topic: StreamTopic) -> JsonObject:
    assert topic.instrument is not None
    listing = session.venue.listing(topic.instrument)
    view = session.venue.depth(topic.instrument, topic.depth)
    sides = {"bids": levels(listing, view.bids), "asks": levels(listing, view.asks)}
    return {"data": {"seqNum": view.sequence} | sides}


def initial_frames(venue: SimulatedVenue, topic: StreamTopic) -> Iterable[Frame]:
    """Books of swaps begin with a whole one."""
    if topic.instrument is not None and ".depth." in topic.name:
        view = venue.depth(topic.instrument, topic.depth)
        yield _update_frame(
            venue, topic, _depth(venue, topic, view, "snapshot", view.bids, view.asks)
        )
    elif topic.channel is StreamChannel.BOOK and topic.instrument is not None:
        # changes are counted from here on
        venue.depth(topic.instrument, topic.depth)


def render_update(
    venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
) -> Iterable[Frame]:
    """One frame for an update."""
    match update:
        case DepthUpdated(view=view, change=change) if topic.note == _WHOLE:
            del change
            yield _update_frame(
                venue, topic, _depth(venue, topic, view, "snapshot", view.bids, view.asks)
            )
        case DepthUpdated(view=view, change=change) if ".depth." in topic.name:
            tick = _depth(venue, topic, view, "update", change.bids, change.asks)
            yield _update_frame(venue, topic, tick | {"version": change.update_number})
        case DepthUpdated(view=view, change=change):
            listing = venue.listing(view.instrument)
            tick = {
                "seqNum": change.sequence,
                "prevSeqNum": change.previous_sequence,
                "bids": levels(listing, change.bids),
                "asks": levels(listing, change.asks),
            }
            yield _update_frame(venue, topic, tick)
        case TradePublished():
            yield _update_frame(venue, topic, _print(venue, update))
        case TickerUpdated():
            yield _update_frame(venue, topic, _ticker(venue, topic, update))
        case CandleUpdated():
            yield _update_frame(venue, topic, _candle(venue, topic, update))


def _update_frame(venue: SimulatedVenue, topic: StreamTopic, tick: JsonObject) -> JsonObject:
    return {"ch": topic.name, "ts": ms(venue.now_ns), "tick": tick}


def _depth(
    venue: SimulatedVenue,
    topic: StreamTopic,
    view: DepthView,
    event: str,
    bids: Iterable[BookLevel],
    asks: Iterable[BookLevel],
) -> JsonObject:
    listing = venue.listing(view.instrument)
    return {
        "mrid": view.sequence,
        "id": view.sequence,
        "bids": levels(listing, list(bids)),
        "asks": levels(listing, list(asks)),
        "ts": ms(view.event_ns),
        "version": view.update_number,
        "ch": topic.name,
        "event": event,
    }


def _print(venue: SimulatedVenue, trade: TradePublished) -> JsonObject:
    listing = venue.listing(trade.instrument)
    more = {} if _is_swap(listing) else {"tradeId": trade.trade_id}
    shown = print_object(listing, trade) | more
    return {"id": trade.trade_id, "ts": ms(trade.now_ns), "data": [shown]}


def _is_swap(listing: Listing) -> bool:
    return listing.max_leverage is not None


def _ticker(venue: SimulatedVenue, topic: StreamTopic, update: TickerUpdated) -> JsonObject:
    listing = venue.listing(update.instrument)
    if topic.note == "detail":
        return ticker_object(venue, listing)
    # not the venue's view, which a fault may keep from seeing what is new
    book = venue.engine_of(update.instrument).view.book(update.instrument, 1)
    bid, ask = (levels(listing, side)[0] if side else None for side in (book.bids, book.asks))
    if _is_swap(listing):
        return {
            "mrid": book.sequence,
            "id": book.sequence,
            "bid": bid,
            "ask": ask,
            "ts": ms(update.event_ns),
            "version": book.sequence,
            "ch": topic.name,
        }
    (bid_price, bid_size), (ask_price, ask_size) = bid or (0.0, 0.0), ask or (0.0, 0.0)
    return {
        "seqId": book.sequence,
        "bid": bid_price,
        "bidSize": bid_size,
        "ask": ask_price,
        "askSize": ask_size,
        "quoteTime": ms(update.event_ns),
        "symbol": listing.venue_symbol,
    }


def _candle(venue: SimulatedVenue, topic: StreamTopic, update: CandleUpdated) -> JsonObject:
    minutes = PERIODS[topic.interval]
    candle, length_ns = update.candle, minutes * MINUTE_NS
    if minutes > 1:
        start_ns = candle.open_ns - candle.open_ns % length_ns
        known = venue.view_of(update.instrument).candles(
            update.instrument, from_ns=start_ns, limit=minutes + 1
        )
        parts = [each for each in known if each.open_ns < candle.open_ns] + [candle]
        candle = aggregate_candles(parts, minutes)[-1]
    return candle_object(venue.listing(update.instrument), candle)
