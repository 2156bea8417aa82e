"""Gate's public feed, API v4. Spot counts base units, perpetuals count contracts.

Requests need a time that is within a minute of the venue's, so the codec gets a clock: `now_s` is
the only thing that it knows besides frames.

Spot books start in the stream (`spot.obu`, `full`) and go on with contiguous numbers; a change
without levels moves the number only. Perpetual books are `futures.order_book_update` with a
requested snapshot. `order_book` and spot's `order_book_update` are read too, though they are not
subscribed to. A candle's volume is `a`: `v` is quote currency on spot and contracts on perpetuals.
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
    Sequencing,
)
from bowline.venues.gate.envelope import (
    FRAME,
    FUTURES,
    NOTICE,
    PING_INTERVAL_S,
    SPOT,
    URLS,
    Frame,
    Seconds,
    control_messages,
    ms_text_to_ns,
    notice_messages,
    ping_of,
    prefix_of,
)

_DEPTH = 100
#: gate.com/docs/developers, apiv4/ws/en and futures/ws/en: channels
_BOOKS = {SPOT: "obu", FUTURES: "order_book_update"}
#: documented channels without use here: the same
_IGNORED = frozenset({
    "tickers", "contract_stats", "public_liquidates", "liquidates", "auto_deleverages",
    "contract_info", "adl_warning", "order_book_v2", "cross_balances", "funding_balances",
})  # fmt: skip

#: contracts or base units; the sign is the taker's side, or the side of the book
_Signed = Annotated[float, Meta(gt=-1e18, lt=1e18)]
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_Pairs = list[tuple[Price, Size]]


class _SpotTrade(Struct, gc=False):
    id: int
    create_time_ms: str
    side: Literal["buy", "sell"]
    currency_pair: str
    amount: Size
    price: Price


class _FuturesTrade(Struct, gc=False):
    id: int
    create_time: Seconds
    size: _Signed
    price: Price
    contract: str
    create_time_ms: Millis = 0


class _Quote(Struct, gc=False):
    s: str
    t: Millis
    b: Price | Literal[""]
    B: Size
    a: Price | Literal[""]
    A: Size


class _Candle(Struct, gc=False):
    t: Seconds
    o: Price
    h: Price
    l: Price  # noqa: E741 - the venue's name
    c: Price
    v: Size
    n: str
    a: Size | None = None
    w: bool = False


class _Level(Struct, gc=False):
    """A level of a perpetual."""

    p: Price
    s: Size


class _SpotChange(Struct, gc=False):
    t: Millis
    s: str
    u: decoding.SequenceNumber
    U: decoding.SequenceNumber = 0
    full: bool = False
    b: _Pairs = []
    a: _Pairs = []


class _FuturesChange(Struct, gc=False):
    t: Millis
    s: str
    u: decoding.SequenceNumber
    U: decoding.SequenceNumber
    b: list[_Level] = []
    a: list[_Level] = []


class _LevelChange(Struct, gc=False):
    """One level that is new, of `futures.order_book`: positive is a bid, negative an ask."""

    p: Price
    s: _Signed
    c: str
    id: decoding.SequenceNumber


class _FullBook(Struct, gc=False):
    """A whole book of a perpetual, pushed. One that has no time is of a contract without a book."""

    contract: str
    bids: list[_Level]
    asks: list[_Level]
    t: Millis | None = None
    id: decoding.SequenceNumber = 0


class _SpotSnapshot(Struct, gc=False):
    id: decoding.SequenceNumber
    bids: _Pairs
    asks: _Pairs
    update: Millis = 0


class _FuturesSnapshot(Struct, gc=False):
    id: decoding.SequenceNumber
    update: Annotated[float, Meta(ge=0, lt=9e9)]
    bids: list[_Level]
    asks: list[_Level]


_SPOT_TRADES: msgspec.json.Decoder[_SpotTrade | list[_SpotTrade]] = msgspec.json.Decoder(
    _SpotTrade | list[_SpotTrade], strict=False
)
_FUTURES_TRADES = decoder(list[_FuturesTrade])
_QUOTE = decoder(_Quote)
_CANDLES: msgspec.json.Decoder[_Candle | list[_Candle]] = msgspec.json.Decoder(
    _Candle | list[_Candle], strict=False
)
_SPOT_CHANGE = decoder(_SpotChange)
_FUTURES_CHANGE = decoder(_FuturesChange)
_LEVEL_CHANGES = decoder(list[_LevelChange])
_FULL_BOOK = decoder(_FullBook)
_SPOT_SNAPSHOT = decoder(_SpotSnapshot)
_FUTURES_SNAPSHOT = decoder(_FuturesSnapshot)


class GateFeedCodec:
    """One Gate market, spot or linear. See `FeedCodec`. `now_s` returns Unix seconds."""

    def __init__(self, market: Market, listings: Listings, now_s: Callable[[], int]) -> None:
        self._market = market
        self._listings = listings
        self._now_s = now_s
        self._contracts = contracts_by_venue_symbol(listings)
        self._prefix = prefix_of(market)
        self._rules = FeedRules(
            url=URLS[self._prefix],
            sequencing=Sequencing.CONTIGUOUS,
            snapshot_by_rest=self._prefix != SPOT,
            ping=ping_of(self._prefix),
            ping_interval_s=PING_INTERVAL_S,
            # a book and a candle are asked for one by one
            topics_per_frame=1,
            frames_per_second=20.0,
        )
        readers = {
            "book_ticker": self._quote,
            "candlesticks": self._candles,
            **(self._spot_readers if self._prefix == SPOT else self._futures_readers),
        }
        self._readers = {f"{self._prefix}.{name}": reader for name, reader in readers.items()}
        self._others = {f"{self._prefix}.{name}" for name in _IGNORED}

    @property
    def _spot_readers(self) -> dict[str, Callable[[Frame], Sequence[Tick]]]:
        return {
            "trades": self._spot_trades,
            "obu": self._spot_book,
            "order_book_update": self._spot_book,
        }

    @property
    def _futures_readers(self) -> dict[str, Callable[[Frame], Sequence[Tick]]]:
        return {
            "trades": self._futures_trades,
            "order_book_update": self._futures_book,
            "order_book": self._pushed_book,
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
        return [self._request("subscribe", topic, request) for topic in topics]

    def unsubscribe(self, topics: Sequence[FeedTopic], request: int) -> list[bytes]:
        """One frame per topic, all with the request number."""
        return [self._request("unsubscribe", topic, request) for topic in topics]

    def _request(self, event: str, topic: FeedTopic, request: int) -> bytes:
        symbol = self._listings.word(topic.instrument)
        name, payload = {
            FeedChannel.TRADES: ("trades", [symbol]),
            FeedChannel.QUOTES: ("book_ticker", [symbol]),
            FeedChannel.CANDLES: ("candlesticks", ["1m", symbol]),
            FeedChannel.BOOK: (
                _BOOKS[self._prefix],
                [f"ob.{symbol}.50"] if self._prefix == SPOT else [symbol, "100ms", str(_DEPTH)],
            ),
        }[topic.channel]
        return msgspec.json.encode({
            "time": self._now_s(), "id": request, "channel": f"{self._prefix}.{name}",
            "event": event, "payload": payload,
        })  # fmt: skip

    def decode(self, frame: bytes) -> Sequence[Tick | ControlMessage]:
        """The content of one frame. Raises DecodeError."""
        envelope = decode_json(FRAME, frame)
        if envelope.event in {"update", "all"} and envelope.error is None:
            if reader := self._readers.get(envelope.channel):
                return reader(envelope)
            if envelope.channel == f"{self._prefix}.system":
                return notice_messages(decode_json(NOTICE, envelope.result))
            if envelope.channel in self._others:
                return ()
            raise decoding.decode_error(f"unknown channel {envelope.channel!r}", frame)
        return control_messages(envelope, frame)

    def snapshot_path(self, instrument: InstrumentId) -> str:
        """Perpetuals alone: the stream of spot begins with a whole book."""
        if self._prefix == SPOT:
            raise ValueError(f"the book of {instrument.symbol} starts with the stream")
        symbol = self._listings.word(instrument)
        return f"/api/v4/futures/usdt/order_book?contract={symbol}&limit={_DEPTH}&with_id=true"

    def decode_snapshot(self, instrument: InstrumentId, body: bytes) -> BookReplaced:
        """A whole book, of spot too. Raises DecodeError."""
        contract = self._contracts[self._listings.word(instrument)]
        if self._prefix == SPOT:
            spot = decode_json(_SPOT_SNAPSHOT, body)
            sides = best_first(spot.bids, spot.asks)
            return BookReplaced(instrument, ms_to_ns(spot.update), *sides, spot.id)
        start = decode_json(_FUTURES_SNAPSHOT, body)
        sides = best_first(_levels(contract, start.bids), _levels(contract, start.asks))
        return BookReplaced(instrument, ms_to_ns(round(start.update * 1000)), *sides, start.id)

    def _contract_of(self, symbol: str, frame: Frame) -> Contract:
        contract = self._contracts.get(symbol)
        if contract is None:
            raise decoding.decode_error(f"{symbol!r} is not listed", frame.result)
        return contract

    def _spot_trades(self, frame: Frame) -> Sequence[Tick]:
        trades = decode_json(_SPOT_TRADES, frame.result)
        return [
            TradePrinted(
                self._contract_of(each.currency_pair, frame).instrument,
                ms_text_to_ns(each.create_time_ms, frame),
                each.price, each.amount, _SIDES[each.side], str(each.id),
            )
            for each in (trades if isinstance(trades, list) else [trades])
        ]  # fmt: skip

    def _futures_trades(self, frame: Frame) -> Sequence[Tick]:
        ticks = []
        for each in decode_json(_FUTURES_TRADES, frame.result):
            contract = self._contract_of(each.contract, frame)
            if each.size == 0:
                raise decoding.decode_error("a trade of nothing has no side", frame.result)
            ticks.append(TradePrinted(
                contract.instrument,
                ms_to_ns(each.create_time_ms) or each.create_time * SECOND_NS,
                each.price, contract.units(abs(each.size)),
                Side.BUY if each.size > 0 else Side.SELL, str(each.id),
            ))  # fmt: skip
        return ticks

    def _quote(self, frame: Frame) -> Sequence[Tick]:
        quote = decode_json(_QUOTE, frame.result)
        contract = self._contract_of(quote.s, frame)
        if not quote.t:
            return ()  # a contract that nobody quotes
        bid = (quote.b, contract.units(quote.B)) if quote.b else decoding.EMPTY_SIDE
        ask = (quote.a, contract.units(quote.A)) if quote.a else decoding.EMPTY_SIDE
        return (QuoteChanged(contract.instrument, ms_to_ns(quote.t), *bid, *ask),)

    def _candles(self, frame: Frame) -> Sequence[Tick]:
        candles = decode_json(_CANDLES, frame.result)
        ticks = []
        for each in candles if isinstance(candles, list) else [candles]:
            interval, _, symbol = each.n.partition("_")
            contract = self._contract_of(symbol, frame)
            if interval != "1m":
                continue
            ticks.append(
                CandleSeen(
                    instrument=contract.instrument,
                    event_ns=frame.event_ns,
                    open_ns=each.t * SECOND_NS,
                    open=each.o,
                    high=each.h,
                    low=each.l,
                    close=each.c,
                    volume=self._volume(contract, each, frame),
                    closed=each.w,
                )
            )
        return ticks

    def _volume(self, contract: Contract, candle: _Candle, frame: Frame) -> float:
        if self._prefix != SPOT:
            return contract.units(candle.v)
        if candle.a is not None:
            return candle.a
        if candle.v:
            raise decoding.decode_error("a candle without its volume in base units", frame.result)
        return 0.0

    def _spot_book(self, frame: Frame) -> Sequence[Tick]:
        change = decode_json(_SPOT_CHANGE, frame.result)
        symbol = change.s.split(".")[1] if change.s.startswith("ob.") else change.s
        instrument = self._contract_of(symbol, frame).instrument
        if change.full:
            sides = best_first(change.b, change.a)
            return (BookReplaced(instrument, ms_to_ns(change.t), *sides, change.u),)
        if not 0 < change.U <= change.u:
            raise decoding.decode_error("a change without its numbers", frame.result)
        return (
            BookChanged(instrument, ms_to_ns(change.t), change.b, change.a, change.U, change.u),
        )

    def _futures_book(self, frame: Frame) -> Sequence[Tick]:
        change = decode_json(_FUTURES_CHANGE, frame.result)
        contract = self._contract_of(change.s, frame)
        if not 0 < change.U <= change.u:
            raise decoding.decode_error("a change without its numbers", frame.result)
        bids, asks = _levels(contract, change.b), _levels(contract, change.a)
        return (
            BookChanged(contract.instrument, ms_to_ns(change.t), bids, asks, change.U, change.u),
        )

    def _pushed_book(self, frame: Frame) -> Sequence[Tick]:
        if frame.event == "update":
            return self._single_levels(frame)
        whole = decode_json(_FULL_BOOK, frame.result)
        contract = self._contract_of(whole.contract, frame)
        if whole.t == 0:
            return ()
        event_ns = frame.event_ns if whole.t is None else ms_to_ns(whole.t)
        sides = best_first(_levels(contract, whole.bids), _levels(contract, whole.asks))
        return (BookReplaced(contract.instrument, event_ns, *sides, whole.id),)

    def _single_levels(self, frame: Frame) -> Sequence[Tick]:
        """A size of 0 has no side: the level is deleted from both."""
        orders = decode_json(_LEVEL_CHANGES, frame.result)
        by_symbol: dict[str, list[_LevelChange]] = {}
        for each in orders:
            by_symbol.setdefault(each.c, []).append(each)
        return [
            self._merged(self._contract_of(symbol, frame), by_symbol[symbol], frame)
            for symbol in by_symbol
        ]

    def _merged(self, contract: Contract, orders: list[_LevelChange], frame: Frame) -> BookChanged:
        bids = [(each.p, contract.units(each.s)) for each in orders if each.s >= 0]
        asks = [(each.p, contract.units(abs(each.s))) for each in orders if each.s <= 0]
        ids = [each.id for each in orders]
        instrument = contract.instrument
        return BookChanged(instrument, frame.event_ns, bids, asks, min(ids), max(ids))


def _levels(contract: Contract, levels: list[_Level]) -> list[Level]:
    up, down = contract.up, contract.down
    return [(each.p, each.s * up / down) for each in levels]
