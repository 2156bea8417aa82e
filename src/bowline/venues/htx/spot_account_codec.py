"""HTX's account stream of spot, `/ws/v2`: orders, fills, balances, all after one login.

A market buy is sized in quote currency and is left to REST; its fills are reported like any other.
Only the trading account counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import Struct

from bowline.core.model.instrument import Market
from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO, Side
from bowline.core.venue import (
    Balance,
    FillReport,
    Listings,
    OrderReport,
)
from bowline.venues import decoding
from bowline.venues.account_codec import (
    AccountMessage,
    AccountStreamRules,
    IncompleteUpdate,
    LoggedIn,
    LoginRefused,
    VenueSymbols,
    checked_amount,
    checked_price,
    checked_size,
    order_state,
    parse_number,
)
from bowline.venues.decoding import Millis, decode_json, decoder, ms_to_ns
from bowline.venues.feed_codec import PingReceived, Subscribed, SubscriptionRefused
from bowline.venues.gunzip import gunzip
from bowline.venues.htx.signing import signature, timestamp
from bowline.venues.rest import Credentials
from bowline.venues.rest.parse import parse_client_id

_RULES = AccountStreamRules(url="wss://api.huobi.pro/ws/v2")
_GZIP = b"\x1f\x8b"
#: huobiapi.github.io/docs, spot "Websocket Asset and Order": answer codes
_OK = 200
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
#: the same: `orderStatus`
_STATES = {
    "created": OrderState.PENDING,
    "pre-submitted": OrderState.PENDING,
    "submitted": OrderState.WORKING,
    "partial-filled": OrderState.PARTLY_FILLED,
    "filled": OrderState.FILLED,
    "partial-canceled": OrderState.CANCELLED,
    "canceled": OrderState.CANCELLED,
    "rejected": OrderState.REJECTED,
}
#: the same: topics for all symbols, clearing without cancellations, balances with `available`
_TOPICS = ("orders#*", "trade.clearing#*#0", "accounts.update#2")


class _Frame(Struct, gc=False):
    action: str
    ch: str = ""
    code: int | None = None
    message: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


class _Order(Struct, gc=False, rename="camel"):
    symbol: str
    type: str
    order_id: int | str
    order_status: str
    client_order_id: str | None = None
    order_price: str = ""
    order_size: str = ""
    exec_amt: str = ""
    trade_time: Millis = 0
    last_act_time: Millis = 0
    order_create_time: Millis = 0


class _Fill(Struct, gc=False, rename="camel"):
    event_type: str
    symbol: str
    order_id: int | str
    order_side: Literal["buy", "sell"]
    trade_price: Decimal = ZERO
    trade_volume: Decimal = ZERO
    aggressor: bool = True
    trade_id: int | str = 0
    trade_time: Millis = 0
    transact_fee: Decimal = ZERO
    fee_currency: str = ""
    fee_deduct: str = ""
    fee_deduct_type: str = ""
    client_order_id: str | None = None


class _Balance(Struct, gc=False, rename="camel"):
    currency: str
    account_type: str = "trade"
    balance: str = ""
    available: str = ""


class _Stamp(Struct, gc=False):
    ts: int


_FRAME, _ORDER, _FILL = decoder(_Frame), decoder(_Order), decoder(_Fill)
_BALANCE, _STAMP = decoder(_Balance), decoder(_Stamp)


class HtxSpotAccountCodec:
    """HTX's spot market at one account. See `AccountCodec`."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._market = market
        self._symbols = VenueSymbols(market, listings)
        self._readers: dict[str, Callable[[bytes], Sequence[AccountMessage]]] = {
            "orders": self._order,
            "trade.clearing": self._fill,
            "accounts.update": _balance,
        }

    @property
    def market(self) -> Market:
        """The market of this codec."""
        return self._market

    @property
    def rules(self) -> AccountStreamRules:
        """A URL of its own; the venue pings every twenty seconds."""
        return _RULES

    def login(self, credentials: Credentials, now_ns: int) -> list[bytes]:
        """One frame."""
        params = {
            "accessKey": credentials.key,
            "signatureMethod": "HmacSHA256",
            "signatureVersion": "2.1",
            "timestamp": timestamp(now_ns),
        }
        sign = signature(_RULES.url, params, credentials.secret)
        proof = {"authType": "api", **params, "signature": sign}
        return [msgspec.json.encode({"params": proof, "action": "req", "ch": "auth"})]

    def subscribe(self, credentials: Credentials, now_ns: int, request: int) -> list[bytes]:
        """One frame per topic, each with an answer, without numbers."""
        del credentials, now_ns, request
        return [msgspec.json.encode({"action": "sub", "ch": topic}) for topic in _TOPICS]

    def decode(self, frame: bytes) -> Sequence[AccountMessage]:
        """The content of one frame. Raises DecodeError."""
        text = gunzip(frame) if frame.startswith(_GZIP) else frame
        envelope = decode_json(_FRAME, text)
        match envelope.action:
            case "push":
                reader = self._readers.get(envelope.ch.partition("#")[0])
                if reader is None:
                    raise decoding.decode_error(f"unknown topic {envelope.ch!r}", text)
                return reader(bytes(envelope.data))
            case "ping":
                stamp = decode_json(_STAMP, envelope.data).ts
                return (
                    PingReceived(msgspec.json.encode({"action": "pong", "data": {"ts": stamp}})),
                )
            case "req" | "sub":
                return (_answer(envelope),)
        raise decoding.decode_error(f"unknown action {envelope.action!r}", text)

    def _order(self, raw: bytes) -> Sequence[AccountMessage]:
        each = decode_json(_ORDER, raw)
        listing = self._symbols.listing_of(each.symbol, raw)
        assert listing is not None, "every pair of spot is listed or unreadable"
        side, _, kind = each.type.partition("-")
        if side not in _SIDES:
            raise decoding.decode_error(f"an order of type {each.type!r}", raw)
        if each.type == "buy-market":
            return (IncompleteUpdate("an order in quote money"),)
        filled = checked_size(parse_number(each.exec_amt, raw) or ZERO, raw)
        quantity = checked_size(parse_number(each.order_size, raw) or ZERO, raw)
        at_ms = max(each.trade_time, each.last_act_time, each.order_create_time)
        if not quantity or not at_ms:
            return (IncompleteUpdate("an order"),)
        return (OrderReport(
            venue_order_id=str(each.order_id),
            client_id=parse_client_id(each.client_order_id, ""),
            instrument=listing.instrument.id,
            side=_SIDES[side],
            quantity=quantity,
            filled=filled,
            state=order_state(each.order_status, _STATES, quantity, filled),
            event_ns=ms_to_ns(at_ms),
            price=None if kind == "market" else parse_number(each.order_price, raw) or None,
        ),)  # fmt: skip

    def _fill(self, raw: bytes) -> Sequence[AccountMessage]:
        each = decode_json(_FILL, raw)
        if each.event_type != "trade":
            return ()
        listing = self._symbols.listing_of(each.symbol, raw)
        assert listing is not None, "every pair of spot is listed or unreadable"
        fee, asset = checked_amount(each.transact_fee, raw), each.fee_currency
        deducted = parse_number(each.fee_deduct, raw) or ZERO
        if deducted and fee:
            return (IncompleteUpdate("a fee in two assets"),)
        if deducted:
            fee, asset = deducted, each.fee_deduct_type
        if not asset or not each.trade_id:
            return (IncompleteUpdate("a fill"),)
        return (FillReport(
            instrument=listing.instrument.id,
            trade_id=str(each.trade_id),
            venue_order_id=str(each.order_id),
            client_id=parse_client_id(each.client_order_id, ""),
            side=_SIDES[each.order_side],
            quantity=checked_price(each.trade_volume, raw),
            price=checked_price(each.trade_price, raw),
            fee=fee,
            fee_asset=asset.upper(),
            event_ns=ms_to_ns(each.trade_time),
            maker=not each.aggressor,
        ),)  # fmt: skip


def _balance(raw: bytes) -> Sequence[AccountMessage]:
    each = decode_json(_BALANCE, raw)
    total, free = parse_number(each.balance, raw), parse_number(each.available, raw)
    if each.account_type != "trade":
        return ()
    if total is None or free is None:
        return (IncompleteUpdate("balances"),)
    return (Balance(each.currency.upper(), total, free),)


def _answer(frame: _Frame) -> AccountMessage:
    code, right = str(frame.code), frame.code == _OK
    if frame.ch == "auth":
        return LoggedIn() if right else LoginRefused(code, frame.message)
    return Subscribed() if right else SubscriptionRefused(code, frame.message)
