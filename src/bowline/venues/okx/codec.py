"""OKX's public feed, API v5. Swap sizes are contracts on the wire and base units here.

Every change of a book names the number before it (`prevSeqId`); after their maintenance the
numbers may fall, which the chain survives. Their checksum is not needed for that, and not asked
for by the rules; `checksum` computes it. Trades are the `trades` channel: one print for a taker's
fills at one price. Candles come over another URL, and without a time of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from bowline.core.model.instrument import InstrumentId, Market
from bowline.core.model.values import Side
from bowline.core.venue import (
    Book,
    BookChanged,
    BookReplaced,
    CandleSeen,
    Level,
    Listing,
    Listings,
    QuoteChanged,
    Tick,
    TradePrinted,
)
from bowline.venues import reading
from bowline.venues.books import Checksum
from bowline.venues.checksums import crc32_of, shortest
from bowline.venues.feed import (
    Answer,
    Channel,
    Closing,
    Control,
    FeedRules,
    Pong,
    Sequencing,
    Subscribed,
    SubscriptionRefused,
    Topic,
)
from bowline.venues.reading import NOBODY, Millis, Price, Size, decoder, ns, read

_CHANNELS = {
    Channel.TRADES: "trades",
    Channel.QUOTES: "bbo-tbt",
    Channel.BOOK: "books",
    Channel.CANDLES: "candle1m",
}
_CHANNEL_OF = {word: channel for channel, word in _CHANNELS.items()}
#: documented channels that are nothing to us, by how they begin
_OTHERS = (
    "tickers", "books", "bbo-tbt", "trades", "candle", "mark-price", "index-", "funding-rate",
    "open-interest", "price-limit", "estimated-price", "liquidation-", "adl-", "instruments",
    "option-", "opt-summary", "status", "block-", "sprd-", "economic-calendar", "call-auction",
)  # fmt: skip
_URL = "wss://ws.okx.com:8443/ws/v5/"
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_UPGRADE = "64008"

#: -1 before the first book of a subscription
_Number = Annotated[int, Meta(ge=-1, lt=2**62)]


class _Arg(Struct, frozen=True, gc=False):
    channel: str = ""
    instId: str = ""  # noqa: N815 - their word


class _Frame(Struct, gc=False):
    arg: _Arg = _Arg()
    action: Literal["", "snapshot", "update"] = ""
    data: msgspec.Raw = msgspec.Raw()
    event: str = ""
    code: str = ""
    msg: str = ""
    id: str = ""
    channel: str = ""


class _Level(Struct, array_like=True, gc=False):
    price: Price
    size: Size


class _Book(Struct, gc=False):
    bids: list[_Level]
    asks: list[_Level]
    ts: Millis
    seqId: _Number = 0  # noqa: N815 - their word
    prevSeqId: _Number | None = None  # noqa: N815 - their word
    checksum: int | None = None


class _Trade(Struct, gc=False):
    tradeId: str  # noqa: N815 - their word
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
_BOOKS = decoder(tuple[_Book])
_TRADES = decoder(list[_Trade])
_CANDLES = decoder(list[_Candle])


class _Units:
    """What one instrument's sizes mean: base units are `size * up / down`, rounded once."""

    __slots__ = ("_down", "_up", "instrument", "spot")

    def __init__(self, listing: Listing, *, spot: bool) -> None:
        self.instrument = listing.instrument.id
        self.spot = spot
        self._up, self._down = reading.ratio_of(listing.instrument.contract_size)

    def of(self, size: float) -> float:
        """Base units of a size on the wire."""
        return size if self.spot else size * self._up / self._down

    def levels(self, levels: list[_Level]) -> list[Level]:
        """Levels in base units."""
        if self.spot:
            return [(each.price, each.size) for each in levels]
        up, down = self._up, self._down
        return [(each.price, each.size * up / down) for each in levels]

    def wire_text(self, size: float) -> str:
        """How they write this many base units."""
        return shortest(size if self.spot else round(size * self._down / self._up, 8))


class OkxCodec:
    """One OKX market, spot or linear. See `FeedCodec`; it is `Checksummed` besides."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._market = market
        self._listings = listings
        self._rules = {channel: _rules(channel) for channel in Channel}
        spot = market.kind == "spot"
        self._units = {each.venue_symbol: _Units(each, spot=spot) for each in listings.all}
        self._readers: dict[str, Callable[[_Units, _Frame], Sequence[Tick]]] = {
            "trades": _trades,
            "bbo-tbt": _quote,
            "books": _book,
            "candle1m": _candles,
        }

    @property
    def market(self) -> Market:
        """The market it speaks for."""
        return self._market

    def rules(self, channel: Channel) -> FeedRules:
        """Candles have a URL of their own."""
        return self._rules[channel]

    def subscribe(self, topics: Sequence[Topic], request: int) -> list[bytes]:
        """One frame; the answers name the topics, one each."""
        return [self._ask("subscribe", topics, request)]

    def unsubscribe(self, topics: Sequence[Topic], request: int) -> list[bytes]:
        """One frame."""
        return [self._ask("unsubscribe", topics, request)]

    def _ask(self, op: str, topics: Sequence[Topic], request: int) -> bytes:
        args = [
            {"channel": _CHANNELS[each.channel], "instId": self._listings.word(each.instrument)}
            for each in topics
        ]
        return msgspec.json.encode({"id": str(request), "op": op, "args": args})

    def decode(self, frame: bytes) -> Sequence[Tick | Control]:
        """What one frame says. Raises Unreadable."""
        if frame == b"pong":
            return (Pong(),)
        if frame == b"ping":
            return (Answer(b"pong"),)
        envelope = read(_FRAME, frame)
        if envelope.event:
            return self._control(envelope, frame)
        reader = self._readers.get(envelope.arg.channel)
        if reader is None:
            if envelope.arg.channel.startswith(_OTHERS):
                return ()
            raise reading.unreadable(f"unknown channel {envelope.arg.channel!r}", frame)
        units = self._units.get(envelope.arg.instId)
        if units is None:
            raise reading.unreadable(f"{envelope.arg.instId!r} is not listed", frame)
        return reader(units, envelope)

    def _control(self, frame: _Frame, raw: bytes) -> Sequence[Control]:
        match frame.event:
            case "subscribe":
                # one answer a topic, all with the number of the request: the topic says more
                return (Subscribed(None, self._named(frame.arg)),)
            case "error" | "channel-conn-count-error":
                request = reading.request_number(frame.id)
                topics = self._named(frame.arg)
                return (SubscriptionRefused(frame.code, frame.msg, request, topics),)
            case "notice":
                return (Closing(frame.msg),) if frame.code == _UPGRADE else ()
            case "unsubscribe" | "channel-conn-count":
                return ()
        raise reading.unreadable(f"unknown event {frame.event!r}", raw)

    def _named(self, arg: _Arg) -> tuple[Topic, ...]:
        channel, units = _CHANNEL_OF.get(arg.channel), self._units.get(arg.instId)
        if channel is None or units is None:
            return ()
        return (Topic(channel, units.instrument),)

    def checksum(self, instrument: InstrumentId) -> Checksum:
        """CRC-32 of the best 25 levels, sizes as on the wire."""
        units = self._units[self._listings.word(instrument)]

        def of(book: Book) -> int:
            return crc32_of(book, shortest, units.wire_text)

        return of

    def snapshot_path(self, instrument: InstrumentId) -> str:
        """None is needed: the stream itself begins with a whole book."""
        raise ValueError(f"the book of {instrument.symbol} starts with the stream")

    def decode_snapshot(self, instrument: InstrumentId, body: bytes) -> BookReplaced:
        """There is none to decode."""
        raise reading.unreadable(f"no book of {instrument.symbol} was asked for", body)


def _rules(channel: Channel) -> FeedRules:
    return FeedRules(
        url=_URL + ("business" if channel is Channel.CANDLES else "public"),
        sequencing=Sequencing.PREVIOUS,
        ping=b"ping",
        topics_a_frame=50,
        frames_a_second=1.0,
        silent_after_s=30.0,
        book_depth=400,
    )


def _book(units: _Units, frame: _Frame) -> Sequence[BookReplaced | BookChanged]:
    (book,) = read(_BOOKS, frame.data)
    at = ns(book.ts)
    bids, asks = units.levels(book.bids), units.levels(book.asks)
    # a checksum of 0 is their word for none
    checksum = book.checksum or None
    if frame.action == "snapshot":
        return (BookReplaced(units.instrument, at, bids, asks, book.seqId, checksum),)
    if frame.action != "update":
        raise reading.unreadable("a book without an action", frame.data)
    seq, before = book.seqId, book.prevSeqId
    return (BookChanged(units.instrument, at, bids, asks, seq, seq, before, checksum),)


def _quote(units: _Units, frame: _Frame) -> Sequence[QuoteChanged]:
    (book,) = read(_BOOKS, frame.data)
    bid = max(units.levels(book.bids), default=NOBODY)
    ask = min(units.levels(book.asks), default=NOBODY)
    return (QuoteChanged(units.instrument, ns(book.ts), *bid, *ask),)


def _trades(units: _Units, frame: _Frame) -> Sequence[TradePrinted]:
    of = units.of
    return [
        TradePrinted(
            units.instrument, ns(each.ts), each.px, of(each.sz), _SIDES[each.side], each.tradeId
        )
        for each in read(_TRADES, frame.data)
    ]


def _candles(units: _Units, frame: _Frame) -> Sequence[CandleSeen]:
    """Swaps count contracts first and base units second; spot counts base units first."""
    return [
        CandleSeen(
            units.instrument, 0, ns(each.ts), each.open, each.high, each.low, each.close,
            each.volume if units.spot else each.volume_base, each.confirm == "1",
        )
        for each in read(_CANDLES, frame.data)
    ]  # fmt: skip
