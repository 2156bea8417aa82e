"""MEXC's spot streams: asked for in JSON, told in protocol buffers.

One endpoint for all: private channels are for whoever came with a listen key.
"""

from __future__ import annotations

from collections.abc import Iterable

from bowline.core.model.values import MINUTE_NS
from bowline.core.sim.exchange import (
    BalanceUpdated,
    BookLevel,
    CandleUpdated,
    Executed,
    OrderUpdated,
    TradePublished,
)
from bowline.simex.dialects.mexc.protobuf import Value, message
from bowline.simex.dialects.mexc.spot_render import SIDE_NUMBERS, fill_fields, order_fields
from bowline.simex.dialects.mexc.spot_trading import listens
from bowline.simex.payload import read_object
from bowline.simex.session import Session
from bowline.simex.stream_topics import Frame, StreamChannel, StreamTopic
from bowline.simex.venue import ACCOUNT, SimulatedVenue
from bowline.simex.venue_updates import DepthUpdated, TickerUpdated, VenueUpdate
from bowline.simex.wire_values import aggregate_candles, ms, plain, seconds

_MOST_TOPICS = 30
_PACES = {"10ms", "100ms"}
INTERVALS = {"Min1": 1, "Min5": 5, "Min15": 15, "Min30": 30, "Min60": 60, "Hour4": 240,
             "Day1": 1440}  # fmt: skip
_PACED = {
    "public.aggre.depth.v3.api.pb": StreamChannel.BOOK,
    "public.aggre.deals.v3.api.pb": StreamChannel.TRADES,
    "public.aggre.bookTicker.v3.api.pb": StreamChannel.TICKER,
}
_KLINE = "public.kline.v3.api.pb"
_PRIVATE = {
    "private.orders.v3.api.pb": StreamChannel.ORDERS,
    "private.deals.v3.api.pb": StreamChannel.FILLS,
    "private.account.v3.api.pb": StreamChannel.BALANCES,
}
#: the field of the wrapper that a body stands in
_BODIES = {
    StreamChannel.ORDERS: 304,
    StreamChannel.FILLS: 306,
    StreamChannel.BALANCES: 307,
    StreamChannel.CANDLES: 308,
    StreamChannel.BOOK: 313,
    StreamChannel.TRADES: 314,
    StreamChannel.TICKER: 315,
}
_WHY_MOVED = {"order": "ENTRUST", "trade": "ENTRUST_DEAL", "deposit": "DEPOSIT"}


def on_open(session: Session) -> None:
    """Whoever comes with a listen key is let in, or told that it is none."""
    key = session.query.get("listenKey", "")
    if key and listens(session.venue, key):
        session.account = ACCOUNT
    elif key:
        session.send("Invalid listen key")
        session.close()


def on_message(session: Session, frame: str | bytes) -> None:
    """PING, SUBSCRIPTION, UNSUBSCRIPTION."""
    words = read_object(frame)
    method, names = str(words.get("method", "")).upper(), words.get("params")
    requested = [str(name) for name in names] if isinstance(names, list) else []
    answer: dict[str, object] = {"id": words.get("id", 0), "code": 0}
    match method:
        case "PING":
            session.send(answer | {"msg": "PONG"})
        case "SUBSCRIPTION" if requested:
            _subscribe(session, requested, answer)
        case "UNSUBSCRIPTION" if requested:
            for name in requested:
                session.unsubscribe(name)
            session.send(answer | {"msg": ",".join(requested)})
        case _:
            session.send(answer | {"code": 1, "msg": "msg parse error"})


def _subscribe(session: Session, names: list[str], answer: dict[str, object]) -> None:
    topics = {name: _topic(session, name) for name in names}
    room = _MOST_TOPICS - len(session.topics)
    taken = [topic for topic in topics.values() if topic is not None][: max(room, 0)]
    refused = set(names) - {topic.name for topic in taken}
    said = ",".join(topic.name for topic in taken)
    if refused:
        listed = ",".join(sorted(refused))
        said += f"Not Subscribed successfully! [{listed}].  Reason： Blocked! "
    session.send(answer | {"msg": said})
    for topic in taken:
        session.subscribe(topic)


def _topic(session: Session, name: str) -> StreamTopic | None:
    """`spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT` and the like."""
    match name.split("@"):
        case ["spot", stem] if stem in _PRIVATE and session.account:
            return StreamTopic(
                channel=_PRIVATE[stem], name=name, account=session.account, wallet="spot"
            )
        case ["spot", stem, pace, word] if stem in _PACED and pace in _PACES:
            channel, interval = _PACED[stem], ""
        case ["spot", stem, word, interval] if stem == _KLINE and interval in INTERVALS:
            channel = StreamChannel.CANDLES
        case _:
            return None
    listing = session.venue.listing_by_symbol("spot", word)
    if listing is None:
        return None
    return StreamTopic(
        channel=channel, name=name, instrument=listing.instrument.id, interval=interval
    )


def initial_frames(venue: SimulatedVenue, topic: StreamTopic) -> Iterable[Frame]:
    """No frame; from here on a book's changes are counted, REST has its start."""
    if topic.channel is StreamChannel.BOOK and topic.instrument is not None:
        venue.depth(topic.instrument, topic.depth)
    return ()


def render_update(
    venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
) -> Iterable[Frame]:
    """One message for an update."""
    match update:
        case DepthUpdated(change=change):
            yield _push_frame(venue, topic, [
                *((1, _level(each)) for each in change.asks),
                *((2, _level(each)) for each in change.bids),
                (3, _event_type(topic)),
                (4, str(change.first_update_id)),
                (5, str(change.last_update_id)),
            ])  # fmt: skip
        case TradePublished():
            deal: list[tuple[int, Value]] = [
                (1, plain(update.price)), (2, plain(update.quantity)),
                (3, SIDE_NUMBERS[update.side]), (4, ms(update.now_ns)),
            ]  # fmt: skip
            yield _push_frame(venue, topic, [(1, message(deal)), (2, _event_type(topic))])
        case TickerUpdated():
            yield from _best_prices(venue, topic)
        case CandleUpdated():
            yield _candle(venue, topic, update)
        case OrderUpdated(order=order):
            yield _push_frame(venue, topic, order_fields(order), _word(venue, update))
        case Executed():
            yield _push_frame(venue, topic, fill_fields(update), _word(venue, update))
        case BalanceUpdated():
            yield _push_frame(venue, topic, _balance(venue, update))


def _push_frame(
    venue: SimulatedVenue, topic: StreamTopic, body: Iterable[tuple[int, Value]], word: str = ""
) -> bytes:
    """The wrapper around a body: channel, symbol, when it was made and sent."""
    if topic.instrument is not None:
        word = venue.listing(topic.instrument).venue_symbol
    now_ms = ms(venue.now_ns)
    return message([
        (1, topic.name), (3, word), (5, now_ms), (6, now_ms),
        (_BODIES[topic.channel], message(body)),
    ])  # fmt: skip


def _word(venue: SimulatedVenue, update: OrderUpdated | Executed) -> str:
    instrument = update.order.instrument if isinstance(update, OrderUpdated) else update.instrument
    return venue.listing(instrument).venue_symbol


def _event_type(topic: StreamTopic) -> str:
    return topic.name.rpartition("@")[0]


def _level(shown: BookLevel) -> bytes:
    price, size = shown
    return message([(1, plain(price)), (2, plain(size))])


def _best_prices(venue: SimulatedVenue, topic: StreamTopic) -> Iterable[bytes]:
    assert topic.instrument is not None
    shown = venue.ticker(topic.instrument)
    if shown.bid is not None and shown.ask is not None:
        yield _push_frame(venue, topic, enumerate(map(plain, (*shown.bid, *shown.ask)), 1))


def _candle(venue: SimulatedVenue, topic: StreamTopic, update: CandleUpdated) -> bytes:
    minutes = INTERVALS[topic.interval]
    start_ns = update.candle.open_ns - update.candle.open_ns % (minutes * MINUTE_NS)
    view = venue.view_of(update.instrument)
    known = view.candles(update.instrument, from_ns=start_ns, limit=minutes + 1)
    parts = [each for each in known if each.open_ns < update.candle.open_ns] + [update.candle]
    candle = aggregate_candles(parts, minutes)[-1]
    prices = (candle.open, candle.close, candle.high, candle.low)
    return _push_frame(venue, topic, [
        (1, topic.interval), (2, seconds(start_ns)), *enumerate(map(plain, prices), 3),
        (7, plain(candle.volume)), (8, plain(candle.turnover)),
        (9, seconds(start_ns + minutes * MINUTE_NS)),
    ])  # fmt: skip


def _balance(venue: SimulatedVenue, update: BalanceUpdated) -> list[tuple[int, str | int]]:
    """`PrivateAccountV3Api`: what is free, and what orders hold."""
    holding = update.holding
    return [
        (1, holding.asset),
        (3, plain(holding.free)),
        (4, plain(update.change)),
        (5, plain(holding.locked)),
        (6, "0"),
        (7, _WHY_MOVED.get(update.reason.value, "SYSTEM")),
        (8, ms(venue.now_ns)),
    ]
