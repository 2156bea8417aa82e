"""Bitget's public feed, API v2. Sizes are base units in both markets.

A change of a book has a number that only increases and may not name the previous one, so the
checksum of every change is the proof. Trades sent with `snapshot` happened before the subscription
and are sent again with each: they are dropped. Candles are never marked as closed.
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
from bowline.venues.checksums import fixed_decimals_checksum
from bowline.venues.decoding import EMPTY_SIDE, Millis, Price, Size, decode_json, decoder, ms_to_ns
from bowline.venues.feed_codec import (
    ControlMessage,
    FeedChannel,
    FeedRules,
    FeedTopic,
    PingReceived,
    PongReceived,
    Sequencing,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.local_book import Checksum

#: bitget.com/api-doc, spot and contract, "websocket/public"
_CHANNELS = {
    FeedChannel.TRADES: "trade",
    FeedChannel.QUOTES: "books1",
    FeedChannel.BOOK: "books",
    FeedChannel.CANDLES: "candle1m",
}
_CHANNEL_OF = {name: channel for channel, name in _CHANNELS.items()}
#: documented channels without use here, by prefix: the same
_IGNORED = ("ticker", "books", "trade", "candle", "auction", "index-price", "liquidation")
#: the same: `instType`
_PRODUCT_TYPES = {"spot": "SPOT", "linear": "USDT-FUTURES"}
_ALL_PRODUCT_TYPES = {"SPOT", "USDT-FUTURES", "USDC-FUTURES", "COIN-FUTURES"}
_BOOK_CHANNELS = {"books", "books1"}
#: bitget.com/api-doc, "websocket-intro": pings and pongs are plain text
_TEXT_FRAMES: dict[bytes, Sequence[ControlMessage]] = {
    b"pong": (PongReceived(),),
    b"ping": (PingReceived(b"pong"),),
}
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}


class _Arg(Struct, frozen=True, gc=False):
    instType: str = ""  # noqa: N815 - the venue's name
    channel: str = ""
    instId: str = ""  # noqa: N815 - the venue's name


class _Book(Struct, gc=False):
    bids: list[tuple[Price, Size]]
    asks: list[tuple[Price, Size]]
    ts: Millis
    seq: decoding.SequenceNumber = 0
    pseq: decoding.SequenceNumber = 0
    checksum: int = 0


class _Books(Struct, gc=False):
    """The frames that arrive thousands of times a second, decoded in one step."""

    arg: _Arg
    action: Literal["snapshot", "update"]
    data: tuple[_Book]


class _Frame(Struct, gc=False):
    arg: _Arg = _Arg()
    action: Literal["", "snapshot", "update"] = ""
    data: msgspec.Raw = msgspec.Raw()
    ts: Millis = 0
    event: str = ""
    code: int | str = ""
    msg: str = ""


class _Trade(Struct, gc=False):
    ts: Millis
    price: Price
    size: Size
    side: Literal["buy", "sell"]
    tradeId: str  # noqa: N815 - the venue's name


class _Candle(Struct, array_like=True, gc=False):
    ts: Millis
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size


_FRAME = decoder(_Frame)
_BOOKS = decoder(_Books)
_TRADES = decoder(list[_Trade])
_CANDLES = decoder(list[_Candle])

_Reader = Callable[[InstrumentId, _Frame], Sequence[Tick]]


class BitgetFeedCodec:
    """One Bitget market, spot or linear. See `FeedCodec`; it is `Checksummed` besides."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._market = market
        self._listings = listings
        self._product_type = _PRODUCT_TYPES[market.kind]
        self._rules = FeedRules(
            url="wss://ws.bitget.com/v2/ws/public",
            sequencing=Sequencing.INCREASING,
            ping=b"ping",
            ping_interval_s=25.0,
            topics_per_frame=25,
            topics_per_connection=50,
            book_depth=500,
            checksum_every=1,
        )
        # how a frame of a book or quote usually begins; any other order of fields is read as well
        self._book_prefixes = tuple(
            f'{{"action":"{action}","arg":{{"instType":"{self._product_type}","channel":"books{depth}"'.encode()
            for action in ("update", "snapshot")
            for depth in ("", "1")
        )
        self._of = {each.venue_symbol: each.instrument.id for each in listings.all}
        self._readers: dict[str, _Reader] = {
            "trade": _trades,
            "candle1m": _candles,
        }

    @property
    def market(self) -> Market:
        """The market of this codec."""
        return self._market

    def rules(self, channel: FeedChannel) -> FeedRules:
        """The same for every channel: one URL for all."""
        del channel
        return self._rules

    def subscribe(self, topics: Sequence[FeedTopic], request: int) -> list[bytes]:
        """One frame; Bitget knows no numbers, its answers name the topics, one each."""
        del request
        return [self._request("subscribe", topics)]

    def unsubscribe(self, topics: Sequence[FeedTopic], request: int) -> list[bytes]:
        """One frame."""
        del request
        return [self._request("unsubscribe", topics)]

    def _request(self, op: str, topics: Sequence[FeedTopic]) -> bytes:
        args = [
            {
                "instType": self._product_type,
                "channel": _CHANNELS[each.channel],
                "instId": self._listings.word(each.instrument),
            }
            for each in topics
        ]
        return msgspec.json.encode({"op": op, "args": args})

    def decode(self, frame: bytes) -> Sequence[Tick | ControlMessage]:
        """The content of one frame. Raises DecodeError."""
        if frame.startswith(self._book_prefixes):
            return (self._book(decode_json(_BOOKS, frame), frame),)
        if messages := _TEXT_FRAMES.get(frame):
            return messages
        envelope = decode_json(_FRAME, frame)
        if envelope.event:
            return self._control(envelope, frame)
        return self._push(envelope, frame)

    def _push(self, envelope: _Frame, frame: bytes) -> Sequence[Tick]:
        arg = envelope.arg
        if arg.instType == self._product_type:
            if arg.channel in _BOOK_CHANNELS:
                return (self._book(decode_json(_BOOKS, frame), frame),)
            if reader := self._readers.get(arg.channel):
                return reader(self._instrument_of(arg, frame), envelope)
        if not (arg.channel.startswith(_IGNORED) and arg.instType in _ALL_PRODUCT_TYPES):
            raise decoding.decode_error(f"unknown channel {arg.instType}:{arg.channel}", frame)
        return ()

    def _instrument_of(self, arg: _Arg, frame: bytes) -> InstrumentId:
        instrument = self._of.get(arg.instId)
        if instrument is None:
            raise decoding.decode_error(f"{arg.instId!r} is not listed", frame)
        return instrument

    def _book(self, push: _Books, frame: bytes) -> QuoteChanged | BookReplaced | BookChanged:
        """A book or a quote."""
        instrument = self._instrument_of(push.arg, frame)
        (book,) = push.data
        at, bids, asks = ms_to_ns(book.ts), book.bids, book.asks
        if push.arg.channel == "books1":
            bid, ask = max(bids, default=EMPTY_SIDE), min(asks, default=EMPTY_SIDE)
            return QuoteChanged(instrument, at, *bid, *ask)
        # a checksum of 0 is the venue's name for none
        seq, checksum = book.seq, book.checksum or None
        if push.action == "snapshot":
            return BookReplaced(instrument, at, bids, asks, seq, checksum)
        return BookChanged(instrument, at, bids, asks, seq, seq, book.pseq or None, checksum)

    def _control(self, frame: _Frame, raw: bytes) -> Sequence[ControlMessage]:
        match frame.event:
            case "subscribe":
                return (Subscribed(None, self._topics_named(frame.arg)),)
            case "error":
                topics = self._topics_named(frame.arg)
                return (SubscriptionRefused(str(frame.code), frame.msg, None, topics),)
            case "unsubscribe":
                return ()
        raise decoding.decode_error(f"unknown event {frame.event!r}", raw)

    def _topics_named(self, arg: _Arg) -> tuple[FeedTopic, ...]:
        channel, instrument = _CHANNEL_OF.get(arg.channel), self._of.get(arg.instId)
        if channel is None or instrument is None or arg.instType != self._product_type:
            return ()
        return (FeedTopic(channel, instrument),)

    def checksum(self, instrument: InstrumentId) -> Checksum:
        """CRC-32 of the best 25 levels, written with the decimals of tick size and lot step."""
        listing = self._listings.of(instrument).instrument
        return fixed_decimals_checksum(listing.tick_size, listing.lot_step)

    def snapshot_path(self, instrument: InstrumentId) -> str:
        """None: the stream begins with a snapshot."""
        raise ValueError(f"the book of {instrument.symbol} starts with the stream")

    def decode_snapshot(self, instrument: InstrumentId, body: bytes) -> BookReplaced:
        """Never called: there is no snapshot request."""
        raise decoding.decode_error(f"no book of {instrument.symbol} was asked for", body)


def _trades(instrument: InstrumentId, frame: _Frame) -> Sequence[TradePrinted]:
    trades = decode_json(_TRADES, frame.data)
    if frame.action == "snapshot":
        return ()
    return [
        TradePrinted(
            instrument, ms_to_ns(each.ts), each.price, each.size, _SIDES[each.side], each.tradeId
        )
        for each in trades
    ]


def _candles(instrument: InstrumentId, frame: _Frame) -> Sequence[CandleSeen]:
    return [
        CandleSeen(
            instrument=instrument,
            event_ns=ms_to_ns(frame.ts),
            open_ns=ms_to_ns(each.ts),
            open=each.open,
            high=each.high,
            low=each.low,
            close=each.close,
            volume=each.volume,
            closed=False,
        )
        for each in decode_json(_CANDLES, frame.data)
    ]
