"""Gate's private streams, API v4: orders, fills, balances, positions. Every request is signed.

Perpetuals count contracts, with a sign for the side, and want the account's number (`user_id`) in
each request. A push of a perpetual account's balance has no free part: it is REST's to tell. A fill
of spot names no asset of its fee: it is GT or points where those were charged, else what the fill
brought in. A market order to buy on spot is told in quote money, so its quantity here is what has
been filled.
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
    FillReport,
    Listing,
    Listings,
    MarginMode,
    OrderReport,
    PositionReport,
)
from bowline.venues import reading
from bowline.venues.gate.envelope import (
    FRAME,
    PING_EVERY_S,
    SPOT,
    URLS,
    Frame,
    Seconds,
    control_words,
    fine_ns,
    ping_of,
    prefix_of,
)
from bowline.venues.private import PrivateRules, Untold, Word, amount, facing, price, size
from bowline.venues.reading import Millis, decoder, ns, read
from bowline.venues.rest import Credentials
from bowline.venues.rest.reading import our_id

_PREFIX = "t-"
_ALL = "!all"
_CHANNELS = {
    SPOT: ("orders", "usertrades", "balances"),
    "futures": ("orders", "usertrades", "positions", "balances"),
}
_POINTS = "POINT"
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
#: how an order ends that is over and not wholly filled
_ENDS = frozenset({
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


_SPOT_ORDERS = decoder(list[_SpotOrder])
_FUTURES_ORDERS = decoder(list[_FuturesOrder])
_SPOT_FILLS = decoder(list[_SpotFill])
_FUTURES_FILLS = decoder(list[_FuturesFill])
_SPOT_BALANCES = decoder(list[_SpotBalance])
_POSITIONS = decoder(list[_Position])

_MODES = {"dual_long": Direction.LONG, "dual_short": Direction.SHORT}


class GatePrivateCodec:
    """One Gate market at one account. See `PrivateCodec`. Perpetuals need `user_id`."""

    def __init__(self, market: Market, listings: Listings, user_id: str = "") -> None:
        self._prefix = prefix_of(market)
        if self._prefix != SPOT and not user_id:
            raise ValueError("Gate's perpetuals want the account's user id")
        self._market = market
        self._listings = {each.venue_symbol: each for each in listings.all}
        self._user = [user_id] if self._prefix != SPOT else []
        self._rules = PrivateRules(
            url=URLS[self._prefix], ping=ping_of(self._prefix), ping_every_s=PING_EVERY_S
        )
        readers: dict[str, Callable[[Frame], Sequence[Word]]] = (
            {
                "orders": self._spot_orders,
                "usertrades": self._spot_fills,
                "balances": _spot_balances,
            }
            if self._prefix == SPOT
            else {
                "orders": self._futures_orders,
                "usertrades": self._futures_fills,
                "positions": self._positions,
                "balances": _untold,
            }
        )
        self._readers = {f"{self._prefix}.{name}": reader for name, reader in readers.items()}

    @property
    def market(self) -> Market:
        """The market it speaks for."""
        return self._market

    @property
    def rules(self) -> PrivateRules:
        """One URL a market, the same as the public one."""
        return self._rules

    def login(self, credentials: Credentials, now_ns: int) -> list[bytes]:
        """None: every request proves it."""
        del credentials, now_ns
        return []

    def subscribe(self, credentials: Credentials, now_ns: int, request: int) -> list[bytes]:
        """A frame a stream, for everything that is listed."""
        return [
            self._ask(name, credentials, now_ns // SECOND_NS, request + at)
            for at, name in enumerate(_CHANNELS[self._prefix])
        ]

    def _ask(self, name: str, credentials: Credentials, now_s: int, request: int) -> bytes:
        channel = f"{self._prefix}.{name}"
        signed = f"channel={channel}&event=subscribe&time={now_s}"
        sign = hmac.new(credentials.secret.encode(), signed.encode(), hashlib.sha512).hexdigest()
        frame = {
            "id": request, "time": now_s, "channel": channel, "event": "subscribe",
            "auth": {"method": "api_key", "KEY": credentials.key, "SIGN": sign},
        }  # fmt: skip
        payload = self._user if name == "balances" else [*self._user, _ALL]
        return msgspec.json.encode({**frame, "payload": payload} if payload else frame)

    def decode(self, frame: bytes) -> Sequence[Word]:
        """What one frame says. Raises Unreadable."""
        envelope = read(FRAME, frame)
        if envelope.event != "update" or envelope.error is not None:
            return control_words(envelope, frame)
        reader = self._readers.get(envelope.channel)
        if reader is None:
            raise reading.unreadable(f"unknown channel {envelope.channel!r}", frame)
        return reader(envelope)

    def _at(self, word: str, frame: Frame) -> Listing:
        listing = self._listings.get(word)
        if listing is None:
            raise reading.unreadable(f"{word!r} is not listed", frame.result)
        return listing

    def _spot_orders(self, frame: Frame) -> Sequence[OrderReport]:
        return [self._spot_order(each, frame) for each in read(_SPOT_ORDERS, frame.result)]

    def _spot_order(self, each: _SpotOrder, frame: Frame) -> OrderReport:
        raw = bytes(frame.result)
        in_quote_money = each.type.startswith("market") and each.side == "buy"
        if in_quote_money:
            if each.filled_amount is None:
                raise reading.unreadable("a market order to buy without what it bought", raw)
            quantity = filled = size(each.filled_amount, raw)
        else:
            quantity = size(each.amount, raw)
            filled = size(quantity - size(each.left, raw), raw)
        return OrderReport(
            venue_order_id=each.id,
            client_id=our_id(each.text, _PREFIX),
            instrument=self._at(each.currency_pair, frame).instrument.id,
            side=_SIDES[each.side],
            quantity=quantity,
            filled=filled,
            state=_state(each.finish_as, each.left, filled, over=each.event == "finish"),
            event_ns=fine_ns(each.update_time_ms, frame),
            price=size(each.price, raw) or None if not each.type.startswith("market") else None,
            average_price=(size(each.avg_deal_price, raw) or None) if filled else None,
        )

    def _futures_orders(self, frame: Frame) -> Sequence[OrderReport]:
        return [self._futures_order(each, frame) for each in read(_FUTURES_ORDERS, frame.result)]

    def _futures_order(self, each: _FuturesOrder, frame: Frame) -> OrderReport:
        raw = bytes(frame.result)
        listing = self._at(each.contract, frame)
        contracts, left = abs(amount(each.size, raw)), abs(amount(each.left, raw))
        unit = listing.instrument.contract_size
        filled = size(contracts - left, raw) * unit
        if each.status not in {"open", "finished"}:
            state = OrderState.UNKNOWN
        else:
            state = _state(each.finish_as, left, filled, over=each.status == "finished")
        return OrderReport(
            venue_order_id=str(each.id),
            client_id=our_id(each.text, _PREFIX),
            instrument=listing.instrument.id,
            side=Side.BUY if each.size > ZERO else Side.SELL,
            quantity=contracts * unit,
            filled=filled,
            state=state,
            event_ns=frame.event_ns,
            price=size(each.price, raw) or None,
            average_price=(size(each.fill_price, raw) or None) if filled else None,
            reduce_only=each.is_reduce_only or each.is_close,
        )

    def _spot_fills(self, frame: Frame) -> Sequence[FillReport]:
        reports = []
        for each in read(_SPOT_FILLS, frame.result):
            raw, listing = bytes(frame.result), self._at(each.currency_pair, frame)
            fee, asset = _spot_fee(each, listing, raw)
            reports.append(FillReport(
                instrument=listing.instrument.id,
                trade_id=str(each.id),
                venue_order_id=each.order_id,
                client_id=our_id(each.text, _PREFIX),
                side=_SIDES[each.side],
                quantity=price(each.amount, raw),
                price=price(each.price, raw),
                fee=fee,
                fee_asset=asset,
                event_ns=fine_ns(each.create_time_ms, frame),
                maker=each.role == "maker",
            ))  # fmt: skip
        return reports

    def _futures_fills(self, frame: Frame) -> Sequence[FillReport]:
        reports = []
        for each in read(_FUTURES_FILLS, frame.result):
            raw, listing = bytes(frame.result), self._at(each.contract, frame)
            contracts = price(abs(each.size), raw)
            points = amount(each.point_fee, raw)
            fee, asset = (points, _POINTS) if points else (amount(each.fee, raw), listing.quote)
            reports.append(FillReport(
                instrument=listing.instrument.id,
                trade_id=str(each.id),
                venue_order_id=each.order_id,
                client_id=our_id(each.text, _PREFIX),
                side=Side.BUY if each.size > ZERO else Side.SELL,
                quantity=contracts * listing.instrument.contract_size,
                price=price(each.price, raw),
                fee=fee,
                fee_asset=asset,
                event_ns=ns(each.create_time_ms),
                maker=each.role == "maker",
            ))  # fmt: skip
        return reports

    def _positions(self, frame: Frame) -> Sequence[PositionReport]:
        reports = []
        for each in read(_POSITIONS, frame.result):
            raw, listing = bytes(frame.result), self._at(each.contract, frame)
            contracts = amount(each.size, raw)
            flat = _MODES.get(each.mode, Direction.NEUTRAL)
            crossed = each.leverage == ZERO
            leverage = size(each.cross_leverage_limit if crossed else each.leverage, raw)
            reports.append(PositionReport(
                instrument=listing.instrument.id,
                direction=facing(contracts) if contracts else flat,
                quantity=abs(contracts) * listing.instrument.contract_size,
                entry_price=size(each.entry_price, raw),
                event_ns=ns(each.time_ms) if each.time_ms else each.time * SECOND_NS,
                leverage=leverage or None,
                margin_mode=MarginMode.CROSS if crossed else MarginMode.ISOLATED,
                liquidation_price=(size(each.liq_price, raw) or None) if contracts else None,
                hedged=each.mode != "single",
            ))  # fmt: skip
        return reports


def _spot_fee(fill: _SpotFill, listing: Listing, raw: bytes) -> tuple[Decimal, str]:
    """The fee and its asset; ours is one number, so a fee in two assets cannot be told."""
    received = listing.base if fill.side == "buy" else listing.quote
    charged = [
        (amount(fee, raw), asset)
        for fee, asset in ((fill.fee, received), (fill.gt_fee, "GT"), (fill.point_fee, _POINTS))
        if fee
    ]
    if len(charged) > 1:
        raise reading.unreadable("a fee in two assets", raw)
    return charged[0] if charged else (ZERO, received)


def _state(finish_as: str, left: Decimal, filled: Decimal, *, over: bool) -> OrderState:
    if not over:
        return OrderState.PARTLY_FILLED if filled else OrderState.WORKING
    if finish_as == "filled" or not left:
        return OrderState.FILLED
    return OrderState.CANCELLED if finish_as in _ENDS else OrderState.UNKNOWN


def _spot_balances(frame: Frame) -> Sequence[Balance]:
    raw = bytes(frame.result)
    return [
        Balance(each.currency, amount(each.total, raw), amount(each.available, raw))
        for each in read(_SPOT_BALANCES, frame.result)
    ]


def _untold(frame: Frame) -> Sequence[Untold]:
    del frame
    return (Untold("balances"),)
