"""Binance's public feed: spot and USD-M futures. Sizes are base units in both.

Trades are `aggTrade`, the only trade stream documented for both markets: one print for a taker's
fills at one price, so volume and price are complete and the ids are consecutive. `trade` frames are
read too. Futures carry books and quotes on `/public`, the rest on `/market`. Spot quotes and spot
snapshots have no time. A book starts with a REST snapshot; see `LocalBook`. Spot changes are
contiguous (`U` is the last `u` plus 1), futures changes name the previous one (`pu`).
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
    Tick,
    TradePrinted,
)
from bowline.venues import decoding
from bowline.venues.decoding import Millis, Price, Size, decode_json, decoder, ms_to_ns
from bowline.venues.feed_codec import (
    ClosingAnnounced,
    ControlMessage,
    FeedChannel,
    FeedRules,
    FeedTopic,
    Sequencing,
    Subscribed,
    SubscriptionRefused,
)

#: developers.binance.com, spot "WebSocket Streams", USD-M futures "Websocket Market Streams"
_STREAMS = {
    FeedChannel.TRADES: "@aggTrade",
    FeedChannel.QUOTES: "@bookTicker",
    FeedChannel.BOOK: "@depth@100ms",
    FeedChannel.CANDLES: "@kline_1m",
}
#: developers.binance.com, USD-M futures, "Websocket Market Streams": base paths by stream
_PATHS = {
    FeedChannel.TRADES: "/market",
    FeedChannel.QUOTES: "/public",
    FeedChannel.BOOK: "/public",
    FeedChannel.CANDLES: "/market",
}
#: documented events without use here: the same pages
_IGNORED = {
    "24hrTicker", "24hrMiniTicker", "1hTicker", "4hTicker", "1dTicker", "avgPrice", "forceOrder",
    "markPriceUpdate", "contractInfo", "assetIndexUpdate", "compositeIndex", "continuous_kline",
    "tradingSession", "referencePrice",
}  # fmt: skip
#: how a change of a book usually begins; any other order of its fields is read as well
_BOOK_PREFIX = b'{"e":"depthUpdate"'
#: developers.binance.com, "Order Book" of both markets: path, and the levels that are requested
_SNAPSHOT = {"spot": "/api/v3/depth", "linear": "/fapi/v1/depth"}
_SNAPSHOT_LEVELS = 1_000


class _Error(Struct, gc=False):
    code: int = 0
    msg: str = ""


class _Frame(Struct, gc=False):
    e: str = ""
    s: str = ""
    u: int | None = None
    id: int | str | None = None
    code: int | None = None
    msg: str = ""
    error: _Error | None = None
    result: msgspec.Raw = msgspec.Raw()
    event: msgspec.Raw = msgspec.Raw()
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()


class _Depth(Struct, gc=False):
    s: str
    E: Millis
    U: decoding.SequenceNumber
    u: decoding.SequenceNumber
    b: list[tuple[Price, Size]]
    a: list[tuple[Price, Size]]
    pu: decoding.SequenceNumber | None = None


class _Quote(Struct, gc=False):
    b: Size
    B: Size
    a: Size
    A: Size
    E: Millis = 0


class _AggTrade(Struct, gc=False):
    a: int
    p: Price
    q: Size
    T: Millis
    m: bool


class _Trade(Struct, gc=False):
    t: int
    p: Price
    q: Size
    T: Millis
    m: bool


class _Candle(Struct, gc=False):
    t: Millis
    i: Literal["1m"]
    o: Price
    h: Price
    l: Price  # noqa: E741 - the venue's name
    c: Price
    v: Size
    x: bool


class _CandleFrame(Struct, gc=False):
    E: Millis
    k: _Candle


class _Snapshot(Struct, gc=False):
    lastUpdateId: decoding.SequenceNumber  # noqa: N815 - the venue's name
    bids: list[tuple[Price, Size]]
    asks: list[tuple[Price, Size]]
    E: Millis = 0


_FRAME = decoder(_Frame)
_DEPTH = decoder(_Depth)
_QUOTE = decoder(_Quote)
_AGG_TRADE = decoder(_AggTrade)
_TRADE = decoder(_Trade)
_CANDLE = decoder(_CandleFrame)
_SNAP = decoder(_Snapshot)


class BinanceFeedCodec:
    """One Binance market, spot or linear. See `FeedCodec`. It wants `/ws`, and reads `/stream`."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._market = market
        self._listings = listings
        self._of = {each.venue_symbol: each.instrument.id for each in listings.all}
        self._readers: dict[str, Callable[[InstrumentId, bytes | msgspec.Raw], Tick]] = {
            "bookTicker": _quote,
            "aggTrade": _agg_trade,
            "trade": _trade,
            "kline": _candle,
        }
        self._book = _spot_book if market.kind == "spot" else _futures_book
        self._rules = {channel: _rules(market.kind, channel) for channel in FeedChannel}

    @property
    def market(self) -> Market:
        """The market of this codec."""
        return self._market

    def rules(self, channel: FeedChannel) -> FeedRules:
        """Futures carry channels over two URLs."""
        return self._rules[channel]

    def subscribe(self, topics: Sequence[FeedTopic], request: int) -> list[bytes]:
        """One frame with the request number."""
        return [self._request("SUBSCRIBE", topics, request)]

    def unsubscribe(self, topics: Sequence[FeedTopic], request: int) -> list[bytes]:
        """One frame with the request number."""
        return [self._request("UNSUBSCRIBE", topics, request)]

    def _request(self, method: str, topics: Sequence[FeedTopic], request: int) -> bytes:
        streams = [
            self._listings.word(each.instrument).lower() + _STREAMS[each.channel] for each in topics
        ]
        return msgspec.json.encode({"method": method, "params": streams, "id": request})

    def decode(self, frame: bytes) -> Sequence[Tick | ControlMessage]:
        """The content of one frame. Raises DecodeError."""
        if frame.startswith(_BOOK_PREFIX):
            depth = decode_json(_DEPTH, frame)
            return (self._book(self._instrument_of(depth.s, frame), depth, frame),)
        envelope = decode_json(_FRAME, frame)
        if not envelope.stream:
            return self._event(envelope, frame)
        return self._event(decode_json(_FRAME, envelope.data), envelope.data)

    def _event(self, head: _Frame, raw: bytes | msgspec.Raw) -> Sequence[Tick | ControlMessage]:
        # spot quotes alone bear no name
        name = head.e or ("bookTicker" if head.u is not None else "")
        if reader := self._readers.get(name):
            return (reader(self._instrument_of(head.s, raw), raw),)
        if name == "depthUpdate":
            return (self._book(self._instrument_of(head.s, raw), decode_json(_DEPTH, raw), raw),)
        if name in _IGNORED:
            return ()
        if name == "serverShutdown":
            return (ClosingAnnounced(name),)
        if not name:
            return _control(head, raw)
        raise decoding.decode_error(f"unknown event {name!r}", raw)

    def _instrument_of(self, symbol: str, raw: bytes | msgspec.Raw) -> InstrumentId:
        instrument = self._of.get(symbol)
        if instrument is None:
            raise decoding.decode_error(f"{symbol!r} is not listed", raw)
        return instrument

    def snapshot_path(self, instrument: InstrumentId) -> str:
        """A thousand levels a side."""
        path, symbol = _SNAPSHOT[self._market.kind], self._listings.word(instrument)
        return f"{path}?symbol={symbol}&limit={_SNAPSHOT_LEVELS}"

    def decode_snapshot(self, instrument: InstrumentId, body: bytes) -> BookReplaced:
        """The snapshot of a reply. Raises DecodeError."""
        snap = decode_json(_SNAP, body)
        return BookReplaced(instrument, ms_to_ns(snap.E), snap.bids, snap.asks, snap.lastUpdateId)


def _rules(kind: str, channel: FeedChannel) -> FeedRules:
    spot = kind == "spot"
    path = "" if spot else _PATHS[channel]
    return FeedRules(
        url=f"wss://stream.binance.com:9443{path}/ws"
        if spot
        else f"wss://fstream.binance.com{path}/ws",
        sequencing=Sequencing.CONTIGUOUS if spot else Sequencing.PREVIOUS,
        snapshot_by_rest=True,
        topics_per_frame=50,
        topics_per_connection=200,
        frames_per_second=4.0 if spot else 8.0,
        book_depth=_SNAPSHOT_LEVELS,
    )


def _control(head: _Frame, raw: bytes | msgspec.Raw) -> Sequence[ControlMessage]:
    request = decoding.parse_request_id(head.id)
    error = head.error
    if error is None and head.code is not None:
        error = _Error(head.code, head.msg)
    if error is not None:
        return (SubscriptionRefused(str(error.code), error.msg, request),)
    if bytes(head.result) == b"null" and request is not None:
        return (Subscribed(request),)
    if bytes(head.event):
        return _event_of_connection(head.event)
    raise decoding.decode_error("neither an event nor an answer", raw)


def _event_of_connection(raw: msgspec.Raw) -> Sequence[ControlMessage]:
    name = decode_json(_FRAME, raw).e
    if name != "serverShutdown":
        raise decoding.decode_error(f"unknown event {name!r}", raw)
    return (ClosingAnnounced(name),)


def _spot_book(instrument: InstrumentId, depth: _Depth, raw: bytes | msgspec.Raw) -> BookChanged:
    del raw
    return BookChanged(instrument, ms_to_ns(depth.E), depth.b, depth.a, depth.U, depth.u)


def _futures_book(instrument: InstrumentId, depth: _Depth, raw: bytes | msgspec.Raw) -> BookChanged:
    if depth.pu is None:
        raise decoding.decode_error("no `pu` to tell the change before", raw)
    return BookChanged(instrument, ms_to_ns(depth.E), depth.b, depth.a, depth.U, depth.u, depth.pu)


def _quote(instrument: InstrumentId, raw: bytes | msgspec.Raw) -> QuoteChanged:
    """A side without orders has price and size 0, as here."""
    quote = decode_json(_QUOTE, raw)
    if (quote.b == 0) != (quote.B == 0) or (quote.a == 0) != (quote.A == 0):
        raise decoding.decode_error("a price without a size", raw)
    return QuoteChanged(instrument, ms_to_ns(quote.E), quote.b, quote.B, quote.a, quote.A)


def _agg_trade(instrument: InstrumentId, raw: bytes | msgspec.Raw) -> TradePrinted:
    each = decode_json(_AGG_TRADE, raw)
    return TradePrinted(instrument, ms_to_ns(each.T), each.p, each.q, _taker(each.m), str(each.a))


def _trade(instrument: InstrumentId, raw: bytes | msgspec.Raw) -> TradePrinted:
    each = decode_json(_TRADE, raw)
    return TradePrinted(instrument, ms_to_ns(each.T), each.p, each.q, _taker(each.m), str(each.t))


def _taker(buyer_is_maker: bool) -> Side:  # noqa: FBT001 - it is their flag
    return Side.SELL if buyer_is_maker else Side.BUY


def _candle(instrument: InstrumentId, raw: bytes | msgspec.Raw) -> CandleSeen:
    frame = decode_json(_CANDLE, raw)
    k = frame.k
    return CandleSeen(
        instrument=instrument,
        event_ns=ms_to_ns(frame.E),
        open_ns=ms_to_ns(k.t),
        open=k.o,
        high=k.h,
        low=k.l,
        close=k.c,
        volume=k.v,
        closed=k.x,
    )
