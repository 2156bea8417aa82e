"""Bitget's account stream, API v2: orders, fills, positions, balances, all after one login.

Sizes are base units in both markets. A spot market buy is sized in quote currency, so its quantity
here is what has filled. Fees have the account's sign, negative for a charge. What is deducted in
another coin (BGB) is always a charge, and so is the fee of a spot taker, whose documented example
is positive. A closed position is left out of the next list, and no frame says whether a list is
complete: that a position is flat is left to REST.
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
    FillKind,
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
    LoggedIn,
    LoginRefused,
    VenueSymbols,
    checked_amount,
    checked_price,
    checked_size,
    decode_items,
    order_state,
    parse_number,
    passphrase_login,
)
from bowline.venues.bitget.quirks import SIDES
from bowline.venues.decoding import Millis, decode_json, decoder, ms_to_ns
from bowline.venues.feed_codec import (
    ControlMessage,
    PingReceived,
    PongReceived,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.rest import Credentials
from bowline.venues.rest.parse import parse_client_id, parse_side

#: bitget.com/api-doc, "websocket-intro": a ping every 30 s, plain text
_RULES = AccountStreamRules(
    url="wss://ws.bitget.com/v2/ws/private", ping=b"ping", ping_interval_s=25.0, idle_timeout_s=75.0
)
_TEXT_FRAMES: dict[bytes, Sequence[ControlMessage]] = {
    b"pong": (PongReceived(),),
    b"ping": (PingReceived(b"pong"),),
}
#: bitget.com/api-doc, spot and contract, "websocket/private"
_PRODUCT_TYPES = {"spot": "SPOT", "linear": "USDT-FUTURES"}
_DIRECTIONS = {"long": Direction.LONG, "short": Direction.SHORT}
_MARGIN_MODES = {"crossed": MarginMode.CROSS, "isolated": MarginMode.ISOLATED}
#: "websocket/private/Fill-Channel": `tradeScope`, which is also spelt `marker` there
_IS_MAKER = {"maker": True, "marker": True, "taker": False}
#: "enumeration": how `tradeSide` begins where the venue itself closed the position
_LIQUIDATION_PREFIX, _ADL_PREFIX = ("burst", "reduce_"), "dte_sys_adl"
#: bitget.com/api-doc, "websocket/private/Order-Channel": `status`
_STATES = {
    "live": OrderState.WORKING,
    "new": OrderState.WORKING,
    "partially_filled": OrderState.PARTLY_FILLED,
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "cancelled": OrderState.CANCELLED,
}
#: "error-code/websocket": codes of a failed login
_LOGIN_ERRORS = frozenset({"30004", "30005", "30008", "30009", "30011", "30012", "30013", "30015"})
#: documented channels without use here
_IGNORED = frozenset({
    "orders-algo", "positions-history", "equity", "adl-noti", "orders-crossed", "orders-isolated",
    "account-crossed", "account-isolated",
})  # fmt: skip


class _Arg(Struct, frozen=True, gc=False):
    channel: str = ""
    instType: str = ""  # noqa: N815 - the venue's name


class _Frame(Struct, gc=False):
    arg: _Arg = _Arg()
    data: msgspec.Raw = msgspec.Raw(b"[]")
    event: str = ""
    code: int | str = ""
    msg: str = ""


class _Order(Struct, gc=False, rename="camel"):
    inst_id: str
    order_id: str
    side: Literal["buy", "sell"]
    order_type: str
    status: str
    acc_base_volume: Decimal
    u_time: Millis
    client_oid: str = ""
    size: str = ""
    new_size: str = ""
    price: str = ""
    price_avg: str = ""
    reduce_only: str = ""
    trade_side: str = ""


class _Fee(Struct, gc=False, rename="camel"):
    fee_coin: str
    total_fee: Decimal
    deduction: str = ""


class _Fill(Struct, gc=False, rename="camel"):
    order_id: str
    trade_id: str
    side: Literal["buy", "sell"]
    trade_scope: str
    fee_detail: list[_Fee]
    c_time: Millis
    symbol: str = ""
    inst_id: str = ""
    price: str = ""
    price_avg: str = ""
    size: str = ""
    base_volume: str = ""
    client_oid: str = ""
    trade_side: str = ""


class _Position(Struct, gc=False, rename="camel"):
    inst_id: str
    hold_side: Literal["long", "short"]
    total: Decimal
    open_price_avg: Decimal
    u_time: Millis
    pos_mode: str = ""
    margin_mode: str = ""
    leverage: Decimal | None = None
    liquidation_price: str = ""
    unrealized_pl: str = msgspec.field(name="unrealizedPL", default="")


class _Asset(Struct, gc=False, rename="camel"):
    available: Decimal
    coin: str = ""
    margin_coin: str = ""
    frozen: str = ""
    locked: str = ""
    equity: str = ""
    max_transfer_out: str = ""


_FRAME = decoder(_Frame)
_ORDER = decoder(_Order)
_FILL = decoder(_Fill)
_POSITION = decoder(_Position)
_ASSET = decoder(_Asset)


class BitgetAccountCodec:
    """One Bitget market at one account. See `AccountCodec`."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._market = market
        self._product_type = _PRODUCT_TYPES[market.kind]
        self._symbols = VenueSymbols(market, listings)
        self._readers: dict[str, Callable[[bytes], Sequence[AccountMessage]]] = {
            "orders": self._order,
            "fill": self._fill,
            "account": _balance,
        }
        if market.kind != "spot":
            self._readers["positions"] = self._position

    @property
    def market(self) -> Market:
        """The market of this codec."""
        return self._market

    @property
    def rules(self) -> AccountStreamRules:
        """One URL for every kind."""
        return _RULES

    def login(self, credentials: Credentials, now_ns: int) -> list[bytes]:
        """One frame."""
        return [passphrase_login("/user/verify", credentials, now_ns)]

    def subscribe(self, credentials: Credentials, now_ns: int, request: int) -> list[bytes]:
        """One frame per channel, each with an answer, without numbers."""
        del credentials, now_ns, request
        return [msgspec.json.encode({"op": "subscribe", "args": [self._arg(name)]})
            for name in self._readers]  # fmt: skip

    def _arg(self, name: str) -> dict[str, str]:
        every = "coin" if name == "account" else "instId"
        return {"instType": self._product_type, "channel": name, every: "default"}

    def decode(self, frame: bytes) -> Sequence[AccountMessage]:
        """The content of one frame. Raises DecodeError."""
        if controls := _TEXT_FRAMES.get(frame):
            return controls
        envelope = decode_json(_FRAME, frame)
        if envelope.event:
            return _control(envelope, frame)
        channel = envelope.arg.channel
        if (reader := self._readers.get(channel)) and envelope.arg.instType == self._product_type:
            messages = decode_items(envelope.data, reader)
            if channel == "positions":
                return [IncompleteUpdate("what is flat"), *messages]
            return messages
        if channel in _IGNORED or (channel in self._readers and envelope.arg.instType):
            return ()
        raise decoding.decode_error(f"unknown channel {channel!r}", frame)

    def _order(self, raw: bytes) -> Sequence[OrderReport]:
        each = decode_json(_ORDER, raw)
        listing = self._symbols.listing_of(each.inst_id, raw)
        if listing is None:
            return ()
        filled, market = checked_size(each.acc_base_volume, raw), each.order_type == "market"
        spot = self._market.kind == "spot"
        told = each.new_size or each.size if spot else each.size
        quantity = parse_number(told, raw)
        if spot and market and each.side == "buy":
            quantity = filled
        if quantity is None:
            raise decoding.decode_error("an order without its size", raw)
        return (OrderReport(
            venue_order_id=each.order_id,
            client_id=parse_client_id(each.client_oid, ""),
            instrument=listing.instrument.id,
            side=_side(each.side, each.trade_side),
            quantity=checked_size(quantity, raw),
            filled=filled,
            state=order_state(each.status, _STATES, quantity, filled),
            event_ns=ms_to_ns(each.u_time),
            price=None if market else parse_number(each.price, raw) or None,
            average_price=(parse_number(each.price_avg, raw) or None) if filled else None,
            reduce_only=each.reduce_only == "yes",
        ),)  # fmt: skip

    def _fill(self, raw: bytes) -> Sequence[AccountMessage]:
        each = decode_json(_FILL, raw)
        listing = self._symbols.listing_of(each.symbol or each.inst_id, raw)
        if listing is None:
            return ()
        maker = _IS_MAKER.get(each.trade_scope)
        if maker is None:
            raise decoding.decode_error(f"a fill of scope {each.trade_scope!r}", raw)
        if len(each.fee_detail) != 1:
            return (IncompleteUpdate("a fee"),)
        (fee,) = each.fee_detail
        charged = checked_amount(fee.total_fee, raw)
        paid = fee.deduction == "yes" or (self._market.kind == "spot" and not maker)
        quantity = parse_number(each.base_volume, raw) or parse_number(each.size, raw) or ZERO
        at = parse_number(each.price_avg, raw) or parse_number(each.price, raw) or ZERO
        return (FillReport(
            instrument=listing.instrument.id,
            trade_id=each.trade_id,
            venue_order_id=each.order_id,
            client_id=parse_client_id(each.client_oid, ""),
            side=_side(each.side, each.trade_side),
            quantity=checked_price(quantity, raw),
            price=checked_price(at, raw),
            fee=abs(charged) if paid else ZERO - charged,
            fee_asset=fee.fee_coin,
            event_ns=ms_to_ns(each.c_time),
            maker=maker,
            kind=_product_type(each.trade_side),
        ),)  # fmt: skip

    def _position(self, raw: bytes) -> Sequence[AccountMessage]:
        each = decode_json(_POSITION, raw)
        listing = self._symbols.listing_of(each.inst_id, raw)
        if listing is None:
            return ()
        quantity = checked_size(each.total, raw)
        hedged = each.pos_mode == "hedge_mode"
        direction = _DIRECTIONS[each.hold_side]
        liquidation = parse_number(each.liquidation_price, raw)
        return (PositionReport(
            instrument=listing.instrument.id,
            direction=direction if quantity or hedged else Direction.NEUTRAL,
            quantity=quantity,
            entry_price=checked_size(each.open_price_avg, raw),
            event_ns=ms_to_ns(each.u_time),
            leverage=None if each.leverage is None else checked_size(each.leverage, raw) or None,
            margin_mode=_MARGIN_MODES.get(each.margin_mode),
            liquidation_price=liquidation if liquidation and liquidation > ZERO else None,
            unrealised_pnl=parse_number(each.unrealized_pl, raw),
            hedged=hedged,
        ),)  # fmt: skip


def _side(told: str, trade_side: str) -> Side:
    return parse_side(SIDES, {"side": told, "tradeSide": trade_side})


def _product_type(trade_side: str) -> FillKind:
    if trade_side.startswith(_LIQUIDATION_PREFIX):
        return FillKind.LIQUIDATION
    return FillKind.DELEVERAGING if trade_side.startswith(_ADL_PREFIX) else FillKind.TRADE


def _balance(raw: bytes) -> Sequence[Balance]:
    each = decode_json(_ASSET, raw)
    free = checked_amount(each.available, raw)
    if each.margin_coin:
        equity, movable = parse_number(each.equity, raw), parse_number(each.max_transfer_out, raw)
        if equity is None:
            raise decoding.decode_error("an account without its equity", raw)
        return (Balance(each.margin_coin, equity, free if movable is None else movable),)
    if not each.coin:
        raise decoding.decode_error("a balance of nothing", raw)
    held = ((parse_number(text, raw) or ZERO) for text in (each.frozen, each.locked))
    return (Balance(each.coin, free + sum(held, ZERO), free),)


def _control(frame: _Frame, raw: bytes) -> Sequence[AccountMessage]:
    code = str(frame.code)
    match frame.event:
        case "login" if code == "0":
            return (LoggedIn(),)
        case "login":
            return (LoginRefused(code, frame.msg),)
        case "subscribe":
            return (Subscribed(),)
        case "error" if code in _LOGIN_ERRORS:
            return (LoginRefused(code, frame.msg),)
        case "error":
            return (SubscriptionRefused(code, frame.msg),)
    raise decoding.decode_error(f"unknown event {frame.event!r}", raw)
