"""HTX's public feed. Every frame is gzip. Spot counts base units, perpetuals count contracts.

Spot books are `mbp.150` on a URL of their own: changes name the number of the previous one, and the
snapshot is requested over the same socket. Perpetual books are `depth.size_150.high_freq` in the
incremental form: it starts with a snapshot and its version increases by one. `depth.step0`, whole
books, is read too, though it is not subscribed to. No candle is marked as closed; its volume is
`amount`, base units in both markets. A trade without a taker side, as those of a settlement, is a
DecodeError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

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
from bowline.venues.contracts import Contract, best_first, contract_of
from bowline.venues.decoding import Millis, Price, Size, decode_json, decoder, ms_to_ns
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
from bowline.venues.gunzip import gunzip

_SPOT = "spot"
#: huobiapi.github.io/docs, spot "Websocket Market Data", usdt_swap "WebSocket Market Data"
_SPOT_URL = "wss://api.huobi.pro/ws"
_SPOT_BOOK_URL = "wss://api.huobi.pro/feed"
_LINEAR_URL = "wss://api.hbdm.com/linear-swap-ws"

#: what follows `market.SYMBOL.`
_TOPICS = {
    FeedChannel.TRADES: "trade.detail",
    FeedChannel.QUOTES: "bbo",
    FeedChannel.CANDLES: "kline.1min",
}
#: the same: the topic of the book
_BOOKS = {_SPOT: "mbp.150", "linear": "depth.size_150.high_freq"}
#: documented topics without use here, by prefix: the same
_IGNORED = (
    "detail", "ticker", "kline.", "depth.", "mbp.", "basis.", "open_interest", "index.",
    "premium_index.", "estimated_rate.", "mark_price.",
)  # fmt: skip
#: `op` of the notification protocol: usdt_swap
_OPS = frozenset({"sub", "unsub", "notify", "auth"})

Seconds = Annotated[int, Meta(ge=0, lt=9_000_000_000)]
_Pairs = list[tuple[Price, Size]]


class _Frame(Struct):
    ch: str = ""
    ts: Millis = 0
    tick: msgspec.Raw = msgspec.Raw(b"null")
    data: msgspec.Raw = msgspec.Raw(b"null")
    rep: str = ""
    id: str | int | None = None
    status: Literal["", "ok", "error"] = ""
    subbed: str = ""
    unsubbed: str = ""
    err_code: str | int = msgspec.field(name="err-code", default="")
    err_msg: str = msgspec.field(name="err-msg", default="")
    ping: decoding.SequenceNumber | None = None
    pong: decoding.SequenceNumber | None = None
    op: str = ""


class _Trade(Struct, gc=False, rename="camel"):
    ts: Millis
    amount: Size
    price: Price
    direction: Literal["buy", "sell"]
    id: int
    trade_id: int | None = None


class _Trades(Struct, gc=False):
    data: list[_Trade]


class _SpotQuote(Struct, gc=False, rename="camel"):
    bid: Price
    bid_size: Size
    ask: Price
    ask_size: Size
    quote_time: Millis


class _LinearQuote(Struct, gc=False):
    bid: tuple[Price, Size] | None
    ask: tuple[Price, Size] | None
    ts: Millis


class _Candle(Struct, gc=False):
    id: Seconds
    open: Price
    high: Price
    low: Price
    close: Price
    amount: Size


class _Change(Struct, gc=False, rename="camel"):
    seq_num: decoding.SequenceNumber
    prev_seq_num: decoding.SequenceNumber
    bids: _Pairs = []
    asks: _Pairs = []


class _Snapshot(Struct, gc=False, rename="camel"):
    seq_num: decoding.SequenceNumber
    bids: _Pairs
    asks: _Pairs


class _Depth(Struct, gc=False):
    version: decoding.SequenceNumber
    event: Literal["snapshot", "update"]
    bids: _Pairs
    asks: _Pairs


class _FullBook(Struct, gc=False):
    version: decoding.SequenceNumber
    bids: _Pairs
    asks: _Pairs


_FRAME = decoder(_Frame)
_TRADES = decoder(_Trades)
_SPOT_QUOTE = decoder(_SpotQuote)
_LINEAR_QUOTE = decoder(_LinearQuote)
_CANDLE = decoder(_Candle)
_CHANGE = decoder(_Change)
_SNAPSHOT = decoder(_Snapshot)
_DEPTH = decoder(_Depth)
_FULL_BOOK = decoder(_FullBook)

_Reader = Callable[[Contract, _Frame], Sequence[Tick]]


class HtxFeedCodec:
    """One HTX market, spot or linear. See `FeedCodec`."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._market = market
        self._listings = listings
        spot = market.kind == _SPOT
        self._suffixes = {**_TOPICS, FeedChannel.BOOK: _BOOKS[market.kind]}
        self._rules = FeedRules(
            url=_SPOT_URL if spot else _LINEAR_URL,
            sequencing=Sequencing.PREVIOUS if spot else Sequencing.CONTIGUOUS,
            topics_per_frame=1,
            frames_per_second=10.0,
            book_depth=150,
        )
        self._book_rules = (
            msgspec.structs.replace(self._rules, url=_SPOT_BOOK_URL, snapshot_by_rest=True)
            if spot
            else self._rules
        )
        readers: dict[str, _Reader] = {
            "trade.detail": _spot_trades if spot else _linear_trades,
            "bbo": _spot_quote if spot else _linear_quote,
            "kline.1min": _candle,
            _BOOKS[market.kind]: _mbp if spot else _depth,
            "depth.step0": _full_book,
        }
        self._routes: dict[str, tuple[_Reader, Contract]] = {}
        self._topics: dict[str, FeedTopic] = {}
        for each in listings.all:
            start = f"market.{each.venue_symbol}."
            for suffix, reader in readers.items():
                self._routes[start + suffix] = (reader, contract_of(each))
            for channel, suffix in self._suffixes.items():
                self._topics[start + suffix] = FeedTopic(channel, each.instrument.id)

    @property
    def market(self) -> Market:
        """The market of this codec."""
        return self._market

    def rules(self, channel: FeedChannel) -> FeedRules:
        """Books of spot have a URL of their own."""
        return self._book_rules if channel is FeedChannel.BOOK else self._rules

    def subscribe(self, topics: Sequence[FeedTopic], request: int) -> list[bytes]:
        """One frame per topic, all with the request number."""
        return [self._request("sub", topic, request) for topic in topics]

    def unsubscribe(self, topics: Sequence[FeedTopic], request: int) -> list[bytes]:
        """One frame per topic, all with the request number."""
        return [self._request("unsub", topic, request) for topic in topics]

    def _request(self, verb: str, topic: FeedTopic, request: int) -> bytes:
        frame = {verb: self._name(topic), "id": str(request)}
        if topic.channel is FeedChannel.BOOK and self._market.kind != _SPOT:
            frame["data_type"] = "incremental"
        return msgspec.json.encode(frame)

    def _name(self, topic: FeedTopic) -> str:
        symbol = self._listings.word(topic.instrument)
        return f"market.{symbol}.{self._suffixes[topic.channel]}"

    def decode(self, frame: bytes) -> Sequence[Tick | ControlMessage]:
        """The content of one frame. Raises DecodeError."""
        text = gunzip(frame)
        envelope = decode_json(_FRAME, text)
        if route := self._routes.get(envelope.ch):
            reader, contract = route
            return reader(contract, envelope)
        if envelope.ch:
            return _ignore(envelope.ch, text)
        return self._control(envelope, text)

    def snapshot_path(self, instrument: InstrumentId) -> bytes:
        """The frame that asks for a whole book of spot; its id is the topic, not a number."""
        if self._market.kind != _SPOT:
            raise ValueError(f"the book of {instrument.symbol} starts with the stream")
        name = self._name(FeedTopic(FeedChannel.BOOK, instrument))
        return msgspec.json.encode({"req": name, "id": name})

    def decode_snapshot(self, instrument: InstrumentId, body: bytes) -> BookReplaced:
        """Never called: there is no snapshot by REST."""
        raise decoding.decode_error(f"no book of {instrument.symbol} was asked for by REST", body)

    def _control(self, frame: _Frame, text: bytes) -> Sequence[Tick | ControlMessage]:
        if frame.ping is not None:
            return (PingReceived(msgspec.json.encode({"pong": frame.ping})),)
        if frame.pong is not None:
            return (PongReceived(),)
        if frame.op:
            return _notice(frame, text)
        if frame.status == "error":
            return (self._refusal(frame),)
        if frame.status == "ok" and frame.rep in self._topics:
            return self._snapshot(frame)
        if frame.status == "ok" and (frame.subbed or frame.unsubbed):
            return self._subscribed(frame)
        raise decoding.decode_error("neither news nor an answer", text)

    def _subscribed(self, frame: _Frame) -> Sequence[ControlMessage]:
        if frame.unsubbed:
            return ()
        topic = self._topics.get(frame.subbed)
        return (Subscribed(decoding.parse_request_id(frame.id), (topic,) if topic else ()),)

    def _refusal(self, frame: _Frame) -> SubscriptionRefused:
        """The id of a book that was asked for is its topic."""
        topic = self._topics.get(str(frame.id))
        request = decoding.parse_request_id(frame.id)
        code = str(frame.err_code)
        return SubscriptionRefused(code, frame.err_msg, request, (topic,) if topic else ())

    def _snapshot(self, frame: _Frame) -> Sequence[Tick]:
        start = decode_json(_SNAPSHOT, frame.data)
        sides = best_first(start.bids, start.asks)
        instrument = self._topics[frame.rep].instrument
        return (BookReplaced(instrument, ms_to_ns(frame.ts), *sides, start.seq_num),)


def _ignore(channel: str, text: bytes) -> Sequence[Tick]:
    """No messages, for a documented topic that is not used."""
    market, _, topic = channel.partition(".")
    suffix = topic.partition(".")[2]
    ours = suffix in {*_TOPICS.values(), *_BOOKS.values()}
    if market != "market" or ours or not suffix.startswith(_IGNORED):
        raise decoding.decode_error(f"unknown or unlisted topic {channel!r}", text)
    return ()


def _notice(frame: _Frame, text: bytes) -> Sequence[ControlMessage]:
    """Messages of the notification protocol, which carries funding rates and liquidations."""
    if frame.op == "ping":
        return (PingReceived(msgspec.json.encode({"op": "pong", "ts": frame.ts})),)
    if frame.op == "close":
        return (ClosingAnnounced(frame.err_msg or "closed by the venue"),)
    if frame.op not in _OPS:
        raise decoding.decode_error(f"unknown op {frame.op!r}", text)
    return ()


def _spot_trades(contract: Contract, frame: _Frame) -> Sequence[Tick]:
    ticks = []
    for each in decode_json(_TRADES, frame.tick).data:
        if each.trade_id is None:
            raise decoding.decode_error("a trade without tradeId", frame.tick)
        ticks.append(_trade(contract, each, each.trade_id))
    return ticks


def _linear_trades(contract: Contract, frame: _Frame) -> Sequence[Tick]:
    return [_trade(contract, each, each.id) for each in decode_json(_TRADES, frame.tick).data]


def _trade(contract: Contract, trade: _Trade, number: int) -> TradePrinted:
    side = Side.BUY if trade.direction == "buy" else Side.SELL
    quantity = contract.units(trade.amount)
    return TradePrinted(
        contract.instrument, ms_to_ns(trade.ts), trade.price, quantity, side, str(number)
    )


def _spot_quote(contract: Contract, frame: _Frame) -> Sequence[Tick]:
    quote = decode_json(_SPOT_QUOTE, frame.tick)
    return (QuoteChanged(
        contract.instrument, ms_to_ns(quote.quote_time),
        quote.bid, quote.bid_size, quote.ask, quote.ask_size,
    ),)  # fmt: skip


def _linear_quote(contract: Contract, frame: _Frame) -> Sequence[Tick]:
    quote = decode_json(_LINEAR_QUOTE, frame.tick)
    (bid, bid_size), (ask, ask_size) = (
        quote.bid or decoding.EMPTY_SIDE,
        quote.ask or decoding.EMPTY_SIDE,
    )
    return (QuoteChanged(
        contract.instrument, ms_to_ns(quote.ts),
        bid, contract.units(bid_size), ask, contract.units(ask_size),
    ),)  # fmt: skip


def _candle(contract: Contract, frame: _Frame) -> Sequence[Tick]:
    each = decode_json(_CANDLE, frame.tick)
    return (
        CandleSeen(
            instrument=contract.instrument,
            event_ns=ms_to_ns(frame.ts),
            open_ns=each.id * SECOND_NS,
            open=each.open,
            high=each.high,
            low=each.low,
            close=each.close,
            volume=each.amount,
            closed=False,
        ),
    )


def _mbp(contract: Contract, frame: _Frame) -> Sequence[Tick]:
    change = decode_json(_CHANGE, frame.tick)
    return (BookChanged(
        contract.instrument, ms_to_ns(frame.ts), change.bids, change.asks,
        change.seq_num, change.seq_num, change.prev_seq_num,
    ),)  # fmt: skip


def _depth(contract: Contract, frame: _Frame) -> Sequence[Tick]:
    depth = decode_json(_DEPTH, frame.tick)
    bids, asks = contract.levels(depth.bids), contract.levels(depth.asks)
    event_ns, version = ms_to_ns(frame.ts), depth.version
    if depth.event == "snapshot":
        return (BookReplaced(contract.instrument, event_ns, *best_first(bids, asks), version),)
    return (BookChanged(contract.instrument, event_ns, bids, asks, version, version),)


def _full_book(contract: Contract, frame: _Frame) -> Sequence[Tick]:
    whole = decode_json(_FULL_BOOK, frame.tick)
    sides = best_first(contract.levels(whole.bids), contract.levels(whole.asks))
    return (BookReplaced(contract.instrument, ms_to_ns(frame.ts), *sides, whole.version),)
