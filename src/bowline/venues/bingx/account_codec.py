"""BingX's account streams, opened by a listen key. Every frame is gzip; sizes are base units.

Spot needs subscriptions, perpetuals send everything without. A fill of spot is part of the frame of
its order. Frames of perpetuals have no trade id, so their fills are left to REST, and so are all
balances, whose free part no frame has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import Struct

from bowline.core.model.instrument import Market
from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO, Direction, Side
from bowline.core.venue import (
    FillReport,
    Listings,
    MarginMode,
    OrderReport,
    PositionReport,
)
from bowline.venues import decoding
from bowline.venues.account_codec import (
    AccountMessage,
    AccountStreamRules,
    IncompleteUpdate,
    ListenKeyRules,
    VenueSymbols,
    checked_amount,
    checked_price,
    checked_size,
    decode_items,
    direction_of,
    order_state,
)
from bowline.venues.decoding import Millis, decode_json, decoder, ms_to_ns
from bowline.venues.feed_codec import (
    ClosingAnnounced,
    PingReceived,
    PongReceived,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.gunzip import gunzip
from bowline.venues.rest import Credentials
from bowline.venues.rest.parse import parse_client_id

#: bingx-api.github.io/docs, spot and swap, "Websocket Account Data"
_URLS = {
    "spot": "wss://open-api-ws.bingx.com/market",
    "linear": "wss://open-api-swap.bingx.com/swap-market",
}
#: bingx-api.github.io/docs, "Listen Key": valid for one hour
_LISTEN_KEY = ListenKeyRules("listenKey", 3_600.0)
_PING, _PONG = b"Ping", b"Pong"
#: the same: "order update event" of spot, "Order update push" and
#: "Account balance and position update push" of swaps
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_MARGIN_MODES = {"cross": MarginMode.CROSS, "isolated": MarginMode.ISOLATED}
_HEDGE_DIRECTIONS = {"LONG": Direction.LONG, "SHORT": Direction.SHORT}
#: the same: order status; CANCELLED is not found in the documents
_STATES = {
    "NEW": OrderState.WORKING,
    "PENDING": OrderState.WORKING,
    "PARTIALLY_FILLED": OrderState.PARTLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "CANCELLED": OrderState.CANCELLED,
    "EXPIRED": OrderState.CANCELLED,
    "FAILED": OrderState.REJECTED,
}
#: the same: types of orders without a price
_MARKET = frozenset({"MARKET", "STOP_MARKET", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"})
#: what is subscribed to on spot: the same
_TOPICS = ("spot.executionReport", "ACCOUNT_UPDATE")
#: documented events without use here: the same
_IGNORED = frozenset({"SNAPSHOT", "ACCOUNT_CONFIG_UPDATE", "TRADE_UPDATE"})


class _Frame(Struct, gc=False, rename="camel"):
    code: int = 0
    data_type: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")
    id: str = ""
    msg: str = ""
    ping: str = ""
    time: str = ""
    e: str = ""
    event_ms: Millis = msgspec.field(name="E", default=0)
    o: msgspec.Raw = msgspec.Raw(b"null")
    a: msgspec.Raw = msgspec.Raw(b"null")


class _SpotOrder(Struct, gc=False):
    E: Millis
    s: str
    S: Literal["BUY", "SELL"]
    o: str
    q: Decimal
    p: Decimal
    x: str
    X: str
    i: int | str
    l: Decimal  # noqa: E741 - the venue's name
    z: Decimal
    L: Decimal
    n: Decimal
    N: str
    T: Millis
    t: int | str
    Z: Decimal = ZERO
    m: bool | None = None
    c: str = ""
    C: str = ""


class _LinearOrder(Struct, gc=False):
    s: str
    S: Literal["BUY", "SELL"]
    o: str
    q: Decimal
    p: Decimal
    X: str
    i: int | str
    z: Decimal
    ap: Decimal = ZERO
    T: Millis = 0
    c: str = ""
    ro: bool = False


class _Position(Struct, gc=False):
    s: str
    pa: Decimal
    ep: Decimal
    ps: Literal["BOTH", "LONG", "SHORT"]
    up: Decimal | None = None
    mt: str = ""


class _Account(Struct, gc=False):
    P: msgspec.Raw = msgspec.Raw(b"[]")


_FRAME = decoder(_Frame)
_SPOT_ORDER = decoder(_SpotOrder)
_LINEAR_ORDER = decoder(_LinearOrder)
_ACCOUNT = decoder(_Account)
_POSITION = decoder(_Position)


class BingxAccountCodec:
    """One BingX market at one account. See `AccountCodec`."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._market = market
        self._symbols = VenueSymbols(market, listings)
        self._rules = AccountStreamRules(
            url=_URLS[market.kind], listen_key=_LISTEN_KEY, ping_interval_s=5.0, idle_timeout_s=45.0
        )
        self._readers: dict[str, Callable[[_Frame], Sequence[AccountMessage]]] = {
            "ORDER_TRADE_UPDATE": self._linear_order,
            "ACCOUNT_UPDATE": self._account,
        }

    @property
    def market(self) -> Market:
        """The market of this codec."""
        return self._market

    @property
    def rules(self) -> AccountStreamRules:
        """The public URLs with a key; the venue pings every five seconds."""
        return self._rules

    def login(self, credentials: Credentials, now_ns: int) -> list[bytes]:
        """No frame: the key is in the URL."""
        del credentials, now_ns
        return []

    def subscribe(self, credentials: Credentials, now_ns: int, request: int) -> list[bytes]:
        """Two frames for spot; perpetuals refuse subscriptions."""
        del credentials, now_ns
        if self._market.kind != "spot":
            return []
        return [
            msgspec.json.encode({"id": str(request + at), "reqType": "sub", "dataType": topic})
            for at, topic in enumerate(_TOPICS)
        ]

    def decode(self, frame: bytes) -> Sequence[AccountMessage]:
        """The content of one frame. Raises DecodeError."""
        text = gunzip(frame)
        if text in {_PING, _PONG}:
            return (PingReceived(b"Pong"),) if text == _PING else (PongReceived(),)
        envelope = decode_json(_FRAME, text)
        if reader := self._readers.get(envelope.e):
            return reader(envelope)
        if envelope.e:
            return _event(envelope, text)
        if envelope.data_type == _TOPICS[0] and bytes(envelope.data)[:1] == b"{":
            return self._spot_order(envelope)
        if envelope.data_type == _TOPICS[1] and bytes(envelope.data)[:1] == b"{":
            return (IncompleteUpdate("balances"),)
        return _control(envelope, text)

    def _spot_order(self, frame: _Frame) -> Sequence[AccountMessage]:
        raw = bytes(frame.data)
        each = decode_json(_SPOT_ORDER, raw)
        listing = self._symbols.listing_of(each.s, raw)
        assert listing is not None, "every pair of spot is listed or unreadable"
        filled, cost = checked_size(each.z, raw), checked_size(each.Z, raw)
        quantity = max(checked_size(each.q, raw), filled)
        order = OrderReport(
            venue_order_id=str(each.i),
            client_id=parse_client_id(each.c or each.C, ""),
            instrument=listing.instrument.id,
            side=_SIDES[each.S],
            quantity=quantity,
            filled=filled,
            state=order_state(each.X, _STATES, quantity, filled),
            event_ns=ms_to_ns(each.T or each.E),
            price=None if each.o in _MARKET else checked_size(each.p, raw) or None,
            average_price=cost / filled if filled and cost else None,
        )
        if each.x != "TRADE" or not each.l:
            return (order,)
        if not each.N or str(each.t) in {"", "0"}:
            return order, IncompleteUpdate("a fill")
        fill = FillReport(
            instrument=listing.instrument.id,
            trade_id=str(each.t),
            venue_order_id=order.venue_order_id,
            client_id=order.client_id,
            side=order.side,
            quantity=checked_price(each.l, raw),
            price=checked_price(each.L, raw),
            # what is paid is negative there
            fee=ZERO - checked_amount(each.n, raw),
            fee_asset=each.N,
            event_ns=ms_to_ns(each.T or each.E),
            maker=each.m is True,
        )
        return order, fill

    def _linear_order(self, frame: _Frame) -> Sequence[AccountMessage]:
        raw = bytes(frame.o)
        each = decode_json(_LINEAR_ORDER, raw)
        listing = self._symbols.listing_of(each.s, raw)
        if listing is None:
            return ()
        filled, quantity = checked_size(each.z, raw), checked_size(each.q, raw)
        return (OrderReport(
            venue_order_id=str(each.i),
            client_id=parse_client_id(each.c, ""),
            instrument=listing.instrument.id,
            side=_SIDES[each.S],
            quantity=quantity,
            filled=filled,
            state=order_state(each.X, _STATES, quantity, filled),
            event_ns=ms_to_ns(frame.event_ms or each.T),
            price=None if each.o in _MARKET else checked_size(each.p, raw) or None,
            average_price=(checked_size(each.ap, raw) or None) if filled else None,
            reduce_only=each.ro,
        ),)  # fmt: skip

    def _account(self, frame: _Frame) -> Sequence[AccountMessage]:
        told = decode_items(
            decode_json(_ACCOUNT, frame.a).P, lambda one: self._position(one, frame.event_ms)
        )
        return [IncompleteUpdate("balances"), *told]

    def _position(self, raw: bytes, event_ms: int) -> Sequence[AccountMessage]:
        each = decode_json(_POSITION, raw)
        listing = self._symbols.listing_of(each.s, raw)
        if listing is None:
            return ()
        signed = checked_amount(each.pa, raw)
        return (PositionReport(
            instrument=listing.instrument.id,
            direction=_HEDGE_DIRECTIONS.get(each.ps, direction_of(signed)),
            quantity=abs(signed),
            entry_price=checked_size(each.ep, raw),
            event_ns=ms_to_ns(event_ms),
            margin_mode=_MARGIN_MODES.get(each.mt),
            unrealised_pnl=None if each.up is None else checked_amount(each.up, raw),
            hedged=each.ps in _HEDGE_DIRECTIONS,
        ),)  # fmt: skip


def _event(frame: _Frame, text: bytes) -> Sequence[AccountMessage]:
    if frame.e == "listenKeyExpired":
        return (ClosingAnnounced(frame.e),)
    if frame.e not in _IGNORED:
        raise decoding.decode_error(f"unknown event {frame.e!r}", text)
    return ()


def _control(frame: _Frame, text: bytes) -> Sequence[AccountMessage]:
    if frame.ping:
        return (PingReceived(msgspec.json.encode({"pong": frame.ping, "time": frame.time})),)
    request = decoding.parse_request_id(frame.id)
    if frame.code:
        return (SubscriptionRefused(str(frame.code), frame.msg, request),)
    if not frame.id:
        raise decoding.decode_error("neither news nor an answer", text)
    return (Subscribed(request),)
