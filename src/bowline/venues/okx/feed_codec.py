"""OKX's public feed, API v5. Swap sizes are contracts on the wire and base units here.

Every change of a book names the number of the previous one (`prevSeqId`); after maintenance the
numbers may decrease, which this chain survives. So the checksum is not needed and the rules do not
use it; `checksum` computes it. Trades are the `trades` channel: one print for a taker's fills at
one price. Candles come over another URL and without a time of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

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
from bowline.venues.checksums import BookCrc32, format_shortest
from bowline.venues.contracts import Contract, contracts_by_venue_symbol
from bowline.venues.decoding import EMPTY_SIDE, Millis, Price, Size, decode_json, decoder, ms_to_ns
from bowline.venues.feed_codec import (
    ClosingAnnounced,
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

#: okx.com/docs-v5, "WS / Trades channel", "Order book channel", "Candlesticks channel"
_CHANNELS = {
    FeedChannel.TRADES: "trades",
    FeedChannel.QUOTES: "bbo-tbt",
    FeedChannel.BOOK: "books",
    FeedChannel.CANDLES: "candle1m",
}
#: how a frame of a book or quote usually begins; any other order of its fields is read as well
_BOOK_PREFIX = (b'{"arg":{"channel":"books"', b'{"arg":{"channel":"bbo-tbt"')
_CHANNEL_OF = {name: channel for channel, name in _CHANNELS.items()}
#: documented channels without use here, by prefix: the same
_IGNORED = (
    "tickers", "books", "bbo-tbt", "trades", "candle", "mark-price", "index-", "funding-rate",
    "open-interest", "price-limit", "estimated-price", "liquidation-", "adl-", "instruments",
    "option-", "opt-summary", "status", "block-", "sprd-", "economic-calendar", "call-auction",
)  # fmt: skip
_URL = "wss://ws.okx.com:8443/ws/v5/"
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
#: okx.com/docs-v5, "Notification": the connection will be closed for an upgrade of the service
_UPGRADE_CODE = "64008"
#: okx.com/docs-v5, "Connect": pings and pongs are plain text
_TEXT_FRAMES: dict[bytes, Sequence[ControlMessage]] = {
    b"pong": (PongReceived(),),
    b"ping": (PingReceived(b"pong"),),
}
#: decimals of a size at most: not found in the documents, as recorded
_SIZE_DECIMALS = 8
_BOOK_CHANNELS = {"books", "bbo-tbt"}

#: -1 before the first book of a subscription
_Number = Annotated[int, Meta(ge=-1, lt=2**62)]


class _Arg(Struct, frozen=True, gc=False):
    channel: str = ""
    instId: str = ""  # noqa: N815 - the venue's name


class _Level(Struct, array_like=True, gc=False):
    price: Price
    size: Size


class _Book(Struct, gc=False):
    bids: list[_Level]
    asks: list[_Level]
    ts: Millis
    seqId: _Number = 0  # noqa: N815 - the venue's name
    prevSeqId: _Number | None = None  # noqa: N815 - the venue's name
    checksum: int | None = None


class _Books(Struct, gc=False):
    """The frames that arrive thousands of times a second, decoded in one step."""

    arg: _Arg
    data: tuple[_Book] | None = None
    action: Literal["", "snapshot", "update"] = ""


class _Frame(Struct, gc=False):
    arg: _Arg = _Arg()
    action: Literal["", "snapshot", "update"] = ""
    data: msgspec.Raw = msgspec.Raw()
    event: str = ""
    code: str = ""
    msg: str = ""
    id: str = ""
    channel: str = ""


class _Trade(Struct, gc=False):
    tradeId: str  # noqa: N815 - the venue's name
    px: Price
    sz: Size
    side: Literal["buy", "sell"]
    ts: Millis


class _Candle(Struct, array_like=True, gc=False):
    ts: Millis
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size
    volume_base: Size
    volume_quote: Size
    confirm: Literal["0", "1"]


_FRAME = decoder(_Frame)
_BOOKS = decoder(_Books)
_TRADES = decoder(list[_Trade])
_CANDLES = decoder(list[_Candle])


class OkxFeedCodec:
    """One OKX market, spot or linear. See `FeedCodec`; it is `Checksummed` besides."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._market = market
        self._listings = listings
        self._rules = {channel: _rules(channel) for channel in FeedChannel}
        self._contracts = contracts_by_venue_symbol(listings)
        self._readers: dict[str, Callable[[Contract, _Frame], Sequence[Tick]]] = {
            "trades": _trades,
            "candle1m": _spot_candles if market.kind == "spot" else _swap_candles,
        }

    @property
    def market(self) -> Market:
        """The market of this codec."""
        return self._market

    def rules(self, channel: FeedChannel) -> FeedRules:
        """Candles have a URL of their own."""
        return self._rules[channel]

    def subscribe(self, topics: Sequence[FeedTopic], request: int) -> list[bytes]:
        """One frame; the answers name the topics, one each."""
        return [self._request("subscribe", topics, request)]

    def unsubscribe(self, topics: Sequence[FeedTopic], request: int) -> list[bytes]:
        """One frame."""
        return [self._request("unsubscribe", topics, request)]

    def _request(self, op: str, topics: Sequence[FeedTopic], request: int) -> bytes:
        args = [
            {"channel": _CHANNELS[each.channel], "instId": self._listings.word(each.instrument)}
            for each in topics
        ]
        return msgspec.json.encode({"id": str(request), "op": op, "args": args})

    def decode(self, frame: bytes) -> Sequence[Tick | ControlMessage]:
        """The content of one frame. Raises DecodeError."""
        if frame.startswith(_BOOK_PREFIX):
            push = decode_json(_BOOKS, frame)
            if push.data is not None:
                return (self._book(push, frame),)
        if messages := _TEXT_FRAMES.get(frame):
            return messages
        envelope = decode_json(_FRAME, frame)
        if envelope.event:
            return self._control(envelope, frame)
        return self._push(envelope, frame)

    def _push(self, envelope: _Frame, frame: bytes) -> Sequence[Tick]:
        channel = envelope.arg.channel
        if channel in _BOOK_CHANNELS:
            return (self._book(decode_json(_BOOKS, frame), frame),)
        if reader := self._readers.get(channel):
            return reader(self._contract_of(envelope.arg, frame), envelope)
        if not channel.startswith(_IGNORED):
            raise decoding.decode_error(f"unknown channel {channel!r}", frame)
        return ()

    def _contract_of(self, arg: _Arg, frame: bytes) -> Contract:
        contract = self._contracts.get(arg.instId)
        if contract is None:
            raise decoding.decode_error(f"{arg.instId!r} is not listed", frame)
        return contract

    def _book(self, push: _Books, frame: bytes) -> QuoteChanged | BookReplaced | BookChanged:
        """A book or a quote."""
        contract = self._contracts.get(push.arg.instId) or self._contract_of(push.arg, frame)
        if push.data is None:
            raise decoding.decode_error("a book without data", frame)
        (book,) = push.data
        instrument, at = contract.instrument, ms_to_ns(book.ts)
        up, down = contract.up, contract.down
        if up == down:
            bids = [(each.price, each.size) for each in book.bids]
            asks = [(each.price, each.size) for each in book.asks]
        else:
            bids = [(each.price, each.size * up / down) for each in book.bids]
            asks = [(each.price, each.size * up / down) for each in book.asks]
        if push.arg.channel == "bbo-tbt":
            bid, ask = max(bids, default=EMPTY_SIDE), min(asks, default=EMPTY_SIDE)
            return QuoteChanged(instrument, at, *bid, *ask)
        # a checksum of 0 is the venue's name for none
        seq, checksum = book.seqId, book.checksum or None
        if push.action == "snapshot":
            return BookReplaced(instrument, at, bids, asks, seq, checksum)
        if push.action != "update":
            raise decoding.decode_error("a book without an action", frame)
        return BookChanged(instrument, at, bids, asks, seq, seq, book.prevSeqId, checksum)

    def _control(self, frame: _Frame, raw: bytes) -> Sequence[ControlMessage]:
        match frame.event:
            case "subscribe":
                # one answer a topic, all with the number of the request: the topic says more
                return (Subscribed(None, self._topics_named(frame.arg)),)
            case "error" | "channel-conn-count-error":
                request = decoding.parse_request_id(frame.id)
                topics = self._topics_named(frame.arg)
                return (SubscriptionRefused(frame.code, frame.msg, request, topics),)
            case "notice":
                return (ClosingAnnounced(frame.msg),) if frame.code == _UPGRADE_CODE else ()
            case "unsubscribe" | "channel-conn-count":
                return ()
        raise decoding.decode_error(f"unknown event {frame.event!r}", raw)

    def _topics_named(self, arg: _Arg) -> tuple[FeedTopic, ...]:
        channel, contract = _CHANNEL_OF.get(arg.channel), self._contracts.get(arg.instId)
        if channel is None or contract is None:
            return ()
        return (FeedTopic(channel, contract.instrument),)

    def checksum(self, instrument: InstrumentId) -> Checksum:
        """CRC-32 of the best 25 levels, sizes as on the wire."""
        contract = self._contracts[self._listings.word(instrument)]

        def size(base: float) -> str:
            return format_shortest(round(base * contract.down / contract.up, _SIZE_DECIMALS))

        return BookCrc32(format_shortest, size)

    def snapshot_path(self, instrument: InstrumentId) -> str:
        """None: the stream begins with a snapshot."""
        raise ValueError(f"the book of {instrument.symbol} starts with the stream")

    def decode_snapshot(self, instrument: InstrumentId, body: bytes) -> BookReplaced:
        """Never called: there is no snapshot request."""
        raise decoding.decode_error(f"no book of {instrument.symbol} was asked for", body)


def _rules(channel: FeedChannel) -> FeedRules:
    return FeedRules(
        url=_URL + ("business" if channel is FeedChannel.CANDLES else "public"),
        sequencing=Sequencing.PREVIOUS,
        ping=b"ping",
        topics_per_frame=50,
        frames_per_second=1.0,
        idle_timeout_s=30.0,
        book_depth=400,
    )


def _trades(contract: Contract, frame: _Frame) -> Sequence[TradePrinted]:
    return [
        TradePrinted(
            contract.instrument,
            ms_to_ns(each.ts),
            each.px,
            contract.units(each.sz),
            _SIDES[each.side],
            each.tradeId,
        )
        for each in decode_json(_TRADES, frame.data)
    ]


def _spot_candles(contract: Contract, frame: _Frame) -> Sequence[CandleSeen]:
    """Spot counts base units first."""
    return [
        _candle(contract.instrument, each, each.volume)
        for each in decode_json(_CANDLES, frame.data)
    ]


def _swap_candles(contract: Contract, frame: _Frame) -> Sequence[CandleSeen]:
    """Swaps count contracts first and base units second."""
    return [
        _candle(contract.instrument, each, each.volume_base)
        for each in decode_json(_CANDLES, frame.data)
    ]


def _candle(instrument: InstrumentId, each: _Candle, volume: float) -> CandleSeen:
    closed = each.confirm == "1"
    prices = (each.open, each.high, each.low, each.close)
    return CandleSeen(instrument, 0, ms_to_ns(each.ts), *prices, volume, closed)
