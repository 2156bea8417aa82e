"""MEXC's account stream of spot, opened by a listen key: updates in protocol buffers.

Field numbers are those of the venue's published `.proto` files; a missing field is 0 or empty. A
market buy is sized in quote currency, so its quantity here is what has filled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import msgspec
from msgspec import Struct

from bowline.core.model.instrument import Market
from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO, Side
from bowline.core.venue import Balance, FillReport, Listing, Listings, OrderReport
from bowline.venues import decoding
from bowline.venues.account_codec import (
    AccountMessage,
    AccountStreamRules,
    IncompleteUpdate,
    ListenKeyRules,
    VenueSymbols,
    checked_price,
    checked_size,
    order_state,
    parse_number,
)
from bowline.venues.decoding import decode_json, decoder, ms_to_ns
from bowline.venues.feed_codec import PongReceived, Subscribed, SubscriptionRefused
from bowline.venues.mexc import protobuf
from bowline.venues.rest import Credentials
from bowline.venues.rest.parse import parse_client_id

#: mexc.com/api-docs, spot-v3, "websocket-user-data-streams": a listen key holds for 60 minutes
_RULES = AccountStreamRules(
    url="wss://wbs-api.mexc.com/ws",
    listen_key=ListenKeyRules("listenKey", 3_600.0),
    ping=b'{"method":"PING"}',
    ping_interval_s=15.0,
)
_ORDERS, _DEALS, _ACCOUNT = (
    f"spot@private.{name}.v3.api.pb" for name in ("orders", "deals", "account")
)
# fields of PushDataV3ApiWrapper
_CHANNEL, _SYMBOL, _CREATED, _SENT = 1, 3, 5, 6
_BODIES = {_ORDERS: 304, _DEALS: 306, _ACCOUNT: 307}
_ENVELOPE = frozenset({_CHANNEL, _SYMBOL, _CREATED, _SENT, *_BODIES.values()})
#: the same: `tradeType`
_SIDES = {1: Side.BUY, 2: Side.SELL}
#: `orderType`
_MARKET = 5
#: the same: `status` of an order
_STATES = {
    "0": OrderState.WORKING,
    "1": OrderState.WORKING,
    "2": OrderState.FILLED,
    "3": OrderState.PARTLY_FILLED,
    "4": OrderState.CANCELLED,
    "5": OrderState.CANCELLED,
}

Fields = Mapping[int, int | bytes]


class _Reply(Struct, gc=False):
    code: int
    msg: str
    id: int | str | None = None


_REPLY = decoder(_Reply)


class MexcSpotAccountCodec:
    """MEXC's spot market at one account. See `AccountCodec`."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._market = market
        self._symbols = VenueSymbols(market, listings)
        self._readers: dict[str, Callable[[Fields, bytes, bytes], Sequence[AccountMessage]]] = {
            _ORDERS: self._order,
            _DEALS: self._fill,
            _ACCOUNT: _balance,
        }

    @property
    def market(self) -> Market:
        """The market of this codec."""
        return self._market

    @property
    def rules(self) -> AccountStreamRules:
        """The public URL with a key."""
        return _RULES

    def login(self, credentials: Credentials, now_ns: int) -> list[bytes]:
        """No frame: the key is in the URL."""
        del credentials, now_ns
        return []

    def subscribe(self, credentials: Credentials, now_ns: int, request: int) -> list[bytes]:
        """One frame."""
        del credentials, now_ns
        frame = {"method": "SUBSCRIPTION", "params": list(self._readers), "id": request}
        return [msgspec.json.encode(frame)]

    def decode(self, frame: bytes) -> Sequence[AccountMessage]:
        """The content of one frame. Raises DecodeError."""
        if frame[:1] == b"{":
            return _answer(decode_json(_REPLY, frame))
        envelope = protobuf.wanted(frame, _ENVELOPE)
        channel = protobuf.text(envelope.get(_CHANNEL), frame).decode(errors="replace")
        reader = self._readers.get(channel)
        if reader is None:
            raise decoding.decode_error(f"unknown channel {channel!r}", frame)
        body = protobuf.text(envelope.get(_BODIES[channel]), frame)
        return reader(envelope, body, frame)

    def _listing_of(self, envelope: Fields, frame: bytes) -> Listing:
        symbol = protobuf.text(envelope.get(_SYMBOL), frame).decode(errors="replace")
        listing = self._symbols.listing_of(symbol, frame)
        assert listing is not None, "every pair of spot is listed or unreadable"
        return listing

    def _order(self, envelope: Fields, body: bytes, frame: bytes) -> Sequence[AccountMessage]:
        listing, each = self._listing_of(envelope, frame), dict(protobuf.fields(body))
        filled = _size(each, 13, frame)
        in_quote_money = each.get(7) == _MARKET and each.get(8) == 1
        quantity = filled if in_quote_money else _size(each, 4, frame)
        sent = envelope.get(_SENT, envelope.get(_CREATED, each.get(16)))
        return (OrderReport(
            venue_order_id=_text(each, 1, frame),
            client_id=parse_client_id(_text(each, 2, frame), ""),
            instrument=listing.instrument.id,
            side=_side(each.get(8), frame),
            quantity=quantity,
            filled=filled,
            state=order_state(str(each.get(15, 0)), _STATES, quantity, filled),
            event_ns=ms_to_ns(protobuf.millis(sent, frame)),
            price=None if each.get(7) == _MARKET else _size(each, 3, frame) or None,
            average_price=(_size(each, 6, frame) or None) if filled else None,
        ),)  # fmt: skip

    def _fill(self, envelope: Fields, body: bytes, frame: bytes) -> Sequence[AccountMessage]:
        listing, each = self._listing_of(envelope, frame), dict(protobuf.fields(body))
        fee, asset = parse_number(_text(each, 10, frame), frame), _text(each, 11, frame)
        trade_id, order_id = _text(each, 7, frame), _text(each, 9, frame)
        if not trade_id or not order_id:
            raise decoding.decode_error("a fill without its ids", frame)
        if fee is None or not asset:
            return (IncompleteUpdate("a fee"),)
        return (FillReport(
            instrument=listing.instrument.id,
            trade_id=trade_id,
            venue_order_id=order_id,
            client_id=parse_client_id(_text(each, 8, frame), ""),
            side=_side(each.get(4), frame),
            quantity=checked_price(_size(each, 2, frame), frame),
            price=checked_price(_size(each, 1, frame), frame),
            fee=fee,
            fee_asset=asset,
            event_ns=ms_to_ns(protobuf.millis(each.get(12), frame)),
            maker=each.get(5, 0) == 1,
        ),)  # fmt: skip


def _balance(envelope: Fields, body: bytes, frame: bytes) -> Sequence[AccountMessage]:
    del envelope
    each = dict(protobuf.fields(body))
    asset = _text(each, 1, frame)
    if not asset:
        raise decoding.decode_error("a balance of nothing", frame)
    free = _size(each, 3, frame)
    return (Balance(asset, free + _size(each, 5, frame), free),)


def _text(each: Fields, field: int, frame: bytes) -> str:
    try:
        return protobuf.text(each.get(field, b""), frame).decode()
    except UnicodeDecodeError:
        raise decoding.decode_error(f"field {field} is no text", frame) from None


def _size(each: Fields, field: int, frame: bytes) -> Decimal:
    return checked_size(parse_number(_text(each, field, frame), frame) or ZERO, frame)


def _side(code: int | bytes | None, frame: bytes) -> Side:
    side = _SIDES.get(code) if isinstance(code, int) else None
    if side is None:
        raise decoding.decode_error(f"a side {code!r}", frame)
    return side


def _answer(reply: _Reply) -> Sequence[AccountMessage]:
    if reply.msg == "PONG":
        return (PongReceived(),)
    request = decoding.parse_request_id(reply.id)
    if reply.code or "Not Subscribed" in reply.msg:
        return (SubscriptionRefused(str(reply.code), reply.msg, request),)
    return (Subscribed(request),)
