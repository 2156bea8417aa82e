"""Bybit's public feed, API v5. Sizes are base units in both markets.

The number `u` of a book increases by one. A snapshot restarts it, and `u` 1 is a snapshot after a
restart of the venue, whatever its type. A change of `orderbook.1` may have one side only, which is
a `QuotePart`. Frames of other documented topics are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from bowline.core.model.instrument import InstrumentId, Market
from bowline.core.model.values import Side
from bowline.core.venue import (
    BookChanged,
    BookReplaced,
    CandleSeen,
    Listings,
    QuoteChanged,
    QuotePart,
    Tick,
    TradePrinted,
)
from bowline.venues import decoding
from bowline.venues.decoding import EMPTY_SIDE, Millis, Price, Size, decode_json, decoder, ms_to_ns
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

#: bybit-exchange.github.io/docs/v5/websocket/public: trade, orderbook, kline
_TOPICS = {
    FeedChannel.TRADES: "publicTrade.",
    FeedChannel.QUOTES: "orderbook.1.",
    FeedChannel.BOOK: "orderbook.50.",
    FeedChannel.CANDLES: "kline.1.",
}
#: documented topics without use here: the same pages
_IGNORED = (
    "tickers.", "liquidation.", "allLiquidation.", "orderbook.", "kline.", "priceLimit.",
    "insurance.", "adlAlert.", "tickers_lt.", "kline_lt.", "lt.", "system.status",
)  # fmt: skip
#: how a frame of a book or quote usually begins; any other order of its fields is read as well
_BOOK_PREFIX = b'{"topic":"orderbook.'
_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}


class _Levels(Struct, gc=False):
    b: list[tuple[Price, Size]]
    a: list[tuple[Price, Size]]
    u: decoding.SequenceNumber


class _Books(Struct, gc=False):
    """The frames that arrive thousands of times a second, decoded in one step."""

    topic: str
    type: Literal["snapshot", "delta"]
    ts: Millis
    data: _Levels


class _Frame(Struct, gc=False):
    topic: str = ""
    type: Literal["", "snapshot", "delta"] = ""
    ts: Millis = 0
    data: msgspec.Raw = msgspec.Raw()
    op: str = ""
    success: bool = True
    ret_msg: str = ""
    req_id: str = ""


class _Trade(Struct, gc=False):
    T: Millis
    S: Literal["Buy", "Sell"]
    v: Size
    p: Price
    i: str


class _Candle(Struct, gc=False):
    start: Millis
    interval: Literal["1"]
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size
    confirm: bool
    timestamp: Millis


_FRAME = decoder(_Frame)
_BOOKS = decoder(_Books)
_TRADES = decoder(list[_Trade])
_CANDLES = decoder(list[_Candle])


class BybitFeedCodec:
    """One Bybit market, spot or linear. See `FeedCodec`."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._market = market
        self._listings = listings
        self._rules = FeedRules(
            url=f"wss://stream.bybit.com/v5/public/{market.kind}",
            sequencing=Sequencing.CONTIGUOUS,
            ping=b'{"op":"ping"}',
            topics_per_frame=10,
            topics_per_connection=200,
        )
        readers: dict[FeedChannel, Callable[[InstrumentId, _Frame], Sequence[Tick]]] = {
            FeedChannel.TRADES: _trades,
            FeedChannel.CANDLES: _candles,
        }
        self._routes = {
            _TOPICS[channel] + each.venue_symbol: (reader, each.instrument.id)
            for channel, reader in readers.items()
            for each in listings.all
        }
        makers: dict[FeedChannel, Callable[[InstrumentId, _Books], Tick]] = {
            FeedChannel.QUOTES: _quote,
            FeedChannel.BOOK: _book,
        }
        self._books = {
            _TOPICS[channel] + each.venue_symbol: (maker, each.instrument.id)
            for channel, maker in makers.items()
            for each in listings.all
        }

    @property
    def market(self) -> Market:
        """The market of this codec."""
        return self._market

    def rules(self, channel: FeedChannel) -> FeedRules:
        """The same for every channel: one URL a market."""
        del channel
        return self._rules

    def subscribe(self, topics: Sequence[FeedTopic], request: int) -> list[bytes]:
        """One frame with the request number."""
        return [self._request("subscribe", topics, request)]

    def unsubscribe(self, topics: Sequence[FeedTopic], request: int) -> list[bytes]:
        """One frame with the request number."""
        return [self._request("unsubscribe", topics, request)]

    def _request(self, op: str, topics: Sequence[FeedTopic], request: int) -> bytes:
        args = [_TOPICS[each.channel] + self._listings.word(each.instrument) for each in topics]
        return msgspec.json.encode({"op": op, "req_id": str(request), "args": args})

    def decode(self, frame: bytes) -> Sequence[Tick | ControlMessage]:
        """The content of one frame. Raises DecodeError."""
        if frame.startswith(_BOOK_PREFIX):
            push = decode_json(_BOOKS, frame)
            if found := self._books.get(push.topic):
                return (found[0](found[1], push),)
        envelope = decode_json(_FRAME, frame)
        if route := self._routes.get(envelope.topic):
            reader, instrument = route
            return reader(instrument, envelope)
        if found := self._books.get(envelope.topic):
            maker, instrument = found
            return (maker(instrument, decode_json(_BOOKS, frame)),)
        if envelope.op:
            return _control(envelope, frame)
        if envelope.topic.startswith(tuple(_TOPICS.values())):
            raise decoding.decode_error(f"{envelope.topic!r} is not listed", frame)
        if not envelope.topic.startswith(_IGNORED):
            raise decoding.decode_error(f"unknown topic {envelope.topic!r}", frame)
        return ()

    def snapshot_path(self, instrument: InstrumentId) -> str:
        """None: the stream begins with a snapshot."""
        raise ValueError(f"the book of {instrument.symbol} starts with the stream")

    def decode_snapshot(self, instrument: InstrumentId, body: bytes) -> BookReplaced:
        """Never called: there is no snapshot request."""
        raise decoding.decode_error(f"no book of {instrument.symbol} was asked for", body)


def _control(frame: _Frame, raw: bytes) -> Sequence[ControlMessage]:
    request = decoding.parse_request_id(frame.req_id)
    if frame.op == "pong" or (frame.op == "ping" and frame.ret_msg == "pong"):
        return (PongReceived(),)
    if frame.op == "unsubscribe":
        return ()
    if frame.op != "subscribe":
        raise decoding.decode_error(f"unknown op {frame.op!r}", raw)
    if not frame.success:
        return (SubscriptionRefused("", frame.ret_msg, request),)
    return (Subscribed(request),)


def _book(instrument: InstrumentId, push: _Books) -> BookReplaced | BookChanged:
    at, levels = ms_to_ns(push.ts), push.data
    u = levels.u
    if push.type == "snapshot" or u == 1:
        return BookReplaced(instrument, at, levels.b, levels.a, u)
    return BookChanged(instrument, at, levels.b, levels.a, u, u)


def _quote(instrument: InstrumentId, push: _Books) -> QuoteChanged | QuotePart:
    """A level of size 0 is deleted; a side with only such levels is empty."""
    bids = [level for level in push.data.b if level[1] > 0]
    asks = [level for level in push.data.a if level[1] > 0]
    bid, ask = max(bids, default=EMPTY_SIDE), min(asks, default=EMPTY_SIDE)
    if push.type == "snapshot" or (push.data.b and push.data.a):
        return QuoteChanged(instrument, ms_to_ns(push.ts), *bid, *ask)
    told = (bid if push.data.b else None, ask if push.data.a else None)
    return QuotePart(instrument, ms_to_ns(push.ts), *told)


def _trades(instrument: InstrumentId, frame: _Frame) -> Sequence[TradePrinted]:
    return [
        TradePrinted(instrument, ms_to_ns(each.T), each.p, each.v, _SIDES[each.S], each.i)
        for each in decode_json(_TRADES, frame.data)
    ]


def _candles(instrument: InstrumentId, frame: _Frame) -> Sequence[CandleSeen]:
    return [
        CandleSeen(
            instrument=instrument,
            event_ns=ms_to_ns(each.timestamp),
            open_ns=ms_to_ns(each.start),
            open=each.open,
            high=each.high,
            low=each.low,
            close=each.close,
            volume=each.volume,
            closed=each.confirm,
        )
        for each in decode_json(_CANDLES, frame.data)
    ]
