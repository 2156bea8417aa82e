"""MEXC's account stream of perpetuals: orders, fills, balances, positions, all after one login.

Sizes are contracts. A side also says which position it opens or closes: 1 and 2 buy, 3 and 4 sell.
The total of an asset is the free, the frozen and the margin part.
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
    Listings,
    MarginMode,
    OrderReport,
    PositionReport,
)
from bowline.venues import decoding
from bowline.venues.account_codec import (
    AccountMessage,
    AccountReport,
    AccountStreamRules,
    LoggedIn,
    LoginRefused,
    VenueSymbols,
    checked_amount,
    checked_price,
    checked_size,
)
from bowline.venues.decoding import Millis, decode_json, decoder, ms_to_ns
from bowline.venues.feed_codec import PongReceived
from bowline.venues.rest import Credentials
from bowline.venues.rest.parse import parse_client_id

#: mexc.com/api-docs, futures, "websocket-api": a client without a ping for a minute is disconnected
_RULES = AccountStreamRules(
    url="wss://contract.mexc.com/edge", ping=b'{"method":"ping"}', ping_interval_s=15.0
)
_MS_NS = 1_000_000
_SUCCESS = b'"success"'
_PUSHED = "push."
_PERSONAL = "push.personal."
#: mexc.com/api-docs, futures, "websocket-api/order": open long, close short, open short,
#: close long
_SIDES = {1: Side.BUY, 2: Side.BUY, 3: Side.SELL, 4: Side.SELL}
#: "websocket-api/position": `openType`
_MARGIN_MODES = {1: MarginMode.ISOLATED, 2: MarginMode.CROSS}
#: "websocket-api/order": `category`, 2 taken over by the venue, 4 reduced by it (ADL)
_FILL_KINDS = {2: FillKind.LIQUIDATION, 4: FillKind.DELEVERAGING}
#: the same: `positionType`
_DIRECTIONS = {1: Direction.LONG, 2: Direction.SHORT}
#: the same: `orderType`, 5 market, 6 converted to market
_MARKET = frozenset({5, 6})
#: "websocket-api/order": `state`
_WAITING, _OPEN, _FILLED, _CANCELLED, _INVALID = 1, 2, 3, 4, 5


class _Frame(Struct, gc=False):
    channel: str
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Order(Struct, gc=False, rename="camel"):
    order_id: str | int
    symbol: str
    price: Decimal
    vol: Decimal
    deal_vol: Decimal
    deal_avg_price: Decimal
    side: Literal[1, 2, 3, 4]
    order_type: int
    state: int
    update_time: Millis
    external_oid: str = ""
    reduce_only: bool = False


class _Fill(Struct, gc=False, rename="camel"):
    id: str | int
    symbol: str
    side: Literal[1, 2, 3, 4]
    vol: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    timestamp: Millis
    order_id: str | int
    external_oid: str = ""
    is_taker: bool | None = None
    taker: bool | None = None
    category: int = 1


class _Asset(Struct, gc=False, rename="camel"):
    currency: str
    available_balance: Decimal
    frozen_balance: Decimal
    position_margin: Decimal


class _Position(Struct, gc=False, rename="camel"):
    symbol: str
    hold_vol: Decimal
    position_type: Literal[1, 2]
    open_type: Literal[1, 2]
    hold_avg_price: Decimal
    leverage: Decimal
    update_time: Millis
    liquidate_price: Decimal = ZERO
    pnl: Decimal | None = None


_FRAME = decoder(_Frame)
_ORDER = decoder(_Order)
_FILL = decoder(_Fill)
_ASSET = decoder(_Asset)
_POSITION = decoder(_Position)
_TEXT = decoder(str)


class MexcLinearAccountCodec:
    """MEXC's USDT perpetuals at one account. See `AccountCodec`."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._market = market
        self._symbols = VenueSymbols(market, listings)
        self._readers: dict[str, Callable[[bytes], Sequence[AccountReport]]] = {
            "order": self._order,
            "order.deal": self._fill,
            "asset": _balance,
            "position": self._position,
        }

    @property
    def market(self) -> Market:
        """The market of this codec."""
        return self._market

    @property
    def rules(self) -> AccountStreamRules:
        """One URL, the same as the public one."""
        return _RULES

    def login(self, credentials: Credentials, now_ns: int) -> list[bytes]:
        """One frame."""
        now_ms = str(now_ns // _MS_NS)
        signed = (credentials.key + now_ms).encode()
        sign = hmac.new(credentials.secret.encode(), signed, hashlib.sha256).hexdigest()
        parameters = {"apiKey": credentials.key, "signature": sign, "reqTime": now_ms}
        return [msgspec.json.encode({"method": "login", "param": parameters})]

    def subscribe(self, credentials: Credentials, now_ns: int, request: int) -> list[bytes]:
        """No frame: a login subscribes to everything."""
        del credentials, now_ns, request
        return []

    def decode(self, frame: bytes) -> Sequence[AccountMessage]:
        """The content of one frame. Raises DecodeError."""
        envelope = decode_json(_FRAME, frame)
        if envelope.channel.startswith(_PERSONAL):
            reader = self._readers.get(envelope.channel.removeprefix(_PERSONAL))
            # plans, risk limits, modes: documented, without use here
            return reader(bytes(envelope.data)) if reader else ()
        if envelope.channel == "pong":
            return (PongReceived(),)
        if envelope.channel == "rs.login" and bytes(envelope.data) == _SUCCESS:
            return (LoggedIn(),)
        if envelope.channel in {"rs.login", "rs.error"}:
            return (LoginRefused(envelope.channel, decode_json(_TEXT, envelope.data)),)
        if envelope.channel.startswith(_PUSHED):
            return ()
        raise decoding.decode_error(f"unknown channel {envelope.channel!r}", frame)

    def _order(self, raw: bytes) -> Sequence[OrderReport]:
        each = decode_json(_ORDER, raw)
        listing = self._symbols.listing_of(each.symbol, raw)
        if listing is None:
            return ()
        unit = listing.instrument.contract_size
        contracts, filled = checked_size(each.vol, raw), checked_size(each.deal_vol, raw)
        return (OrderReport(
            venue_order_id=str(each.order_id),
            client_id=parse_client_id(each.external_oid, ""),
            instrument=listing.instrument.id,
            side=_SIDES[each.side],
            quantity=contracts * unit,
            filled=filled * unit,
            state=_state(each.state, contracts, filled),
            event_ns=ms_to_ns(each.update_time),
            price=None if each.order_type in _MARKET else checked_price(each.price, raw),
            average_price=(checked_size(each.deal_avg_price, raw) or None) if filled else None,
            reduce_only=each.reduce_only,
        ),)  # fmt: skip

    def _fill(self, raw: bytes) -> Sequence[FillReport]:
        each = decode_json(_FILL, raw)
        listing = self._symbols.listing_of(each.symbol, raw)
        if listing is None:
            return ()
        taker = each.taker if each.is_taker is None else each.is_taker
        if taker is None:
            raise decoding.decode_error("a fill that does not say who took", raw)
        return (FillReport(
            instrument=listing.instrument.id,
            trade_id=str(each.id),
            venue_order_id=str(each.order_id),
            client_id=parse_client_id(each.external_oid, ""),
            side=_SIDES[each.side],
            quantity=checked_price(each.vol, raw) * listing.instrument.contract_size,
            price=checked_price(each.price, raw),
            fee=checked_amount(each.fee, raw),
            fee_asset=each.fee_currency,
            event_ns=ms_to_ns(each.timestamp),
            maker=not taker,
            kind=_FILL_KINDS.get(each.category, FillKind.TRADE),
        ),)  # fmt: skip

    def _position(self, raw: bytes) -> Sequence[PositionReport]:
        each = decode_json(_POSITION, raw)
        listing = self._symbols.listing_of(each.symbol, raw)
        if listing is None:
            return ()
        contracts = checked_size(each.hold_vol, raw)
        return (PositionReport(
            instrument=listing.instrument.id,
            direction=_DIRECTIONS[each.position_type],
            quantity=contracts * listing.instrument.contract_size,
            entry_price=checked_size(each.hold_avg_price, raw),
            event_ns=ms_to_ns(each.update_time),
            leverage=checked_price(each.leverage, raw),
            margin_mode=_MARGIN_MODES[each.open_type],
            liquidation_price=(contracts and checked_size(each.liquidate_price, raw)) or None,
            unrealised_pnl=None if each.pnl is None else checked_amount(each.pnl, raw),
            # each side is reported separately, in one-way mode too
            hedged=True,
        ),)  # fmt: skip


def _balance(raw: bytes) -> Sequence[Balance]:
    each = decode_json(_ASSET, raw)
    free = checked_amount(each.available_balance, raw)
    total = free + checked_size(each.frozen_balance, raw) + checked_size(each.position_margin, raw)
    return (Balance(each.currency, total, free),)


def _state(status: int, quantity: Decimal, filled: Decimal) -> OrderState:
    """UNKNOWN if the status contradicts the filled quantity."""
    if status == _FILLED:
        return OrderState.FILLED if filled >= quantity else OrderState.UNKNOWN
    if status in {_WAITING, _OPEN}:
        return OrderState.PARTLY_FILLED if filled else OrderState.WORKING
    ends = {_CANCELLED: OrderState.CANCELLED, _INVALID: OrderState.REJECTED}
    return ends.get(status, OrderState.UNKNOWN)
