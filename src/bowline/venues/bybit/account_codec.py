"""Bybit's account stream, API v5: orders, fills, positions, the wallet, all after one login.

One account serves spot and perpetuals; every topic but the wallet is subscribed to by kind. A spot
market buy may be sized in quote currency, so its quantity here is what has filled. A spot fill that
does not name the asset of its fee paid it as documented: in what it brought in, and a rebate in
what it gave.
"""

from __future__ import annotations

import hashlib
import hmac
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
    LoggedIn,
    LoginRefused,
    VenueSymbols,
    checked_amount,
    checked_price,
    checked_size,
    decode_items,
    order_state,
    parse_number,
)
from bowline.venues.decoding import Millis, decode_json, decoder, ms_to_ns
from bowline.venues.feed_codec import ControlMessage, PongReceived, Subscribed, SubscriptionRefused
from bowline.venues.rest import Credentials
from bowline.venues.rest.parse import parse_client_id

#: bybit-exchange.github.io/docs/v5/ws/connect
_RULES = AccountStreamRules(
    url="wss://stream.bybit.com/v5/private", ping=b'{"op":"ping"}', idle_timeout_s=50.0
)
_MS_NS = 1_000_000
#: how long a signed login is valid: docs/v5/ws/connect
_LOGIN_MS = 10_000
#: bybit-exchange.github.io/docs/v5/websocket/private: order, execution, position, wallet
_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
_MARGIN_MODES = {0: MarginMode.CROSS, 1: MarginMode.ISOLATED}
#: docs/v5/enum#positionidx: hedge mode; 0 is one-way mode
_POSITION_DIRECTIONS = {1: Direction.LONG, 2: Direction.SHORT}
#: bybit-exchange.github.io/docs/v5/enum#orderstatus
_STATES = {
    "Created": OrderState.PENDING,
    "New": OrderState.WORKING,
    "Untriggered": OrderState.WORKING,
    "Triggered": OrderState.WORKING,
    "PartiallyFilled": OrderState.PARTLY_FILLED,
    "Filled": OrderState.FILLED,
    "Cancelled": OrderState.CANCELLED,
    "PartiallyFilledCanceled": OrderState.CANCELLED,
    "Deactivated": OrderState.CANCELLED,
    "Rejected": OrderState.REJECTED,
}
#: docs/v5/enum#exectype: types of fills
_FILL_KINDS = {
    "Trade": FillKind.TRADE,
    "BlockTrade": FillKind.TRADE,
    "MovePosition": FillKind.TRADE,
    "FutureSpread": FillKind.TRADE,
    "AdlTrade": FillKind.DELEVERAGING,
    "BustTrade": FillKind.LIQUIDATION,
}
#: the same: types that move money and are no fills
_NOT_FILLS = frozenset({"Funding", "Settle", "Delivery", "SessionSettlePnL"})
#: documented topics without use here: docs/v5/websocket/private
_IGNORED = ("execution.fast", "greeks", "dcp", "spread.", "rfq.")


class _Frame(Struct, gc=False):
    topic: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")
    op: str = ""
    success: bool | None = None
    ret_msg: str = ""
    retMsg: str = ""  # noqa: N815 - the venue's name
    retCode: int | str = ""  # noqa: N815
    req_id: str = ""


class _Order(Struct, gc=False, rename="camel"):
    category: str
    symbol: str
    order_id: str
    side: Literal["Buy", "Sell"]
    order_type: str
    price: str
    qty: Decimal
    order_status: str
    cum_exec_qty: Decimal
    avg_price: str
    updated_time: Millis
    order_link_id: str = ""
    market_unit: str = ""
    reduce_only: bool = False


class _Fill(Struct, gc=False, rename="camel"):
    category: str
    symbol: str
    exec_id: str
    order_id: str
    side: Literal["Buy", "Sell", "", "None"]
    exec_price: Decimal
    exec_qty: Decimal
    exec_fee: Decimal
    exec_type: str
    exec_time: Millis
    is_maker: bool
    order_link_id: str = ""
    fee_currency: str = ""


class _Position(Struct, gc=False, rename="camel"):
    category: str
    symbol: str
    side: Literal["Buy", "Sell", "", "None"]
    size: Decimal
    position_idx: Literal[0, 1, 2]
    updated_time: Millis
    entry_price: str = ""
    avg_price: str = ""
    leverage: str = ""
    trade_mode: int = 0
    liq_price: str = ""
    unrealised_pnl: str = ""


class _Coin(Struct, gc=False, rename="camel"):
    coin: str
    wallet_balance: Decimal
    available_to_withdraw: str = ""
    locked: str = ""
    total_order_im: str = msgspec.field(name="totalOrderIM", default="")
    total_position_im: str = msgspec.field(name="totalPositionIM", default="")


class _Wallet(Struct, gc=False):
    coin: msgspec.Raw


_FRAME = decoder(_Frame)
_ORDER = decoder(_Order)
_FILL = decoder(_Fill)
_POSITION = decoder(_Position)
_WALLET = decoder(_Wallet)
_COIN = decoder(_Coin)


class BybitAccountCodec:
    """One Bybit market at one account. See `AccountCodec`."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._market = market
        self._symbols = VenueSymbols(market, listings)
        self._readers: dict[str, Callable[[bytes], Sequence[AccountMessage]]] = {
            "order": self._order,
            "execution": self._fill,
            "wallet": _balances,
        }
        if market.kind != "spot":
            self._readers["position"] = self._position

    @property
    def market(self) -> Market:
        """The market of this codec."""
        return self._market

    @property
    def rules(self) -> AccountStreamRules:
        """One URL for every kind."""
        return _RULES

    def login(self, credentials: Credentials, now_ns: int) -> list[bytes]:
        """One frame, good for ten seconds."""
        until = str(now_ns // _MS_NS + _LOGIN_MS)
        signed = f"GET/realtime{until}".encode()
        sign = hmac.new(credentials.secret.encode(), signed, hashlib.sha256).hexdigest()
        return [msgspec.json.encode({"op": "auth", "args": [credentials.key, until, sign]})]

    def subscribe(self, credentials: Credentials, now_ns: int, request: int) -> list[bytes]:
        """One frame with the request number."""
        del credentials, now_ns
        topics = [
            name if name == "wallet" else f"{name}.{self._market.kind}" for name in self._readers
        ]
        frame = {"op": "subscribe", "req_id": str(request), "args": topics}
        return [msgspec.json.encode(frame)]

    def decode(self, frame: bytes) -> Sequence[AccountMessage]:
        """The content of one frame. Raises DecodeError."""
        envelope = decode_json(_FRAME, frame)
        if not envelope.topic:
            return _control(envelope, frame)
        name, _, kind = envelope.topic.partition(".")
        if kind in {"", self._market.kind} and (reader := self._readers.get(name)):
            return decode_items(envelope.data, reader)
        if name in {"order", "execution", "position"} or envelope.topic.startswith(_IGNORED):
            return ()
        raise decoding.decode_error(f"unknown topic {envelope.topic!r}", frame)

    def _listing_of(self, category: str, symbol: str, raw: bytes) -> Listing | None:
        """None for what is not of this market."""
        return self._symbols.listing_of(symbol, raw) if category == self._market.kind else None

    def _order(self, raw: bytes) -> Sequence[OrderReport]:
        each = decode_json(_ORDER, raw)
        listing = self._listing_of(each.category, each.symbol, raw)
        if listing is None:
            return ()
        filled = checked_size(each.cum_exec_qty, raw)
        market = each.order_type == "Market"
        quantity = filled if self._in_quote_money(each) else checked_size(each.qty, raw)
        return (OrderReport(
            venue_order_id=each.order_id,
            client_id=parse_client_id(each.order_link_id, ""),
            instrument=listing.instrument.id,
            side=_SIDES[each.side],
            quantity=quantity,
            filled=filled,
            state=order_state(each.order_status, _STATES, quantity, filled),
            event_ns=ms_to_ns(each.updated_time),
            price=None if market else parse_number(each.price, raw) or None,
            average_price=(parse_number(each.avg_price, raw) or None) if filled else None,
            reduce_only=each.reduce_only,
        ),)  # fmt: skip

    def _in_quote_money(self, order: _Order) -> bool:
        """docs/v5/order/create-order, `marketUnit`: by default, a market buy on spot is."""
        if order.market_unit:
            return order.market_unit == "quoteCoin"
        spot = self._market.kind == "spot"
        return spot and order.order_type == "Market" and order.side == "Buy"

    def _fill(self, raw: bytes) -> Sequence[FillReport]:
        each = decode_json(_FILL, raw)
        if each.exec_type in _NOT_FILLS:
            return ()
        listing = self._listing_of(each.category, each.symbol, raw)
        if listing is None:
            return ()
        kind = _FILL_KINDS.get(each.exec_type)
        if kind is None or each.side not in _SIDES:
            raise decoding.decode_error(f"an execution of type {each.exec_type!r}", raw)
        fee = checked_amount(each.exec_fee, raw)
        return (FillReport(
            instrument=listing.instrument.id,
            trade_id=each.exec_id,
            venue_order_id=each.order_id,
            client_id=parse_client_id(each.order_link_id, ""),
            side=_SIDES[each.side],
            quantity=checked_price(each.exec_qty, raw),
            price=checked_price(each.exec_price, raw),
            fee=fee,
            fee_asset=each.fee_currency or self._fee_asset(listing, _SIDES[each.side], fee),
            event_ns=ms_to_ns(each.exec_time),
            maker=each.is_maker,
            kind=kind,
        ),)  # fmt: skip

    def _fee_asset(self, listing: Listing, side: Side, fee: Decimal) -> str:
        if self._market.kind != "spot":
            return listing.quote
        return listing.base if (side is Side.BUY) == (fee >= ZERO) else listing.quote

    def _position(self, raw: bytes) -> Sequence[PositionReport]:
        each = decode_json(_POSITION, raw)
        listing = self._listing_of(each.category, each.symbol, raw)
        if listing is None:
            return ()
        quantity = checked_size(each.size, raw)
        by_side = {"Buy": Direction.LONG, "Sell": Direction.SHORT}
        direction = _POSITION_DIRECTIONS.get(each.position_idx) or (
            by_side.get(each.side, Direction.NEUTRAL) if quantity else Direction.NEUTRAL
        )
        if quantity and direction is Direction.NEUTRAL:
            raise decoding.decode_error("a position that points nowhere", raw)
        return (PositionReport(
            instrument=listing.instrument.id,
            direction=direction,
            quantity=quantity,
            entry_price=parse_number(each.entry_price or each.avg_price, raw) or ZERO,
            event_ns=ms_to_ns(each.updated_time),
            leverage=parse_number(each.leverage, raw) or None,
            margin_mode=_MARGIN_MODES.get(each.trade_mode),
            liquidation_price=(parse_number(each.liq_price, raw) or None) if quantity else None,
            unrealised_pnl=parse_number(each.unrealised_pnl, raw),
            hedged=each.position_idx in _POSITION_DIRECTIONS,
        ),)  # fmt: skip


def _balances(raw: bytes) -> Sequence[AccountMessage]:
    return decode_items(decode_json(_WALLET, raw).coin, _balance)


def _balance(raw: bytes) -> Sequence[Balance]:
    each = decode_json(_COIN, raw)
    total, free = (
        checked_amount(each.wallet_balance, raw),
        parse_number(each.available_to_withdraw, raw),
    )
    if free is None:
        used = (each.locked, each.total_order_im, each.total_position_im)
        free = total - sum((parse_number(text, raw) or ZERO for text in used), ZERO)
    return (Balance(each.coin, total, free),)


def _control(frame: _Frame, raw: bytes) -> Sequence[ControlMessage | LoggedIn | LoginRefused]:
    code, message = str(frame.retCode), frame.ret_msg or frame.retMsg
    match frame.op:
        case "auth" if frame.success:
            return (LoggedIn(),)
        case "auth":
            return (LoginRefused(code, message),)
        case "subscribe":
            request = decoding.parse_request_id(frame.req_id)
            if frame.success:
                return (Subscribed(request),)
            return (SubscriptionRefused(code, message, request),)
        case "pong" | "ping":
            return (PongReceived(),)
    raise decoding.decode_error(f"unknown word {frame.op!r}", raw)
