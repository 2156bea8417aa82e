"""MEXC's public spot feed: requests and answers in JSON, market data in protocol buffers.

Field numbers are those of the venue's published `.proto` files. The snapshot of a book is requested
by REST; its changes have the range of their numbers. Trades have no id; no candle is marked as
closed. One answer names the accepted and the refused topics in one text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from bowline.core.model.instrument import InstrumentId, Market
from bowline.core.model.values import SECOND_NS, Side
from bowline.core.venue import (
    BookChanged,
    BookReplaced,
    CandleSeen,
    Listings,
    QuoteChanged,
    Tick,
    TradePrinted,
)
from bowline.venues import decoding
from bowline.venues.contracts import best_first
from bowline.venues.decoding import Millis, Price, Size, decode_json, decoder, ms_to_ns
from bowline.venues.feed_codec import (
    ControlMessage,
    FeedChannel,
    FeedRules,
    FeedTopic,
    PongReceived,
    Sequencing,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.mexc import protobuf

#: mexc.com/api-docs, spot-v3, "websocket-market-streams": 30 subscriptions a connection
_RULES = FeedRules(
    url="wss://wbs-api.mexc.com/ws",
    sequencing=Sequencing.CONTIGUOUS,
    snapshot_by_rest=True,
    ping=b'{"method":"PING"}',
    ping_interval_s=15.0,
    topics_per_connection=30,
)
#: the same: channels
_NAMES = {
    FeedChannel.TRADES: "spot@public.aggre.deals.v3.api.pb@100ms@{}",
    FeedChannel.QUOTES: "spot@public.aggre.bookTicker.v3.api.pb@100ms@{}",
    FeedChannel.BOOK: "spot@public.aggre.depth.v3.api.pb@100ms@{}",
    FeedChannel.CANDLES: "spot@public.kline.v3.api.pb@{}@Min1",
}
#: documented channels without use here: the same
_IGNORED = tuple(
    f"spot@{name}.v3.api".encode()
    for name in (
        "public.deals", "public.increase.depth", "public.increase.depth.batch",
        "public.limit.depth", "public.bookTicker", "public.bookTicker.batch",
        "public.miniTicker", "public.miniTickers", "private.account", "private.deals",
        "private.orders",
    )
)  # fmt: skip

# fields of PushDataV3ApiWrapper
_CHANNEL, _CREATED, _SENT = 1, 5, 6
_BODIES = {
    FeedChannel.CANDLES: 308,
    FeedChannel.BOOK: 313,
    FeedChannel.TRADES: 314,
    FeedChannel.QUOTES: 315,
}
_ENVELOPE = frozenset({_CHANNEL, _CREATED, _SENT, *_BODIES.values()})
# of PublicAggreDepthsV3Api: asks are 1, bids are 2
_FROM, _TO = 4, 5
_PRICE, _QUANTITY = 1, 2
# of PublicAggreDealsV3Api and its items
_DEALS = 1
_TRADE_TYPE, _TIME = 3, 4
_TRADE = frozenset({_PRICE, _QUANTITY, _TRADE_TYPE, _TIME})
# of PublicAggreBookTickerV3Api: bid price, bid quantity, ask price, ask quantity
_QUOTE = frozenset({1, 2, 3, 4})
# of PublicSpotKlineV3Api: interval, window start, open, close, high, low, volume
_CANDLE = frozenset(range(1, 8))

#: the same: `tradeType`
_SIDES = {1: Side.BUY, 2: Side.SELL}
#: the text of an answer: not found in the documents for a refusal, as recorded
_REFUSED = re.compile(r"Not Subscribed successfully! \[([^\]]*)\]\.?\s*(.*)", re.DOTALL)
_TOPIC = re.compile(r"spot@[^,\]\s]+")


class _Reply(Struct, gc=False):
    code: int
    msg: str
    id: int | str | None = None


class _Snapshot(Struct, gc=False, rename="camel"):
    last_update_id: decoding.SequenceNumber
    bids: list[tuple[Price, Size]]
    asks: list[tuple[Price, Size]]
    timestamp: Millis = 0


_REPLY = decoder(_Reply)
_SNAPSHOT = decoder(_Snapshot)

#: a body, its instrument and when it was sent
_Reader = Callable[[bytes, InstrumentId, int], Sequence[Tick]]


class MexcSpotFeedCodec:
    """MEXC's spot market. See `FeedCodec`."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._market = market
        self._listings = listings
        self._topics = {
            name.format(each.venue_symbol): FeedTopic(channel, each.instrument.id)
            for channel, name in _NAMES.items()
            for each in listings.all
        }
        self._routes = {name.encode(): topic for name, topic in self._topics.items()}

    @property
    def market(self) -> Market:
        """The market of this codec."""
        return self._market

    def rules(self, channel: FeedChannel) -> FeedRules:
        """The same for every channel: one URL."""
        del channel
        return _RULES

    def subscribe(self, topics: Sequence[FeedTopic], request: int) -> list[bytes]:
        """One frame with the request number."""
        return [self._request("SUBSCRIPTION", topics, request)]

    def unsubscribe(self, topics: Sequence[FeedTopic], request: int) -> list[bytes]:
        """One frame with the request number."""
        return [self._request("UNSUBSCRIPTION", topics, request)]

    def _request(self, method: str, topics: Sequence[FeedTopic], request: int) -> bytes:
        names = [
            _NAMES[each.channel].format(self._listings.word(each.instrument)) for each in topics
        ]
        return msgspec.json.encode({"method": method, "params": names, "id": request})

    def decode(self, frame: bytes) -> Sequence[Tick | ControlMessage]:
        """The content of one frame. Raises DecodeError."""
        if frame[:1] == b"{":
            return self._answer(decode_json(_REPLY, frame))
        envelope = protobuf.wanted(frame, _ENVELOPE)
        channel = protobuf.text(envelope.get(_CHANNEL), frame)
        topic = self._routes.get(channel)
        if topic is None:
            return _ignore(channel, frame)
        body = protobuf.text(envelope.get(_BODIES[topic.channel]), frame)
        sent = protobuf.millis(envelope.get(_SENT, envelope.get(_CREATED)), frame)
        return _READERS[topic.channel](body, topic.instrument, ms_to_ns(sent))

    def _answer(self, reply: _Reply) -> Sequence[ControlMessage]:
        if reply.msg == "PONG":
            return (PongReceived(),)
        if reply.code:
            request = decoding.parse_request_id(reply.id)
            return (SubscriptionRefused(str(reply.code), reply.msg, request),)
        if refused := _REFUSED.search(reply.msg):
            named = self._topics_named(refused[1])
            no = SubscriptionRefused("0", refused[2].strip() or refused[0], None, named)
            taken = self._topics_named(reply.msg[: refused.start()])
            return (Subscribed(topics=taken), no) if taken else (no,)
        return (Subscribed(topics=self._topics_named(reply.msg)),)

    def _topics_named(self, text: str) -> tuple[FeedTopic, ...]:
        found = map(self._topics.get, _TOPIC.findall(text))
        return tuple(topic for topic in found if topic is not None)

    def snapshot_path(self, instrument: InstrumentId) -> str:
        """The deepest book that the venue has: a thousand levels."""
        return f"/api/v3/depth?symbol={self._listings.word(instrument)}&limit=1000"

    def decode_snapshot(self, instrument: InstrumentId, body: bytes) -> BookReplaced:
        """A whole book. Raises DecodeError."""
        start = decode_json(_SNAPSHOT, body)
        sides = best_first(start.bids, start.asks)
        return BookReplaced(instrument, ms_to_ns(start.timestamp), *sides, start.last_update_id)


def _ignore(channel: bytes, frame: bytes) -> Sequence[Tick]:
    """No messages, for a documented channel that is not used."""
    if not channel.startswith(_IGNORED):
        raise decoding.decode_error(f"unknown or unlisted channel {channel!r}", frame)
    return ()


def _book(body: bytes, instrument: InstrumentId, sent_ns: int) -> Sequence[Tick]:
    asks, bids, others = protobuf.pairs(body)
    first, last = protobuf.count(others.get(_FROM), body), protobuf.count(others.get(_TO), body)
    if not 0 < first <= last:
        raise decoding.decode_error("a change without its numbers", body)
    return (BookChanged(instrument, sent_ns, bids, asks, first, last),)


def _trades(body: bytes, instrument: InstrumentId, sent_ns: int) -> Sequence[Tick]:
    del sent_ns
    return [
        _trade(protobuf.text(value, body), instrument)
        for number, value in protobuf.fields(body)
        if number == _DEALS
    ]


def _trade(item: bytes, instrument: InstrumentId) -> TradePrinted:
    each = protobuf.wanted(item, _TRADE)
    kind = each.get(_TRADE_TYPE)
    side = _SIDES.get(kind) if isinstance(kind, int) else None
    if side is None:
        raise decoding.decode_error(f"a trade of type {kind!r}", item)
    return TradePrinted(
        instrument, ms_to_ns(protobuf.millis(each.get(_TIME), item)),
        protobuf.price(each.get(_PRICE), item), protobuf.size(each.get(_QUANTITY), item), side, "",
    )  # fmt: skip


def _quote(body: bytes, instrument: InstrumentId, sent_ns: int) -> Sequence[Tick]:
    each = protobuf.wanted(body, _QUOTE)
    bid, ask = protobuf.price(each.get(1), body), protobuf.price(each.get(3), body)
    bid_size, ask_size = protobuf.size(each.get(2), body), protobuf.size(each.get(4), body)
    return (QuoteChanged(instrument, sent_ns, bid, bid_size, ask, ask_size),)


def _candle(body: bytes, instrument: InstrumentId, sent_ns: int) -> Sequence[Tick]:
    each = protobuf.wanted(body, _CANDLE)
    if each.get(1) != b"Min1":
        raise decoding.decode_error(f"a candle of {each.get(1)!r}", body)
    opened_s = protobuf.seconds(each.get(2), body)
    start, end, high, low = (protobuf.price(each.get(number), body) for number in (3, 4, 5, 6))
    volume = protobuf.size(each.get(7), body)
    return (
        CandleSeen(
            instrument=instrument,
            event_ns=sent_ns,
            open_ns=opened_s * SECOND_NS,
            open=start,
            high=high,
            low=low,
            close=end,
            volume=volume,
            closed=False,
        ),
    )


_READERS: dict[FeedChannel, _Reader] = {
    FeedChannel.TRADES: _trades,
    FeedChannel.QUOTES: _quote,
    FeedChannel.BOOK: _book,
    FeedChannel.CANDLES: _candle,
}
