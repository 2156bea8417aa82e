"""Gate's account streams, API v4: orders, fills, balances, positions. Every request is signed.

Perpetuals count contracts, with a sign for the side, and need the account's id (`user_id`) in each
request. Their balance frames have no free part, so balances are left to REST. A fill of spot does
not name the asset of its fee: it is GT or points where those were charged, else what the fill
brought in. A spot market buy is sized in quote currency, so its quantity here is what has filled.
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
from bowline.core.model.values import SECOND_NS, ZERO, Direction, Side
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
    VenueSymbols,
    checked_amount,
    checked_price,
    checked_size,
    decode_items,
    direction_of,
)
from bowline.venues.decoding import Millis, decode_json, decoder, ms_to_ns
from bowline.venues.gate.envelope import (
    FRAME,
    PING_INTERVAL_S,
    SPOT,
    URLS,
    Frame,
    Seconds,
    control_messages,
    ms_text_to_ns,
    ping_of,
    prefix_of,
)
from bowline.venues.rest import Credentials
from bowline.venues.rest.parse import parse_client_id

#: gate.com/docs/developers/apiv4, "text": client ids begin with `t-`
_PREFIX = "t-"
_ALL = "!all"
#: gate.com/docs/developers, apiv4/ws/en and futures/ws/en: channels, `!all` for every instrument
_CHANNELS = {
    SPOT: ("orders", "usertrades", "balances"),
    "futures": ("orders", "usertrades", "positions", "balances"),
}
_POINTS = "POINT"
#: apiv4, FuturesOrder: how the `text` of the venue's own orders begins
_LIQUIDATION_PREFIX = ("liq", "pm_liquidate", "comb_margin_liquidate", "scm_liquidate")
_ADL_PREFIX = "auto_deleverag"
#: the same: orders, user trades
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
#: apiv4, Order and FuturesOrder: `finish_as` of closed orders that did not fill completely
_CLOSED_REASONS = frozenset({
    "cancelled", "ioc", "fok", "poc", "stp", "liquidated", "liquidate_cancelled", "small",
    "depth_not_enough", "trader_not_enough", "auto_deleveraged", "reduce_only", "position_closed",
    "reduce_out", "fok_price", "unified_check_failed",
})  # fmt: skip


class _SpotOrder(Struct, gc=False):
    id: str
    text: str
    update_time_ms: str
    event: Literal["put", "update", "finish"]
    currency_pair: str
    type: str
    side: Literal["buy", "sell"]
    amount: Decimal
    left: Decimal
    price: Decimal
    finish_as: str = ""
    filled_amount: Decimal | None = None
    avg_deal_price: Decimal = ZERO


class _FuturesOrder(Struct, gc=False):
    id: int
    contract: str
    size: Decimal
    left: Decimal
    price: Decimal
    fill_price: Decimal
    status: str
    finish_as: str = ""
    text: str = ""
    is_reduce_only: bool = False
    is_close: bool = False


class _SpotFill(Struct, gc=False):
    id: int
    order_id: str
    currency_pair: str
    create_time_ms: str
    side: Literal["buy", "sell"]
    amount: Decimal
    role: Literal["maker", "taker"]
    price: Decimal
    fee: Decimal
    point_fee: Decimal = ZERO
    gt_fee: Decimal = ZERO
    text: str = ""


class _FuturesFill(Struct, gc=False):
    id: str | int
    order_id: str
    contract: str
    create_time_ms: Millis
    size: Decimal
    price: Decimal
    role: Literal["maker", "taker"]
    fee: Decimal
    point_fee: Decimal = ZERO
    text: str = ""


class _SpotBalance(Struct, gc=False):
    currency: str
    total: Decimal
    available: Decimal


class _Position(Struct, gc=False):
    contract: str
    size: Decimal
    entry_price: Decimal
    leverage: Decimal
    mode: Literal["single", "dual_long", "dual_short"]
    time: Seconds
    time_ms: Millis = 0
    liq_price: Decimal = ZERO
    cross_leverage_limit: Decimal = ZERO


_SPOT_ORDER = decoder(_SpotOrder)
_FUTURES_ORDER = decoder(_FuturesOrder)
_SPOT_FILL = decoder(_SpotFill)
_FUTURES_FILL = decoder(_FuturesFill)
_SPOT_BALANCE = decoder(_SpotBalance)
_POSITION = decoder(_Position)

_HEDGE_DIRECTIONS = {"dual_long": Direction.LONG, "dual_short": Direction.SHORT}


class GateAccountCodec:
    """One Gate market at one account. See `AccountCodec`. Perpetuals need `user_id`."""

    def __init__(self, market: Market, listings: Listings, user_id: str = "") -> None:
        self._prefix = prefix_of(market)
        if self._prefix != SPOT and not user_id:
            raise ValueError("Gate's perpetuals want the account's user id")
        self._market = market
        self._symbols = VenueSymbols(market, listings)
        self._user = [user_id] if self._prefix != SPOT else []
        self._rules = AccountStreamRules(
            url=URLS[self._prefix], ping=ping_of(self._prefix), ping_interval_s=PING_INTERVAL_S
        )
        readers: dict[str, Callable[[bytes, Frame], Sequence[AccountMessage]]] = (
            {
                "orders": self._spot_order,
                "usertrades": self._spot_fill,
                "balances": _spot_balance,
            }
            if self._prefix == SPOT
            else {
                "orders": self._futures_order,
                "usertrades": self._futures_fill,
                "positions": self._position,
            }
        )
        self._readers = {f"{self._prefix}.{name}": reader for name, reader in readers.items()}

    @property
    def market(self) -> Market:
        """The market of this codec."""
        return self._market

    @property
    def rules(self) -> AccountStreamRules:
        """One URL a market, the same as the public one."""
        return self._rules

    def login(self, credentials: Credentials, now_ns: int) -> list[bytes]:
        """No frame: every request is signed."""
        del credentials, now_ns
        return []

    def subscribe(self, credentials: Credentials, now_ns: int, request: int) -> list[bytes]:
        """One frame per channel, for every listed instrument."""
        return [
            self._request(name, credentials, now_ns // SECOND_NS, request + at)
            for at, name in enumerate(_CHANNELS[self._prefix])
        ]

    def _request(self, name: str, credentials: Credentials, now_s: int, request: int) -> bytes:
        channel = f"{self._prefix}.{name}"
        signed = f"channel={channel}&event=subscribe&time={now_s}"
        sign = hmac.new(credentials.secret.encode(), signed.encode(), hashlib.sha512).hexdigest()
        frame = {
            "id": request, "time": now_s, "channel": channel, "event": "subscribe",
            "auth": {"method": "api_key", "KEY": credentials.key, "SIGN": sign},
        }  # fmt: skip
        payload = self._user if name == "balances" else [*self._user, _ALL]
        return msgspec.json.encode({**frame, "payload": payload} if payload else frame)

    def decode(self, frame: bytes) -> Sequence[AccountMessage]:
        """The content of one frame. Raises DecodeError."""
        envelope = decode_json(FRAME, frame)
        if envelope.event != "update" or envelope.error is not None:
            return control_messages(envelope, frame)
        if envelope.channel == f"{self._prefix}.balances" and self._prefix != SPOT:
            return (IncompleteUpdate("balances"),)
        reader = self._readers.get(envelope.channel)
        if reader is None:
            raise decoding.decode_error(f"unknown channel {envelope.channel!r}", frame)
        return decode_items(envelope.result, lambda one: reader(one, envelope))

    def _spot_order(self, raw: bytes, frame: Frame) -> Sequence[OrderReport]:
        each = decode_json(_SPOT_ORDER, raw)
        listing = self._symbols.listing_of(each.currency_pair, raw)
        assert listing is not None, "every pair of spot is listed or unreadable"
        in_quote_money = each.type.startswith("market") and each.side == "buy"
        if in_quote_money:
            if each.filled_amount is None:
                raise decoding.decode_error("a market order to buy without what it bought", raw)
            quantity = filled = checked_size(each.filled_amount, raw)
        else:
            quantity = checked_size(each.amount, raw)
            filled = checked_size(quantity - checked_size(each.left, raw), raw)
        return (OrderReport(
            venue_order_id=each.id,
            client_id=parse_client_id(each.text, _PREFIX),
            instrument=listing.instrument.id,
            side=_SIDES[each.side],
            quantity=quantity,
            filled=filled,
            state=_state(each.finish_as, each.left, filled, over=each.event == "finish"),
            event_ns=ms_text_to_ns(each.update_time_ms, frame),
            price=None if each.type.startswith("market") else checked_size(each.price, raw) or None,
            average_price=(checked_size(each.avg_deal_price, raw) or None) if filled else None,
        ),)  # fmt: skip

    def _futures_order(self, raw: bytes, frame: Frame) -> Sequence[AccountMessage]:
        each = decode_json(_FUTURES_ORDER, raw)
        listing = self._symbols.listing_of(each.contract, raw)
        if listing is None:
            return ()
        if not each.size and (each.is_close or each.is_reduce_only):
            # it closes whatever there is, and does not say in which direction
            return (IncompleteUpdate("the side of an order that closes all"),)
        contracts, left = abs(checked_amount(each.size, raw)), abs(checked_amount(each.left, raw))
        unit = listing.instrument.contract_size
        filled = checked_size(contracts - left, raw) * unit
        if each.status not in {"open", "finished"}:
            state = OrderState.UNKNOWN
        else:
            state = _state(each.finish_as, left, filled, over=each.status == "finished")
        return (OrderReport(
            venue_order_id=str(each.id),
            client_id=parse_client_id(each.text, _PREFIX),
            instrument=listing.instrument.id,
            side=Side.BUY if each.size > ZERO else Side.SELL,
            quantity=contracts * unit,
            filled=filled,
            state=state,
            event_ns=frame.event_ns,
            price=checked_size(each.price, raw) or None,
            average_price=(checked_size(each.fill_price, raw) or None) if filled else None,
            reduce_only=each.is_reduce_only or each.is_close,
        ),)  # fmt: skip

    def _spot_fill(self, raw: bytes, frame: Frame) -> Sequence[FillReport]:
        each = decode_json(_SPOT_FILL, raw)
        listing = self._symbols.listing_of(each.currency_pair, raw)
        assert listing is not None, "every pair of spot is listed or unreadable"
        fee, asset = _spot_fee(each, listing, raw)
        return (FillReport(
            instrument=listing.instrument.id,
            trade_id=str(each.id),
            venue_order_id=each.order_id,
            client_id=parse_client_id(each.text, _PREFIX),
            side=_SIDES[each.side],
            quantity=checked_price(each.amount, raw),
            price=checked_price(each.price, raw),
            fee=fee,
            fee_asset=asset,
            event_ns=ms_text_to_ns(each.create_time_ms, frame),
            maker=each.role == "maker",
        ),)  # fmt: skip

    def _futures_fill(self, raw: bytes, frame: Frame) -> Sequence[FillReport]:
        del frame
        each = decode_json(_FUTURES_FILL, raw)
        listing = self._symbols.listing_of(each.contract, raw)
        if listing is None:
            return ()
        contracts = checked_price(abs(each.size), raw)
        points = checked_amount(each.point_fee, raw)
        fee, asset = (points, _POINTS) if points else (checked_amount(each.fee, raw), listing.quote)
        if points and each.fee:
            raise decoding.decode_error("a fee in two assets", raw)
        return (FillReport(
            instrument=listing.instrument.id,
            trade_id=str(each.id),
            venue_order_id=each.order_id,
            client_id=parse_client_id(each.text, _PREFIX),
            side=Side.BUY if each.size > ZERO else Side.SELL,
            quantity=contracts * listing.instrument.contract_size,
            price=checked_price(each.price, raw),
            fee=fee,
            fee_asset=asset,
            event_ns=ms_to_ns(each.create_time_ms),
            maker=each.role == "maker",
            kind=_kind(each.text),
        ),)  # fmt: skip

    def _position(self, raw: bytes, frame: Frame) -> Sequence[PositionReport]:
        del frame
        each = decode_json(_POSITION, raw)
        listing = self._symbols.listing_of(each.contract, raw)
        if listing is None:
            return ()
        contracts = checked_amount(each.size, raw)
        flat = _HEDGE_DIRECTIONS.get(each.mode, Direction.NEUTRAL)
        crossed = each.leverage == ZERO
        leverage = checked_size(each.cross_leverage_limit if crossed else each.leverage, raw)
        return (PositionReport(
            instrument=listing.instrument.id,
            direction=direction_of(contracts) if contracts else flat,
            quantity=abs(contracts) * listing.instrument.contract_size,
            entry_price=checked_size(each.entry_price, raw),
            event_ns=ms_to_ns(each.time_ms) if each.time_ms else each.time * SECOND_NS,
            leverage=leverage or None,
            margin_mode=MarginMode.CROSS if crossed else MarginMode.ISOLATED,
            liquidation_price=(checked_size(each.liq_price, raw) or None) if contracts else None,
            hedged=each.mode != "single",
        ),)  # fmt: skip


def _kind(text: str) -> FillKind:
    if text.startswith(_LIQUIDATION_PREFIX):
        return FillKind.LIQUIDATION
    return FillKind.DELEVERAGING if text.startswith(_ADL_PREFIX) else FillKind.TRADE


def _spot_fee(fill: _SpotFill, listing: Listing, raw: bytes) -> tuple[Decimal, str]:
    """The fee and its asset. DecodeError for a fee in two assets: ours is one number."""
    received = listing.base if fill.side == "buy" else listing.quote
    charged = [
        (checked_amount(fee, raw), asset)
        for fee, asset in ((fill.fee, received), (fill.gt_fee, "GT"), (fill.point_fee, _POINTS))
        if fee
    ]
    if len(charged) > 1:
        raise decoding.decode_error("a fee in two assets", raw)
    return charged[0] if charged else (ZERO, received)


def _state(finish_as: str, left: Decimal, filled: Decimal, *, over: bool) -> OrderState:
    if not over:
        return OrderState.PARTLY_FILLED if filled else OrderState.WORKING
    if finish_as == "filled" or not left:
        return OrderState.FILLED
    return OrderState.CANCELLED if finish_as in _CLOSED_REASONS else OrderState.UNKNOWN


def _spot_balance(raw: bytes, frame: Frame) -> Sequence[Balance]:
    del frame
    each = decode_json(_SPOT_BALANCE, raw)
    return (
        Balance(
            each.currency, checked_amount(each.total, raw), checked_amount(each.available, raw)
        ),
    )
