"""OKX's account stream, API v5: orders with their fills, positions, balances, after a login.

Swaps count contracts. Fees have the account's sign: a charge is negative there and positive here. A
spot market buy is sized in quote currency unless it says otherwise, so its quantity here is what
has filled. A fill without a fee, of an order that had others before, is left to REST.
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
    LoggedIn,
    LoginRefused,
    VenueSymbols,
    checked_amount,
    checked_price,
    checked_size,
    decode_items,
    direction_of,
    order_state,
    parse_number,
    passphrase_login,
)
from bowline.venues.decoding import Millis, decode_json, decoder, ms_to_ns
from bowline.venues.feed_codec import (
    ClosingAnnounced,
    ControlMessage,
    PingReceived,
    PongReceived,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.rest import Credentials
from bowline.venues.rest.parse import parse_client_id

#: okx.com/docs-v5, "Connect": without any frame for 30 s the venue closes the connection
_RULES = AccountStreamRules(
    url="wss://ws.okx.com:8443/ws/v5/private", ping=b"ping", idle_timeout_s=30.0
)
#: the same: pings and pongs are plain text
_TEXT_FRAMES: dict[bytes, Sequence[ControlMessage]] = {
    b"pong": (PongReceived(),),
    b"ping": (PingReceived(b"pong"),),
}
_PRODUCT_TYPES = {"spot": "SPOT", "linear": "SWAP"}
#: okx.com/docs-v5, "WS / Order channel", "WS / Positions channel", "WS / Account channel"
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_HEDGE_DIRECTIONS = {"long": Direction.LONG, "short": Direction.SHORT}
_MARGIN_MODES = {"cross": MarginMode.CROSS, "isolated": MarginMode.ISOLATED}
#: okx.com/docs-v5, "WS / Order channel": `state`
_STATES = {
    "live": OrderState.WORKING,
    "partially_filled": OrderState.PARTLY_FILLED,
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "mmp_canceled": OrderState.CANCELLED,
}
#: the same: types of orders without a price
_MARKET = frozenset({"market", "optimal_limit_ioc"})
#: the same: `category` of orders that the venue made
_FILL_KINDS = {
    "full_liquidation": FillKind.LIQUIDATION,
    "partial_liquidation": FillKind.LIQUIDATION,
    "adl": FillKind.DELEVERAGING,
}
#: okx.com/docs-v5, "Notification": the connection will be closed for an upgrade of the service
_UPGRADE_CODE = "64008"
#: okx.com/docs-v5, "Error Code", WebSocket: codes of a failed login
_LOGIN_ERRORS = frozenset(
    {"60004", "60005", "60006", "60007", "60008", "60009", "60011", "60022", "60024", "60032"}
)
#: documented channels without use here
_IGNORED = frozenset({
    "orders-algo", "algo-advance", "sprd-orders", "sprd-trades", "balance_and_position", "fills",
    "liquidation-warning", "account-greeks", "grid-orders-spot", "grid-orders-contract",
})  # fmt: skip


class _Arg(Struct, frozen=True, gc=False):
    channel: str = ""
    instType: str = ""  # noqa: N815 - the venue's name


class _Frame(Struct, gc=False):
    arg: _Arg = _Arg()
    data: msgspec.Raw = msgspec.Raw(b"[]")
    event: str = ""
    code: str = ""
    msg: str = ""
    id: str | None = None


class _Order(Struct, gc=False, rename="camel"):
    inst_id: str
    inst_type: str
    ord_id: str
    cl_ord_id: str
    ord_type: str
    side: Literal["buy", "sell"]
    px: str
    sz: Decimal
    acc_fill_sz: Decimal
    avg_px: str
    state: str
    u_time: Millis
    trade_id: str = ""
    fill_px: str = ""
    fill_sz: str = ""
    fill_time: str = ""
    fill_fee: str = ""
    fill_fee_ccy: str = ""
    fee: str = ""
    fee_ccy: str = ""
    rebate: str = ""
    rebate_ccy: str = ""
    exec_type: str = ""
    tgt_ccy: str = ""
    reduce_only: str = ""
    category: str = ""


class _Position(Struct, gc=False, rename="camel"):
    inst_id: str
    inst_type: str
    pos: Decimal
    pos_side: Literal["net", "long", "short"]
    u_time: Millis
    avg_px: str = ""
    lever: str = ""
    mgn_mode: str = ""
    liq_px: str = ""
    upl: str = ""


class _Detail(Struct, gc=False, rename="camel"):
    ccy: str
    eq: Decimal
    avail_eq: str = ""
    avail_bal: str = ""


class _Account(Struct, gc=False):
    details: msgspec.Raw = msgspec.Raw(b"[]")


_FRAME = decoder(_Frame)
_ORDER = decoder(_Order)
_POSITION = decoder(_Position)
_ACCOUNT = decoder(_Account)
_DETAIL = decoder(_Detail)


class OkxAccountCodec:
    """One OKX market at one account. See `AccountCodec`."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._market = market
        self._product_type = _PRODUCT_TYPES[market.kind]
        self._symbols = VenueSymbols(market, listings)
        self._readers: dict[str, Callable[[bytes], Sequence[AccountMessage]]] = {
            "orders": self._order,
            "account": _balances,
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
        return [passphrase_login("/users/self/verify", credentials, now_ns)]

    def subscribe(self, credentials: Credentials, now_ns: int, request: int) -> list[bytes]:
        """One frame per channel, each with an answer."""
        del credentials, now_ns
        frames = []
        for at, name in enumerate(self._readers):
            arg = {"channel": name}
            if name != "account":
                arg["instType"] = self._product_type
            frame = {"id": str(request + at), "op": "subscribe", "args": [arg]}
            frames.append(msgspec.json.encode(frame))
        return frames

    def decode(self, frame: bytes) -> Sequence[AccountMessage]:
        """The content of one frame. Raises DecodeError."""
        if messages := _TEXT_FRAMES.get(frame):
            return messages
        envelope = decode_json(_FRAME, frame)
        if envelope.event:
            return _control(envelope, frame)
        if reader := self._readers.get(envelope.arg.channel):
            return decode_items(envelope.data, reader)
        if envelope.arg.channel in _IGNORED:
            return ()
        raise decoding.decode_error(f"unknown channel {envelope.arg.channel!r}", frame)

    def _order(self, raw: bytes) -> Sequence[AccountMessage]:
        each = decode_json(_ORDER, raw)
        listing = (
            self._symbols.listing_of(each.inst_id, raw)
            if each.inst_type == self._product_type
            else None
        )
        if listing is None:
            return ()
        order = self._report(each, listing, raw)
        # a repeated order keeps the id of its last fill, with a size of 0
        if not each.trade_id or parse_number(each.fill_sz, raw) == ZERO:
            return (order,)
        return order, _fill(each, order, listing, raw)

    def _report(self, each: _Order, listing: Listing, raw: bytes) -> OrderReport:
        unit = listing.instrument.contract_size
        filled = checked_size(each.acc_fill_sz, raw) * unit
        in_quote_money = each.tgt_ccy == "quote_ccy" or (
            self._market.kind == "spot"
            and (each.ord_type, each.side, each.tgt_ccy) == ("market", "buy", "")
        )
        quantity = filled if in_quote_money else checked_size(each.sz, raw) * unit
        return OrderReport(
            venue_order_id=each.ord_id,
            client_id=parse_client_id(each.cl_ord_id, ""),
            instrument=listing.instrument.id,
            side=_SIDES[each.side],
            quantity=quantity,
            filled=filled,
            state=order_state(each.state, _STATES, quantity, filled),
            event_ns=ms_to_ns(each.u_time),
            price=None if each.ord_type in _MARKET else parse_number(each.px, raw) or None,
            average_price=(parse_number(each.avg_px, raw) or None) if filled else None,
            reduce_only=each.reduce_only == "true",
        )

    def _position(self, raw: bytes) -> Sequence[AccountMessage]:
        each = decode_json(_POSITION, raw)
        listing = (
            self._symbols.listing_of(each.inst_id, raw)
            if each.inst_type == self._product_type
            else None
        )
        if listing is None:
            return ()
        signed = checked_amount(each.pos, raw)
        return (PositionReport(
            instrument=listing.instrument.id,
            direction=_HEDGE_DIRECTIONS.get(each.pos_side, direction_of(signed)),
            quantity=abs(signed) * listing.instrument.contract_size,
            entry_price=parse_number(each.avg_px, raw) or ZERO,
            event_ns=ms_to_ns(each.u_time),
            leverage=parse_number(each.lever, raw) or None,
            margin_mode=_MARGIN_MODES.get(each.mgn_mode),
            liquidation_price=(parse_number(each.liq_px, raw) or None) if signed else None,
            unrealised_pnl=parse_number(each.upl, raw),
            hedged=each.pos_side in _HEDGE_DIRECTIONS,
        ),)  # fmt: skip


def _fill(
    each: _Order, order: OrderReport, listing: Listing, raw: bytes
) -> FillReport | IncompleteUpdate:
    quantity = parse_number(each.fill_sz, raw) or ZERO
    fee, asset = parse_number(each.fill_fee, raw), each.fill_fee_ccy
    if fee is None and quantity == each.acc_fill_sz:
        # the order's one fill: its fee is the order's, and so is its rebate
        fee, asset = _whole_fee(each, raw)
    if fee is None or not asset:
        return IncompleteUpdate("a fee")
    at_ms = parse_number(each.fill_time, raw) or Decimal(each.u_time)
    return FillReport(
        instrument=order.instrument,
        trade_id=each.trade_id,
        venue_order_id=order.venue_order_id,
        client_id=order.client_id,
        side=order.side,
        quantity=checked_price(quantity, raw) * listing.instrument.contract_size,
        price=checked_price(parse_number(each.fill_px, raw) or ZERO, raw),
        fee=-fee if fee else ZERO,
        fee_asset=asset,
        event_ns=ms_to_ns(int(checked_size(at_ms, raw))),
        maker=each.exec_type == "M",
        kind=_FILL_KINDS.get(each.category, FillKind.TRADE),
    )


def _whole_fee(each: _Order, raw: bytes) -> tuple[Decimal | None, str]:
    fee, rebate = parse_number(each.fee, raw), parse_number(each.rebate, raw) or ZERO
    if not rebate:
        return fee, each.fee_ccy
    if fee and each.fee_ccy != each.rebate_ccy:
        return None, ""
    return (fee or ZERO) + rebate, each.rebate_ccy


def _balances(raw: bytes) -> Sequence[AccountMessage]:
    return decode_items(decode_json(_ACCOUNT, raw).details, _balance)


def _balance(raw: bytes) -> Sequence[Balance]:
    each = decode_json(_DETAIL, raw)
    return (Balance(each.ccy, checked_amount(each.eq, raw), _free(each, raw)),)


def _free(each: _Detail, raw: bytes) -> Decimal:
    free = parse_number(each.avail_eq, raw)
    if free is None:
        free = parse_number(each.avail_bal, raw)
    if free is None:
        raise decoding.decode_error("a balance without its free part", raw)
    return free


def _control(frame: _Frame, raw: bytes) -> Sequence[AccountMessage]:
    request = decoding.parse_request_id(frame.id)
    messages: Sequence[AccountMessage]
    match frame.event:
        case "login" if frame.code == "0":
            messages = (LoggedIn(),)
        case "login":
            messages = (LoginRefused(frame.code, frame.msg),)
        case "subscribe":
            messages = (Subscribed(request),)
        case "error" if frame.code in _LOGIN_ERRORS:
            messages = (LoginRefused(frame.code, frame.msg),)
        case "error" | "channel-conn-count-error":
            messages = (SubscriptionRefused(frame.code, frame.msg, request),)
        case "notice":
            messages = (ClosingAnnounced(frame.msg),) if frame.code == _UPGRADE_CODE else ()
        case "unsubscribe" | "channel-conn-count":
            messages = ()
        case _:
            raise decoding.decode_error(f"unknown event {frame.event!r}", raw)
    return messages
