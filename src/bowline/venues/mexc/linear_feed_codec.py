"""MEXC's public feed of perpetuals, in JSON. Sizes are contracts.

The snapshot of a book is requested by REST. Its changes are merged by default and cover `begin` to
`end`; one that is not merged has only its `version`. There is no channel of quotes: the first five
levels of the book take its place. An acknowledgement names its channel and no contract; a refusal
names the contract in its text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from bowline.core.model.instrument import InstrumentId, Market
from bowline.core.model.values import SECOND_NS, Side
from bowline.core.venue import (
    BookChanged,
    BookReplaced,
    CandleSeen,
    Level,
    Listings,
    QuoteChanged,
    Tick,
    TradePrinted,
)
from bowline.venues import decoding
from bowline.venues.contracts import Contract, best_first, contracts_by_venue_symbol
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

#: mexc.com/api-docs, futures, "websocket-api": a client without a ping for a minute is disconnected
_RULES = FeedRules(
    url="wss://contract.mexc.com/edge",
    sequencing=Sequencing.CONTIGUOUS,
    snapshot_by_rest=True,
    ping=b'{"method":"ping"}',
    ping_interval_s=15.0,
    topics_per_frame=1,
    frames_per_second=10.0,
)
#: the same: channels
_NAMES = {
    FeedChannel.TRADES: "deal",
    FeedChannel.QUOTES: "depth.full",
    FeedChannel.BOOK: "depth",
    FeedChannel.CANDLES: "kline",
}
_CHANNELS = {name: channel for channel, name in _NAMES.items()}
_PARAMETERS: dict[FeedChannel, dict[str, object]] = {
    FeedChannel.QUOTES: {"limit": 5},
    FeedChannel.CANDLES: {"interval": "Min1"},
}
#: documented channels without use here: the same
_IGNORED = frozenset({
    "ticker", "tickers", "fair.price", "index.price", "funding.rate", "contract", "depth.step",
    "event.contract", "open.interest",
})  # fmt: skip
#: the same: `T` of a deal
_SIDES = {1: Side.BUY, 2: Side.SELL}
#: the contract in the text of a refusal: not found in the documents, as recorded
_CONTRACT = re.compile(r"\[([^\]]+)\]")
_SUCCESS = b'"success"'

Seconds = Annotated[int, Meta(ge=0, lt=9_000_000_000)]
#: price, contracts, number of orders
_Triples = list[tuple[Price, Size, Size]]


class _Frame(Struct, gc=False):
    channel: str
    symbol: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")
    ts: Millis = 0


class _Trade(Struct, gc=False):
    p: Price
    v: Size
    T: Literal[1, 2]
    t: Millis
    i: str | int = ""


class _Candle(Struct, gc=False):
    interval: str
    t: Seconds
    o: Price
    h: Price
    l: Price  # noqa: E741 - the venue's name
    c: Price
    q: Size


class _Change(Struct, gc=False):
    asks: _Triples
    bids: _Triples
    version: decoding.SequenceNumber
    begin: decoding.SequenceNumber | None = None


class _Snapshot(Struct, gc=False):
    asks: _Triples
    bids: _Triples
    version: decoding.SequenceNumber
    timestamp: Millis


class _Reply(Struct, gc=False):
    success: Literal[True]
    data: _Snapshot


_FRAME = decoder(_Frame)
_TRADES: msgspec.json.Decoder[_Trade | list[_Trade]] = msgspec.json.Decoder(
    _Trade | list[_Trade], strict=False
)
_CANDLE = decoder(_Candle)
_CHANGE = decoder(_Change)
_REPLY = decoder(_Reply)
_TEXT = decoder(str)


class MexcLinearFeedCodec:
    """MEXC's USDT perpetuals. See `FeedCodec`."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._market = market
        self._listings = listings
        self._contracts = contracts_by_venue_symbol(listings)
        self._readers = {
            "push.deal": _trades,
            "push.depth.full": _quote,
            "push.depth": _book,
            "push.kline": _candle,
        }

    @property
    def market(self) -> Market:
        """The market of this codec."""
        return self._market

    def rules(self, channel: FeedChannel) -> FeedRules:
        """The same for every channel: one URL."""
        del channel
        return _RULES

    def subscribe(self, topics: Sequence[FeedTopic], request: int) -> list[bytes]:
        """One frame per topic; they have no number."""
        del request
        return [self._request("sub", topic) for topic in topics]

    def unsubscribe(self, topics: Sequence[FeedTopic], request: int) -> list[bytes]:
        """One frame per topic; they have no number."""
        del request
        return [self._request("unsub", topic) for topic in topics]

    def _request(self, verb: str, topic: FeedTopic) -> bytes:
        symbol = self._listings.word(topic.instrument)
        parameters = {"symbol": symbol, **_PARAMETERS.get(topic.channel, {})}
        return msgspec.json.encode({
            "method": f"{verb}.{_NAMES[topic.channel]}", "param": parameters
        })  # fmt: skip

    def decode(self, frame: bytes) -> Sequence[Tick | ControlMessage]:
        """The content of one frame. Raises DecodeError."""
        envelope = decode_json(_FRAME, frame)
        if reader := self._readers.get(envelope.channel):
            contract = self._contracts.get(envelope.symbol)
            if contract is None:
                raise decoding.decode_error(f"{envelope.symbol!r} is not listed", frame)
            return reader(contract, envelope)
        if envelope.channel == "pong":
            return (PongReceived(),)
        origin, _, name = envelope.channel.partition(".")
        if origin == "rs":
            return self._answer(name, envelope, frame)
        if origin != "push" or (name not in _IGNORED and not name.startswith("personal.")):
            raise decoding.decode_error(f"unknown channel {envelope.channel!r}", frame)
        return ()

    def _answer(self, name: str, envelope: _Frame, frame: bytes) -> Sequence[ControlMessage]:
        verb, _, channel = name.partition(".")
        if verb == "sub" and channel in _CHANNELS and bytes(envelope.data) == _SUCCESS:
            return (Subscribed(channel=_CHANNELS[channel]),)
        if verb == "unsub":
            return ()
        if verb not in {"sub", "error"}:
            raise decoding.decode_error(f"unknown answer {name!r}", frame)
        message = decode_json(_TEXT, envelope.data)
        named = _CONTRACT.search(message)
        contract = self._contracts.get(named[1]) if named else None
        topics = (
            tuple(FeedTopic(each, contract.instrument) for each in FeedChannel) if contract else ()
        )
        return (SubscriptionRefused(envelope.channel, message, None, topics),)

    def snapshot_path(self, instrument: InstrumentId) -> str:
        """The deepest book that the venue has: a thousand levels."""
        return f"/api/v1/contract/depth/{self._listings.word(instrument)}?limit=1000"

    def decode_snapshot(self, instrument: InstrumentId, body: bytes) -> BookReplaced:
        """A whole book. Raises DecodeError."""
        start = decode_json(_REPLY, body).data
        contract = self._contracts[self._listings.word(instrument)]
        sides = best_first(_levels(contract, start.bids), _levels(contract, start.asks))
        return BookReplaced(instrument, ms_to_ns(start.timestamp), *sides, start.version)


def _levels(contract: Contract, levels: _Triples) -> list[Level]:
    up, down = contract.up, contract.down
    return [(price, size * up / down) for price, size, _ in levels]


def _trades(contract: Contract, frame: _Frame) -> Sequence[Tick]:
    trades = decode_json(_TRADES, frame.data)
    return [
        TradePrinted(
            contract.instrument, ms_to_ns(each.t), each.p, contract.units(each.v),
            _SIDES[each.T], str(each.i),
        )
        for each in (trades if isinstance(trades, list) else [trades])
    ]  # fmt: skip


def _book(contract: Contract, frame: _Frame) -> Sequence[Tick]:
    change = decode_json(_CHANGE, frame.data)
    first = change.version if change.begin is None else change.begin
    if not 0 < first <= change.version:
        raise decoding.decode_error("a change whose numbers do not rise", frame.data)
    bids, asks = _levels(contract, change.bids), _levels(contract, change.asks)
    return (
        BookChanged(contract.instrument, ms_to_ns(frame.ts), bids, asks, first, change.version),
    )


def _quote(contract: Contract, frame: _Frame) -> Sequence[Tick]:
    top = decode_json(_CHANGE, frame.data)
    bid = max(_levels(contract, top.bids), default=decoding.EMPTY_SIDE)
    ask = min(_levels(contract, top.asks), default=decoding.EMPTY_SIDE)
    return (QuoteChanged(contract.instrument, ms_to_ns(frame.ts), *bid, *ask),)


def _candle(contract: Contract, frame: _Frame) -> Sequence[Tick]:
    each = decode_json(_CANDLE, frame.data)
    if each.interval != "Min1":
        return ()
    return (
        CandleSeen(
            instrument=contract.instrument,
            event_ns=ms_to_ns(frame.ts),
            open_ns=each.t * SECOND_NS,
            open=each.o,
            high=each.h,
            low=each.l,
            close=each.c,
            volume=contract.units(each.q),
            closed=False,
        ),
    )
