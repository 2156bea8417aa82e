"""BingX's public feed. Every frame is gzip. Sizes are base units in both markets.

Books are whole, a hundred levels a side: numbered on spot, without a number on perpetuals, at times
with the worst ask first. Trades of perpetuals have no id, and their candles no time but that of
their opening: the time is 0. No candle is marked as closed. A refused topic may still send one
frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from bowline.core.model.instrument import InstrumentId, Market
from bowline.core.model.values import Side
from bowline.core.venue import (
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
    PingReceived,
    Sequencing,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.gunzip import gunzip

_SPOT = "spot"
#: bingx-api.github.io/docs, spot and swap, "Websocket Market Data"
_URLS = {
    _SPOT: "wss://open-api-ws.bingx.com/market",
    "linear": "wss://open-api-swap.bingx.com/swap-market",
}
#: the same: names of the topics
_CANDLES = {_SPOT: "kline_1min", "linear": "kline_1m"}
#: documented topics without use here, by prefix: the same
_IGNORED = ("ticker", "lastPrice", "markPrice", "forceOrder", "incrDepth", "kline_", "depth")
_PING = b"Ping"

_Pairs = list[tuple[Price, Size]]


class _Frame(Struct, rename="camel"):
    code: int = 0
    msg: str = ""
    id: str = ""
    data_type: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")
    ts: Millis = 0
    timestamp: Millis = 0
    ping: str = ""
    time: str = ""


class _Trade(Struct, gc=False):
    T: Millis
    p: Price
    q: Size
    m: bool
    t: str | int = ""


class _Book(Struct, gc=False):
    bids: _Pairs
    asks: _Pairs


class _NumberedBook(Struct, gc=False, rename="camel"):
    bids: _Pairs
    asks: _Pairs
    last_update_id: decoding.SequenceNumber


class _Quote(Struct, gc=False):
    E: Millis
    b: Price
    B: Size
    a: Price
    A: Size


class _LinearCandle(Struct, gc=False):
    """`T` opens it."""

    T: Millis
    o: Price
    h: Price
    l: Price  # noqa: E741 - the venue's name
    c: Price
    v: Size


class _SpotCandle(Struct, gc=False):
    t: Millis
    o: Price
    h: Price
    l: Price  # noqa: E741 - the venue's name
    c: Price
    v: Size


class _SpotCandles(Struct, gc=False):
    E: Millis
    K: _SpotCandle


_FRAME = decoder(_Frame)
_SPOT_TRADE = decoder(_Trade)
_LINEAR_TRADES = decoder(list[_Trade])
_BOOK = decoder(_Book)
_NUMBERED_BOOK = decoder(_NumberedBook)
_QUOTE = decoder(_Quote)
_LINEAR_CANDLES = decoder(list[_LinearCandle])
_SPOT_CANDLES = decoder(_SpotCandles)

_Reader = Callable[[InstrumentId, _Frame], Sequence[Tick]]


class BingxFeedCodec:
    """One BingX market, spot or linear. See `FeedCodec`."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._market = market
        self._listings = listings
        spot = market.kind == _SPOT
        self._rules = FeedRules(
            url=_URLS[market.kind],
            sequencing=Sequencing.INCREASING if spot else Sequencing.NONE,
            topics_per_frame=1,
            topics_per_connection=180,
            book_depth=100,
        )
        self._names = {
            FeedChannel.TRADES: "trade",
            FeedChannel.QUOTES: "bookTicker",
            FeedChannel.BOOK: "depth100",
            FeedChannel.CANDLES: _CANDLES[market.kind],
        }
        readers: dict[FeedChannel, _Reader] = {
            FeedChannel.TRADES: _spot_trade if spot else _linear_trades,
            FeedChannel.QUOTES: _quote,
            FeedChannel.BOOK: _numbered_book if spot else _book,
            FeedChannel.CANDLES: _spot_candle if spot else _linear_candles,
        }
        self._routes = {
            f"{each.venue_symbol}@{name}": (readers[channel], each.instrument.id)
            for channel, name in self._names.items()
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
        """One frame per topic, all with the request number."""
        return [self._request("sub", topic, request) for topic in topics]

    def unsubscribe(self, topics: Sequence[FeedTopic], request: int) -> list[bytes]:
        """One frame per topic, all with the request number."""
        return [self._request("unsub", topic, request) for topic in topics]

    def _request(self, verb: str, topic: FeedTopic, request: int) -> bytes:
        name = f"{self._listings.word(topic.instrument)}@{self._names[topic.channel]}"
        return msgspec.json.encode({"id": str(request), "reqType": verb, "dataType": name})

    def decode(self, frame: bytes) -> Sequence[Tick | ControlMessage]:
        """The content of one frame. Raises DecodeError."""
        text = gunzip(frame)
        if text == _PING:
            return (PingReceived(b"Pong"),)
        envelope = decode_json(_FRAME, text)
        if not envelope.data_type:
            return _control(envelope, text)
        if envelope.code:
            raise decoding.decode_error(f"news with code {envelope.code}", text)
        symbol, _, name = envelope.data_type.partition("@")
        # a book's interval follows its name in the answer, whether or not it was asked for
        name = name.partition("@")[0]
        if route := self._routes.get(f"{symbol}@{name}"):
            reader, instrument = route
            return reader(instrument, envelope)
        if name in self._names.values() or not name.startswith(_IGNORED):
            raise decoding.decode_error(f"unknown or unlisted {envelope.data_type!r}", text)
        return ()

    def snapshot_path(self, instrument: InstrumentId) -> str:
        """None: every frame is a whole book."""
        raise ValueError(f"the book of {instrument.symbol} starts with the stream")

    def decode_snapshot(self, instrument: InstrumentId, body: bytes) -> BookReplaced:
        """Never called: there is no snapshot request."""
        raise decoding.decode_error(f"no book of {instrument.symbol} was asked for", body)


def _control(frame: _Frame, text: bytes) -> Sequence[ControlMessage]:
    if frame.ping:
        return (PingReceived(msgspec.json.encode({"pong": frame.ping, "time": frame.time})),)
    request = decoding.parse_request_id(frame.id)
    if frame.code:
        return (SubscriptionRefused(str(frame.code), frame.msg, request),)
    if not frame.id:
        raise decoding.decode_error("neither news nor an answer", text)
    return (Subscribed(request),)


def _spot_trade(instrument: InstrumentId, frame: _Frame) -> Sequence[Tick]:
    return (_trade(instrument, decode_json(_SPOT_TRADE, frame.data)),)


def _linear_trades(instrument: InstrumentId, frame: _Frame) -> Sequence[Tick]:
    return [_trade(instrument, each) for each in decode_json(_LINEAR_TRADES, frame.data)]


def _trade(instrument: InstrumentId, trade: _Trade) -> TradePrinted:
    """`m`: the buyer is the maker, so the taker sold."""
    side = Side.SELL if trade.m else Side.BUY
    return TradePrinted(instrument, ms_to_ns(trade.T), trade.p, trade.q, side, str(trade.t))


def _book(instrument: InstrumentId, frame: _Frame) -> Sequence[Tick]:
    book = decode_json(_BOOK, frame.data)
    return (BookReplaced(instrument, ms_to_ns(frame.ts), *best_first(book.bids, book.asks)),)


def _numbered_book(instrument: InstrumentId, frame: _Frame) -> Sequence[Tick]:
    book = decode_json(_NUMBERED_BOOK, frame.data)
    sides = best_first(book.bids, book.asks)
    return (BookReplaced(instrument, ms_to_ns(frame.timestamp), *sides, book.last_update_id),)


def _quote(instrument: InstrumentId, frame: _Frame) -> Sequence[Tick]:
    """`T`, the time of the trade before, may be minutes old; `E` is when it was sent."""
    quote = decode_json(_QUOTE, frame.data)
    return (QuoteChanged(instrument, ms_to_ns(quote.E), quote.b, quote.B, quote.a, quote.A),)


def _linear_candles(instrument: InstrumentId, frame: _Frame) -> Sequence[Tick]:
    return [
        CandleSeen(
            instrument=instrument,
            event_ns=ms_to_ns(frame.ts),
            open_ns=ms_to_ns(each.T),
            open=each.o,
            high=each.h,
            low=each.l,
            close=each.c,
            volume=each.v,
            closed=False,
        )
        for each in decode_json(_LINEAR_CANDLES, frame.data)
    ]


def _spot_candle(instrument: InstrumentId, frame: _Frame) -> Sequence[Tick]:
    candles = decode_json(_SPOT_CANDLES, frame.data)
    each = candles.K
    return (
        CandleSeen(
            instrument=instrument,
            event_ns=ms_to_ns(candles.E),
            open_ns=ms_to_ns(each.t),
            open=each.o,
            high=each.h,
            low=each.l,
            close=each.c,
            volume=each.v,
            closed=False,
        ),
    )
