"""Binance's account streams: spot over the WebSocket API, USD-M futures by a listen key.

On spot one signed request is both login and subscription. Futures send everything to whoever has
the key. A fill is part of the frame of its order. Spot reports deposits as differences, and futures
report balances without a free part: both are left to REST. Conditional orders of futures have an
API of their own and are ignored until they become orders.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from decimal import Decimal
from math import inf
from typing import Literal

import msgspec
from msgspec import Struct

from bowline.core.model.instrument import Market
from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO, Direction, Side
from bowline.core.venue import (
    Balance,
    FillKind,
    FillReport,
    Listing,
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
    LoginRefused,
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
    ControlMessage,
    PongReceived,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.rest import Credentials
from bowline.venues.rest.parse import parse_client_id

#: developers.binance.com, "WebSocket API": pings, and requests signed for `recvWindow`
_SPOT_RULES = AccountStreamRules(
    url="wss://ws-api.binance.com:443/ws-api/v3",
    ping=b'{"id":"ping","method":"ping"}',
    ping_interval_s=60.0,
    idle_timeout_s=150.0,
)
#: developers.binance.com, USD-M futures, "User Data Streams": a key holds for 60 minutes. The
#: venue sends pings of the WebSocket protocol, which are no frames
_LINEAR_RULES = AccountStreamRules(
    url="wss://fstream.binance.com/private/ws",
    listen_key=ListenKeyRules("listenKey", 3_600.0),
    idle_timeout_s=inf,
)
_MS_NS = 1_000_000
_WINDOW_MS = 5_000
#: developers.binance.com, spot "User Data Stream", USD-M futures "Event: Order Update" and
#: "Event: Balance and Position Update"
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_MARGIN_MODES = {"cross": MarginMode.CROSS, "isolated": MarginMode.ISOLATED}
_HEDGE_DIRECTIONS = {"LONG": Direction.LONG, "SHORT": Direction.SHORT}
#: developers.binance.com, spot "Enums: Order status", USD-M futures "Event: Order Update"
_STATES = {
    "PENDING_NEW": OrderState.PENDING,
    "NEW": OrderState.WORKING,
    "PENDING_CANCEL": OrderState.WORKING,
    "PARTIALLY_FILLED": OrderState.PARTLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "EXPIRED": OrderState.CANCELLED,
    "EXPIRED_IN_MATCH": OrderState.CANCELLED,
    "REJECTED": OrderState.REJECTED,
}
#: execution types that are fills; CALCULATED is a liquidation: the same pages
_FILL_EVENTS = frozenset({"TRADE", "CALCULATED"})
#: how client ids of the venue's own orders begin: USD-M futures, "Event: Order Update"
_LIQUIDATION_PREFIX, _ADL_PREFIX = "autoclose-", "adl_autoclose"
#: types of orders without a price: the same pages
_MARKET = frozenset({"MARKET", "STOP_MARKET", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"})
_SPOT_MARKET = frozenset({"MARKET", "STOP_LOSS", "TAKE_PROFIT"})
#: documented events without use here: the same pages
_IGNORED = frozenset({
    "TRADE_LITE", "listStatus", "ACCOUNT_CONFIG_UPDATE", "MARGIN_CALL", "STRATEGY_UPDATE",
    "GRID_UPDATE", "ALGO_UPDATE", "CONDITIONAL_ORDER_TRIGGER_REJECT",
})  # fmt: skip
#: events that end the stream, even if the connection stays open: the same pages
_STREAM_ENDED = frozenset({"listenKeyExpired", "eventStreamTerminated", "serverShutdown"})


class _Error(Struct, gc=False):
    code: int
    msg: str = ""


class _Frame(Struct, gc=False):
    e: str = ""
    id: str | int | None = None
    status: int = 0
    error: _Error | None = None
    event: msgspec.Raw = msgspec.Raw()
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()
    o: msgspec.Raw = msgspec.Raw()
    a: msgspec.Raw = msgspec.Raw()
    T: Millis = 0


class _SpotOrder(Struct, gc=False):
    s: str
    c: str
    S: Literal["BUY", "SELL"]
    o: str
    q: Decimal
    p: Decimal
    x: str
    X: str
    i: int
    l: Decimal  # noqa: E741 - the venue's name
    z: Decimal
    L: Decimal
    n: Decimal | None
    N: str | None
    T: Millis
    t: int
    m: bool
    Z: Decimal
    C: str = ""
    Q: Decimal = ZERO


class _FuturesOrder(Struct, gc=False):
    s: str
    c: str
    S: Literal["BUY", "SELL"]
    o: str
    q: Decimal
    p: Decimal
    ap: Decimal
    x: str
    X: str
    i: int
    l: Decimal  # noqa: E741 - the venue's name
    z: Decimal
    L: Decimal
    T: Millis
    t: int
    m: bool
    n: Decimal | None = None
    N: str | None = None
    R: bool = False
    cp: bool = False


class _SpotBalance(Struct, gc=False):
    a: str
    f: Decimal
    l: Decimal  # noqa: E741 - the venue's name


class _SpotAccount(Struct, gc=False):
    B: msgspec.Raw


class _Position(Struct, gc=False):
    s: str
    pa: Decimal
    ep: Decimal
    up: Decimal
    mt: str
    ps: Literal["BOTH", "LONG", "SHORT"]


class _FuturesAccount(Struct, gc=False):
    B: list[msgspec.Raw] = []
    P: msgspec.Raw = msgspec.Raw(b"[]")


_FRAME = decoder(_Frame)
_SPOT_ORDER = decoder(_SpotOrder)
_FUTURES_ORDER = decoder(_FuturesOrder)
_SPOT_ACCOUNT = decoder(_SpotAccount)
_SPOT_BALANCE = decoder(_SpotBalance)
_POSITION = decoder(_Position)
_FUTURES_ACCOUNT = decoder(_FuturesAccount)


class BinanceAccountCodec:
    """One Binance market at one account. See `AccountCodec`."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._market = market
        self._symbols = VenueSymbols(market, listings)
        self._readers: dict[str, Callable[[_Frame, bytes], Sequence[AccountMessage]]] = (
            {
                "executionReport": self._spot_order,
                "outboundAccountPosition": _spot_balances,
                "balanceUpdate": _incomplete,
                "externalLockUpdate": _incomplete,
            }
            if market.kind == "spot"
            else {
                "ORDER_TRADE_UPDATE": self._futures_order,
                "ACCOUNT_UPDATE": self._futures_account,
            }
        )

    @property
    def market(self) -> Market:
        """The market of this codec."""
        return self._market

    @property
    def rules(self) -> AccountStreamRules:
        """A connection to the WebSocket API, or one that a listen key opens."""
        return _SPOT_RULES if self._market.kind == "spot" else _LINEAR_RULES

    def login(self, credentials: Credentials, now_ns: int) -> list[bytes]:
        """No frame: the request of spot is signed, and the key of futures is in the URL."""
        del credentials, now_ns
        return []

    def subscribe(self, credentials: Credentials, now_ns: int, request: int) -> list[bytes]:
        """One signed frame for spot, none for futures."""
        if self._market.kind != "spot":
            return []
        params = {
            "apiKey": credentials.key,
            "recvWindow": _WINDOW_MS,
            "timestamp": now_ns // _MS_NS,
        }
        signed = "&".join(f"{name}={value}" for name, value in params.items()).encode()
        sign = hmac.new(credentials.secret.encode(), signed, hashlib.sha256).hexdigest()
        frame = {
            "id": str(request),
            "method": "userDataStream.subscribe.signature",
            "params": {**params, "signature": sign},
        }
        return [msgspec.json.encode(frame)]

    def decode(self, frame: bytes) -> Sequence[AccountMessage]:
        """The content of one frame. Raises DecodeError."""
        envelope, raw = decode_json(_FRAME, frame), frame
        for wrapped in (envelope.event, envelope.data):
            if bytes(wrapped)[:1] == b"{":
                envelope, raw = decode_json(_FRAME, wrapped), bytes(wrapped)
                break
        if not envelope.e:
            return _control(envelope, raw)
        if reader := self._readers.get(envelope.e):
            return reader(envelope, raw)
        if envelope.e in _STREAM_ENDED:
            return (ClosingAnnounced(envelope.e),)
        if envelope.e in _IGNORED:
            return ()
        raise decoding.decode_error(f"unknown event {envelope.e!r}", raw)

    def _spot_order(self, frame: _Frame, raw: bytes) -> Sequence[AccountMessage]:
        del frame
        each = decode_json(_SPOT_ORDER, raw)
        listing = self._symbols.listing_of(each.s, raw)
        assert listing is not None, "every pair of spot is listed or unreadable"
        filled, quantity = checked_size(each.z, raw), checked_size(each.q, raw)
        if each.Q:  # a market order in quote money
            quantity = max(quantity, filled)
        # of a cancelled order the venue puts our id second, and the cancel's own first
        client_id = parse_client_id(each.C or each.c, "")
        cost = checked_size(each.Z, raw)
        order = OrderReport(
            venue_order_id=str(each.i),
            client_id=client_id,
            instrument=listing.instrument.id,
            side=_SIDES[each.S],
            quantity=quantity,
            filled=filled,
            state=order_state(each.X, _STATES, quantity, filled),
            event_ns=ms_to_ns(each.T),
            price=None if each.o in _SPOT_MARKET else checked_size(each.p, raw) or None,
            average_price=cost / filled if filled and cost else None,
        )
        return _with_fill(order, each, listing, raw)

    def _futures_order(self, frame: _Frame, raw: bytes) -> Sequence[AccountMessage]:
        raw = bytes(frame.o)
        each = decode_json(_FUTURES_ORDER, raw)
        listing = self._symbols.listing_of(each.s, raw)
        if listing is None:
            return ()
        filled, quantity = checked_size(each.z, raw), checked_size(each.q, raw)
        order = OrderReport(
            venue_order_id=str(each.i),
            client_id=parse_client_id(each.c, ""),
            instrument=listing.instrument.id,
            side=_SIDES[each.S],
            quantity=quantity,
            filled=filled,
            state=order_state(each.X, _STATES, quantity, filled),
            event_ns=ms_to_ns(frame.T or each.T),
            price=None if each.o in _MARKET else checked_size(each.p, raw) or None,
            average_price=(checked_size(each.ap, raw) or None) if filled else None,
            reduce_only=each.R or each.cp,
        )
        return _with_fill(order, each, listing, raw)

    def _futures_account(self, frame: _Frame, raw: bytes) -> Sequence[AccountMessage]:
        del raw
        account = decode_json(_FUTURES_ACCOUNT, frame.a)
        messages: list[AccountMessage] = [IncompleteUpdate("balances")] if account.B else []
        return messages + decode_items(
            account.P, lambda one: self._position(one, ms_to_ns(frame.T))
        )

    def _position(self, raw: bytes, event_ns: int) -> Sequence[AccountMessage]:
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
            event_ns=event_ns,
            margin_mode=_MARGIN_MODES.get(each.mt),
            unrealised_pnl=checked_amount(each.up, raw),
            hedged=each.ps in _HEDGE_DIRECTIONS,
        ),)  # fmt: skip


def _with_fill(
    order: OrderReport, each: _SpotOrder | _FuturesOrder, listing: Listing, raw: bytes
) -> Sequence[AccountMessage]:
    """The order, and its fill if there is one with a fee."""
    if each.x not in _FILL_EVENTS or each.t <= 0 or not each.l:
        return (order,)
    if each.N is None or each.n is None:
        return order, IncompleteUpdate("a fee")
    fill = FillReport(
        instrument=listing.instrument.id,
        trade_id=str(each.t),
        venue_order_id=order.venue_order_id,
        client_id=order.client_id,
        side=order.side,
        quantity=checked_price(each.l, raw),
        price=checked_price(each.L, raw),
        fee=checked_amount(each.n, raw),
        fee_asset=each.N,
        event_ns=ms_to_ns(each.T),
        maker=each.m,
        kind=_kind(each),
    )
    return order, fill


def _kind(each: _SpotOrder | _FuturesOrder) -> FillKind:
    if each.c.startswith(_ADL_PREFIX):
        return FillKind.DELEVERAGING
    forced = each.x == "CALCULATED" or each.c.startswith(_LIQUIDATION_PREFIX)
    return FillKind.LIQUIDATION if forced else FillKind.TRADE


def _spot_balances(frame: _Frame, raw: bytes) -> Sequence[AccountMessage]:
    del frame
    return decode_items(decode_json(_SPOT_ACCOUNT, raw).B, _spot_balance)


def _spot_balance(raw: bytes) -> Sequence[Balance]:
    each = decode_json(_SPOT_BALANCE, raw)
    return (Balance(each.a, checked_size(each.f, raw) + checked_size(each.l, raw), each.f),)


def _incomplete(frame: _Frame, raw: bytes) -> Sequence[IncompleteUpdate]:
    del raw
    return (IncompleteUpdate(frame.e),)


def _control(frame: _Frame, raw: bytes) -> Sequence[ControlMessage | LoginRefused]:
    if frame.id is None:
        raise decoding.decode_error("neither an event nor an answer", raw)
    if frame.id == "ping":
        return (PongReceived(),)
    request = decoding.parse_request_id(frame.id)
    if frame.error is not None:
        code, message = str(frame.error.code), frame.error.msg
        # the one request there is is the login
        return LoginRefused(code, message), SubscriptionRefused(code, message, request)
    return (Subscribed(request),)
