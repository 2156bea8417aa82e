"""HTX's account stream of perpetuals, `/ws/v5/notification`, all after one login.

Sizes are contracts, frames are gzip. A fill has no fee and another id than at REST, so fills are
left to REST.
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
    Balance,
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
    LoggedIn,
    LoginRefused,
    VenueSymbols,
    checked_amount,
    checked_size,
    decode_items,
    order_state,
    parse_number,
)
from bowline.venues.decoding import Millis, decode_json, decoder, ms_to_ns
from bowline.venues.feed_codec import (
    ClosingAnnounced,
    PingReceived,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.gunzip import gunzip
from bowline.venues.htx.signing import signature, timestamp
from bowline.venues.rest import Credentials
from bowline.venues.rest.parse import parse_client_id

_RULES = AccountStreamRules(url="wss://api.hbdm.com/ws/v5/notification")
_GZIP = b"\x1f\x8b"
#: htx.com/en-us/opend/newApiPages, v5 notifications: orders, trade, positions, account
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_HEDGE_DIRECTIONS = {"long": Direction.LONG, "short": Direction.SHORT}
_DIRECTIONS = {"buy": Direction.LONG, "sell": Direction.SHORT}
_MARGIN_MODES = {"cross": MarginMode.CROSS, "isolated": MarginMode.ISOLATED}
#: the same: `state` of an order
_STATES = {
    "new": OrderState.WORKING,
    "partially_filled": OrderState.PARTLY_FILLED,
    "filled": OrderState.FILLED,
    "partially_canceled": OrderState.CANCELLED,
    "canceled": OrderState.CANCELLED,
    "rejected": OrderState.REJECTED,
}
#: the same: topics
_TOPICS = ("orders", "trade", "positions", "account")
#: documented topics without use here, by prefix: the same
_IGNORED = ("match_orders", "trigger_order", "liquidation_orders", "algo")


class _Frame(Struct, gc=False, rename={"err_code": "err-code", "err_msg": "err-msg"}):
    op: str
    topic: str = ""
    ts: int | str = 0
    cid: str | int | None = None
    err_code: int | str = 0
    err_msg: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


class _Order(Struct, gc=False):
    contract_code: str
    side: Literal["buy", "sell"]
    type: str
    volume: Decimal
    state: str
    order_id: str | int
    trade_volume: Decimal
    updated_time: Millis
    price: str | None = None
    client_order_id: str | int | None = None
    trade_avg_price: str | None = None
    reduce_only: bool = False


class _Fill(Struct, gc=False):
    contract_code: str
    order_id: str | int
    trade_volume: Decimal
    trade_price: Decimal


class _Position(Struct, gc=False):
    contract_code: str
    direction: Literal["buy", "sell"]
    volume: Decimal
    open_avg_price: Decimal
    updated_time: Millis
    position_side: str = "both"
    margin_mode: str = ""
    lever_rate: Decimal | None = None
    liquidation_price: str | None = None
    profit_unreal: str | None = None


class _Detail(Struct, gc=False):
    currency: str
    equity: Decimal
    withdraw_available: Decimal


class _Account(Struct, gc=False):
    details: msgspec.Raw = msgspec.Raw(b"[]")


_FRAME = decoder(_Frame)
_ORDER, _FILL, _POSITION = decoder(_Order), decoder(_Fill), decoder(_Position)
_ACCOUNT, _DETAIL = decoder(_Account), decoder(_Detail)


class HtxLinearAccountCodec:
    """HTX's USDT perpetuals at one account. See `AccountCodec`."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._market = market
        self._symbols = VenueSymbols(market, listings)
        self._readers: dict[str, Callable[[bytes], Sequence[AccountMessage]]] = {
            "orders": lambda raw: decode_items(raw, self._order),
            "trade": lambda raw: decode_items(raw, self._fill),
            "positions": lambda raw: (
                decode_items(raw, self._position) or [IncompleteUpdate("what is flat")]
            ),
            "account": lambda raw: decode_items(decode_json(_ACCOUNT, raw).details, _balance),
        }

    @property
    def market(self) -> Market:
        """The market of this codec."""
        return self._market

    @property
    def rules(self) -> AccountStreamRules:
        """A URL of its own; the venue pings every five seconds."""
        return _RULES

    def login(self, credentials: Credentials, now_ns: int) -> list[bytes]:
        """One frame."""
        params = {
            "AccessKeyId": credentials.key,
            "SignatureMethod": "HmacSHA256",
            "SignatureVersion": "2",
            "Timestamp": timestamp(now_ns),
        }
        sign = signature(_RULES.url, params, credentials.secret)
        return [msgspec.json.encode({"op": "auth", "type": "api", **params, "Signature": sign})]

    def subscribe(self, credentials: Credentials, now_ns: int, request: int) -> list[bytes]:
        """One frame per topic with a number, for every contract."""
        del credentials, now_ns
        frames = []
        for at, topic in enumerate(_TOPICS):
            frame = {"op": "sub", "topic": topic, "cid": str(request + at)}
            if topic != "account":
                frame["contract_code"] = "*"
            frames.append(msgspec.json.encode(frame))
        return frames

    def decode(self, frame: bytes) -> Sequence[AccountMessage]:
        """The content of one frame. Raises DecodeError."""
        text = gunzip(frame) if frame.startswith(_GZIP) else frame
        envelope = decode_json(_FRAME, text)
        match envelope.op:
            case "notify":
                if reader := self._readers.get(envelope.topic):
                    return reader(_listed(envelope))
                if envelope.topic.startswith(_IGNORED):
                    return ()
                raise decoding.decode_error(f"unknown topic {envelope.topic!r}", text)
            case "ping":
                return (PingReceived(msgspec.json.encode({"op": "pong", "ts": envelope.ts})),)
            case "auth" | "sub":
                return (_answer(envelope),)
            case "close" | "error":
                return (ClosingAnnounced(envelope.err_msg or envelope.op),)
        raise decoding.decode_error(f"unknown word {envelope.op!r}", text)

    def _order(self, raw: bytes) -> Sequence[AccountMessage]:
        each = decode_json(_ORDER, raw)
        listing = self._symbols.listing_of(each.contract_code, raw)
        if listing is None:
            return ()
        unit = listing.instrument.contract_size
        quantity, filled = (
            checked_size(each.volume, raw) * unit,
            checked_size(each.trade_volume, raw) * unit,
        )
        average = parse_number(each.trade_avg_price or "", raw)
        return (OrderReport(
            venue_order_id=str(each.order_id),
            client_id=parse_client_id(each.client_order_id, ""),
            instrument=listing.instrument.id,
            side=_SIDES[each.side],
            quantity=quantity,
            filled=filled,
            state=order_state(each.state, _STATES, quantity, filled),
            event_ns=ms_to_ns(each.updated_time),
            price=None if each.type == "market" else parse_number(each.price or "", raw) or None,
            average_price=(average or None) if filled else None,
            reduce_only=each.reduce_only,
        ),)  # fmt: skip

    def _fill(self, raw: bytes) -> Sequence[AccountMessage]:
        each = decode_json(_FILL, raw)
        listing = self._symbols.listing_of(each.contract_code, raw)
        if listing is None:
            return ()
        return (IncompleteUpdate("a fill"),)

    def _position(self, raw: bytes) -> Sequence[AccountMessage]:
        each = decode_json(_POSITION, raw)
        listing = self._symbols.listing_of(each.contract_code, raw)
        if listing is None:
            return ()
        contracts = checked_size(each.volume, raw)
        one_way = _DIRECTIONS[each.direction] if contracts else Direction.NEUTRAL
        liquidation = parse_number(each.liquidation_price or "", raw)
        return (PositionReport(
            instrument=listing.instrument.id,
            direction=_HEDGE_DIRECTIONS.get(each.position_side, one_way),
            quantity=contracts * listing.instrument.contract_size,
            entry_price=checked_size(each.open_avg_price, raw),
            event_ns=ms_to_ns(each.updated_time),
            leverage=(each.lever_rate and checked_size(each.lever_rate, raw)) or None,
            margin_mode=_MARGIN_MODES.get(each.margin_mode),
            liquidation_price=liquidation if liquidation and liquidation > ZERO else None,
            unrealised_pnl=parse_number(each.profit_unreal or "", raw),
            hedged=each.position_side in _HEDGE_DIRECTIONS,
        ),)  # fmt: skip


def _listed(frame: _Frame) -> bytes:
    """What a frame tells, as a list where it may be one: an order comes alone."""
    told = bytes(frame.data)
    return b"[" + told + b"]" if frame.topic != "account" and told[:1] == b"{" else told


def _balance(raw: bytes) -> Sequence[AccountMessage]:
    each = decode_json(_DETAIL, raw)
    free = checked_amount(each.withdraw_available, raw)
    return (Balance(each.currency, checked_amount(each.equity, raw), free),)


def _answer(frame: _Frame) -> AccountMessage:
    code, right = str(frame.err_code), str(frame.err_code) == "0"
    if frame.op == "auth":
        return LoggedIn() if right else LoginRefused(code, frame.err_msg)
    request = decoding.parse_request_id(frame.cid)
    return Subscribed(request) if right else SubscriptionRefused(code, frame.err_msg, request)
